import { defaultBackend, getBackend } from '../backend/index.js';
import type { TaskProgress, TaskRun, Trainer } from '../backend/training.js';
import { engineInfo } from '../engine.js';
import { ArgumentError } from '../errors.js';

/** How far a training is. */
export interface TrainingProgress {
  /** The epoch in progress, from 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** The share of the whole training that is done, from 0 to 1. */
  readonly fraction: number;
  /** Words (of GloVe: pairs) that this call has learnt, and how many a second. */
  readonly words: number;
  readonly wordsPerSecond: number;
  /** The mean loss of what was learnt since the last report. */
  readonly loss: number;
}

/** Settings of a call that trains. */
export interface TrainOptions {
  /**
   * Ends training after the blocks in progress, and rejects with the signal's reason. The model stays as far as it came:
   * `train` goes on from there.
   */
  readonly signal?: AbortSignal | undefined;
  /** Threads that train; those of the engine by default. With one, the same seed gives the same vectors. */
  readonly threads?: number | undefined;
  /** Called a few times a second, and at the end. */
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

const PROGRESS_MILLISECONDS = 200;

/** The trainer of the default backend. */
export function currentTrainer(): Trainer {
  return defaultBackend().trainer ?? (getBackend('reference').trainer as Trainer);
}

/** The threads that `train` was asked for. */
export function threadsOf(threads: number | undefined): number {
  if (threads === undefined) return engineInfo().threads;
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new ArgumentError(`threads must be a whole number from 1 to 256, got ${String(threads)}`);
  }
  return threads;
}

/** The place of a run in the whole training. */
export interface RunPlace {
  /** Blocks of an epoch. */
  readonly blocks: number;
  readonly epochs: number;
}

/** How a run ended: before which block, and what a callback of the caller's threw, if one did. */
export interface RunEnd {
  readonly next: number;
  readonly failure: { readonly error: unknown } | null;
}

/**
 * Watches a run until it has ended: reports, and cancels it when the signal says so or when a callback throws. Whether it was
 * aborted is for the caller to see from the signal.
 */
export async function watchRun(run: TaskRun, place: RunPlace, options: TrainOptions): Promise<RunEnd> {
  const { signal, onProgress } = options;
  const start = performance.now();
  let before = { loss: 0, terms: 0 };
  let failure: RunEnd['failure'] = null;
  const report = ({ next, items, loss, terms }: TaskProgress): void => {
    const seconds = Math.max(performance.now() - start, 1) / 1000;
    const mean = terms > before.terms ? (loss - before.loss) / (terms - before.terms) : 0;
    before = { loss, terms };
    try {
      onProgress?.({
        epoch: Math.min(Math.floor(next / place.blocks), place.epochs - 1),
        epochs: place.epochs,
        fraction: next / (place.blocks * place.epochs),
        words: items,
        wordsPerSecond: items / seconds,
        loss: mean,
      });
    } catch (error) {
      failure ??= { error };
      run.cancel();
    }
  };
  // Only what was learnt since has a loss.
  const tick = (): void => {
    const progress = run.progress();
    if (progress.terms > before.terms) report(progress);
  };
  const timer = onProgress === undefined ? undefined : setInterval(tick, PROGRESS_MILLISECONDS);
  signal?.addEventListener('abort', run.cancel, { once: true });
  if (signal?.aborted) run.cancel();
  try {
    const progress = await run.ended;
    if (failure === null && !signal?.aborted) report(progress);
    return { next: progress.next, failure };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', run.cancel);
  }
}
