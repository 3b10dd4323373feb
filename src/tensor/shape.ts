import type { View } from '../backend/view.js';
import { ArgumentError, IndexOutOfRangeError, ShapeError } from '../errors.js';
import { type Dim, equalDims, equalShapes, formatShape, LinearDim, multiplyDims, sizeOf } from './dim.js';

/** A shape as users give it. */
export type Shape = readonly number[];

/** The largest element count whose index is still exact, and that any machine might hold. */
const MAX_ELEMENTS = Number.MAX_SAFE_INTEGER;

/** Checks a shape that is to be allocated or broadcast to; returns a copy. */
export function checkShape(operation: string, shape: unknown): number[] {
  const dims = typeof shape === 'number' ? [shape] : shape;
  if (!Array.isArray(dims)) {
    throw new ArgumentError(`${operation}: argument shape must be an array of lengths such as [2, 3], got ${shape}`);
  }
  let size = 1;
  for (const [axis, dim] of dims.entries()) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new ShapeError(
        `${operation}: shape[${axis}] must be a non-negative integer, got ${String(dim)} in shape [${dims.join(', ')}]`,
      );
    }
    if (dim !== 0) size *= dim;
  }
  if (size > MAX_ELEMENTS) {
    throw new ShapeError(`${operation}: shape [${dims.join(', ')}] has more elements than can be counted exactly`);
  }
  return dims.slice() as number[];
}

/** An axis counted from the front, from one that may be negative. */
export function normalizeAxis(operation: string, axis: number, rank: number, name = 'axis'): number {
  if (!Number.isInteger(axis)) throw new ArgumentError(`${operation}: ${name} must be an integer, got ${axis}`);
  if (axis < -rank || axis >= rank) {
    throw new IndexOutOfRangeError(
      rank === 0
        ? `${operation}: ${name} ${axis} is out of range, a scalar has no axes`
        : `${operation}: ${name} ${axis} is out of range for ${rank} axes; expected ${-rank} to ${rank - 1}`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}

/** One axis, several, or (undefined, null) all of them. */
export type Axes = number | readonly number[] | null | undefined;

/** Axes counted from the front, in the order given; all of them where none are given. */
export function normalizeAxes(operation: string, axes: Axes, rank: number): number[] {
  if (axes === undefined || axes === null) return Array.from({ length: rank }, (_, axis) => axis);
  const list: unknown = typeof axes === 'number' ? [axes] : axes;
  if (!Array.isArray(list)) {
    throw new ArgumentError(`${operation}: axes must be an axis or an array of axes, got ${String(axes)}`);
  }
  const normalized = list.map((axis: number) => normalizeAxis(operation, axis, rank));
  if (new Set(normalized).size !== normalized.length) {
    throw new ArgumentError(`${operation}: axes [${list.join(', ')}] name the same axis twice`);
  }
  return normalized;
}

/** The shape that two or more shapes broadcast to, by NumPy's rule: aligned at the end, length one stretches. */
export function broadcastDims(operation: string, ...shapes: (readonly Dim[])[]): readonly Dim[] {
  let result = shapes[0];
  for (const shape of shapes) if (!equalShapes(result, shape)) result = broadcastTwo(operation, result, shape, shapes);
  if (result !== shapes[0]) requireCountable(operation, result);
  return result;
}

function broadcastTwo(
  operation: string,
  a: readonly Dim[],
  b: readonly Dim[],
  shapes: readonly (readonly Dim[])[],
): readonly Dim[] {
  const rank = Math.max(a.length, b.length);
  const dims = new Array<Dim>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x === 1) dims[axis] = y;
    else if (y === 1 || equalDims(x, y)) dims[axis] = x;
    else {
      throw new ShapeError(
        `${operation}: shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: ${x} and ${y} differ and neither is 1`,
      );
    }
  }
  return dims;
}

