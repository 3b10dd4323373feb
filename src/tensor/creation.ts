import { allocateStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { contiguousStrides } from './dim.js';
import { type ArrayOf, arrayConstructor, type DType, type StorageArray } from './dtype.js';
import { castView, requireDTypeName } from './execute.js';
import { concatViews, stackViews } from './indexing.js';
import { dotViews, einsumViews } from './matrix.js';
import { fitsDType, type Scalar } from './promotion.js';
import { checkShape } from './shape.js';
import { type NestedArray, Tensor } from './tensor.js';

/** Typed arrays whose storage a tensor can share; bits of half-precision numbers come with a dtype. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

export interface TensorOptions<D extends DType> {
  /** The element type. By default that of the numbers: float32 for JavaScript's, bool for booleans. */
  readonly dtype?: D;
}

function wrap<D extends DType>(dtype: D, shape: readonly number[], data: StorageArray): Tensor<D> {
  return Tensor.fromView({ dtype, dims: shape, strides: contiguousStrides(shape) as number[], offset: 0, data });
}

/** Deeper than any tensor: an array that holds itself has no end. */
const MAX_DEPTH = 64;

/**
 * A tensor of nested arrays of numbers or booleans, all of one depth and of equal lengths. Numbers give float32, booleans bool,
 * unless a dtype is given, which must be able to hold them. For typed arrays there is `fromTypedArray`.
 */
export function tensor<D extends DType = 'float32'>(
  values: NestedArray | readonly (NestedArray | readonly unknown[])[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  const shape: number[] = [];
  for (let part: unknown = values; Array.isArray(part); part = part[0]) {
    if (shape.push(part.length) > MAX_DEPTH) {
      throw new ArgumentError(`tensor: values must be nested at most ${MAX_DEPTH} deep; these may hold themselves`);
    }
  }
  const flat: Scalar[] = [];
  const visit = (part: unknown, axis: number, where: string): void => {
    if (axis === shape.length) {
      if (typeof part !== 'number' && typeof part !== 'boolean') {
        const instead = ArrayBuffer.isView(part) ? '; use fromTypedArray(), and stack() for several' : '';
        throw new ArgumentError(
          `tensor: values${where} must be a number or a boolean, got ${describe(part)}${instead}`,
        );
      }
      flat.push(part);
      return;
    }
    if (!Array.isArray(part) || part.length !== shape[axis]) {
      const got = Array.isArray(part) ? `one of ${part.length}` : describe(part);
      throw new ShapeError(`tensor: values${where} must be an array of ${shape[axis]} like its neighbours, got ${got}`);
    }
    for (const [index, inner] of part.entries()) visit(inner, axis + 1, `${where}[${index}]`);
  };
  visit(values, 0, '');
  const onlyBooleans = flat.length > 0 && flat.every((value) => typeof value === 'boolean');
  const dtype = (options.dtype ?? (onlyBooleans ? 'bool' : 'float32')) as D;
  requireDTypeName('tensor', dtype);
  return fill(dtype, shape, (index) => Number(flat[index]), 'tensor');
}

/** Elements by a function of the row-major index. */
function fill<D extends DType>(
  dtype: D,
  shape: readonly number[],
  element: (index: number) => number,
  operation: string,
): Tensor<D> {
  const size = shape.reduce((a, b) => a * b, 1);
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const wide = fill('float64', shape, element, operation);
    return Tensor.fromView(castView(wide, dtype) as View<D>);
  }
  const data = allocateStorage(dtype, size);
  for (let index = 0; index < size; index++) {
    const value = element(index);
    if (!fitsDType(value, dtype)) throw new DTypeError(`${operation}: the number ${value} does not fit ${dtype}`);
    data[index] = value;
  }
  return wrap(dtype, shape, data);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return ArrayBuffer.isView(value) ? `a ${value.constructor.name}` : typeof value;
}

const DTYPES_OF_ARRAYS = new Map<unknown, DType>([
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [Int32Array, 'int32'],
  [Uint8Array, 'uint8'],
]);

/**
 * A tensor that looks into a typed array, without a copy: writing to the array changes the tensor.
 *
 * @param shape - by default one axis.
 * @param options.dtype - needed for `Uint16Array` (float16 or bfloat16 bits); `bool` for a `Uint8Array` of zeros and ones.
 */
