import { allocateStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { contiguousStrides, formatShape } from '../tensor/dim.js';
import type { DType } from '../tensor/dtype.js';
import { binary, where } from '../tensor/elementwise.js';
import { requireView, Temporaries } from '../tensor/execute.js';
import type { Arithmetic, Promote, Sum } from '../tensor/promotion.js';
import { reduce } from '../tensor/reductions.js';
import { flattenView, reshapeDims, windowOf } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';

/* What only moves elements or multiplies them one by one. At once in every form: there is nothing to wait for. */

function requireMatrixShape(operation: string, argument: string, value: unknown): View {
  const view = requireView(operation, argument, value);
  if (view.dims.length < 2) {
    throw new ShapeError(
      `${operation}: argument ${argument} must be a matrix, or matrices [..., m, n], got shape ${formatShape(view.dims)}`,
    );
  }
  return view;
}

function requireOffset(operation: string, k: unknown): number {
  if (typeof k === 'number' && Number.isInteger(k)) return k;
  throw new ArgumentError(`${operation}: the diagonal must be an integer, got ${String(k)}`);
}

/** A bool matrix that says which elements lie in a triangle: `column - row >= k`, or `<= k` for the lower one. */
function triangleMask(m: number, n: number, triangle: 'lower' | 'upper', k: number): View<'bool'> {
  const data = allocateStorage('bool', m * n);
  for (let row = 0; row < m; row++) {
    const border = triangle === 'upper' ? row + k : row + k + 1;
    const edge = Math.min(Math.max(border, 0), n);
    data.fill(triangle === 'upper' ? 0 : 1, row * n, row * n + edge);
    data.fill(triangle === 'upper' ? 1 : 0, row * n + edge, (row + 1) * n);
  }
  return { dtype: 'bool', dims: [m, n], strides: contiguousStrides([m, n]), offset: 0, data };
}

/** A fresh copy with zeros outside a triangle, and where given one number all along the main diagonal. */
export function triangleOf<D extends DType>(
  view: View<D>,
  triangle: 'lower' | 'upper',
  k: number,
  diagonal?: number,
): View<D> {
  const [m, n] = view.dims.slice(-2) as number[];
  const temporaries = new Temporaries(view);
  const mask = temporaries.keep(triangleMask(m, n, triangle, k));
  const result = where(mask, view, 0) as View<D>;
  if (diagonal === undefined) return temporaries.finish(result);
  const isDiagonal = temporaries.keep(binary('equal', diagonalIndex(m, 'row'), diagonalIndex(n, 'column')));
  temporaries.keep(result);
  return temporaries.finish(where(isDiagonal, diagonal, result) as View<D>);
}

function diagonalIndex(length: number, axis: 'row' | 'column'): View<'int32'> {
  const data = Int32Array.from({ length }, (_, index) => index);
  const dims = axis === 'row' ? [length, 1] : [1, length];
  return { dtype: 'int32', dims, strides: contiguousStrides(dims), offset: 0, data };
}

/** Diagonals `[..., length]` of matrices, a view into them. */
export function diagonalView<D extends DType>(view: View<D>, k = 0): View<D> {
  const [m, n] = view.dims.slice(-2) as number[];
  const [rowStride, columnStride] = view.strides.slice(-2) as number[];
  const length = Math.max(0, Math.min(m + Math.min(k, 0), n - Math.max(k, 0)));
  const skipped = length === 0 ? 0 : k >= 0 ? k * columnStride : -k * rowStride;
  return {
    ...windowOf(view, [...view.dims.slice(0, -2), length], [...view.strides.slice(0, -2), rowStride + columnStride]),
    offset: (view.offset as number) + skipped,
  };
}

/**
 * The upper triangle of `a [..., m, n]`, zeros below diagonal `k`.
 *
 * @param k - 0 (default) is the main diagonal, positive ones lie above it.
 */
export function triu<D extends DType>(a: Tensor<D>, k = 0): Tensor<D> {
  const view = requireMatrixShape('triu', 'a', a) as View<D>;
  return Tensor.fromView(triangleOf(view, 'upper', requireOffset('triu', k)));
}

/** The lower triangle of `a [..., m, n]`, zeros above diagonal `k`; see {@link triu}. */
export function tril<D extends DType>(a: Tensor<D>, k = 0): Tensor<D> {
  const view = requireMatrixShape('tril', 'a', a) as View<D>;
  return Tensor.fromView(triangleOf(view, 'lower', requireOffset('tril', k)));
}

/** The sum `[...]` along diagonal `k` of `a [..., m, n]`. */
export function trace<D extends DType>(a: Tensor<D>, k = 0): Tensor<Sum<D>> {
  const view = requireMatrixShape('trace', 'a', a) as View<D>;
  return Tensor.fromView(reduce('sum', diagonalView(view, requireOffset('trace', k)), -1) as View<Sum<D>>);
}

/** The outer product `[a.size, b.size]` of all elements of two tensors, as `numpy.outer`. */
export function outer<A extends DType, B extends DType>(a: Tensor<A>, b: Tensor<B>): Tensor<Arithmetic<Promote<A, B>>> {
  const left = flattenView(requireView('outer', 'a', a));
  const right = flattenView(requireView('outer', 'b', b));
  const column = reshapeDims(left, [left.dims[0], 1]);
  const row = reshapeDims(right, [1, right.dims[0]]);
  return Tensor.fromView(binary('multiply', column, row) as View<Arithmetic<Promote<A, B>>>);
}

/**
 * The Kronecker product: every element of a times all of b, as `numpy.kron`. Of `[m, n]` and `[p, q]` it is `[m * p, n * q]`;
 * a tensor of fewer axes gets axes of length one in front.
 */
export function kron<A extends DType, B extends DType>(a: Tensor<A>, b: Tensor<B>): Tensor<Arithmetic<Promote<A, B>>> {
  const left = requireView('kron', 'a', a);
  const right = requireView('kron', 'b', b);
  const rank = Math.max(left.dims.length, right.dims.length);
  const padded = ({ dims }: View): number[] => [
    ...Array<number>(rank - dims.length).fill(1),
    ...(dims as readonly number[]),
  ];
  const [x, y] = [padded(left), padded(right)];
  if (2 * rank > 8) {
    throw new ShapeError(
      `kron: expected at most 4 axes, got shapes ${formatShape(left.dims)} and ${formatShape(right.dims)}`,
    );
  }
  // Axes of a and b take turns, and then each pair is one.
  const product = binary(
    'multiply',
    reshapeDims(
      left,
      x.flatMap((dim) => [dim, 1]),
    ),
    reshapeDims(
      right,
      y.flatMap((dim) => [1, dim]),
    ),
  );
  const dims = x.map((dim, axis) => dim * y[axis]);
  return Tensor.fromView(reshapeDims(product, dims) as View<Arithmetic<Promote<A, B>>>);
}
