import { requireCount } from '../arguments.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError, NumericalError, ShapeError } from '../errors.js';
import { concat, eye } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { Random } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { MACHINE_EPSILON } from './machine-epsilon.js';
import { type RealDType, SparseMatrix } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';
import { trace } from './structure.js';

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

/** Sums of squares that neither overflow nor lose digits, in float32 either. */
const MODERATE = { least: 1e-12, most: 1e12 };

/** Blocks of directions that are kept, at most: memory, and the decomposition of their products, grow with them. */
const MOST_BLOCKS = 3;

function isAllFinite(block: Tensor<RealDType>): boolean {
  using finite = block.isFinite();
  using all = finite.all();
  return all.item() === true;
}

/** @throws ArgumentError when a product has an element that is not finite. */
function requireFinite(block: Tensor<RealDType>): void {
  if (isAllFinite(block)) return;
  throw new ArgumentError('randomizedSvd: a has NaN or infinite elements, or too large ones to multiply');
}

function* product<D extends RealDType>(a: Tensor<D>, b: Tensor<D>): Steps<Tensor<D>> {
  const [view] = yield* step('matmul', [a, b], {});
  return Tensor.fromView(view as View<D>);
}

/** An orthonormal basis `[rows, n]` of a space that holds the columns of `block [rows, n]`, rows >= n. */
function* orthonormalize<D extends RealDType>(block: Tensor<D>): Steps<Tensor<D>> {
  const [q, r, permutation] = yield* step('qr', [block], { mode: 'reduced', pivoting: false });
  for (const unused of [r, permutation]) Tensor.fromView(unused as View).dispose();
  return Tensor.fromView(q as View<D>);
}

/**
 * A basis of the columns of `block` that lets no large direction drown the others, which is all that is needed between two
 * products: one pass of Cholesky's decomposition of `block^T block`, a third of the time of QR, which gets what that cannot do.
 */
function* rescale<D extends RealDType>(block: Tensor<D>): Steps<Tensor<D>> {
  requireFinite(block);
  using columns = block.transpose();
  using gram = yield* product<D>(columns, block);
  using inverse = yield* inverseOfFactor(gram);
  if (inverse !== null) {
    using right = inverse.transpose();
    const scaled = yield* product<D>(block, right);
    if (isAllFinite(scaled)) return scaled;
    scaled.dispose();
  }
  return yield* orthonormalize(block);
}

/** The inverse of Cholesky's factor, or null where there is none, or numbers are too far from one to square them. */
function* inverseOfFactor<D extends RealDType>(gram: Tensor<D>): Steps<Tensor<D> | null> {
  const [count] = gram.shape as [number];
  const squares = trace(gram).item() as number;
  if (!(squares >= MODERATE.least && squares <= MODERATE.most)) return null;
  try {
    const [view] = yield* step('cholesky', [gram], {});
    using factor = Tensor.fromView(view as View<D>);
    using identity = eye(count, count, { dtype: gram.dtype });
    const [solved] = yield* step('solveTriangular', [factor, identity], { lower: true, unitDiagonal: false });
    return Tensor.fromView(solved as View<D>);
  } catch (error) {
    if (error instanceof NumericalError) return null;
    throw error;
  }
}

/** What is left of a block without its parts within orthonormal blocks; and the largest number of such a part. */
function* without<D extends RealDType>(
  blocks: readonly Tensor<D>[],
  block: Tensor<D>,
): Steps<{ rest: Tensor<D>; largest: number }> {
  let rest = block.clone();
  let largest = 0;
  for (const known of blocks) {
    using before = rest;
    using rows = known.transpose();
    using parts = yield* product<D>(rows, before);
    using within = yield* product<D>(known, parts);
    using sizes = parts.absolute();
    using most = sizes.max();
    largest = Math.max(largest, most.item() as number);
    rest = before.subtract(within) as Tensor as Tensor<D>;
  }
  return { rest, largest };
}

/**
 * An orthonormal basis of what a block has beyond orthonormal blocks, or null where it has too little: what is then left of it
 * is rounding, and lies within them again.
 */
