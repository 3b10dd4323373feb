import { NumericalError } from '../../errors.js';
import type { GloVeTask } from '../training.js';
import type { Work } from './word2vec.js';

/** Pairs between which others may have the event loop. */
const SLICE_PAIRS = 256;

/** One step of AdaGrad, as `gloveStep` in `native/kernels/training.h` says it. Returns the loss. */
function learnPair(task: GloVeTask, pair: number): number {
  const { rows, columns, rowSquares, columnSquares, stride, dimensions, learningRate } = task;
  const row = task.pairRows[pair] * stride;
  const column = task.pairColumns[pair] * stride;
  let score = 0;
  for (let d = 0; d < dimensions + 2; d++) score += rows[row + d] * columns[column + d];
  const difference = score - task.pairTargets[pair];
  const slope = task.pairWeights[pair] * difference;
  const loss = 0.5 * slope * difference;
  if (!Number.isFinite(loss)) {
    throw new NumericalError('glove: the loss of a pair is not a finite number; use a smaller learning rate');
  }
  for (let d = 0; d < dimensions + 2; d++) {
    const rowGradient = slope * columns[column + d];
    const columnGradient = slope * rows[row + d];
    // The ones are no parameters.
    if (d !== dimensions + 1) rows[row + d] -= (learningRate * rowGradient) / Math.sqrt(rowSquares[row + d]);
    if (d !== dimensions) columns[column + d] -= (learningRate * columnGradient) / Math.sqrt(columnSquares[column + d]);
    rowSquares[row + d] += rowGradient ** 2;
    columnSquares[column + d] += columnGradient ** 2;
  }
  return loss;
}

/** Trains on one block of pairs; yields in between, so that others may have the event loop. */
export function* learnPairs(task: GloVeTask, block: number, work: Work): Iterable<void> {
  const pairs = task.pairRows.length;
  const begin = (block % Math.ceil(pairs / task.blockPairs)) * task.blockPairs;
  const end = Math.min(begin + task.blockPairs, pairs);
  for (let pair = begin; pair < end; pair++) {
    work.loss += learnPair(task, pair);
    work.terms++;
    work.items++;
    if (pair % SLICE_PAIRS === 0) yield;
  }
}
