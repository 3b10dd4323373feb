import type { View } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import { concreteDim, contiguousStrides, type Dim } from './dim.js';
import type { DType } from './dtype.js';
import { binary, unary } from './elementwise.js';
import { castView, execute, Temporaries } from './execute.js';
import { arithmeticDType, quotientDType, sumDType } from './promotion.js';
import { type Axes, normalizeAxes } from './shape.js';
import { reorderAxes, windowOf } from './strided.js';

type ReductionName = 'sum' | 'prod' | 'max' | 'min' | 'argmax' | 'argmin' | 'any' | 'all';

export interface ReduceOptions {
  /** Keeps each reduced axis, with length one, so that the result broadcasts against the operand. Default false. */
  readonly keepdims?: boolean;
}

export interface SpreadOptions extends ReduceOptions {
  /** Delta degrees of freedom: the sum of squares is divided by n - ddof. Default 0. */
  readonly ddof?: number;
}

export interface NormOptions extends ReduceOptions {
  /** Order of the vector norm: 2 (default), 1, any other p, 0 (how many are not zero), Infinity or -Infinity. */
  readonly order?: number;
}

function inputDType(name: ReductionName, dtype: DType): DType {
  if (name === 'any' || name === 'all') return 'bool';
  return name === 'sum' || name === 'prod' ? sumDType(dtype) : arithmeticDType(dtype);
}

/** Reduces over `axes`; indices (argmax, argmin) count row-major within the reduced axes. */
export function reduce(name: ReductionName, x: View, axes: Axes, keepdims = false): View {
  const rank = x.dims.length;
  const reduced = normalizeAxes(name, axes, rank).sort((a, b) => a - b);
  const kept = x.dims.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
  const temporaries = new Temporaries(x);
  const operand = reorderAxes(temporaries.keep(castView(x, inputDType(name, x.dtype))), [...kept, ...reduced]);
  const [result] = execute(name, [operand], { axes: reduced.length });
  temporaries.finish(result);
  return keepdims ? withReducedAxes(result, x.dims, reduced) : result;
}

/** A contiguous result with length-one axes put back where axes were reduced. */
function withReducedAxes(result: View, dims: readonly Dim[], reduced: readonly number[]): View {
  const full = dims.map((dim, axis) => (reduced.includes(axis) ? 1 : dim));
  return windowOf(result, full, contiguousStrides(full));
}

function countOf(operation: string, x: View, axes: Axes): number {
  let count = 1;
  for (const axis of normalizeAxes(operation, axes, x.dims.length)) {
    count *= concreteDim(x.dims[axis], `${operation}: the length of axis ${axis}`);
  }
  return count;
}

/** The arithmetic mean; of no elements it is NaN. */
export function mean(x: View, axes: Axes, keepdims = false): View {
  const count = countOf('mean', x, axes);
  const temporaries = new Temporaries(x);
  const values = temporaries.keep(castView(x, quotientDType(x.dtype)));
  const total = temporaries.keep(reduce('sum', values, axes, keepdims));
  return temporaries.finish(binary('divide', total, count));
}

/** The variance, in two passes: the mean first, then the mean of squared distances from it. */
export function variance(x: View, axes: Axes, options: SpreadOptions, operation = 'var'): View {
  const { ddof = 0, keepdims = false } = options;
  if (typeof ddof !== 'number' || !Number.isFinite(ddof)) {
    throw new ArgumentError(`${operation}: ddof must be a finite number, got ${String(ddof)}`);
  }
  const count = countOf(operation, x, axes);
  const temporaries = new Temporaries(x);
  const values = temporaries.keep(castView(x, quotientDType(x.dtype)));
  const centre = temporaries.keep(mean(values, axes, true));
  const distance = temporaries.keep(binary('subtract', values, centre));
  const squares = temporaries.keep(unary('square', distance));
  const total = temporaries.keep(reduce('sum', squares, axes, keepdims));
  return temporaries.finish(binary('divide', total, Math.max(count - ddof, 0)));
}

export function standardDeviation(x: View, axes: Axes, options: SpreadOptions): View {
  const temporaries = new Temporaries(x);
  return temporaries.finish(unary('sqrt', temporaries.keep(variance(x, axes, options, 'std'))));
}

/** Vector norm over `axes`, of all elements where none are given; as `numpy.linalg.vector_norm`. */
export function norm(x: View, axes: Axes, options: NormOptions): View {
  const { order = 2, keepdims = false } = options;
  if (typeof order !== 'number' || Number.isNaN(order)) {
    throw new ArgumentError(`norm: order must be a number, Infinity or -Infinity, got ${String(order)}`);
  }
  const temporaries = new Temporaries(x);
  const values = temporaries.keep(castView(x, quotientDType(x.dtype)));
  if (order === 0) {
    const nonZero = temporaries.keep(castView(temporaries.keep(binary('notEqual', values, 0)), values.dtype));
    return temporaries.finish(reduce('sum', nonZero, axes, keepdims));
  }
  if (order === 2) {
    const squares = temporaries.keep(unary('square', values));
    return temporaries.finish(unary('sqrt', temporaries.keep(reduce('sum', squares, axes, keepdims))));
  }
  const magnitudes = temporaries.keep(unary('absolute', values));
  if (order === Infinity || order === -Infinity) {
    return temporaries.finish(reduce(order > 0 ? 'max' : 'min', magnitudes, axes, keepdims));
  }
  if (order === 1) return temporaries.finish(reduce('sum', magnitudes, axes, keepdims));
  const powers = temporaries.keep(binary('power', magnitudes, order));
  const total = temporaries.keep(reduce('sum', powers, axes, keepdims));
  return temporaries.finish(binary('power', total, 1 / order));
}
