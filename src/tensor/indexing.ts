import type { View } from '../backend/view.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { equalDims, formatShape } from './dim.js';
import type { DType } from './dtype.js';
import { castView, execute, requireView, Temporaries } from './execute.js';
import { arithmeticDType, floatingDType, promoteTypes, sumDType } from './promotion.js';
import { broadcastView, normalizeAxis } from './shape.js';
import { moveFromEnd, moveToEnd, unsqueezeView } from './strided.js';

/** Computes with `axis` as the last, and puts it back. */
function alongAxis(x: View, axis: number, operation: string, compute: (operand: View) => View): View {
  const normalized = normalizeAxis(operation, axis, x.dims.length);
  return moveFromEnd(compute(moveToEnd(x, normalized)), normalized);
}

export function cumsum(x: View, axis: number): View {
  const temporaries = new Temporaries(x);
  const values = temporaries.keep(castView(x, sumDType(x.dtype)));
  return temporaries.finish(
    alongAxis(values, axis, 'cumsum', (operand) => execute('cumsum', [operand], {})[0] as View),
  );
}

/** softmax or logSoftmax along an axis. */
export function normalizeExponentials(name: 'softmax' | 'logSoftmax', x: View, axis: number): View {
  const temporaries = new Temporaries(x);
  const values = temporaries.keep(castView(x, floatingDType(x.dtype)));
  return temporaries.finish(alongAxis(values, axis, name, (operand) => execute(name, [operand], {})[0] as View));
}

interface Ranked {
  readonly values: View;
  readonly indices: View<'int32'>;
}

/** Values come back in the dtype that they came in: float16 and bfloat16 are compared as float32, exactly. */
function rank(x: View, axis: number, operation: string, compute: (operand: View) => readonly [View, View]): Ranked {
  const normalized = normalizeAxis(operation, axis, x.dims.length);
  const temporaries = new Temporaries(x);
  const operand = temporaries.keep(castView(x, arithmeticDType(x.dtype)));
  const [values, indices] = compute(moveToEnd(operand, normalized));
  const result = castView(temporaries.keep(values), x.dtype);
  temporaries.finish(result, indices);
  return { values: moveFromEnd(result, normalized), indices: moveFromEnd(indices as View<'int32'>, normalized) };
}

export function sort(x: View, axis: number, descending: boolean): Ranked {
  return rank(x, axis, 'sort', (operand) => execute('sort', [operand], { descending }) as [View, View]);
}

export function topk(x: View, k: number, axis: number, largest: boolean): Ranked {
  return rank(x, axis, 'topk', (operand) => execute('topk', [operand], { k, largest }) as [View, View]);
}

function indexView(operation: string, indices: View | readonly number[]): View {
  if (!Array.isArray(indices)) {
    const view = requireView(operation, 'indices', indices);
    if (view.dtype !== 'int32' && view.dtype !== 'uint8') {
      throw new ArgumentError(`${operation}: indices must be int32, got ${view.dtype}; convert them with .to('int32')`);
    }
    return castView(view, 'int32');
  }
  const wrong = indices.find((index) => !Number.isInteger(index) || Math.abs(index) > 2 ** 31 - 1);
  if (wrong !== undefined) throw new ArgumentError(`${operation}: indices must be whole numbers, got ${String(wrong)}`);
  return { dtype: 'int32', dims: [indices.length], strides: [1], offset: 0, data: Int32Array.from(indices) };
}

export function take(x: View, indices: View | readonly number[], axis: number): View {
  const normalized = normalizeAxis('take', axis, x.dims.length);
  return execute('take', [x, indexView('take', indices)], { axis: normalized })[0] as View;
}

export function gather(x: View, indices: View | readonly number[], axis: number): View {
  const normalized = normalizeAxis('gather', axis, x.dims.length);
  const view = indexView('gather', indices);
  if (view.dims.length !== x.dims.length) {
    throw new ShapeError(
      `gather: indices ${formatShape(view.dims)} must have as many axes as the tensor, ${formatShape(x.dims)}`,
    );
  }
  const dims = x.dims.map((dim, other) => (other === normalized ? view.dims[other] : dim));
  const broadcast = broadcastView('gather', view, dims as number[]);
  return execute('takeAlongAxis', [x, broadcast], { axis: normalized })[0] as View;
}

/** All views in the dtype that holds each of them, and what was made on the way. */
function promoteAll(operation: string, views: readonly View[]): { operands: View[]; temporaries: Temporaries } {
  if (!Array.isArray(views) || views.length === 0) {
    throw new ArgumentError(`${operation}: argument tensors must be a list of at least one tensor`);
  }
  const temporaries = new Temporaries();
  for (const [index, view] of views.entries()) temporaries.leave(requireView(operation, `tensors[${index}]`, view));
  const dtype = views.map((view) => view.dtype).reduce((a: DType, b: DType) => promoteTypes(a, b));
  return { operands: views.map((view) => temporaries.keep(castView(view, dtype))), temporaries };
}

export function concatViews(views: readonly View[], axis: number): View {
  const { operands, temporaries } = promoteAll('concat', views);
  const normalized = normalizeAxis('concat', axis, operands[0].dims.length);
  return temporaries.finish(execute('concat', operands, { axis: normalized })[0] as View);
}

export function stackViews(views: readonly View[], axis: number): View {
  const { operands, temporaries } = promoteAll('stack', views);
  const { dims } = operands[0];
  for (const [index, view] of operands.entries()) {
    if (view.dims.length !== dims.length || !view.dims.every((dim, other) => equalDims(dim, dims[other]))) {
      throw new ShapeError(
        `stack: tensors must be of one shape, but tensors[${index}] has ${formatShape(view.dims)} and tensors[0] ${formatShape(dims)}`,
      );
    }
  }
  const normalized = normalizeAxis('stack', axis, dims.length + 1);
  const raised = operands.map((view) => unsqueezeView(view, normalized));
  return temporaries.finish(execute('concat', raised, { axis: normalized })[0] as View);
}
