import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { Random } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { orthonormalize, thinSvd } from './orthonormalize.js';
import type { RealDType } from './sparse-matrix.js';

/** A matrix `[rows, columns]` that is only known by its products with blocks of vectors, such as a {@link SparseMatrix}. */
export interface BlockOperator<D extends RealDType = RealDType> {
  readonly shape: readonly [number, number];
  readonly dtype: D;
  /** The matrix times `block [columns, n]`: `[rows, n]`. The caller disposes of the result. */
  matmul(block: Tensor<D>): Tensor<D>;
  /** The transposed matrix times `block [rows, n]`: `[columns, n]`. */
  transposeMatmul(block: Tensor<D>): Tensor<D>;
}

export interface RandomizedSvdOptions {
  /** Random directions beyond the rank, which make the wanted ones more certain. Default 10. */
  readonly oversampling?: number;
  /**
   * How often the sample is multiplied by the matrix and its transpose: each time the directions of large singular values grow
   * against the others. Default 2; with singular values that fall off slowly 4 to 7 are better.
   */
  readonly powerIterations?: number;
  /** A whole number; the same gives the same result. Default 0. */
  readonly seed?: number;
}

/** Largest singular values, descending, with their vectors. */
export interface PartialSvd<D extends RealDType = RealDType> {
  /** `[rows, rank]`, orthonormal columns. */
  readonly u: Tensor<D>;
  /** `[rank]`. */
  readonly s: Tensor<D>;
  /** `[rank, columns]`, orthonormal rows. */
  readonly vt: Tensor<D>;
}

/** A dense matrix as an operator. */
class DenseOperator<D extends RealDType> implements BlockOperator<D> {
  readonly shape: readonly [number, number];
  readonly dtype: D;
  readonly #matrix: Tensor<D>;

  constructor(matrix: Tensor<D>) {
    this.#matrix = matrix;
    this.shape = matrix.shape as [number, number];
    this.dtype = matrix.dtype;
  }

  matmul(block: Tensor<D>): Tensor<D> {
    return this.#matrix.matmul(block) as Tensor as Tensor<D>;
  }

  /** As the transpose of `block^T matrix`, which reads the matrix by its rows. */
  transposeMatmul(block: Tensor<D>): Tensor<D> {
    using left = block.transpose();
    using product = left.matmul(this.#matrix) as Tensor as Tensor<D>;
    return product.transpose();
  }
}

const transposed = <D extends RealDType>(operator: BlockOperator<D>): BlockOperator<D> => ({
  shape: [operator.shape[1], operator.shape[0]],
  dtype: operator.dtype,
  matmul: (block) => operator.transposeMatmul(block),
  transposeMatmul: (block) => operator.matmul(block),
});

function requireWhole(argument: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ArgumentError(
      `randomizedSvd: ${argument} must be a whole number from ${least} to ${most}, got ${String(value)}`,
    );
  }
}

function operatorOf<D extends RealDType>(a: Tensor<D> | BlockOperator<D>): BlockOperator<D> {
  if (a === null || typeof a !== 'object' || !('dtype' in a)) {
    throw new ArgumentError(
      'randomizedSvd: a must be a Tensor, a SparseMatrix, or { shape, dtype, matmul, transposeMatmul }',
    );
  }
  if (a.dtype !== 'float32' && a.dtype !== 'float64') {
    throw new DTypeError(`randomizedSvd: a must be float32 or float64, got ${String(a.dtype)}`);
  }
  if (a.shape.length !== 2) {
    throw new ShapeError(`randomizedSvd: a must be a matrix [rows, columns], got shape ${formatShape(a.shape)}`);
  }
  return a instanceof Tensor ? new DenseOperator(a) : a;
}

/** A product of the operator, whose result is checked: the operator may be anybody's. */
function product<D extends RealDType>(operator: BlockOperator<D>, block: Tensor<D>, back: boolean): Tensor<D> {
  const result = back ? operator.transposeMatmul(block) : operator.matmul(block);
  const expected = [operator.shape[back ? 1 : 0], block.shape[1]];
  if (result.dtype !== operator.dtype || formatShape(result.dims) !== formatShape(expected)) {
    throw new ShapeError(
      `randomizedSvd: ${back ? 'transposeMatmul' : 'matmul'} must give ${operator.dtype} ${formatShape(expected)}, got ${result.dtype} ${formatShape(result.dims)}`,
    );
  }
  return result;
}

/** An orthonormal basis of a block, which is disposed of. */
function basisOf<D extends RealDType>(block: Tensor<D>): Tensor<D> {
  using finite = block.isFinite();
  using all = finite.all();
  if (!all.item()) {
    block.dispose();
    throw new ArgumentError('randomizedSvd: a has NaN or infinite elements, or too large ones to multiply');
  }
  using owned = block;
  return orthonormalize(owned);
}

/**
 * The `rank` largest singular values of a matrix and their vectors, from its products with a few random vectors: much faster
 * than {@link svd} where the rank is small. The matrix may be dense, sparse, or anything that can be multiplied with a block.
 *
 * Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011), algorithms 4.4 and 5.1, with the
 * basis made orthonormal after every product. With the default of two power iterations singular values that decay are exact to
 * some digits; the error falls with the (2 * powerIterations + 1)-th power of the ratio of what is left out to what is kept.
 *
 * @param a - float32 or float64 `[rows, columns]`.
 * @param rank - from 1 to min(rows, columns).
 * @throws ArgumentError for a rank out of range and for NaN or infinite elements.
 */
export function randomizedSvd<D extends RealDType>(
  a: Tensor<D> | BlockOperator<D>,
  rank: number,
  options: RandomizedSvdOptions = {},
): PartialSvd<D> {
  const given = operatorOf(a);
  const { oversampling = 10, powerIterations = 2, seed = 0 } = options;
  const least = Math.min(...given.shape);
  requireWhole('rank', rank, 1, least);
  requireWhole('oversampling', oversampling, 0, Number.MAX_SAFE_INTEGER);
  requireWhole('powerIterations', powerIterations, 0, 1000);
  // The sample is of the longer side, so that what is decomposed at the end has the shorter one.
  const wide = given.shape[0] < given.shape[1];
  const operator = wide ? transposed(given) : given;
  const size = Math.min(rank + oversampling, least);
  using sample = new Random(seed).normal([operator.shape[1], size], { dtype: operator.dtype });
  let basis = basisOf(product(operator, sample, false));
  for (let iteration = 0; iteration < powerIterations; iteration++) {
    using previous = basis;
    using back = basisOf(product(operator, previous, true));
    basis = basisOf(product(operator, back, false));
  }
  using range = basis;
  // The matrix within the basis, transposed: [columns, size].
  using reduced = product(operator, range, true);
  const { u: v, s, vt: ut } = thinSvd(reduced);
  using allV = v;
  using allS = s;
  using allUt = ut;
  using keptUt = allUt.slice([0, rank]);
  using coordinates = keptUt.transpose();
  using left = range.matmul(coordinates) as Tensor as Tensor<D>;
  using right = allV.slice(null, [0, rank]);
  using values = allS.slice([0, rank]);
  // Copies, so that results lie in row-major order and nothing larger is kept alive by them.
  using u = wide ? right.slice() : left.slice();
  using rows = wide ? left.transpose() : right.transpose();
  return { u: u.clone(), s: values.clone(), vt: rows.clone() };
}
