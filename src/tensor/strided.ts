import type { View } from '../backend/view.js';
import { isContiguous } from '../backend/view.js';
import { ArgumentError, IndexOutOfRangeError, ShapeError } from '../errors.js';
import { addDims, concreteDim, contiguousStrides, type Dim, equalDims, formatShape, multiplyDims } from './dim.js';
import type { DType } from './dtype.js';
import { copyView, requireDTypeName } from './execute.js';
import { type Axes, broadcastView, normalizeAxes, normalizeAxis, resolveReshape } from './shape.js';

/*
 * Other windows onto the same storage: nothing here computes or copies, except a reshape that no strides can express.
 */

/** The view with other dims, strides and perhaps another offset. */
export function windowOf<D extends DType>(
  view: View<D>,
  dims: readonly Dim[],
  strides: readonly Dim[],
  offset: Dim = view.offset,
): View<D> {
  return { dtype: view.dtype, dims, strides, offset, data: view.data };
}

/** Axes in another order, each named once and counted from the front. */
export function reorderAxes<D extends DType>(view: View<D>, order: readonly number[]): View<D> {
  if (order.every((axis, position) => axis === position)) return view;
  return windowOf(
    view,
    order.map((axis) => view.dims[axis]),
    order.map((axis) => view.strides[axis]),
  );
}

export function permuteView<D extends DType>(view: View<D>, axes?: readonly number[]): View<D> {
  const rank = view.dims.length;
  if (axes === undefined) return reorderAxes(view, normalizeAxes('permute', undefined, rank).reverse());
  if (axes.length !== rank) {
    throw new ShapeError(
      `permute: expected ${rank} axes for shape ${formatShape(view.dims)}, got [${axes.join(', ')}]`,
    );
  }
  return reorderAxes(view, normalizeAxes('permute', axes, rank));
}

export function transposeView<D extends DType>(view: View<D>, first?: number, second?: number): View<D> {
  const rank = view.dims.length;
  if (first === undefined && second === undefined && rank < 2) return view;
  const a = normalizeAxis('transpose', first ?? -2, rank);
  const b = normalizeAxis('transpose', second ?? -1, rank);
  const order = Array.from({ length: rank }, (_, axis) => (axis === a ? b : axis === b ? a : axis));
  return reorderAxes(view, order);
}

/** The view with `axis` as its last, the others in order. */
export function moveToEnd<D extends DType>(view: View<D>, axis: number): View<D> {
  const order = view.dims.map((_, other) => other).filter((other) => other !== axis);
  return reorderAxes(view, [...order, axis]);
}

/** Undoes {@link moveToEnd}. */
export function moveFromEnd<D extends DType>(view: View<D>, axis: number): View<D> {
  const last = view.dims.length - 1;
  const order = Array.from({ length: last }, (_, other) => other);
  order.splice(axis, 0, last);
  return reorderAxes(view, order);
}

/** Strides that show `view` with other dims of the same size, or null where only a copy can. */
function reshapeStrides(view: View, dims: readonly Dim[]): Dim[] | null {
  if (isContiguous(view)) return contiguousStrides(dims);
  const strides = new Array<Dim>(dims.length);
  let next = dims.length - 1;
  let end = view.dims.length - 1;
  while (end >= 0) {
    // A run of axes that step through memory evenly acts as one axis and can be cut anew.
    let length = view.dims[end];
    const base = view.strides[end];
    let begin = end - 1;
    while (begin >= 0 && (view.dims[begin] === 1 || equalDims(view.strides[begin], multiplyDims(length, base)))) {
      length = multiplyDims(length, view.dims[begin]);
      begin--;
    }
    let covered: Dim = 1;
    while (next >= 0 && (!equalDims(covered, length) || dims[next] === 1)) {
      strides[next] = multiplyDims(covered, base);
      covered = multiplyDims(covered, dims[next]);
      if (typeof covered === 'number' && typeof length === 'number' && covered > length) return null;
      next--;
    }
    if (!equalDims(covered, length)) return null;
    end = begin;
  }
  while (next >= 0) strides[next--] = 0;
  return strides;
}

export function reshapeView<D extends DType>(view: View<D>, shape: unknown, operation = 'reshape'): View<D> {
  return reshapeDims(view, resolveReshape(operation, view.dims, shape));
}

