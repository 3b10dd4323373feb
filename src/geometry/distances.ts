import type { RealDType } from '../linalg/sparse-matrix.js';
import type { Tensor } from '../tensor/tensor.js';

/** Elements of a block of distances that are held at once. */
export const DISTANCE_BLOCK = 1 << 22;

/** Vectors shorter than this are like nothing. */
const LEAST_LENGTH = 1e-12;

/** The squared length of every row, `[count]`. */
export function squaredLengths<D extends RealDType>(vectors: Tensor<D>): Tensor<D> {
  using squares = vectors.square();
  return squares.sum([1]) as Tensor as Tensor<D>;
}

/** Every row divided by its length; rows of zeros stay. */
export function unitRows<D extends RealDType>(vectors: Tensor<D>): Tensor<D> {
  using lengths = vectors.norm([1], { keepdims: true });
  using divisors = lengths.maximum(LEAST_LENGTH);
  return vectors.divide(divisors) as Tensor<D>;
}

/**
 * Squared distances of all rows of `a [n, features]` to those of `b [m, features]`, `[n, m]`, by one matrix product:
 * |a|^2 - 2 a b + |b|^2, which is rounded relative to the lengths and not to the distance. Centre vectors first.
 */
export function squaredDistances<D extends RealDType>(
  a: Tensor<D>,
  b: Tensor<D>,
  squaredA: Tensor<D>,
  squaredB: Tensor<D>,
): Tensor<D> {
  using twice = b.multiply(-2);
  using columns = twice.transpose();
  using products = a.matmul(columns);
  using column = squaredA.unsqueeze(1);
  using half = products.add(column);
  using sums = half.add(squaredB);
  return sums.maximum(0) as Tensor as Tensor<D>;
}

/** Vectors less their mean, which changes no distance and makes lengths small. */
export function centred<D extends RealDType>(vectors: Tensor<D>): Tensor<D> {
  using mean = vectors.mean([0]);
  return vectors.subtract(mean) as Tensor as Tensor<D>;
}
