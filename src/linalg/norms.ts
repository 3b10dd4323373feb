import type { View } from '../backend/view.js';
import { ArgumentError, NumericalError, ShapeError } from '../errors.js';
import { contiguousStrides, formatShape } from '../tensor/dim.js';
import { binary, classify, unary, where } from '../tensor/elementwise.js';
import { castView, scalarView, Temporaries } from '../tensor/execute.js';
import { reduce, norm as vectorNorm } from '../tensor/reductions.js';
import { type Axes, normalizeAxes } from '../tensor/shape.js';
import { reorderAxes, reshapeDims, selectView, windowOf } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';
import { requireFinite, requireMatrices, requireReal, requireSquare, sidesOf } from './checks.js';
import { singularValuesOf } from './decompositions.js';
import { MACHINE_EPSILON } from './machine-epsilon.js';
import { eachMatrix } from './matrix-functions.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';
import { diagonalView } from './structure.js';

function wrap<D extends RealDType>(view: View): Tensor<D> {
  return Tensor.fromView(view as View<D>);
}

/** Product of the signs of the rows' permutation and of the diagonal's entries, and the diagonal `[..., n]`. */
function* triangleOfLu<D extends RealDType>(operation: string, a: Tensor<D>): Steps<{ diagonal: View; sign: View }> {
  const [factors, , sign] = yield* step('lu', [requireSquare(operation, 'a', a)], {});
  return { diagonal: diagonalView(factors), sign };
}

function* detSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  const { diagonal, sign } = yield* triangleOfLu('det', a);
  return wrap(binary('multiply', reduce('prod', diagonal, -1), sign));
}

/**
 * The determinant `[...]` of square matrices `a [..., n, n]`; 1 of an empty one. It leaves the range of its dtype easily:
 * {@link slogdet} does not. LAPACK `?getrf`.
 */
export function det<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(detSteps(a));
}

/** {@link det} off the event loop. */
export function detAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsAsync(detSteps(a), options);
}

export interface SlogdetResult<D extends RealDType> {
  /** 1, -1, or 0 for a singular matrix. */
  readonly sign: Tensor<D>;
  /** The natural logarithm of the determinant's magnitude; -Infinity for a singular matrix. */
  readonly logAbsDet: Tensor<D>;
}

function* slogdetSteps<D extends RealDType>(a: Tensor<D>): Steps<SlogdetResult<D>> {
  const { diagonal, sign } = yield* triangleOfLu('slogdet', a);
  return {
    sign: wrap(binary('multiply', reduce('prod', unary('sign', diagonal), -1), sign)),
    logAbsDet: wrap(reduce('sum', unary('log', unary('absolute', diagonal)), -1)),
  };
}

/** The determinant as its sign and the logarithm of its magnitude, each `[...]`. LAPACK `?getrf`. */
export function slogdet<D extends RealDType>(a: Tensor<D>): SlogdetResult<D> {
  return runSteps(slogdetSteps(a));
}

/** {@link slogdet} off the event loop. */
export function slogdetAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<SlogdetResult<D>> {
  return runStepsAsync(slogdetSteps(a), options);
}

export interface ToleranceOptions {
  /** Singular values up to this times the largest count as zero. By default max(m, n) times 2^-52, of float32 2^-23. */
  readonly relativeTolerance?: number;
}

/** The cut-off `[...]` between singular values `[..., r]` that count and those that are zero. */
export function cutoffOf(
  operation: string,
  s: View,
  longSide: number,
  { relativeTolerance = longSide * MACHINE_EPSILON[s.dtype as RealDType] }: ToleranceOptions,
): View {
  if (!(typeof relativeTolerance === 'number' && relativeTolerance >= 0)) {
    throw new ArgumentError(
      `${operation}: argument relativeTolerance must be a number from 0 up, got ${String(relativeTolerance)}`,
    );
  }
  const rank = s.dims.at(-1) as number;
  const largest = rank === 0 ? reduce('sum', s, -1) : selectView(s, -1, 0);
  return binary('multiply', largest, scalarView(relativeTolerance, s.dtype));
}