/** {@link reshapeView} to dims known to have the same size. */
export function reshapeDims<D extends DType>(view: View<D>, dims: readonly Dim[]): View<D> {
  const strides = reshapeStrides(view, dims);
  if (strides !== null) return windowOf(view, dims, strides);
  return windowOf(copyView(view), dims, contiguousStrides(dims), 0);
}

export function flattenView<D extends DType>(view: View<D>): View<D> {
  return view.dims.length === 1 ? view : reshapeView(view, [-1]);
}

export function squeezeView<D extends DType>(view: View<D>, axes: Axes): View<D> {
  let dropped: number[];
  if (axes === undefined || axes === null) {
    dropped = view.dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  } else {
    dropped = normalizeAxes('squeeze', axes, view.dims.length);
    for (const axis of dropped) {
      if (view.dims[axis] !== 1) {
        throw new ShapeError(`squeeze: axis ${axis} of shape ${formatShape(view.dims)} does not have length 1`);
      }
    }
  }
  return dropAxes(view, dropped);
}

export function dropAxes<D extends DType>(view: View<D>, dropped: readonly number[]): View<D> {
  if (dropped.length === 0) return view;
  const keep = (_: Dim, axis: number): boolean => !dropped.includes(axis);
  return windowOf(view, view.dims.filter(keep), view.strides.filter(keep));
}

export function unsqueezeView<D extends DType>(view: View<D>, axis: number): View<D> {
  const position = normalizeAxis('unsqueeze', axis, view.dims.length + 1);
  return windowOf(view, view.dims.toSpliced(position, 0, 1), view.strides.toSpliced(position, 0, 0));
}

export function expandView<D extends DType>(view: View<D>, shape: readonly Dim[]): View<D> {
  const missing = shape.length - view.dims.length;
  const dims = shape.map((dim, axis) => {
    if (dim === -1 && axis >= missing) return view.dims[axis - missing];
    if (typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0)) return dim;
    throw new ShapeError(
      `expand: shape[${axis}] must be a non-negative integer, or -1 for an axis that exists, got ${dim} in shape [${shape.join(', ')}]`,
    );
  });
  return broadcastView('expand', view, dims);
}

export function flipView<D extends DType>(view: View<D>, axes: Axes): View<D> {
  const strides = [...view.strides];
  let offset = view.offset;
  for (const axis of normalizeAxes('flip', axes, view.dims.length)) {
    const length = concreteDim(view.dims[axis], `flip: the length of axis ${axis}`);
    if (length === 0) continue;
    offset = addDims(offset, multiplyDims(length - 1, strides[axis]));
    strides[axis] = multiplyDims(-1, strides[axis]);
  }
  return windowOf(view, view.dims, strides, offset);
}

/**
 * What to take of one axis:
 * - a number: that index, counted from the end when negative; the axis goes away;
 * - `[start, end, step]`: from start up to, not including, end; negative ones count from the end, null means as far as it
 *   goes, ends beyond the axis are cut, and a negative step walks backwards (as in NumPy);
 * - null: the whole axis;
 * - `'...'`: as many whole axes as are left over.
 */
export type SliceSpec =
  | number
  | readonly [start: number | null, end?: number | null, step?: number | null]
  | null
  | '...';

/** `[start, length, step]` of a slice of an axis of `length` elements, by the rules of Python. */
function resolveSlice(
  spec: readonly (number | null | undefined)[],
  length: number,
  axis: number,
): [start: number, count: number, step: number] {
  const [start, end, step] = [spec[0] ?? null, spec[1] ?? null, spec[2] ?? 1];
  for (const [name, value] of Object.entries({ start, end, step })) {
    if (value !== null && !Number.isSafeInteger(value)) {
      throw new ArgumentError(`slice: ${name} for axis ${axis} must be an integer, got ${String(value)}`);
    }
  }
  if (spec.length > 3) throw new ArgumentError(`slice: expected [start, end, step] for axis ${axis}, got [${spec}]`);
  if (step === 0) throw new ArgumentError(`slice: step for axis ${axis} must not be 0`);
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (index: number): number => Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const from = start === null ? (step > 0 ? low : high) : clamp(start);
  const to = end === null ? (step > 0 ? high : low) : clamp(end);
  return [from, Math.max(0, Math.ceil((to - from) / step)), step];
}

