import { setImmediate } from 'node:timers/promises';
import type { RunSignal } from '../backend/recorder/program.js';
import { releaseStorage } from '../backend/storage.js';
import { DisposedError } from '../errors.js';
import { Cancellation } from './cancellation.js';
import type { RunReport } from './options.js';

/** Tokens of one run: enough to keep all threads busy, few enough that others need not wait long. */
const MAX_RUN_TOKENS = 2048;

/** While one run computes, the next is being prepared; more would only make others wait. */
const MAX_RUNS = 2;

/** How long texts are prepared before the event loop gets a turn, in milliseconds. */
const SLICE_MILLISECONDS = 4;

/** Where one item of a job lies in the output of a run. */
export interface ItemOutput {
  /** The run's result: a matrix of float32 numbers. It is only valid during the call. */
  readonly numbers: Float32Array;
  /** The item's number among the sequences of the run. */
  readonly sequence: number;
  /** The item's first token among the tokens of the run, and the one behind its last. */
  readonly begin: number;
  readonly end: number;
}

/** A text as a model reads it. */
export interface TokenSequence {
  readonly ids: Int32Array;
  /** Of a pair of texts, which of the two each token is of; all 0 by default. */
  readonly typeIds?: Int32Array | undefined;
  /** How many tokens, counted from the first, may be seen by others; all by default. */
  readonly keyCount?: number | undefined;
}

/** Sequences that are computed together. */
export interface TokenBatch {
  /** The token ids of all sequences, one after another. */
  readonly ids: Int32Array;
  /** As many as ids. */
  readonly typeIds: Int32Array;
  /** Where each sequence begins, from 0 to `ids.length`. */
  readonly cuSeqlens: Int32Array;
  /** How many tokens of each sequence may be seen. */
  readonly keyCounts: Int32Array;
}

/** What computes a batch of sequences. */
export interface Route {
  /** @returns a matrix of numbers in storage of its own. */
  run(batch: TokenBatch, signal: RunSignal): Promise<Float32Array>;
}

/** A list of texts to compute. */
export interface Job {
  /** Jobs with the same one may share a run. */
  readonly route: Route;
  /** How many items there are. */
  readonly size: number;
  /** The tokens of an item. Called once for each, in order. */
  encode(index: number): TokenSequence;
  /** Takes the result of an item. Called once for each, in no particular order. */
  accept(index: number, output: ItemOutput): void;
  /** Called after each run that had items of this job. */
  onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A job on its way. */
class Entry {
  readonly submitted = performance.now();
  next = 0;
  done = 0;
  settled = false;
  /** An item that was encoded but did not fit the last run. */
  held: TokenSequence | null = null;
  readonly runs = new Set<Run>();

  constructor(
    readonly job: Job,
    readonly resolve: () => void,
    readonly reject: (reason: unknown) => void,
  ) {}
}

interface Item {
  readonly entry: Entry;
  readonly index: number;
  readonly sequence: TokenSequence;
}

/** Items that are computed together. */
class Run {
  readonly items: Item[] = [];
  readonly cancellation = new Cancellation();
  tokens = 0;
  /** Before that, items that are still wanted may join those that no longer are. */
  isComputing = false;

  constructor(readonly route: Route) {}

  add(item: Item): void {
    this.items.push(item);
    this.tokens += item.sequence.ids.length;
    item.entry.runs.add(this);
  }

  /** Stops computing if nobody waits for the results any more. */
  cancelIfUnwanted(): void {
    if (this.isComputing && this.items.every(({ entry }) => entry.settled)) this.cancellation.abort();
  }
}

/**
 * Divides the engine between concurrent jobs. Items of all jobs take turns, one of each, and fill runs of a bounded number of
 * tokens: a large job does not hold up a small one, and small ones share runs. Preparing items yields to the event loop.
 */
export class Scheduler {
  /** Jobs with items that wait, the next in turn first; those settled meanwhile are dropped when their turn comes. */
  readonly #queue: Entry[] = [];
  readonly #live = new Set<Entry>();
  #running = 0;
  #pumping = false;
  #disposed = false;
  #onSlot: (() => void) | null = null;
  #onIdle: (() => void) | null = null;
  readonly #onRun: ((report: RunReport) => void) | undefined;

  /** @param onRun - called after each run that was computed. */
  constructor(onRun?: (report: RunReport) => void) {
    this.#onRun = onRun;
  }

