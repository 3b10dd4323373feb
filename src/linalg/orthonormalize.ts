import type { View } from '../backend/view.js';
import { NumericalError } from '../errors.js';
import { eye } from '../tensor/creation.js';
import { Tensor } from '../tensor/tensor.js';
import type { RealDType } from './sparse-matrix.js';
import { type Steps, step } from './steps.js';

/** A basis that is farther than this from orthonormal cannot be mended by another pass. */
const MENDABLE = 0.1;

/** Passes after which a basis that can be mended is orthonormal. */
const PASSES = 2;

/**
 * An orthonormal basis `[rows, n]` of a space that holds the columns of `block [rows, n]`, rows >= n.
 *
 * By Cholesky's decomposition of `block^T block`, twice (Yamamoto et al., "Roundoff error analysis of the CholeskyQR2 algorithm",
 * ETNA 44, 2015), in float64: nearly all of it is matrix products. Columns that depend too much on each other for that are left
 * to Householder's QR.
 */
export function* orthonormalizeSteps<D extends RealDType>(block: Tensor<D>): Steps<Tensor<D>> {
  using basis = yield* byCholesky(block);
  if (basis !== null) return basis.to(block.dtype).clone() as Tensor<D>;
  const [q, r, permutation] = yield* step('qr', [block], { mode: 'reduced', pivoting: false });
  for (const unused of [r, permutation]) Tensor.fromView(unused).dispose();
  return Tensor.fromView(q as View<D>);
}

/** The basis in float64, or null where rounding has spoiled it. */
function* byCholesky<D extends RealDType>(block: Tensor<D>): Steps<Tensor<'float64'> | null> {
  const count = block.shape[1];
  const close = (block.dtype === 'float64' ? 2 ** -50 : 2 ** -28) * count;
  using identity = eye(count, count, { dtype: 'float64' });
  let basis = block.to('float64');
  for (let pass = 0; ; pass++) {
    using current: Tensor<'float64'> = basis;
    using columns = current.transpose();
    using gram = yield* product(columns, current);
    const deviation = farthest(gram, identity);
    if (deviation <= close) return current.slice();
    if (pass === PASSES || (pass > 0 && !(deviation <= MENDABLE))) return null;
    using factor = yield* choleskyOrNull(gram);
    if (factor === null) return null;
    const [solved] = yield* step('solveTriangular', [factor, identity], { lower: true, unitDiagonal: false });
    using inverse = Tensor.fromView(solved as View<'float64'>);
    using right = inverse.transpose();
    basis = yield* product(current, right);
  }
}

function* product(a: Tensor<'float64'>, b: Tensor<'float64'>): Steps<Tensor<'float64'>> {
  const [view] = yield* step('matmul', [a, b], {});
  return Tensor.fromView(view as View<'float64'>);
}

function* choleskyOrNull(gram: Tensor<'float64'>): Steps<Tensor<'float64'> | null> {
  try {
    const [factor] = yield* step('cholesky', [gram], {});
    return Tensor.fromView(factor as View<'float64'>);
  } catch (error) {
    if (error instanceof NumericalError) return null;
    throw error;
  }
}

/** The largest distance of an element from its fellow; NaN if there is one. */
function farthest(a: Tensor<'float64'>, b: Tensor<'float64'>): number {
  using difference = a.subtract(b);
  using distances = difference.absolute();
  using largest = distances.max();
  return largest.item() as number;
}
