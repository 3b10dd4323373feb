import { DTypeError, ShapeError } from '../../errors.js';
import { equalDims, equalShapes, formatShape } from '../../tensor/dim.js';
import type { DType } from '../../tensor/dtype.js';
import { definePrimitive, requireDType, viewOperand } from '../primitive.js';

const NUMERIC: readonly DType[] = ['float32', 'float64', 'int32'];

/**
 * `a [..., m, k]` times `b [..., k, n]` gives `[..., m, n]`. Leading axes are already broadcast to one shape (zero strides);
 * operands may have any strides: a transposed matrix is not copied.
 */
export const matmul = definePrimitive({
  name: 'matmul',
  infer(operands) {
    const a = viewOperand('matmul', operands, 0, 'a');
    const b = viewOperand('matmul', operands, 1, 'b');
    requireDType('matmul', 'a', a, NUMERIC);
    if (a.dtype !== b.dtype) throw new DTypeError(`matmul: a is ${a.dtype} and b is ${b.dtype}; they must agree`);
    const rank = a.dims.length;
    const fits =
      rank >= 2 &&
      b.dims.length === rank &&
      equalDims(a.dims[rank - 1], b.dims[rank - 2]) &&
      (rank === 2 || equalShapes(a.dims.slice(0, -2), b.dims.slice(0, -2)));
    if (!fits) {
      throw new ShapeError(
        `matmul: shapes ${formatShape(a.dims)} and ${formatShape(b.dims)} do not fit; expected [..., m, k] and [..., k, n]`,
      );
    }
    const dims = a.dims.slice();
    dims[rank - 1] = b.dims[rank - 1];
    return [{ dtype: a.dtype, dims }];
  },
  encode: () => [],
});
