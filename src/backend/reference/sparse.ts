import { IndexOutOfRangeError } from '../../errors.js';
import { numbersOf } from './elements.js';
import { type Kernel, type KernelOperand, type Kernels, viewAt } from './kernel.js';

/** Calls `visit` for every entry, row by row, after checking that it lies within the matrices. */
function forEachEntry(
  name: string,
  operands: readonly KernelOperand[],
  visit: (row: number, value: number, denseRow: Float64Array) => void,
): void {
  const values = numbersOf(viewAt(operands, 0));
  const columns = numbersOf(viewAt(operands, 1));
  const offsets = numbersOf(viewAt(operands, 2));
  const dense = numbersOf(viewAt(operands, 3));
  const [length, width] = viewAt(operands, 3).dims;
  const rows = offsets.length - 1;
  const ascends = offsets.every((offset, row) => row === 0 || offset >= offsets[row - 1]);
  if (!ascends || offsets[0] !== 0 || offsets[rows] !== values.length) {
    throw new IndexOutOfRangeError(`${name}: rowOffsets must ascend from 0 to the number of values, ${values.length}`);
  }
  for (let row = 0; row < rows; row++) {
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) {
      const column = columns[entry];
      if (column < 0 || column >= length) {
        throw new IndexOutOfRangeError(
          `${name}: column index ${column} is out of range for a dense matrix of ${length} rows`,
        );
      }
      visit(row, values[entry], dense.subarray(column * width, (column + 1) * width));
    }
  }
}

/** y [rows, width] = sum of value * dense[column]. */
const sparseMatmulKernel: Kernel<'sparseMatmul'> = (operands, [y]) => {
  const width = y.dims[1];
  const sums = new Float64Array(y.data.length);
  forEachEntry('sparseMatmul', operands, (row, value, denseRow) => {
    for (let n = 0; n < width; n++) sums[row * width + n] += value * denseRow[n];
  });
  y.data.set(sums);
};

/** y [rows, width, width] = sum of value * dense[column]^T dense[column]. */
const sparseGramKernel: Kernel<'sparseGram'> = (operands, [y]) => {
  const width = y.dims[1];
  const sums = new Float64Array(y.data.length);
  forEachEntry('sparseGram', operands, (row, value, denseRow) => {
    for (let i = 0; i < width; i++) {
      const start = (row * width + i) * width;
      for (let j = 0; j < width; j++) sums[start + j] += value * denseRow[i] * denseRow[j];
    }
  });
  y.data.set(sums);
};

export const sparseKernels: Kernels<'sparseMatmul' | 'sparseGram'> = {
  sparseMatmul: sparseMatmulKernel,
  sparseGram: sparseGramKernel,
};
