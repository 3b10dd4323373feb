import { requireCount } from '../arguments.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { Random } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { orthonormalizeSteps } from './orthonormalize.js';
import { type RealDType, SparseMatrix } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';

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
  /** Random directions beyond the rank, which make the wanted ones more certain. Default half the rank, 10 at least. */
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

/** What {@link BlockOperator} does, as steps. */
interface Products<D extends RealDType> {
  readonly shape: readonly [number, number];
  readonly dtype: D;
  times(block: Tensor<D>): Steps<Tensor<D>>;
  transposeTimes(block: Tensor<D>): Steps<Tensor<D>>;
}

function denseProducts<D extends RealDType>(matrix: Tensor<D>): Products<D> {
  return {
    shape: matrix.shape as [number, number],
    dtype: matrix.dtype,
    *times(block) {
      const [product] = yield* step('matmul', [matrix, block], {});
      return Tensor.fromView(product as View<D>);
    },
    // As the transpose of block^T matrix, which reads the matrix by its rows.
    *transposeTimes(block) {
      using left = block.transpose();
      const [product] = yield* step('matmul', [left, matrix], {});
      using rows = Tensor.fromView(product as View<D>);
      return rows.transpose();
    },
  };
}

function sparseProducts<D extends RealDType>(matrix: SparseMatrix<D>): Products<D> {
  const times = (factor: SparseMatrix<D>) =>
    function* (block: Tensor<D>): Steps<Tensor<D>> {
      const [product] = yield* step('sparseMatmul', [...factor.views(), block], {});
      return Tensor.fromView(product as View<D>);
    };
  return { shape: matrix.shape, dtype: matrix.dtype, times: times(matrix), transposeTimes: times(matrix.T) };
}

/** Products of somebody's own making, whose results are checked. */
function ownProducts<D extends RealDType>(operator: BlockOperator<D>): Products<D> {
  const { shape, dtype } = operator;
  const check = (name: 'matmul' | 'transposeMatmul', result: Tensor<D>, rows: number, block: Tensor<D>): Tensor<D> => {
    const expected = [rows, block.shape[1]];
    if (result instanceof Tensor && result.dtype === dtype && formatShape(result.dims) === formatShape(expected)) {
      return result;
    }
    const got = result instanceof Tensor ? `${result.dtype} ${formatShape(result.dims)}` : typeof result;
    throw new ShapeError(`randomizedSvd: ${name} must give ${dtype} ${formatShape(expected)}, got ${got}`);
  };
  return {
    shape,
    dtype,
    // biome-ignore lint/correctness/useYield: done at once, on the caller's thread.
    *times(block) {
      return check('matmul', operator.matmul(block), shape[0], block);
    },
    // biome-ignore lint/correctness/useYield: as above.
    *transposeTimes(block) {
      return check('transposeMatmul', operator.transposeMatmul(block), shape[1], block);
    },
  };
}

const transposed = <D extends RealDType>({ shape, dtype, times, transposeTimes }: Products<D>): Products<D> => ({
  shape: [shape[1], shape[0]],
  dtype,
  times: transposeTimes,
  transposeTimes: times,
});

function productsOf<D extends RealDType>(a: Tensor<D> | BlockOperator<D>): Products<D> {
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
  if (a instanceof Tensor) return denseProducts(a);
  return a instanceof SparseMatrix ? sparseProducts(a) : ownProducts(a);
}

/** An orthonormal basis of a block, which is disposed of. */
function* basisOf<D extends RealDType>(block: Tensor<D>): Steps<Tensor<D>> {
  using owned = block;
  using finite = owned.isFinite();
  using all = finite.all();
  if (!all.item()) {
    throw new ArgumentError('randomizedSvd: a has NaN or infinite elements, or too large ones to multiply');
  }
  return yield* orthonormalizeSteps(owned);
}

function* randomizedSvdSteps<D extends RealDType>(
  a: Tensor<D> | BlockOperator<D>,
  rank: number,
  options: RandomizedSvdOptions,
): Steps<PartialSvd<D>> {
  const given = productsOf(a);
  const { oversampling = Math.max(10, Math.ceil(rank / 2)), powerIterations = 2, seed = 0 } = options;
  const least = Math.min(...given.shape);
  requireCount('randomizedSvd', 'rank', rank, 1, least);
  requireCount('randomizedSvd', 'oversampling', oversampling, 0);
  requireCount('randomizedSvd', 'powerIterations', powerIterations, 0, 1000);
  // The sample is of the longer side, so that what is decomposed at the end has the shorter one.
  const wide = given.shape[0] < given.shape[1];
  const matrix = wide ? transposed(given) : given;
  const size = Math.min(rank + oversampling, least);
  using sample = new Random(seed).normal([matrix.shape[1], size], { dtype: matrix.dtype });
  let basis = yield* basisOf(yield* matrix.times(sample));
  for (let iteration = 0; iteration < powerIterations; iteration++) {
    using previous = basis;
    using back = yield* basisOf(yield* matrix.transposeTimes(previous));
    basis = yield* basisOf(yield* matrix.times(back));
  }
  using range = basis;
  // The matrix within the basis, transposed: [columns, size].
  using reduced = yield* matrix.transposeTimes(range);
  const factors = yield* step('svd', [reduced], { fullMatrices: false, vectors: true });
  const [v, s, ut] = factors.map((view) => Tensor.fromView(view as View<D>));
  using allV = v;
  using allS = s;
  using allUt = ut;
  using keptUt = allUt.slice([0, rank]);
  using coordinates = keptUt.transpose();
  const [turned] = yield* step('matmul', [range, coordinates], {});
  using left = Tensor.fromView(turned as View<D>);
  using right = allV.slice(null, [0, rank]);
  using values = allS.slice([0, rank]);
  // Copies, so that results lie in row-major order and nothing larger is kept alive by them.
  using u = wide ? right.slice() : left.slice();
  using rows = wide ? left.transpose() : right.transpose();
  return { u: u.clone(), s: values.clone(), vt: rows.clone() };
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
  return runSteps(randomizedSvdSteps(a, rank, options));
}

/** {@link randomizedSvd} off the event loop, but for the products of an operator of your own. */
export function randomizedSvdAsync<D extends RealDType>(
  a: Tensor<D> | BlockOperator<D>,
  rank: number,
  options: RandomizedSvdOptions & AsyncOptions = {},
): Promise<PartialSvd<D>> {
  return runStepsAsync(randomizedSvdSteps(a, rank, options), options);
}
