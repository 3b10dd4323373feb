import type { StorageArray } from '../../tensor/dtype.js';
import type { reductionPrimitives, scanPrimitives } from '../primitives/reduction.js';
import type { HostView } from '../view.js';
import { elementCount, numbersOf } from './elements.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';

/** The last `axes` axes of `x` as one: rows of numbers, in row-major order. */
function rowsOf(x: HostView, axes: number): Float64Array[] {
  const kept = x.dims.length - axes;
  const rows = elementCount(x.dims.slice(0, kept));
  const length = elementCount(x.dims.slice(kept));
  const numbers = numbersOf(x);
  return Array.from({ length: rows }, (_, row) => numbers.subarray(row * length, (row + 1) * length));
}

/** Reduces each row to one number. */
function reduction(
  reduce: (row: Float64Array, isInteger: boolean) => number,
): Kernel<keyof typeof reductionPrimitives> {
  return (operands, [y], { axes }) => {
    const x = viewAt(operands, 0);
    for (const [n, row] of rowsOf(x, axes).entries()) y.data[n] = reduce(row, x.dtype === 'int32');
  };
}

/** Integers wrap at every step: beyond 2^53 a float64 would no longer hold the sum exactly. */
function sumOf(row: Float64Array, isInteger: boolean): number {
  let sum = 0;
  for (const x of row) sum = isInteger ? (sum + x) | 0 : sum + x;
  return sum;
}

function productOf(row: Float64Array, isInteger: boolean): number {
  let product = 1;
  for (const x of row) product = isInteger ? Math.imul(product, x) : product * x;
  return product;
}

/** Ascending order with NaN after everything else. */
function compareNaNLast(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  if (Number.isNaN(b)) return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Index of the first element that no other beats. A NaN beats every number. */
function firstBest(row: Float64Array, beats: (a: number, b: number) => boolean): number {
  let best = 0;
  for (let n = 1; n < row.length; n++) {
    if (Number.isNaN(row[best])) break;
    if (Number.isNaN(row[n]) || beats(row[n], row[best])) best = n;
  }
  return best;
}

export const reductionKernels: Kernels<keyof typeof reductionPrimitives> = {
  sum: reduction(sumOf),
  prod: reduction(productOf),
  max: reduction((row) => row.reduce((a, b) => Math.max(a, b))),
  min: reduction((row) => row.reduce((a, b) => Math.min(a, b))),
  argmax: reduction((row) => firstBest(row, (a, b) => a > b)),
  argmin: reduction((row) => firstBest(row, (a, b) => a < b)),
  any: reduction((row) => (row.some((x) => x !== 0) ? 1 : 0)),
  all: reduction((row) => (row.every((x) => x !== 0) ? 1 : 0)),
};

/** Writes a row of results for each row along the last axis. */
function scan(
  write: (row: Float64Array, y: StorageArray, start: number, isInteger: boolean) => void,
): Kernel<keyof typeof scanPrimitives> {
  return (operands, [y]) => {
    const x = viewAt(operands, 0);
    const length = x.dims[x.dims.length - 1];
    for (const [n, row] of rowsOf(x, 1).entries()) write(row, y.data, n * length, x.dtype === 'int32');
  };
}

function maximumOf(row: Float64Array): number {
  return row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
}

export const scanKernels: Kernels<keyof typeof scanPrimitives> = {
  cumsum: scan((row, y, start, isInteger) => {
    let sum = 0;
    for (let n = 0; n < row.length; n++) {
      sum = isInteger ? (sum + row[n]) | 0 : sum + row[n];
      y[start + n] = sum;
    }
  }),

  softmax: scan((row, y, start) => {
    const greatest = maximumOf(row);
    const exponentials = row.map((x) => Math.exp(x - greatest));
    const sum = sumOf(exponentials, false);
    for (let n = 0; n < row.length; n++) y[start + n] = exponentials[n] / sum;
  }),

  logSoftmax: scan((row, y, start) => {
    const greatest = maximumOf(row);
    const logOfSum = Math.log(
      sumOf(
        row.map((x) => Math.exp(x - greatest)),
        false,
      ),
    );
    for (let n = 0; n < row.length; n++) y[start + n] = row[n] - greatest - logOfSum;
  }),
};

/** The indices of a row from first to last in sorted order. Array.prototype.sort is stable, so ties stay by lower index. */
export function sortedIndices(row: Float64Array, descending: boolean): number[] {
  const sign = descending ? -1 : 1;
  return Array.from(row.keys()).sort((i, j) => sign * compareNaNLast(row[i], row[j]));
}

/** Values and indices of the first `count` elements of every row in sorted order. */
function takeSorted(
  x: HostView,
  values: StorageArray,
  indices: StorageArray,
  count: number,
  descending: boolean,
): void {
  for (const [r, row] of rowsOf(x, 1).entries()) {
    const order = sortedIndices(row, descending);
    for (let n = 0; n < count; n++) {
      values[r * count + n] = row[order[n]];
      indices[r * count + n] = order[n];
    }
  }
}

const sortKernel: Kernel<'sort'> = (operands, [values, indices], { descending }) => {
  const x = viewAt(operands, 0);
  takeSorted(x, values.data, indices.data, x.dims[x.dims.length - 1], descending);
};

const topkKernel: Kernel<'topk'> = (operands, [values, indices], { k, largest }) => {
  takeSorted(viewAt(operands, 0), values.data, indices.data, k, largest);
};

export const sortingKernels: Kernels<'sort' | 'topk'> = { sort: sortKernel, topk: topkKernel };
