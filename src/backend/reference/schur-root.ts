import { solveSystem } from './triangular.js';

/* The principal square root of a real Schur form, block by block: Higham, "Computing real square roots of a real matrix", 1987. */

/** Why there is no root: the eigenvalue at a place of the diagonal. */
export class NoRoot {
  constructor(
    readonly index: number,
    readonly why: 'negative' | 'zero, and not of a diagonal matrix',
  ) {}
}

/** The root `[n, n]` of t; eigenvalues below n times `epsilon` of the norm count as zero. */
export function rootOfSchurForm(t: Float64Array, n: number, epsilon: number): Float64Array | NoRoot {
  const starts: number[] = [];
  for (let row = 0; row < n; row++) {
    starts.push(row);
    if (row + 1 < n && t[(row + 1) * n + row] !== 0) row++;
  }
  starts.push(n);
  const negligible = n * epsilon * Math.sqrt(t.reduce((sum, x) => sum + x * x, 0));
  const root = new Float64Array(n * n);
  for (let j = 0; j + 1 < starts.length; j++) {
    const [column, columnEnd] = [starts[j], starts[j + 1]];
    if (!rootOfBlock(t, n, column, columnEnd - column, negligible, root)) return new NoRoot(column, 'negative');
    for (let i = j - 1; i >= 0; i--) {
      const [row, rowEnd] = [starts[i], starts[i + 1]];
      const x = blockBetween(t, root, n, [row, rowEnd], [column, columnEnd], negligible);
      if (x === null) return new NoRoot(column, 'zero, and not of a diagonal matrix');
      const width = columnEnd - column;
      for (const [place, value] of x.entries()) {
        root[(row + Math.floor(place / width)) * n + column + (place % width)] = value;
      }
    }
  }
  return root;
}

/** The root of a diagonal block of one row or two; false where an eigenvalue is negative. */
function rootOfBlock(
  t: Float64Array,
  n: number,
  row: number,
  size: number,
  negligible: number,
  root: Float64Array,
): boolean {
  const at = row * n + row;
  if (size === 1) {
    if (t[at] < -negligible) return false;
    root[at] = Math.abs(t[at]) <= negligible ? 0 : Math.sqrt(t[at]);
    return true;
  }
  // Eigenvalues theta +- i mu have the root alpha +- i beta, and the block's root is a polynomial of it.
  const half = (t[at] - t[at + n + 1]) / 2;
  const theta = t[at + n + 1] + half;
  const mu = Math.sqrt(Math.max(-(half * half + t[at + 1] * t[at + n]), 0));
  const length = Math.hypot(theta, mu);
  const alpha = theta > 0 ? Math.sqrt((theta + length) / 2) : mu / Math.sqrt(2 * (length - theta));
  root[at] = alpha + half / (2 * alpha);
  root[at + 1] = t[at + 1] / (2 * alpha);
  root[at + n] = t[at + n] / (2 * alpha);
  root[at + n + 1] = alpha - half / (2 * alpha);
  return true;
}

/** The x of `root_ii * x + x * root_jj = t_ij` less what lies between, row-major; null where there is none. */
function blockBetween(
  t: Float64Array,
  root: Float64Array,
  n: number,
  [row, rowEnd]: readonly [number, number],
  [column, columnEnd]: readonly [number, number],
  negligible: number,
): Float64Array | null {
  const [p, q] = [rowEnd - row, columnEnd - column];
  const system = new Float64Array((p * q) ** 2);
  const right = new Float64Array(p * q);
  for (let r = 0; r < p; r++) {
    for (let c = 0; c < q; c++) {
      let sum = t[(row + r) * n + column + c];
      for (let k = rowEnd; k < column; k++) sum -= root[(row + r) * n + k] * root[k * n + column + c];
      const equation = r * q + c;
      right[equation] = sum;
      for (let k = 0; k < p; k++) system[equation * p * q + k * q + c] += root[(row + r) * n + row + k];
      for (let k = 0; k < q; k++) system[equation * p * q + r * q + k] += root[(column + k) * n + column + c];
    }
  }
  const x = solveSystem(system, p * q, right, 1);
  if (x instanceof Float64Array) return x;
  return right.some((value) => Math.abs(value) > negligible) ? null : new Float64Array(p * q);
}
