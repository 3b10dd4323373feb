import type { Tensor } from '../tensor/tensor.js';
import { qr } from './decompositions.js';
import type { RealDType } from './sparse-matrix.js';

export { svd as thinSvd } from './decompositions.js';

/** An orthonormal basis `[rows, n]` of a space that holds the columns of `block [rows, n]`, rows >= n. */
export function orthonormalize<D extends RealDType>(block: Tensor<D>): Tensor<D> {
  const { q, r, permutation } = qr(block);
  r.dispose();
  permutation.dispose();
  return q;
}