function* orthonormalizeBeside<D extends RealDType>(
  blocks: readonly Tensor<D>[],
  block: Tensor<D>,
): Steps<Tensor<D> | null> {
  const { rest } = yield* without(blocks, block);
  using first = rest;
  using rough = yield* orthonormalize(first);
  const again = yield* without(blocks, rough);
  using second = again.rest;
  const basis = yield* orthonormalize(second);
  const { rest: unused, largest } = yield* without(blocks, basis);
  unused.dispose();
  const close = (block.dtype === 'float64' ? 2 ** -50 : 2 ** -21) * (block.shape[1] as number);
  if (largest <= close) return basis;
  basis.dispose();
  return null;
}

/** Directions of a matrix's rows `[columns, n]`, orthonormal all together, and the matrix times each, `[rows, n]`. */
class Blocks<D extends RealDType> {
  readonly directions: Tensor<D>[] = [];
  readonly products: Tensor<D>[] = [];

  add(direction: Tensor<D>, times: Tensor<D>): void {
    this.directions.push(direction);
    this.products.push(times);
  }

  clear(): void {
    for (const block of [...this.directions, ...this.products]) block.dispose();
    this.directions.length = 0;
    this.products.length = 0;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** Below so much of the largest eigenvalue, times epsilon, those of squares are rounding. */
const CERTAIN = 1000;

/**
 * The directions `[n, count]` in which `block [rows, n]` is largest: by the eigenvectors of `block^T block`, which takes a third
 * of the time of QR, unless squares have lost what is asked for.
 */
function* largestDirections<D extends RealDType>(block: Tensor<D>, count: number): Steps<Tensor<D>> {
  using columns = block.transpose();
  using gram = yield* product<D>(columns, block);
  const squares = trace(gram).item() as number;
  if (squares >= MODERATE.least && squares <= MODERATE.most) {
    const [ascending, vectors] = yield* step('eigh', [gram], { vectors: true });
    using values = Tensor.fromView(ascending as View<D>);
    using all = Tensor.fromView(vectors as View<D>);
    if ((values.at(-count) as number) > CERTAIN * MACHINE_EPSILON[block.dtype] * (values.at(-1) as number)) {
      using kept = all.slice(null, [-count]);
      return kept.clone() as Tensor<D>;
    }
  }
  const [q, r, permutation] = yield* step('qr', [block], { mode: 'r', pivoting: false });
  for (const unused of [q, permutation]) Tensor.fromView(unused as View).dispose();
  using triangle = Tensor.fromView(r as View<D>);
  const factors = yield* step('svd', [triangle], { fullMatrices: false, vectors: true });
  const [u, s, vt] = factors.map((view) => Tensor.fromView(view as View<D>)) as [Tensor<D>, Tensor<D>, Tensor<D>];
  for (const unused of [u, s]) unused.dispose();
  using rows = vt;
  using kept = rows.slice([0, count]);
  using directions = kept.transpose();
  return directions.clone() as Tensor<D>;
}

/** The best `count` directions within all blocks, and their products: Ritz's vectors, in place of the blocks. */
function* compress<D extends RealDType>(blocks: Blocks<D>, count: number): Steps<void> {
  using directions = concat(blocks.directions, 1) as Tensor<D>;
  using products = concat(blocks.products, 1) as Tensor<D>;
  blocks.clear();
  using best = yield* largestDirections(products, count);
  blocks.add(yield* product<D>(directions, best), yield* product<D>(products, best));
}

/** A basis `[m, n]` of one side of a matrix, and the product of the matrix with it on the other side, `[k, n]`. */
interface Reduced<D extends RealDType> {
  readonly basis: Tensor<D>;
  readonly product: Tensor<D>;
  /** Whether the basis is of the space of columns, not of rows. */
  readonly ofColumns: boolean;
}

/** Multiplies random directions by the matrix and its transpose, and reduces the matrix to what they have become. */
function* reduce<D extends RealDType>(
  matrix: Products<D>,
  rank: number,
  size: number,
  powerIterations: number,
  seed: number,
): Steps<Reduced<D>> {
  const [, columns] = matrix.shape;
  // Beyond half of the space, what a block has beyond the others is more and more often rounding.
  const most = Math.min(MOST_BLOCKS, Math.floor(columns / (2 * size)));
  using sample = new Random(seed).normal([columns, size], { dtype: matrix.dtype });
  using blocks = new Blocks<D>();
  using start = yield* matrix.times(sample);
  for (let iteration = 0; iteration < powerIterations; iteration++) {
    using scaled = yield* rescale(blocks.products.at(-1) ?? start);
    using back = yield* matrix.transposeTimes(scaled);
    requireFinite(back);
    if (blocks.directions.length === most && most > 1) yield* compress(blocks, size);
    let direction: Tensor<D> | null = null;
    if (blocks.directions.length > 0 && blocks.directions.length < most) {
      direction = yield* orthonormalizeBeside(blocks.directions, back);
    }
    if (direction === null) {
      blocks.clear();
      direction = yield* orthonormalize(back);
    }
    blocks.add(direction, yield* matrix.times(direction));
  }
  const last = blocks.products.at(-1) ?? start;
  requireFinite(last);
  if (blocks.products.length <= 1) {
    const basis = yield* orthonormalize(last);
    return { basis, product: yield* matrix.transposeTimes(basis), ofColumns: true };
  }
  yield* compress(blocks, rank);
  const [basis, within] = [blocks.directions.pop(), blocks.products.pop()] as [Tensor<D>, Tensor<D>];
  return { basis, product: within, ofColumns: false };
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
  // Most of what is made orthonormal is of the shorter side.
  const wide = given.shape[0] < given.shape[1];
  const matrix = wide ? transposed(given) : given;
  const size = Math.min(rank + oversampling, least);
  const reduced = yield* reduce(matrix, rank, size, powerIterations, seed);
  using basis = reduced.basis;
  using within = reduced.product;
  // matrix = within * basis^T, or, of a basis of columns, basis * within^T.
  const factors = yield* step('svd', [within], { fullMatrices: false, vectors: true });
  const [other, s, turn] = factors.map((view) => Tensor.fromView(view as View<D>)) as [Tensor<D>, Tensor<D>, Tensor<D>];
  using allOther = other;
  using allS = s;
  using allTurn = turn;
  using keptTurn = allTurn.slice([0, rank]);
  using coordinates = keptTurn.transpose();
  using ofBasis = yield* product<D>(basis, coordinates);
  using ofProduct = allOther.slice(null, [0, rank]);
  using values = allS.slice([0, rank]);
  // Copies, so that results lie in row-major order and nothing larger is kept alive by them.
  const [left, right] = reduced.ofColumns === wide ? [ofProduct, ofBasis] : [ofBasis, ofProduct];
  using u = left.slice();
  using rows = right.transpose();
  return { u: u.clone(), s: values.clone(), vt: rows.clone() };
}

/**
 * The `rank` largest singular values of a matrix and their vectors, from its products with a few random vectors: much faster
 * than {@link svd} where the rank is small. The matrix may be dense, sparse, or anything that can be multiplied with a block.
 *
 * Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011), algorithms 4.4 and 5.1, and, from two
 * power iterations on, the best approximation within three blocks that they went through instead of the last one only
 * (Musco and Musco, "Randomized block Krylov methods for stronger and faster approximate singular value
 * decomposition", 2015), where the matrix has at least twice as many rows and columns as such blocks together. With the default
 * of two power iterations singular values that decay are exact to some digits; the error falls at least with the
 * 2 * powerIterations-th power of the ratio of what is left out to what is kept.
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

/**
 * {@link randomizedSvd} off the event loop, but for the products of an operator of your own. A tensor may be disposed of
 * meanwhile, but must not change: it is read again and again.
 */
export async function randomizedSvdAsync<D extends RealDType>(
  a: Tensor<D> | BlockOperator<D>,
  rank: number,
  options: RandomizedSvdOptions & AsyncOptions = {},
): Promise<PartialSvd<D>> {
  // Another tensor on the same storage, which stays until both are disposed.
  using held = a instanceof Tensor ? a.slice() : null;
  return await runStepsAsync(randomizedSvdSteps(held ?? a, rank, options), options);
}
