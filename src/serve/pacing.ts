/** How long answers are written before the event loop gets a turn, in milliseconds. */
const SLICE_MILLISECONDS = 1.5;

/**
 * Spreads short pieces of work over turns of the event loop: when a batch is done, all requests in it could be answered at
 * once, and nothing else would get a turn until the last has been.
 */
export class Pacer {
  readonly #waiting: (() => void)[] = [];

  /** Runs a piece of work, in order with all others, when there is time for it. @throws what it throws. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      if (this.#waiting.length === 1) setImmediate(this.#slice);
    });
  }

  readonly #slice = (): void => {
    const end = performance.now() + SLICE_MILLISECONDS;
    let done = 0;
    while (done < this.#waiting.length && (done === 0 || performance.now() < end)) this.#waiting[done++]?.();
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) setImmediate(this.#slice);
  };
}