export function fromTypedArray<D extends DType = DType>(
  array: TypedArray,
  shape?: readonly number[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  const own = ArrayBuffer.isView(array) ? DTYPES_OF_ARRAYS.get(array.constructor) : undefined;
  const dtype = options.dtype ?? own;
  if (dtype === undefined) {
    throw new DTypeError(
      array instanceof Uint16Array
        ? "fromTypedArray: a Uint16Array holds bits of either half-precision type; give dtype: 'float16' or 'bfloat16'"
        : `fromTypedArray: array must be a Float32Array, Float64Array, Int32Array, Uint8Array or Uint16Array, got ${describe(array)}`,
    );
  }
  requireDTypeName('fromTypedArray', dtype);
  if (!(array instanceof arrayConstructor(dtype))) {
    throw new DTypeError(`fromTypedArray: ${dtype} lies in a ${arrayConstructor(dtype).name}, got ${describe(array)}`);
  }
  const dims = shape === undefined ? [array.length] : checkShape('fromTypedArray', shape);
  const size = dims.reduce((a, b) => a * b, 1);
  if (size !== array.length) {
    throw new ShapeError(`fromTypedArray: shape [${dims.join(', ')}] has ${size} elements, the array ${array.length}`);
  }
  if (dtype === 'bool' && array.some((value) => value > 1)) {
    throw new DTypeError('fromTypedArray: bool elements must be 0 or 1');
  }
  return wrap(dtype as D, dims, array as StorageArray);
}

/** A tensor of one value. */
export function full<D extends DType = 'float32'>(
  shape: readonly number[] | number,
  value: Scalar,
  options?: TensorOptions<D>,
): Tensor<D> {
  return constant('full', shape, value, options);
}

function constant<D extends DType = 'float32'>(
  operation: string,
  shape: readonly number[] | number,
  value: Scalar,
  options: TensorOptions<D> = {},
): Tensor<D> {
  const dims = checkShape(operation, shape);
  if (typeof value !== 'number' && typeof value !== 'boolean') {
    throw new ArgumentError(`${operation}: value must be a number or a boolean, got ${describe(value)}`);
  }
  const dtype = (options.dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32')) as D;
  requireDTypeName(operation, dtype);
  if (dtype === 'float16' || dtype === 'bfloat16') return fill(dtype, dims, () => Number(value), operation);
  if (!fitsDType(Number(value), dtype)) {
    throw new DTypeError(`${operation}: the number ${Number(value)} does not fit ${dtype}`);
  }
  const data: ArrayOf<D> = allocateStorage(
    dtype,
    dims.reduce((a, b) => a * b, 1),
  );
  data.fill(Number(value));
  return wrap(dtype, dims, data);
}

export function zeros<D extends DType = 'float32'>(
  shape: readonly number[] | number,
  options?: TensorOptions<D>,
): Tensor<D> {
  return constant('zeros', shape, 0, options);
}

export function ones<D extends DType = 'float32'>(
  shape: readonly number[] | number,
  options?: TensorOptions<D>,
): Tensor<D> {
  return constant('ones', shape, 1, options);
}

/** The identity matrix `[rows, columns]`, ones on diagonal `k` (above the main one where positive). */
export function eye<D extends DType = 'float32'>(
  rows: number,
  columns = rows,
  options: TensorOptions<D> & { readonly k?: number } = {},
): Tensor<D> {
  const dims = checkShape('eye', [rows, columns]);
  const { k = 0, dtype = 'float32' as D } = options;
  requireDTypeName('eye', dtype);
  return fill(dtype, dims, (index) => (index % columns === Math.floor(index / columns) + k ? 1 : 0), 'eye');
}

/** From `start` up to, not including, `end` in steps; `arange(n)` counts from 0. int32 for whole numbers, else float32. */
export function arange<D extends DType = DType>(
  start: number,
  end?: number,
  step = 1,
  options: TensorOptions<D> = {},
): Tensor<D> {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (![from, to, step].every(Number.isFinite) || step === 0) {
    throw new ArgumentError(`arange: start, end and step must be finite and step not 0, got ${from}, ${to}, ${step}`);
  }
  const whole = [from, to, step].every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31);
  const dtype = (options.dtype ?? (whole ? 'int32' : 'float32')) as D;
  requireDTypeName('arange', dtype);
  const dims = checkShape('arange', [Math.max(0, Math.ceil((to - from) / step))]);
  return fill(dtype, dims, (index) => from + index * step, 'arange');
}

/** `count` numbers at equal distances from `start` to `end`, both included. */
export function linspace<D extends DType = 'float32'>(
  start: number,
  end: number,
  count: number,
  options: TensorOptions<D> = {},
): Tensor<D> {
  const dims = checkShape('linspace', [count]);
  const { dtype = 'float32' as D } = options;
  requireDTypeName('linspace', dtype);
  const step = count > 1 ? (end - start) / (count - 1) : 0;
  return fill(dtype, dims, (index) => (index > 0 && index === count - 1 ? end : start + index * step), 'linspace');
}

/** Tensors one after another along an axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  return Tensor.fromView(concatViews(tensors, axis));
}

/** Tensors of one shape side by side along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return Tensor.fromView(stackViews(tensors, axis));
}

/** The sum of the products of two vectors. */
export function dot(a: Tensor, b: Tensor): Tensor {
  return Tensor.fromView(dotViews(a, b));
}

/** Einstein's summation, such as `einsum('bij,bjk->bik', a, b)`; operands are contracted from left to right. */
export function einsum(equation: string, ...tensors: Tensor[]): Tensor {
  if (tensors.length === 0) throw new ArgumentError('einsum: expected at least one tensor after the equation');
  const view = einsumViews(equation, tensors);
  // What only looks at an operand's storage gets a copy: the result must not change with it.
  const shared = tensors.some((operand) => operand.data === view.data);
  return shared ? Tensor.fromView(view).clone() : Tensor.fromView(view);
}
