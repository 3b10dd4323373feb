import type { View } from '../backend/view.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { equalDims, formatShape } from './dim.js';
import { castView, compute, requireView, Temporaries } from './execute.js';
import { promoteTypes, sumDType } from './promotion.js';
import { reduce } from './reductions.js';
import { broadcastDims, broadcastView } from './shape.js';
import { dropAxes, reorderAxes, reshapeDims, unsqueezeView, windowOf } from './strided.js';

/** The matrix product `a [..., m, k]` times `b [..., k, n]`, as `numpy.matmul`: a vector is a row on the left, a column on the right. */
export function matmul(a: View, b: View): View {
  requireView('matmul', 'a', a);
  requireView('matmul', 'b', b);
  if (a.dims.length === 0 || b.dims.length === 0) {
    throw new ShapeError('matmul: expected vectors or matrices, got a scalar; use multiply()');
  }
  const temporaries = new Temporaries(a, b);
  const dtype = sumDType(promoteTypes(a.dtype, b.dtype));
  let x = temporaries.keep(castView(a, dtype));
  let y = temporaries.keep(castView(b, dtype));
  if (x.dims.length === 1) x = unsqueezeView(x, 0);
  if (y.dims.length === 1) y = unsqueezeView(y, 1);
  const [columns, rows] = [x.dims[x.dims.length - 1], y.dims[y.dims.length - 2]];
  if (!equalDims(columns, rows)) {
    throw new ShapeError(
      `matmul: shapes ${formatShape(a.dims)} and ${formatShape(b.dims)} do not fit: ${columns} columns meet ${rows} rows`,
    );
  }
  if (x.dims.length > 2 || y.dims.length > 2) {
    const batch = broadcastDims('matmul', x.dims.slice(0, -2), y.dims.slice(0, -2));
    x = broadcastView('matmul', x, [...batch, ...x.dims.slice(-2)]);
    y = broadcastView('matmul', y, [...batch, ...y.dims.slice(-2)]);
  }
  const product = temporaries.finish(compute('matmul', x, y));
  if (a.dims.length > 1 && b.dims.length > 1) return product;
  const { length } = product.dims;
  const dropped = [...(a.dims.length === 1 ? [length - 2] : []), ...(b.dims.length === 1 ? [length - 1] : [])];
  return dropAxes(product, dropped);
}

/** The sum of the products of two vectors. */
export function dotViews(a: View, b: View): View {
  requireView('dot', 'a', a);
  requireView('dot', 'b', b);
  if (a.dims.length !== 1 || b.dims.length !== 1) {
    throw new ShapeError(
      `dot: expected two vectors, got ${formatShape(a.dims)} and ${formatShape(b.dims)}; use matmul() for matrices`,
    );
  }
  return matmul(a, b);
}

interface Labelled {
  readonly labels: string;
  readonly view: View;
}

function parseEquation(equation: string, count: number): { inputs: string[]; output: string } {
  const match = /^([a-zA-Z]*(?:,[a-zA-Z]*)*)(?:->([a-zA-Z]*))?$/.exec(String(equation).replaceAll(' ', ''));
  if (match === null) {
    throw new ArgumentError(`einsum: expected an equation such as 'ij,jk->ik', got ${JSON.stringify(equation)}`);
  }
  const inputs = (match[1] as string).split(',');
  if (inputs.length !== count) {
    throw new ArgumentError(`einsum: the equation '${equation}' has ${inputs.length} operands, got ${count} tensors`);
  }
  const all = inputs.join('');
  // Without an arrow: what appears once, in alphabetical order.
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label));
  const output = match[2] ?? once.sort().join('');
  const wrong = [...output].find((label, index) => !all.includes(label) || output.indexOf(label) !== index);
  if (wrong !== undefined) {
    throw new ArgumentError(
      `einsum: output label '${wrong}' of '${equation}' must be one of the inputs', and once only`,
    );
  }
  return { inputs, output };
}

