import { referenceBackend } from '../../../src/backend/reference/index.js';
import type { View } from '../../../src/backend/view.js';
import { contiguousStrides } from '../../../src/tensor/dim.js';
import { arrayConstructor, type DType, type StorageArray } from '../../../src/tensor/dtype.js';

/** A contiguous view of the values; for the 16-bit floats they are bits. */
export function host(values: ArrayLike<number>, dims: readonly number[], dtype: DType = 'float32'): View {
  const data = new (arrayConstructor(dtype))(values.length);
  data.set(values);
  return { dtype, dims, strides: contiguousStrides(dims), offset: 0, data };
}

/** The numbers of each result. */
export function run(...args: Parameters<typeof referenceBackend.run>): number[][] {
  return referenceBackend.run(...args).map((view) => Array.from(view.data as StorageArray));
}
