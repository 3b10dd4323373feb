import { BackendError } from '../../errors.js';
import type { CooccurrenceTask } from '../training.js';
import type { Work } from './word2vec.js';

/** Where each word stands in the corpus. */
export function positionsOf({ corpus, words }: CooccurrenceTask): readonly (readonly number[])[] {
  const positions: number[][] = Array.from({ length: words }, () => []);
  for (const [position, token] of corpus.tokens.entries()) if (token >= 0) positions[token].push(position);
  return positions;
}

/** Sums one row of the matrix: how often a word meets each other one, on both sides. */
export function* countRow(
  task: CooccurrenceTask,
  positions: readonly (readonly number[])[],
  word: number,
  work: Work,
): Iterable<void> {
  const { tokens } = task.corpus;
  const sums = new Map<number, number>();
  for (const position of positions[word]) {
    for (const direction of [-1, 1]) {
      for (let distance = 1; distance <= task.weights.length; distance++) {
        const other = tokens[position + direction * distance] ?? -1;
        if (other < 0) break;
        sums.set(other, (sums.get(other) ?? 0) + task.weights[distance - 1]);
      }
    }
    work.items++;
  }
  if (task.rowOffsets.length === 0) {
    task.rowCounts[word] = sums.size;
  } else {
    const first = task.rowOffsets[word];
    if (task.rowOffsets[word + 1] - first !== sums.size) {
      throw new BackendError('cooccurrences: rowOffsets are not those of this corpus');
    }
    const sorted = [...sums].sort(([a], [b]) => a - b);
    for (const [n, [other, sum]] of sorted.entries()) {
      task.columns[first + n] = other;
      task.values[first + n] = sum;
    }
  }
  yield;
}
