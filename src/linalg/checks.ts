import { SymbolicValue, type View } from '../backend/view.js';
import { ArgumentError, DTypeError, RecordingError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { compute, requireView } from '../tensor/execute.js';
import { promoteTypes } from '../tensor/promotion.js';
import { reduce } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';
import type { RealDType } from './sparse-matrix.js';

/** A floating tensor with numbers, of which linear algebra is possible. */
export function requireReal(operation: string, argument: string, value: unknown): View<RealDType> {
  const view = requireView(operation, argument, value);
  if (view.dtype !== 'float32' && view.dtype !== 'float64') {
    throw new DTypeError(
      `${operation}: argument ${argument} must be float32 or float64, got ${view.dtype}; convert it with .to('float64')`,
    );
  }
  if (view.data instanceof SymbolicValue) {
    throw new RecordingError(
      `${operation}: argument ${argument} has no numbers while its computation is being recorded`,
    );
  }
  return view as View<RealDType>;
}

/** Refuses NaN and infinities: LAPACK's iterations need not end with them, and results would mean nothing. */
export function requireFinite(operation: string, argument: string, view: View): void {
  const { data, offset } = reduce('all', compute('isFinite', view), null);
  if ((data as Uint8Array)[offset as number] === 0) {
    throw new ArgumentError(
      `${operation}: argument ${argument} has NaN or infinite elements, of which there is no result; find them with isFinite()`,
    );
  }
}

/** Finite floating matrices `[..., m, n]`. */
export function requireMatrices<D extends RealDType>(operation: string, argument: string, value: Tensor<D>): View<D> {
  const view = requireReal(operation, argument, value);
  if (view.dims.length < 2) {
    throw new ShapeError(
      `${operation}: argument ${argument} must be a matrix, or matrices [..., m, n], got shape ${formatShape(view.dims)}`,
    );
  }
  requireFinite(operation, argument, view);
  return view as View<D>;
}

/** Finite floating square matrices `[..., n, n]`. */
export function requireSquare<D extends RealDType>(operation: string, argument: string, value: Tensor<D>): View<D> {
  const view = requireMatrices(operation, argument, value);
  if (view.dims.at(-1) !== view.dims.at(-2)) {
    throw new ShapeError(
      `${operation}: argument ${argument} must be square, [n, n] or [..., n, n], got shape ${formatShape(view.dims)}`,
    );
  }
  return view;
}

/** The rows and columns of matrices. */
export function sidesOf({ dims }: View): readonly [m: number, n: number] {
  return [dims.at(-2) as number, dims.at(-1) as number];
}

/** The dtype in which two floating operands meet. */
export function commonDType(a: View, b: View): RealDType {
  return promoteTypes(a.dtype, b.dtype) as RealDType;
}
