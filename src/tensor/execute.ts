import { backendFor } from '../backend/index.js';
import type { AttributesOf, PrimitiveName } from '../backend/primitives/index.js';
import { releaseStorage } from '../backend/storage.js';
import { borrow, isContiguous, type Operand, SymbolicValue, type View } from '../backend/view.js';
import { ArgumentError, DTypeError } from '../errors.js';
import { arrayConstructor, DTYPES, type DType, isDType, type StorageArray } from './dtype.js';
import type { Scalar } from './promotion.js';

/** Runs a primitive on the backend that its operands call for. */
export function execute<P extends PrimitiveName>(
  primitive: P,
  operands: readonly Operand[],
  attributes: AttributesOf<P> & object,
): View[] {
  return backendFor(operands).run(primitive, operands, attributes);
}

/** Runs a primitive that has no attributes and one result. */
export function compute(
  primitive: {
    [P in PrimitiveName]: object extends AttributesOf<P> ? P : never;
  }[PrimitiveName],
  ...operands: View[]
): View {
  const [result] = execute(primitive, operands, {});
  return result;
}

export function isSymbolicView(view: View): boolean {
  return borrow(view) instanceof SymbolicValue;
}

/** The view in another dtype: itself where it has that dtype, else a fresh contiguous one. */
export function castView<D extends DType>(view: View, dtype: D): View<D> {
  if (view.dtype === dtype) return view as View<D>;
  const [result] = execute('cast', [view], { dtype });
  return result as View<D>;
}

/** A contiguous copy. */
export function copyView<D extends DType>(view: View<D>): View<D> {
  const [result] = execute('cast', [view], { dtype: view.dtype });
  return result as View<D>;
}

/** The view itself where it is contiguous, else a contiguous copy. */
export function contiguousView<D extends DType>(view: View<D>): View<D> {
  return isContiguous(view) ? view : copyView(view);
}

/** A scalar as a view without axes. `value` must fit the dtype. */
export function scalarView(value: Scalar, dtype: DType): View {
  if (dtype === 'float16' || dtype === 'bfloat16') return castView(scalarView(value, 'float64'), dtype);
  return { dtype, dims: [], strides: [], offset: 0, data: arrayConstructor(dtype).of(Number(value)) };
}

/**
 * The intermediate results of one operation. `finish` gives their memory back at once, except what the result lives in
 * and what belongs to somebody else. Nothing is given back to a recording, which keeps its constants by reference.
 */
export class Temporaries {
  // A handful at most: lists are faster than sets.
  readonly #owned: StorageArray[] = [];
  readonly #foreign: unknown[] = [];

  constructor(...inputs: (View | Scalar)[]) {
    for (const input of inputs) if (typeof input === 'object') this.leave(input);
  }

  /** Notes a view that belongs to somebody else. */
  leave(view: View): void {
    this.#foreign.push(borrow(view));
  }

  /** Notes a view that may have been computed on the way, and returns it. */
  keep<V extends View>(view: V): V {
    const data = borrow(view);
    const known = this.#foreign.includes(data) || data instanceof SymbolicValue || this.#owned.includes(data);
    if (!known) this.#owned.push(data);
    return view;
  }

  /** Releases all that was kept except the storage of the results, and returns the first. */
  finish<V extends View>(result: V, ...others: View[]): V {
    if (this.#owned.length === 0) return result;
    const results = [result, ...others];
    if (results.some(isSymbolicView)) return result;
    for (const data of this.#owned) if (!results.some((view) => borrow(view) === data)) releaseStorage(data);
    return result;
  }
}

export function requireDTypeName(operation: string, dtype: unknown): asserts dtype is DType {
  if (!isDType(dtype)) {
    throw new DTypeError(`${operation}: dtype must be one of ${DTYPES.join(', ')}, got ${String(dtype)}`);
  }
}

/** Refuses a value that is not a view; JavaScript callers have no compiler to stop them. */
export function requireView(operation: string, argument: string, value: unknown): View {
  if (typeof value === 'object' && value !== null && 'dims' in value && 'strides' in value && 'dtype' in value) {
    return value as View;
  }
  const kind = Array.isArray(value) ? 'an array' : value === null ? 'null' : typeof value;
  throw new ArgumentError(
    `${operation}: argument ${argument} must be a Tensor, got ${kind}; make one with tensor(values)`,
  );
}