/** An index counted from the front; refuses one outside the axis. */
export function resolveIndex(operation: string, index: number, length: Dim, axis: number): number {
  if (!Number.isSafeInteger(index)) {
    throw new ArgumentError(`${operation}: the index for axis ${axis} must be an integer, got ${String(index)}`);
  }
  const size = concreteDim(length, `${operation}: the length of axis ${axis}`);
  if (index < -size || index >= size) {
    throw new IndexOutOfRangeError(`${operation}: index ${index} is out of range for axis ${axis} of length ${size}`);
  }
  return index < 0 ? index + size : index;
}

export function sliceView<D extends DType>(view: View<D>, specs: readonly (SliceSpec | undefined)[]): View<D> {
  const rank = view.dims.length;
  const ellipses = specs.filter((spec) => spec === '...').length;
  if (ellipses > 1) throw new ArgumentError("slice: only one '...' is allowed");
  const given = specs.length - ellipses;
  if (given > rank) {
    throw new IndexOutOfRangeError(`slice: ${given} indices given for shape ${formatShape(view.dims)}`);
  }
  const dims: Dim[] = [];
  const strides: Dim[] = [];
  let offset = view.offset;
  let axis = 0;
  const whole = (count: number): void => {
    dims.push(...view.dims.slice(axis, axis + count));
    strides.push(...view.strides.slice(axis, axis + count));
    axis += count;
  };
  for (const spec of specs) {
    if (spec === '...') whole(rank - given);
    else if (spec === null || spec === undefined) whole(1);
    else if (typeof spec === 'number') {
      const index = resolveIndex('slice', spec, view.dims[axis], axis);
      offset = addDims(offset, multiplyDims(index, view.strides[axis]));
      axis++;
    } else if (Array.isArray(spec)) {
      const length = concreteDim(view.dims[axis], `slice: the length of axis ${axis}`);
      const [start, count, step] = resolveSlice(spec, length, axis);
      if (count > 0) offset = addDims(offset, multiplyDims(start, view.strides[axis]));
      dims.push(count);
      strides.push(multiplyDims(step, view.strides[axis]));
      axis++;
    } else {
      throw new ArgumentError(
        `slice: argument ${axis} must be an index, [start, end, step], null or '...', got ${String(spec)}`,
      );
    }
  }
  whole(rank - axis);
  return windowOf(view, dims, strides, offset);
}

export function selectView<D extends DType>(view: View<D>, axis: number, index: number): View<D> {
  const normalized = normalizeAxis('select', axis, view.dims.length);
  const position = resolveIndex('select', index, view.dims[normalized], normalized);
  return windowOf(
    view,
    view.dims.toSpliced(normalized, 1),
    view.strides.toSpliced(normalized, 1),
    addDims(view.offset, multiplyDims(position, view.strides[normalized])),
  );
}

/** Windows of `view` along `axis`: a number of equal parts, or parts that begin at the given indices. */
export function splitView<D extends DType>(view: View<D>, parts: number | readonly number[], axis: number): View<D>[] {
  const normalized = normalizeAxis('split', axis, view.dims.length);
  const length = concreteDim(view.dims[normalized], `split: the length of axis ${normalized}`);
  const bounds = typeof parts === 'number' ? equalParts(parts, length, normalized) : [...parts];
  const specs: SliceSpec[] = new Array(normalized).fill(null);
  return [...bounds, null].map((end, position) => sliceView(view, [...specs, [bounds[position - 1] ?? 0, end]]));
}

function equalParts(parts: number, length: number, axis: number): number[] {
  if (!Number.isSafeInteger(parts) || parts < 1) {
    throw new ArgumentError(`split: the number of parts must be an integer from 1 up, got ${parts}`);
  }
  if (length % parts !== 0) {
    throw new ShapeError(`split: axis ${axis} of length ${length} does not divide into ${parts} equal parts`);
  }
  return Array.from({ length: parts - 1 }, (_, index) => ((index + 1) * length) / parts);
}

export function castTarget(dtype: unknown): DType {
  requireDTypeName('to', dtype);
  return dtype;
}
