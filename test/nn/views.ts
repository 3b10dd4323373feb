import { referenceBackend } from '../../src/backend/reference/index.js';
import type { View } from '../../src/backend/view.js';
import { contiguousStrides } from '../../src/tensor/dim.js';

/** Numbers in [-2, 2] that depend on the seed and their place alone. */
export function random<D extends 'float32' | 'float16' | 'bfloat16' = 'float32'>(
  dims: readonly number[],
  seed: number,
  dtype: D = 'float32' as D,
): View<D> {
  const size = dims.reduce((product, dim) => product * dim, 1);
  let state = (seed * 2654435761 + 12345) >>> 0;
  const data = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
  const view: View = { dtype: 'float32', dims, strides: contiguousStrides(dims), offset: 0, data };
  return referenceBackend.run('cast', [view], { dtype })[0] as View<D>;
}

/** `cuSeqlens` of sequences of these lengths. */
export function offsets(lengths: readonly number[]): View<'int32'> {
  const data = new Int32Array(lengths.length + 1);
  for (const [index, length] of lengths.entries()) data[index + 1] = data[index] + length;
  return { dtype: 'int32', dims: [data.length], strides: [1], offset: 0, data };
}

/** The largest difference of two contiguous views of one shape; infinite where shapes differ or one has NaN. */
export function worst(a: View, b: View): number {
  if (a.dims.length !== b.dims.length || a.dims.some((dim, axis) => dim !== b.dims[axis]))
    return Number.POSITIVE_INFINITY;
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  let largest = 0;
  for (let index = 0; index < x.length; index++) {
    const difference = Math.abs(x[index] - y[index]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}