  /**
   * Computes all items of a job.
   *
   * @throws the signal's reason as soon as it aborts, DisposedError when the scheduler is disposed, and whatever `encode`,
   *   `accept`, `onProgress` or the route throw.
   */
  submit(job: Job): Promise<void> {
    if (this.#disposed) return Promise.reject(disposedError());
    if (job.signal?.aborted) return Promise.reject(job.signal.reason);
    if (job.size === 0) return Promise.resolve();
    const { promise, resolve, reject } = withResolvers();
    const entry = new Entry(job, resolve, reject);
    const onAbort = (): void => this.#settle(entry, () => reject(job.signal?.reason));
    job.signal?.addEventListener('abort', onAbort, { once: true });
    this.#live.add(entry);
    this.#queue.push(entry);
    void this.#pump();
    return promise.finally(() => job.signal?.removeEventListener('abort', onAbort));
  }

  /**
   * Rejects all jobs and takes no more.
   *
   * @param onIdle - called when nothing is computing any more, possibly at once.
   */
  dispose(onIdle: () => void): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const entry of [...this.#live]) this.#settle(entry, () => entry.reject(disposedError()));
    if (this.#running === 0) onIdle();
    else this.#onIdle = onIdle;
  }

  /** Ends a job, once: `report` tells its caller. */
  #settle(entry: Entry, report: () => void): void {
    if (entry.settled) return;
    entry.settled = true;
    entry.held = null;
    this.#live.delete(entry);
    report();
    for (const run of entry.runs) run.cancelIfUnwanted();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    // Calls made in the same turn of the event loop share their first run.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      if (this.#running >= MAX_RUNS) await new Promise<void>((resolve) => (this.#onSlot = resolve));
      const run = await this.#fill();
      if (run !== null) void this.#execute(run);
    }
    this.#pumping = false;
  }

  /** The next run, filled with items in turn; null when there are none left. */
  async #fill(): Promise<Run | null> {
    let run: Run | null = null;
    const otherRoutes: Entry[] = [];
    let sliceEnd = performance.now() + SLICE_MILLISECONDS;
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      if (entry.settled) continue;
      run ??= new Run(entry.job.route);
      if (entry.job.route !== run.route) {
        otherRoutes.push(entry);
        continue;
      }
      const sequence = this.#encodeNext(entry);
      if (sequence === null) continue;
      if (run.tokens > 0 && run.tokens + sequence.ids.length > MAX_RUN_TOKENS) {
        entry.held = sequence;
        this.#queue.unshift(entry);
        break;
      }
      run.add({ entry, index: entry.next, sequence });
      entry.next += 1;
      if (entry.next < entry.job.size) this.#queue.push(entry);
      if (performance.now() > sliceEnd) {
        await setImmediate();
        sliceEnd = performance.now() + SLICE_MILLISECONDS;
      }
    }
    this.#queue.unshift(...otherRoutes.filter((entry) => !entry.settled));
    return run?.items.some(({ entry }) => !entry.settled) ? run : null;
  }

  /** The tokens of an entry's next item; null when they cannot be had, and the job has been rejected. */
  #encodeNext(entry: Entry): TokenSequence | null {
    const { held } = entry;
    if (held !== null) {
      entry.held = null;
      return held;
    }
    try {
      return entry.job.encode(entry.next);
    } catch (error) {
      this.#settle(entry, () => entry.reject(error));
      return null;
    }
  }

  async #execute(run: Run): Promise<void> {
    run.isComputing = true;
    this.#running += 1;
    try {
      const { items, tokens } = run;
      const ids = new Int32Array(tokens);
      const typeIds = new Int32Array(tokens);
      const keyCounts = new Int32Array(items.length);
      const cuSeqlens = new Int32Array(items.length + 1);
      for (const [index, { sequence }] of items.entries()) {
        ids.set(sequence.ids, cuSeqlens[index]);
        if (sequence.typeIds !== undefined) typeIds.set(sequence.typeIds, cuSeqlens[index]);
        keyCounts[index] = sequence.keyCount ?? sequence.ids.length;
        cuSeqlens[index + 1] = cuSeqlens[index] + sequence.ids.length;
      }
      const begin = performance.now();
      const inputs = { ids, typeIds, cuSeqlens, keyCounts };
      const numbers = await run.route.run(inputs, run.cancellation).finally(() => {
        run.isComputing = false;
      });
      this.#onRun?.(reportOf(items, begin));
      this.#deliver(run, numbers, cuSeqlens);
      releaseStorage(numbers);
    } catch (error) {
      for (const { entry } of run.items) this.#settle(entry, () => entry.reject(error));
    }
    for (const { entry } of run.items) entry.runs.delete(run);
    this.#running -= 1;
    this.#onSlot?.();
    this.#onSlot = null;
    if (this.#running === 0) this.#onIdle?.();
  }

  #deliver(run: Run, numbers: Float32Array, cuSeqlens: Int32Array): void {
    const touched = new Set<Entry>();
    for (const [sequence, { entry, index }] of run.items.entries()) {
      if (entry.settled) continue;
      const output = { numbers, sequence, begin: cuSeqlens[sequence], end: cuSeqlens[sequence + 1] };
      this.#attempt(entry, () => entry.job.accept(index, output));
      entry.done += 1;
      touched.add(entry);
    }
    for (const entry of touched) {
      if (!entry.settled) this.#attempt(entry, () => entry.job.onProgress?.(entry.done));
      if (entry.done === entry.job.size) this.#settle(entry, entry.resolve);
    }
  }

  /** Runs something that belongs to one job, whose failure is that job's alone. */
  #attempt(entry: Entry, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#settle(entry, () => entry.reject(error));
    }
  }
}

function reportOf(items: readonly Item[], begin: number): RunReport {
  return {
    lengths: items.map(({ sequence }) => sequence.ids.length),
    waits: items.filter(({ index }) => index === 0).map(({ entry }) => begin - entry.submitted),
    milliseconds: performance.now() - begin,
  };
}

function disposedError(): DisposedError {
  return new DisposedError('the model was disposed; load it again');
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve: () => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
