import type { View } from '../backend/view.js';
import { binary, unary, where } from '../tensor/elementwise.js';
import { castView, Temporaries } from '../tensor/execute.js';
import { reduce } from '../tensor/reductions.js';
import { broadcastDims, broadcastView } from '../tensor/shape.js';
import { dropAxes, reshapeDims, transposeView } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';
import { commonDType, requireMatrices, sidesOf } from './checks.js';
import { productOf } from './matrix-functions.js';
import { cutoffOf, rankOf, type ToleranceOptions } from './norms.js';
import { type Common, requireRightSide } from './solvers.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, runStepsOnCopies, type Steps, step } from './steps.js';

/** Reciprocals of the singular values above a cut-off, zero for the others, as a column `[..., r, 1]`. */
function reciprocalsAbove(s: View, cutoff: View): View {
  const temporaries = new Temporaries(s, cutoff);
  const kept = temporaries.keep(binary('greater', s, reshapeDims(cutoff, [...cutoff.dims, 1])));
  const safe = temporaries.keep(where(kept, s, 1));
  const reciprocals = temporaries.finish(where(kept, temporaries.keep(unary('reciprocal', safe)), 0));
  return reshapeDims(reciprocals, [...reciprocals.dims, 1]);
}

function* pinvSteps<D extends RealDType>(a: Tensor<D>, options: ToleranceOptions): Steps<Tensor<D>> {
  const matrices = requireMatrices('pinv', 'a', a);
  const temporaries = new Temporaries(matrices);
  const [u, s, vt] = yield* step('svd', [matrices], { fullMatrices: false, vectors: true });
  for (const factor of [u, s, vt]) temporaries.keep(factor);
  const cutoff = temporaries.keep(cutoffOf('pinv', s, Math.max(...sidesOf(matrices)), options));
  const scaled = temporaries.keep(binary('multiply', temporaries.keep(reciprocalsAbove(s, cutoff)), transposeView(u)));
  return Tensor.fromView(temporaries.finish(yield* productOf(transposeView(vt) as View<D>, scaled as View<D>)));
}

/**
 * The Moore-Penrose pseudo-inverse `[..., n, m]` of `a [..., m, n]`. LAPACK `?gesdd`.
 *
 * @param options.relativeTolerance - singular values up to this times the largest count as zero.
 */
export function pinv<D extends RealDType>(a: Tensor<D>, options: ToleranceOptions = {}): Tensor<D> {
  return runSteps(pinvSteps(a, options));
}

/** {@link pinv} off the event loop. */
export function pinvAsync<D extends RealDType>(
  a: Tensor<D>,
  options: ToleranceOptions & AsyncOptions = {},
): Promise<Tensor<D>> {
  return runStepsAsync(pinvSteps(a, options), options);
}

export interface LstsqResult<D extends RealDType> {
  /** The shortest of the x that come nearest: `[n]` for a vector b, else `[..., n, k]`. */
  readonly x: Tensor<D>;
  /** The squared length of `b - a * x`, `[]` for a vector b, else one a column, `[..., k]`. */
  readonly residuals: Tensor<D>;
  /** The rank of a, `[...]`. */
  readonly rank: Tensor<'int32'>;
  /** The singular values of a, descending, `[..., min(m, n)]`. */
  readonly singularValues: Tensor<D>;
}

function* lstsqSteps<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: ToleranceOptions,
): Steps<LstsqResult<Common<A, B>>> {
  type D = Common<A, B>;
  const left = requireMatrices('lstsq', 'a', a);
  const { matrices: right, isVector } = requireRightSide('lstsq', b, sidesOf(left)[0], left.dims);
  const dtype = commonDType(left, right);
  const temporaries = new Temporaries(left, right);
  const x = temporaries.keep(castView(left as View, dtype)) as View<D>;
  const y = temporaries.keep(castView(right as View, dtype)) as View<D>;
  const [u, s, vt] = yield* step('svd', [x], { fullMatrices: false, vectors: true });
  temporaries.keep(u);
  temporaries.keep(vt);
  const cutoff = temporaries.keep(cutoffOf('lstsq', s, Math.max(...sidesOf(left)), options));
  const projected = temporaries.keep(yield* productOf(transposeView(u) as View<D>, y));
  const scaled = temporaries.keep(binary('multiply', temporaries.keep(reciprocalsAbove(s, cutoff)), projected));
  const solution = yield* productOf(transposeView(vt) as View<D>, scaled as View<D>);
  const image = temporaries.keep(yield* productOf(x, solution));
  const batch = broadcastDims('lstsq', image.dims.slice(0, -2), y.dims.slice(0, -2));
  const rest = temporaries.keep(binary('subtract', broadcastView('lstsq', y, [...batch, ...y.dims.slice(-2)]), image));
  const residuals = reduce('sum', temporaries.keep(unary('square', rest)), -2);
  const result = {
    x: Tensor.fromView((isVector ? dropAxes(solution, [solution.dims.length - 1]) : solution) as View<D>),
    residuals: Tensor.fromView((isVector ? dropAxes(residuals, [residuals.dims.length - 1]) : residuals) as View<D>),
    rank: rankOf(s, cutoff),
    singularValues: Tensor.fromView(s as View<D>),
  };
  temporaries.finish(solution, residuals, s);
  return result;
}

/**
 * The least squares solution of `a [..., m, n] * x = b`: of all x that make `b - a * x` shortest, the shortest. b is one vector
 * `[m]`, or matrices `[..., m, k]`. LAPACK `?gesdd`.
 *
 * @param options.relativeTolerance - singular values up to this times the largest count as zero.
 * @throws ShapeError when the rows of a and b differ.
 */
export function lstsq<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: ToleranceOptions = {},
): LstsqResult<Common<A, B>> {
  return runSteps(lstsqSteps(a, b, options));
}

/** {@link lstsq} off the event loop. */
export function lstsqAsync<A extends RealDType, B extends RealDType>(
  a: Tensor<A>,
  b: Tensor<B>,
  options: ToleranceOptions & AsyncOptions = {},
): Promise<LstsqResult<Common<A, B>>> {
  return runStepsOnCopies(lstsqSteps<A, B>, [a, b, options], options);
}