function requireCountable(operation: string, dims: readonly Dim[]): void {
  let size = 1;
  for (const dim of dims) if (typeof dim === 'number' && dim !== 0) size *= dim;
  if (size > MAX_ELEMENTS) {
    throw new ShapeError(`${operation}: broadcast shape ${formatShape(dims)} has more elements than can be counted`);
  }
}

/** The view with new axes in front and axes of length one stretched, by zero strides. `dims` must fit. */
export function broadcastView<D extends View['dtype']>(
  operation: string,
  view: View<D>,
  dims: readonly Dim[],
): View<D> {
  if (equalShapes(view.dims, dims)) return view;
  const missing = dims.length - view.dims.length;
  const strides = new Array<Dim>(dims.length);
  if (missing < 0) throw cannotExpand(operation, view.dims, dims);
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = axis < missing ? 1 : view.dims[axis - missing];
    if (equalDims(dim, dims[axis])) {
      strides[axis] = axis < missing ? 0 : view.strides[axis - missing];
    } else if (dim === 1) {
      strides[axis] = 0;
    } else {
      throw cannotExpand(operation, view.dims, dims);
    }
  }
  return { dtype: view.dtype, dims, strides, offset: view.offset, data: view.data };
}

function cannotExpand(operation: string, from: readonly Dim[], to: readonly Dim[]): ShapeError {
  return new ShapeError(`${operation}: shape ${formatShape(from)} does not broadcast to ${formatShape(to)}`);
}

/** `a / b` where it is a whole dimension, else null. */
function divideDims(a: Dim, b: Dim): Dim | null {
  if (typeof b === 'number') {
    if (b === 0) return null;
    if (typeof a === 'number') return a % b === 0 ? a / b : null;
    const parts = [a.tokens / b, a.sequences / b, a.constant / b];
    return parts.every(Number.isInteger) ? new LinearDim(parts[0], parts[1], parts[2]) : null;
  }
  if (typeof a === 'number') return null;
  const coefficients = [
    [a.tokens, b.tokens],
    [a.sequences, b.sequences],
    [a.constant, b.constant],
  ];
  const pivot = coefficients.find(([, divisor]) => divisor !== 0);
  const factor = pivot === undefined ? Number.NaN : pivot[0] / pivot[1];
  const fits = Number.isInteger(factor) && coefficients.every(([value, divisor]) => value === divisor * factor);
  return fits ? factor : null;
}

/** The target of a reshape with its -1, if any, worked out; refuses one of another size. */
export function resolveReshape(operation: string, from: readonly Dim[], target: unknown): readonly Dim[] {
  const wanted = typeof target === 'number' || target instanceof LinearDim ? [target] : target;
  if (!Array.isArray(wanted)) {
    throw new ArgumentError(`${operation}: argument shape must be an array of lengths, got ${String(target)}`);
  }
  const open: number[] = [];
  let known: Dim = 1;
  for (const [axis, dim] of wanted.entries()) {
    if (dim === -1) open.push(axis);
    else if (dim instanceof LinearDim || (Number.isSafeInteger(dim) && dim >= 0)) known = multiplyDims(known, dim);
    else {
      throw new ShapeError(
        `${operation}: shape[${axis}] must be a non-negative integer, or -1 once, got ${String(dim)} in shape [${wanted.join(', ')}]`,
      );
    }
  }
  const size = sizeOf(from);
  const mismatch = (): ShapeError =>
    new ShapeError(
      `${operation}: shape ${formatShape(from)} has ${size} elements, which do not fit [${wanted.join(', ')}]`,
    );
  if (open.length === 0) {
    if (!equalDims(size, known)) throw mismatch();
    return wanted.slice();
  }
  if (open.length > 1) throw new ShapeError(`${operation}: only one length of [${wanted.join(', ')}] may be -1`);
  const missing = divideDims(size, known);
  if (missing === null) throw mismatch();
  return wanted.map((dim) => (dim === -1 ? missing : dim));
}
