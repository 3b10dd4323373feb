import type { Tensor } from '../tensor/tensor.js';

/** One over the length of every row of `[n, d]`, summed in float64; 0 for a row of zeros. */
export function inverseLengthsOf(vectors: Tensor<'float32'>): Float32Array {
  const [size = 0, dimension = 0] = vectors.shape;
  const numbers = vectors.toTypedArray();
  const result = new Float32Array(size);
  for (let row = 0, at = 0; row < size; row++) {
    let sum = 0;
    for (const end = at + dimension; at < end; at++) sum += (numbers[at] as number) * (numbers[at] as number);
    result[row] = sum === 0 ? 0 : 1 / Math.sqrt(sum);
  }
  return result;
}
