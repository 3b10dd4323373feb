import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { type Dim, formatShape } from '../tensor/dim.js';
import { castView, Temporaries } from '../tensor/execute.js';
import { broadcastDims, broadcastView } from '../tensor/shape.js';
import { dropAxes, transposeView, unsqueezeView } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';
import { commonDType, requireFinite, requireReal, requireSquare, sidesOf } from './checks.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';

/** The dtype of a solution: float32 where both sides are. */
export type Common<A extends RealDType, B extends RealDType> = 'float64' extends A | B ? 'float64' : 'float32';

/** A right-hand side: a vector `[n]` as one column, else matrices `[..., n, k]`, as many rows as `rows`. */
export function requireRightSide(
  operation: string,
  value: unknown,
  rows: number,
  against: readonly Dim[],
): { readonly matrices: View<RealDType>; readonly isVector: boolean } {
  const view = requireReal(operation, 'b', value);
  requireFinite(operation, 'b', view);
  const isVector = view.dims.length === 1;
  if (view.dims.length === 0 || view.dims.at(isVector ? -1 : -2) !== rows) {
    throw new ShapeError(
      `${operation}: argument b must be a vector [${rows}] or matrices [..., ${rows}, k] for a of shape ${formatShape(against)}, got shape ${formatShape(view.dims)}`,
    );
  }
  return { matrices: isVector ? unsqueezeView(view, 1) : view, isVector };
}

interface System {
  readonly a: View<RealDType>;
  readonly b: View<RealDType>;
  readonly isVector: boolean;
  readonly temporaries: Temporaries;
}

/** Both sides of a linear system in one dtype, their leading axes broadcast. */
function systemOf(operation: string, a: Tensor<RealDType>, b: Tensor<RealDType>): System {
  const left = requireSquare(operation, 'a', a);
  const { matrices, isVector } = requireRightSide(operation, b, sidesOf(left)[1], left.dims);
  const temporaries = new Temporaries(left, matrices);
  const dtype = commonDType(left, matrices);
  const batch = broadcastDims(operation, left.dims.slice(0, -2), matrices.dims.slice(0, -2));
  const cast = (view: View): View<RealDType> =>
    broadcastView(operation, temporaries.keep(castView(view, dtype)), [...batch, ...view.dims.slice(-2)]);
  return { a: cast(left), b: cast(matrices), isVector, temporaries };
}

function solution<D extends RealDType>({ isVector, temporaries }: System, x: View): Tensor<D> {
  temporaries.finish(x);
  return Tensor.fromView((isVector ? dropAxes(x, [x.dims.length - 1]) : x) as View<D>);
}

function* solveSteps<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
): Steps<Tensor<Common<A, B>>> {
  const system = systemOf('solve', a, b);
  const [x] = yield* step('solve', [system.a, system.b], {});
  return solution(system, x);
}

/**
 * The solution of `a [..., n, n] * x = b`. b is one vector `[n]`, or matrices `[..., n, k]`; leading axes broadcast; x has b's
 * form. LAPACK `?getrf`.
 *
 * @throws NumericalError, which names the matrix and the pivot, when one is singular; ShapeError when a is not square.
 */
export function solve<A extends RealDType, B extends RealDType>(a: Tensor<A>, b: Tensor<B>): Tensor<Common<A, B>> {
  return runSteps(solveSteps(a, b));
}

/** {@link solve} off the event loop. */
export function solveAsync<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: AsyncOptions = {},
): Promise<Tensor<Common<A, B>>> {
  return runStepsAsync(solveSteps(a, b), options);
}

export interface SolveTriangularOptions {
  /** Reads the lower triangle of a instead of the upper one. Default false. */
  readonly lower?: boolean;
  /** Takes the diagonal for ones, without reading it. Default false. */
  readonly unitDiagonal?: boolean;
  /** Solves `transpose(a) * x = b`. Default false. */
  readonly transposed?: boolean;
}

function* solveTriangularSteps<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  { lower = false, unitDiagonal = false, transposed = false }: SolveTriangularOptions,
): Steps<Tensor<Common<A, B>>> {
  const system = systemOf('solveTriangular', a, b);
  const triangle = transposed ? transposeView(system.a) : system.a;
  const [x] = yield* step('solveTriangular', [triangle, system.b], { lower: lower !== transposed, unitDiagonal });
  return solution(system, x);
}

/**
 * The solution of `a [..., n, n] * x = b` for triangular a, whose other triangle is not read. BLAS `?trsm`.
 *
 * @throws NumericalError, which names the matrix and the pivot, when there is a zero on the diagonal.
 */
export function solveTriangular<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: SolveTriangularOptions = {},
): Tensor<Common<A, B>> {
  return runSteps(solveTriangularSteps(a, b, options));
}

/** {@link solveTriangular} off the event loop. */
export function solveTriangularAsync<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: SolveTriangularOptions & AsyncOptions = {},
): Promise<Tensor<Common<A, B>>> {
  return runStepsAsync(solveTriangularSteps(a, b, options), options);
}

function* invSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  const [inverse] = yield* step('inv', [requireSquare('inv', 'a', a)], {});
  return Tensor.fromView(inverse as View<D>);
}

/**
 * The inverse of square matrices `a [..., n, n]`. To solve a system use {@link solve}, which is faster and more accurate.
 * LAPACK `?getrf` and `?getri`.
 *
 * @throws NumericalError, which names the matrix and the pivot, when one is singular; ShapeError when a is not square.
 */
export function inv<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(invSteps(a));
}

/** {@link inv} off the event loop. */
export function invAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsAsync(invSteps(a), options);
}
