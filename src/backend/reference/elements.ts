import { arrayConstructor, type DType, type StorageArray } from '../../tensor/dtype.js';
import { type HostView, isContiguous } from '../view.js';
import { fromBfloat16Bits, fromFloat16Bits } from './half.js';

/** The number of elements of a shape. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** The storage index of every element of a strided window, in row-major order. */
export function storageIndices(dims: readonly number[], strides: readonly number[], offset = 0): Float64Array {
  const indices = new Float64Array(elementCount(dims));
  const position = new Array<number>(dims.length).fill(0);
  let index = offset;
  for (let n = 0; n < indices.length; n++) {
    indices[n] = index;
    // Count up like an odometer: the last axis fastest, an axis that overflows goes back to 0 and carries.
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      position[axis]++;
      index += strides[axis];
      if (position[axis] < dims[axis]) break;
      index -= dims[axis] * strides[axis];
      position[axis] = 0;
    }
  }
  return indices;
}

/** The elements in row-major order as they are stored: float16 and bfloat16 as their bits. May share the view's storage. */
export function storedElements(view: HostView): StorageArray {
  const { data, dims, strides, offset } = view;
  const count = elementCount(dims);
  if (isContiguous(view)) return data.subarray(offset, offset + count);
  const elements = new (arrayConstructor(view.dtype))(count);
  const indices = storageIndices(dims, strides, offset);
  for (let n = 0; n < count; n++) elements[n] = data[indices[n]];
  return elements;
}

/** What turns a stored element into the number it stands for. */
export function decoderOf(dtype: DType): (stored: number) => number {
  if (dtype === 'float16') return fromFloat16Bits;
  if (dtype === 'bfloat16') return fromBfloat16Bits;
  return (stored) => stored;
}

/** The elements in row-major order as numbers; float64 holds those of every dtype exactly. */
export function numbersOf(view: HostView): Float64Array {
  const stored = storedElements(view);
  const decode = decoderOf(view.dtype);
  const numbers = new Float64Array(stored.length);
  for (let n = 0; n < stored.length; n++) numbers[n] = decode(stored[n]);
  return numbers;
}
