import { ArgumentError, ShapeError } from '../errors.js';
import type { RealDType } from '../linalg/sparse-matrix.js';
import { formatShape } from '../tensor/dim.js';
import { requireView } from '../tensor/execute.js';
import type { Tensor } from '../tensor/tensor.js';

/* Checks that everything of this folder makes of its arguments. */

/** A finite number that is not negative. */
export function requireNotNegative(operation: string, argument: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 0) || value === Infinity) {
    throw new ArgumentError(`${operation}: ${argument} must be a finite number from 0 up, got ${String(value)}`);
  }
}

/**
 * Vectors `[count, features]` of finite numbers, in float64 where they are, else in float32. The caller disposes of it.
 *
 * @param leastRows - how many vectors there must be.
 */
export function realMatrix(operation: string, argument: string, matrix: Tensor, leastRows = 1): Tensor<RealDType> {
  requireView(operation, argument, matrix);
  if (matrix.rank !== 2) {
    throw new ShapeError(
      `${operation}: argument ${argument} must be [count, features], got shape ${formatShape(matrix.dims)}`,
    );
  }
  const [rows, columns] = matrix.shape;
  if (rows < leastRows || columns < 1) {
    throw new ShapeError(
      `${operation}: argument ${argument} must have at least ${leastRows} rows and 1 column, got ${formatShape(matrix.dims)}`,
    );
  }
  using real: Tensor<RealDType> =
    matrix.dtype === 'float64' ? (matrix.slice() as Tensor<'float64'>) : matrix.to('float32');
  using finite = real.isFinite();
  using all = finite.all();
  if (!all.item()) {
    throw new ArgumentError(
      `${operation}: argument ${argument} has NaN or infinite elements; leave those rows out or replace them`,
    );
  }
  return real.contiguous();
}

/** Vectors as many features long as what was fitted. */
export function requireFeatures(operation: string, argument: string, matrix: Tensor, features: number): void {
  if (matrix.shape[1] !== features) {
    throw new ShapeError(
      `${operation}: argument ${argument} must be [count, ${features}] as what was fitted, got ${formatShape(matrix.dims)}`,
    );
  }
}

/** What `fit` has found; before that, an error. */
export function requireFitted<T>(operation: string, fitted: T | undefined): T {
  if (fitted === undefined) throw new ArgumentError(`${operation}: there is nothing yet; call fit() first`);
  return fitted;
}