/** How many of `s [..., r]` lie above a cut-off `[...]`: int32 `[...]`. */
export function rankOf(s: View, cutoff: View): Tensor<'int32'> {
  const column = reshapeDims(cutoff, [...cutoff.dims, 1]);
  return Tensor.fromView(reduce('sum', castView(binary('greater', s, column), 'int32'), -1) as View<'int32'>);
}

function* matrixRankSteps<D extends RealDType>(a: Tensor<D>, options: ToleranceOptions): Steps<Tensor<'int32'>> {
  const matrices = requireMatrices('matrixRank', 'a', a);
  const s = yield* singularValuesOf(matrices);
  return rankOf(s, cutoffOf('matrixRank', s, Math.max(...sidesOf(matrices)), options));
}

/** The rank, int32 `[...]`, of `a [..., m, n]`: how many singular values are not negligible. LAPACK `?gesdd`. */
export function matrixRank<D extends RealDType>(a: Tensor<D>, options: ToleranceOptions = {}): Tensor<'int32'> {
  return runSteps(matrixRankSteps(a, options));
}

/** {@link matrixRank} off the event loop. */
export function matrixRankAsync<D extends RealDType>(
  a: Tensor<D>,
  options: ToleranceOptions & AsyncOptions = {},
): Promise<Tensor<'int32'>> {
  return runStepsAsync(matrixRankSteps(a, options), options);
}

/**
 * Kinds of matrix norms: `fro` (Frobenius's), `nuc` (the sum of the singular values), 2 and -2 (the largest and the smallest),
 * 1 and -1 (the largest and the smallest sum of magnitudes of a column), Infinity and -Infinity (of a row).
 */
export type MatrixNormKind = 'fro' | 'nuc' | 1 | -1 | 2 | -2 | typeof Infinity;

export interface MatrixNormOptions {
  /** For vectors any order; for matrices a {@link MatrixNormKind}. By default 2 for vectors, `fro` for matrices. */
  readonly order?: number | 'fro' | 'nuc';
  /** One axis for vectors, two for matrices. By default all axes of a vector or a matrix. */
  readonly axes?: Axes;
  /** Keeps the axes, with length one. Default false. */
  readonly keepdims?: boolean;
}

/** The norm `[...]` of checked matrices `[..., m, n]`. */
function* matrixNormOf(operation: string, matrices: View, order: number | 'fro' | 'nuc'): Steps<View> {
  const extreme = (values: View): View => {
    if (values.dims.at(-1) === 0) {
      throw new ArgumentError(`${operation}: an empty matrix has no norm of order ${order}`);
    }
    return reduce((order as number) < 0 ? 'min' : 'max', values, -1);
  };
  switch (order) {
    case 'fro':
      return vectorNorm(matrices, [-2, -1], {});
    case 'nuc':
    case 2:
    case -2: {
      requireFinite(operation, 'x', matrices);
      const s = yield* singularValuesOf(matrices as View<RealDType>);
      return order === 'nuc' ? reduce('sum', s, -1) : extreme(s);
    }
    case 1:
    case -1:
      return extreme(reduce('sum', unary('absolute', matrices), -2));
    case Number.POSITIVE_INFINITY:
    case Number.NEGATIVE_INFINITY:
      return extreme(reduce('sum', unary('absolute', matrices), -1));
    default:
      throw new ArgumentError(
        `${operation}: the order of a matrix norm must be 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity, got ${String(order)}`,
      );
  }
}

function* normSteps<D extends RealDType>(
  x: Tensor<D>,
  { order, axes, keepdims = false }: MatrixNormOptions,
): Steps<Tensor<D>> {
  const view = requireReal('norm', 'x', x);
  const rank = view.dims.length;
  if (order === undefined && (axes === undefined || axes === null)) return wrap(vectorNorm(view, null, { keepdims }));
  const chosen = normalizeAxes('norm', axes, rank);
  if (chosen.length === 1) {
    if (typeof order === 'string') {
      throw new ArgumentError(`norm: order '${order}' is one of matrices; got one axis, of vectors`);
    }
    return wrap(vectorNorm(view, chosen, { order: order ?? 2, keepdims }));
  }
  if (chosen.length !== 2) {
    throw new ShapeError(
      `norm: expected one axis or two, got ${chosen.length} for shape ${formatShape(view.dims)}; give axes`,
    );
  }
  const others = view.dims.map((_, axis) => axis).filter((axis) => !chosen.includes(axis));
  const result = yield* matrixNormOf('norm', reorderAxes(view, [...others, ...chosen]), order ?? 'fro');
  if (!keepdims) return wrap(result);
  const dims = view.dims.map((dim, axis) => (chosen.includes(axis) ? 1 : dim));
  return wrap(windowOf(result, dims, contiguousStrides(dims)));
}

