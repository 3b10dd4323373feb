import { elementCount, numbersOf } from './elements.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';
import { singularValueDecomposition } from './svd.js';

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

/** a [batch, m, n] -> u [batch, m, m or r], s [batch, r], vt [batch, n or r, n], r = min(m, n). */
const svdKernel: Kernel<'svd'> = (operands, [u, s, vt], { fullMatrices }) => {
  const { dims } = viewAt(operands, 0);
  const a = numbersOf(viewAt(operands, 0));
  const [m, n] = dims.slice(-2);
  for (let item = 0; item < elementCount(dims.slice(0, -2)); item++) {
    const matrix = a.subarray(item * m * n, (item + 1) * m * n);
    const parts = singularValueDecomposition(matrix, m, n, fullMatrices);
    u.data.set(parts.u, item * parts.u.length);
    s.data.set(parts.s, item * parts.s.length);
    vt.data.set(parts.vt, item * parts.vt.length);
  }
};

export const matrixKernels: Kernels<'matmul' | 'svd'> = { matmul: matmulKernel, svd: svdKernel };
