import type { RealDType } from '../linalg/sparse-matrix.js';
import { concat, full } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';

/** Vectors shorter than this are like nothing. */
const LEAST_LENGTH = 1e-12;

/** Elements of a block of distances that are computed at once: few enough to stay in a cache. */
const BLOCK_ELEMENTS = 1 << 21;

/** Every row divided by its length; rows of zeros stay. */
export function unitRows<D extends RealDType>(vectors: Tensor<D>): Tensor<D> {
  using lengths = vectors.norm([1], { keepdims: true });
  using divisors = lengths.maximum(LEAST_LENGTH);
  return vectors.divide(divisors) as Tensor<D>;
}

/** Vectors less their mean, which changes no distance and makes lengths small. */
export function centred<D extends RealDType>(vectors: Tensor<D>): Tensor<D> {
  using mean = vectors.mean([0]);
  return vectors.subtract(mean) as Tensor as Tensor<D>;
}

/**
 * Vectors `[count, features]` between which squared distances are taken, each by a product of rows that hold the squared lengths
 * as well: [-2a, |a|^2, 1] times [b, 1, |b|^2]. Distances are rounded relative to the lengths, so that vectors should be
 * {@link centred} first; they may come out a little below zero.
 */
export class DistancePoints<D extends RealDType = RealDType> {
  readonly count: number;
  readonly #left: Tensor<D>;
  readonly #right: Tensor<D>;

  constructor(vectors: Tensor<D>) {
    this.count = vectors.shape[0];
    using squares = vectors.square();
    using lengths = squares.sum([1], { keepdims: true });
    using ones = full([this.count, 1], 1, { dtype: vectors.dtype });
    using twice = vectors.multiply(-2);
    this.#left = concat([twice, lengths, ones], 1) as Tensor as Tensor<D>;
    this.#right = concat([vectors, ones, lengths], 1) as Tensor as Tensor<D>;
  }

  /** How many vectors to take at once where each has distances to `others`. */
  static blockOf(others: number): number {
    return Math.max(16, Math.floor(BLOCK_ELEMENTS / Math.max(1, others)));
  }

  /** Squared distances of the vectors from `begin` up to, not including, `end` to all of `others`, `[end - begin, others]`. */
  squaredDistances(begin: number, end: number, others: DistancePoints<D>): Tensor<D> {
    using rows = this.#left.slice([begin, end]);
    using columns = others.#right.transpose();
    return rows.matmul(columns) as Tensor as Tensor<D>;
  }

  dispose(): void {
    this.#left.dispose();
    this.#right.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