/**
 * The norm of vectors or matrices, as `numpy.linalg.norm`: of all elements where neither order nor axes are given, else along
 * one axis (vectors) or two (matrices). LAPACK `?gesdd` for orders that need singular values.
 *
 * @throws ArgumentError for an order that there is not, and for NaN where singular values are needed.
 */
export function norm<D extends RealDType>(x: Tensor<D>, options: MatrixNormOptions = {}): Tensor<D> {
  return runSteps(normSteps(x, options));
}

/** {@link norm} off the event loop. */
export function normAsync<D extends RealDType>(
  x: Tensor<D>,
  options: MatrixNormOptions & AsyncOptions = {},
): Promise<Tensor<D>> {
  return runStepsAsync(normSteps(x, options), options);
}

export interface CondOptions {
  /** The norm in which the condition is meant. Default 2: the largest singular value over the smallest. */
  readonly order?: number | 'fro' | 'nuc';
}

function* condSteps<D extends RealDType>(a: Tensor<D>, { order = 2 }: CondOptions): Steps<Tensor<D>> {
  const matrices = requireMatrices('cond', 'a', a);
  if (Math.min(...sidesOf(matrices)) === 0) {
    throw new ShapeError(
      `cond: argument a of shape ${formatShape(matrices.dims)} has empty matrices, without a condition`,
    );
  }
  if (order === 2 || order === -2) {
    const temporaries = new Temporaries();
    const s = temporaries.keep(yield* singularValuesOf(matrices));
    const [first, last] = [selectView(s, -1, 0), selectView(s, -1, -1)];
    const [above, below] = order === 2 ? [first, last] : [last, first];
    const ratio = temporaries.keep(binary('divide', above, below));
    // Of a zero matrix it is 0 / 0, which is meant to be infinite.
    return wrap(temporaries.finish(where(temporaries.keep(classify('isNaN', ratio)), Number.POSITIVE_INFINITY, ratio)));
  }
  requireSquare('cond', 'a', a);
  const results = yield* eachMatrix(matrices, function* (matrix): Steps<View> {
    const size = yield* matrixNormOf('cond', matrix, order);
    try {
      const [inverse] = yield* step('inv', [matrix], {});
      return binary('multiply', size, yield* matrixNormOf('cond', inverse, order));
    } catch (error) {
      if (!(error instanceof NumericalError)) throw error;
      return scalarView(Number.POSITIVE_INFINITY, matrix.dtype);
    }
  });
  return stackScalars(results, matrices);
}

/** Scalars of a batch as one tensor with its leading axes. */
function stackScalars<D extends RealDType>(scalars: readonly View[], matrices: View<D>): Tensor<D> {
  const batch = matrices.dims.slice(0, -2) as readonly number[];
  const values = scalars.map((scalar) => Tensor.fromView(scalar).item() as number);
  return Tensor.fromView({
    dtype: matrices.dtype,
    dims: batch,
    strides: contiguousStrides(batch),
    offset: 0,
    data: matrices.dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values),
  });
}

/**
 * The condition `[...]` of `a [..., m, n]`: by how much an error of b may grow in the solution of `a * x = b`. Infinity for
 * singular matrices. Orders but 2 and -2 need square ones. LAPACK `?gesdd`, or `?getrf` and `?getri`.
 */
export function cond<D extends RealDType>(a: Tensor<D>, options: CondOptions = {}): Tensor<D> {
  return runSteps(condSteps(a, options));
}

/** {@link cond} off the event loop. */
export function condAsync<D extends RealDType>(
  a: Tensor<D>,
  options: CondOptions & AsyncOptions = {},
): Promise<Tensor<D>> {
  return runStepsAsync(condSteps(a, options), options);
}
