import { DTypeError, ShapeError } from '../../errors.js';
import { addDims, equalShapes, formatShape } from '../../tensor/dim.js';
import { definePrimitive, requireDType, requireRank, viewOperand } from '../primitive.js';
import type { Operand, View } from '../view.js';

/** The number of rows of a matrix in compressed rows, and the dense matrix that it meets. */
function sparseOperands(name: string, operands: readonly Operand[]): { rows: View['dims'][number]; dense: View } {
  const values = viewOperand(name, operands, 0, 'values');
  const columnIndices = viewOperand(name, operands, 1, 'columnIndices');
  const rowOffsets = viewOperand(name, operands, 2, 'rowOffsets');
  const dense = viewOperand(name, operands, 3, 'dense');
  requireDType(name, 'values', values, ['float32', 'float64']);
  requireDType(name, 'columnIndices', columnIndices, ['int32']);
  requireDType(name, 'rowOffsets', rowOffsets, ['int32']);
  requireRank(name, 'values', values, 1);
  requireRank(name, 'rowOffsets', rowOffsets, 1);
  requireRank(name, 'dense', dense, 2);
  if (!equalShapes(values.dims, columnIndices.dims)) {
    throw new ShapeError(
      `${name}: values ${formatShape(values.dims)} and columnIndices ${formatShape(columnIndices.dims)} must be equally many`,
    );
  }
  if (rowOffsets.dims[0] === 0) {
    throw new ShapeError(`${name}: rowOffsets must have one element more than there are rows, got none`);
  }
  if (dense.dtype !== values.dtype) {
    throw new DTypeError(`${name}: values are ${values.dtype} and dense is ${dense.dtype}; they must agree`);
  }
  return { rows: addDims(rowOffsets.dims[0], -1), dense };
}

/**
 * A matrix in compressed rows (values `[entries]`, columnIndices int32 `[entries]`, rowOffsets int32 `[rows + 1]`) times
 * `dense [n, width]` gives `[rows, width]`. Entries of a row are added in their order. Offsets that do not ascend from 0 to the
 * number of entries and column indices outside of `[0, n)` are errors of the run.
 */
export const sparseMatmul = definePrimitive({
  name: 'sparseMatmul',
  infer(operands) {
    const { rows, dense } = sparseOperands('sparseMatmul', operands);
    return [{ dtype: dense.dtype, dims: [rows, dense.dims[1]] }];
  },
  encode: () => [],
});

/**
 * For every row of a matrix in compressed rows the sum of `value * d^T d` over its entries, d being the row of `dense [n, width]`
 * that the entry's column names: `[rows, width, width]`, the left sides of weighted least squares. Operands as `sparseMatmul`.
 */
export const sparseGram = definePrimitive({
  name: 'sparseGram',
  infer(operands) {
    const { rows, dense } = sparseOperands('sparseGram', operands);
    return [{ dtype: dense.dtype, dims: [rows, dense.dims[1], dense.dims[1]] }];
  },
  encode: () => [],
});
