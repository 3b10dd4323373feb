import { elementCount, numbersOf } from './elements.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';

/** a [batch, m, k] times b [batch, k, n] -> y [batch, m, n]. */
const matmulKernel: Kernel<'matmul'> = (operands, [y]) => {
  const { dims, dtype } = viewAt(operands, 0);
  const a = numbersOf(viewAt(operands, 0));
  const b = numbersOf(viewAt(operands, 1));
  const batch = elementCount(dims.slice(0, -2));
  const [m, k] = dims.slice(-2);
  const n = y.dims[y.dims.length - 1];
  for (let item = 0; item < batch; item++) {
    for (let row = 0; row < m; row++) {
      const aStart = (item * m + row) * k;
      for (let column = 0; column < n; column++) {
        const bStart = item * k * n + column;
        let sum = 0;
        if (dtype === 'int32') {
          for (let i = 0; i < k; i++) sum = (sum + Math.imul(a[aStart + i], b[bStart + i * n])) | 0;
        } else {
          for (let i = 0; i < k; i++) sum += a[aStart + i] * b[bStart + i * n];
        }
        y.data[(item * m + row) * n + column] = sum;
      }
    }
  }
};

export const matrixKernels: Kernels<'matmul'> = { matmul: matmulKernel };
