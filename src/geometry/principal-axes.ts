import { eigh } from '../linalg/decompositions.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Eigenvalues of a symmetric matrix `[n, n]` without negative ones, such as a covariance, descending, and its eigenvectors by
 * rows, `[n, n]`.
 */
export function principalAxes(matrix: Tensor<'float64'>): {
  readonly values: Float64Array;
  readonly vectors: Tensor<'float64'>;
} {
  const { values, vectors } = eigh(matrix);
  using ascending = values;
  using columns = vectors;
  using rows = columns.transpose();
  using descending = rows.flip([0]);
  return {
    // What rounding has put below zero is zero.
    values: ascending
      .toTypedArray()
      .slice()
      .reverse()
      .map((value) => Math.max(0, value)),
    vectors: descending.clone(),
  };
}
