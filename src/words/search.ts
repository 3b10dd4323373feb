import { setImmediate as nextTurn } from 'node:timers/promises';
import type { View } from '../backend/view.js';
import { Tensor } from '../tensor/tensor.js';
import { topSimilar } from '../tensor/top-similar.js';

/** A vector space to search in. */
export interface Space {
  /** `[n, d]`. */
  readonly vectors: Tensor<'float32'>;
  /** `[n]`: one over the length of each vector. */
  readonly inverseLengths: Tensor<'float32'>;
}

/** The best vectors of several queries, row after row. */
export interface Found {
  readonly indices: Int32Array;
  readonly scores: Float32Array;
}

/** Who waits for a long search. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined;
  /** Called after each part with the number of queries answered. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** Multiplications of one part of a long search: about a tenth of a second on two threads. */
const PART_WORK = 1e10;
/** The engine's kernels want this many queries at once. */
const LEAST_PART = 96;
const MOST_PART = 4096;

/** Contiguous rows as a matrix. */
export function matrixOf(data: Float32Array, rows: number, columns: number): Tensor<'float32'> {
  return Tensor.fromView({ dtype: 'float32', dims: [rows, columns], strides: [columns, 1], offset: 0, data });
}

/** The first `count` vectors of a space. They own nothing, and need not be disposed. */
export function restrict({ vectors, inverseLengths }: Space, count: number): Space {
  const [, dimension = 0] = vectors.shape;
  return {
    vectors: matrixOf(vectors.toTypedArray(), count, dimension),
    inverseLengths: Tensor.fromView({ ...viewOf(inverseLengths), dims: [count] }),
  };
}

function viewOf(tensor: Tensor<'float32'>): View<'float32'> {
  const { dtype, dims, strides, offset, data } = tensor;
  return { dtype, dims, strides, offset, data };
}

/** The `k` vectors with the greatest cosines to each of `queries [q, d]` of length 1. */
export function search({ vectors, inverseLengths }: Space, queries: Tensor<'float32'>, k: number): Found {
  const { scores, indices } = topSimilar(queries, vectors, k, inverseLengths);
  return { scores: scores.toTypedArray(), indices: indices.toTypedArray() };
}

/** Queries that one part of a search takes. */
export function partSize(space: Space, perQuery = 1): number {
  const [count = 0, dimension = 0] = space.vectors.shape;
  const fitting = Math.floor(PART_WORK / Math.max(1, count * dimension * perQuery));
  return Math.min(Math.max(fitting, LEAST_PART), MOST_PART);
}

/** Does a long search part by part, and lets the event loop go on in between. `part` writes the answers to some queries. */
export async function inParts(
  count: number,
  size: number,
  part: (start: number, end: number) => void,
  { signal, onProgress }: Waiting,
): Promise<void> {
  for (let start = 0; start < count; start += size) {
    signal?.throwIfAborted();
    const end = Math.min(start + size, count);
    part(start, end);
    onProgress?.(end);
    await nextTurn();
  }
}
