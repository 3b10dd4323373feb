import { CODE_ZERO } from '../primitives/search.js';
import type { HostView } from '../view.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';

/** Sums `term` over the columns of every pair of a query and a row. */
function pairwise(
  queries: HostView,
  rows: HostView,
  term: (a: number, b: number) => number,
  store: (sum: number, query: number, row: number) => void,
): void {
  const [count = 0, columns = 0] = queries.dims;
  const [total = 0] = rows.dims;
  const element = ({ data, offset, strides }: HostView, row: number, column: number): number =>
    data[offset + row * (strides[0] as number) + column * (strides[1] as number)] as number;
  for (let query = 0; query < count; query++) {
    for (let row = 0; row < total; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        sum += term(element(queries, query, column), element(rows, row, column));
      }
      store(sum, query, row);
    }
  }
}

function countBits(byte: number): number {
  let bits = 0;
  for (let rest = byte; rest !== 0; rest >>= 1) bits += rest & 1;
  return bits;
}

const codeProductsKernel: Kernel<'codeProducts'> = (operands, [result]) => {
  const [queries, rows, scales] = [viewAt(operands, 0), viewAt(operands, 1), viewAt(operands, 2)];
  const [total = 0] = rows.dims;
  pairwise(
    queries,
    rows,
    (a, b) => (a - CODE_ZERO) * (b - CODE_ZERO),
    (sum, query, row) => {
      const scale = scales.data[scales.offset + row * (scales.strides[0] as number)] as number;
      (result as HostView).data[query * total + row] = Math.fround(sum) * scale;
    },
  );
};

const hammingDistancesKernel: Kernel<'hammingDistances'> = (operands, [result]) => {
  const [queries, rows] = [viewAt(operands, 0), viewAt(operands, 1)];
  const [total = 0] = rows.dims;
  pairwise(
    queries,
    rows,
    (a, b) => countBits(a ^ b),
    (sum, query, row) => {
      (result as HostView).data[query * total + row] = sum;
    },
  );
};

export const searchKernels: Kernels<'codeProducts' | 'hammingDistances'> = {
  codeProducts: codeProductsKernel,
  hammingDistances: hammingDistancesKernel,
};