/** A label that stands twice in one operand takes its diagonal. */
function diagonals({ labels, view }: Labelled): Labelled {
  const unique = [...new Set(labels)].join('');
  if (unique.length === labels.length) return { labels, view };
  const dims = [...unique].map((label) => view.dims[labels.indexOf(label)]);
  const strides = [...unique].map((label) =>
    [...labels].reduce((sum, other, axis) => (other === label ? sum + (view.strides[axis] as number) : sum), 0),
  );
  return { labels: unique, view: windowOf(view, dims as number[], strides) };
}

/** Sums out labels that nothing else needs. */
function sumOut({ labels, view }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = [...labels].flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  if (axes.length === 0) return { labels, view };
  return { labels: [...labels].filter((label) => needed.has(label)).join(''), view: reduce('sum', view, axes) };
}

/** The axes in the order of `labels`, missing ones with length one. */
function arrange({ labels: own, view }: Labelled, labels: string): View {
  const present = [...labels].filter((label) => own.includes(label));
  let arranged = reorderAxes(
    view,
    present.map((label) => own.indexOf(label)),
  );
  for (const [axis, label] of [...labels].entries()) if (!own.includes(label)) arranged = unsqueezeView(arranged, axis);
  return arranged;
}

const product = (dims: readonly unknown[]): number => (dims as number[]).reduce((a, b) => a * b, 1);

/** Two operands become one by a batched matrix product over the labels that they share and nobody else needs. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = [...a.labels].filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label)).join('');
  const inner = shared.filter((label) => !needed.has(label)).join('');
  const rows = [...a.labels].filter((label) => !b.labels.includes(label)).join('');
  const columns = [...b.labels].filter((label) => !a.labels.includes(label)).join('');
  const left = arrange(a, batch + rows + inner);
  const right = arrange(b, batch + inner + columns);
  const batchDims = left.dims.slice(0, batch.length);
  const rowDims = left.dims.slice(batch.length, batch.length + rows.length);
  const innerDims = left.dims.slice(batch.length + rows.length);
  const columnDims = right.dims.slice(batch.length + inner.length);
  const result = matmul(
    reshapeDims(left, [product(batchDims), product(rowDims), product(innerDims)]),
    reshapeDims(right, [product(batchDims), product(innerDims), product(columnDims)]),
  );
  return { labels: batch + rows + columns, view: reshapeDims(result, [...batchDims, ...rowDims, ...columnDims]) };
}

/** Einstein's summation: operands are contracted from left to right, each step by one matrix product. */
export function einsumViews(equation: string, views: readonly View[]): View {
  const { inputs, output } = parseEquation(equation, views.length);
  const lengths = new Map<string, unknown>();
  const dtype = sumDType(views.map((view) => requireView('einsum', 'tensors', view).dtype).reduce(promoteTypes));
  let operands = inputs.map((labels, index): Labelled => {
    const view = castView(views[index] as View, dtype);
    if (labels.length !== view.dims.length) {
      throw new ShapeError(`einsum: '${labels}' names ${labels.length} axes of shape ${formatShape(view.dims)}`);
    }
    for (const [axis, label] of [...labels].entries()) {
      const known = lengths.get(label) ?? view.dims[axis];
      if (known !== view.dims[axis]) {
        throw new ShapeError(`einsum: label '${label}' has lengths ${String(known)} and ${view.dims[axis]}`);
      }
      lengths.set(label, known);
    }
    return diagonals({ labels, view });
  });
  const neededBy = (others: readonly Labelled[]): Set<string> =>
    new Set(output + others.map((other) => other.labels).join(''));
  operands = operands.map((operand, index) => sumOut(operand, neededBy(operands.toSpliced(index, 1))));
  while (operands.length > 1) {
    const [a, b, ...rest] = operands as [Labelled, Labelled, ...Labelled[]];
    operands = [contract(a, b, neededBy(rest)), ...rest];
  }
  const [last] = operands as [Labelled];
  return arrange(sumOut(last, new Set(output)), output);
}
