import type { RealDType } from '../linalg/sparse-matrix.js';
import { fromTypedArray } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Directions `[count, features]`, each turned so that its element of largest magnitude is positive, as scikit-learn does: what
 * decompositions leave open is the same everywhere then.
 */
export function fixSigns<D extends RealDType>(directions: Tensor<D>): Tensor<D> {
  const [count, features] = directions.shape as [number, number];
  const numbers = directions.toTypedArray() as Float32Array | Float64Array;
  const turned = numbers.slice();
  for (let row = 0; row < count; row++) {
    let largest = row * features;
    for (let n = largest; n < (row + 1) * features; n++) {
      if (Math.abs(numbers[n]) > Math.abs(numbers[largest])) largest = n;
    }
    if (numbers[largest] >= 0) continue;
    for (let n = row * features; n < (row + 1) * features; n++) turned[n] = -numbers[n];
  }
  return fromTypedArray<D>(turned, [count, features]);
}
