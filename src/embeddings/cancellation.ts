import type { RunSignal } from '../backend/recorder/program.js';

/**
 * The signal of a run and what sends it. An `AbortController` would do, but Node's survives minor collections with all that
 * listens: one a run made the collector's work many times as much.
 */
export class Cancellation implements RunSignal {
  aborted = false;
  reason: unknown;
  readonly #listeners: (() => void)[] = [];

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = new DOMException('nobody waits for this run any more', 'AbortError');
    for (const listener of this.#listeners.splice(0)) listener();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }
}
