import { numbersOf } from './elements.js';
import { type Kernel, type Kernels, optionalViewAt, viewAt } from './kernel.js';
import { sortedIndices } from './reduction.js';

/** queries [q, d], vectors [n, d], scales [n] or nothing, offsets [n] or nothing -> scores [q, k], indices [q, k]. */
const topSimilarKernel: Kernel<'topSimilar'> = (operands, [scores, indices], { k }) => {
  const queries = numbersOf(viewAt(operands, 0));
  const vectors = numbersOf(viewAt(operands, 1));
  const scaleView = optionalViewAt(operands, 2);
  const scales = scaleView === null ? null : numbersOf(scaleView);
  const offsetView = optionalViewAt(operands, 3);
  const offsets = offsetView === null ? null : numbersOf(offsetView);
  const [count, depth] = viewAt(operands, 1).dims;
  for (let query = 0; query < viewAt(operands, 0).dims[0]; query++) {
    const row = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      let sum = 0;
      for (let i = 0; i < depth; i++) sum += queries[query * depth + i] * vectors[index * depth + i];
      // Rounded before they are compared, so that what is equal in the result is a tie.
      row[index] = Math.fround(scales === null ? sum : sum * scales[index]);
      if (offsets !== null) row[index] = Math.fround(row[index] + offsets[index]);
    }
    const order = sortedIndices(row, true);
    for (let n = 0; n < k; n++) {
      scores.data[query * k + n] = row[order[n]];
      indices.data[query * k + n] = order[n];
    }
  }
};

export const similarityKernels: Kernels<'topSimilar'> = { topSimilar: topSimilarKernel };
