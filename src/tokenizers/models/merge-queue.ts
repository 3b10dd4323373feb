/** A merge that may be made: of the symbol at `position` with the one after it. */
export interface Merge {
  readonly rank: number;
  readonly position: number;
  /** The symbols when it was queued; if they have changed meanwhile it is void. */
  readonly left: number;
  readonly right: number;
}

/** A binary heap of merges: lowest rank first, then leftmost. */
export class MergeQueue {
  readonly #heap: Merge[] = [];

  push(merge: Merge): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(merge);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(merge, heap[parent] as Merge)) break;
      heap[index] = heap[parent] as Merge;
      index = parent;
    }
    heap[index] = merge;
  }

  pop(): Merge | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Merge, heap[child] as Merge)) child += 1;
      if (!isBefore(heap[child] as Merge, last)) break;
      heap[index] = heap[child] as Merge;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Merge, b: Merge): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.position < b.position);
}
