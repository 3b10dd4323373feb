import { svd } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';
import type { RealDType } from './sparse-matrix.js';

/** The thin singular value decomposition of a matrix. */
export function thinSvd<D extends RealDType>(matrix: Tensor<D>): { u: Tensor<D>; s: Tensor<D>; vt: Tensor<D> } {
  return svd(matrix);
}

/** An orthonormal basis `[rows, n]` of the columns of `block [rows, n]`, rows >= n. */
export function orthonormalize<D extends RealDType>(block: Tensor<D>): Tensor<D> {
  const { u, s, vt } = svd(block);
  s.dispose();
  vt.dispose();
  return u;
}
