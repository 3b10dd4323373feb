import { setImmediate } from 'node:timers/promises';

/** How long work goes on before the event loop gets a turn, in milliseconds. */
const SLICE_MILLISECONDS = 5;

/**
 * Works through all texts, and lets the event loop go on whenever a slice of time is over.
 *
 * @param begin - starts the work on a text, which pauses every now and then.
 * @throws the signal's reason when it aborts.
 */
export async function inTurns<T>(
  texts: readonly string[],
  signal: AbortSignal | undefined,
  begin: (text: string) => Generator<void, T>,
): Promise<T[]> {
  signal?.throwIfAborted();
  const results: T[] = [];
  let sliceEnd = performance.now() + SLICE_MILLISECONDS;
  // A copy: while this waits, the caller may fill the array with others.
  for (const text of [...texts]) {
    const steps = begin(text);
    let step = steps.next();
    while (!step.done) {
      if (performance.now() >= sliceEnd) {
        await setImmediate();
        signal?.throwIfAborted();
        sliceEnd = performance.now() + SLICE_MILLISECONDS;
      }
      step = steps.next();
    }
    results.push(step.value);
  }
  return results;
}
