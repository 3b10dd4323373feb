/* QR decomposition by Householder's reflections: Golub and Van Loan, "Matrix Computations", section 5.2, pivoting 5.4.2. */

export interface Reflection {
  /** The vector v of `I - tau * v * transpose(v)`, whose first entry is 1. */
  readonly v: Float64Array;
  readonly tau: number;
  /** What the first entry of the reflected vector becomes; all others become 0. */
  readonly beta: number;
}

/** The reflection that leaves of `x` its first entry only. A vector that has no other needs none: tau is 0. */
export function reflectionOf(x: Float64Array): Reflection {
  const v = Float64Array.from(x);
  let scale = 0;
  for (let i = 1; i < x.length; i++) scale = Math.max(scale, Math.abs(x[i]));
  const alpha = x[0];
  v[0] = 1;
  if (scale === 0) return { v, tau: 0, beta: alpha };
  scale = Math.max(scale, Math.abs(alpha));
  let squares = 0;
  for (const entry of x) squares += (entry / scale) ** 2;
  const beta = (alpha > 0 ? -1 : 1) * scale * Math.sqrt(squares);
  for (let i = 1; i < x.length; i++) v[i] = x[i] / (alpha - beta);
  return { v, tau: (beta - alpha) / beta, beta };
}

/** Applies a reflection from the left to rows `row`, `row + 1`, ... of a matrix `[?, n]`, from column `first` on. */
export function reflectRows(
  matrix: Float64Array,
  n: number,
  row: number,
  { v, tau }: Reflection,
  first = 0,
  last = n,
): void {
  for (let j = first; j < last; j++) {
    let sum = 0;
    for (let i = 0; i < v.length; i++) sum += v[i] * matrix[(row + i) * n + j];
    for (let i = 0; i < v.length; i++) matrix[(row + i) * n + j] -= tau * v[i] * sum;
  }
}

/** Applies a reflection from the right to columns `column`, `column + 1`, ... of the first `rows` rows of `[?, n]`. */
export function reflectColumns(
  matrix: Float64Array,
  n: number,
  column: number,
  { v, tau }: Reflection,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < v.length; j++) sum += v[j] * matrix[i * n + column + j];
    for (let j = 0; j < v.length; j++) matrix[i * n + column + j] -= tau * v[j] * sum;
  }
}

export interface OrthogonalTriangular {
  /** `[m, columns]`. */
  readonly q: Float64Array;
  /** `[rows, n]`. */
  readonly r: Float64Array;
  readonly permutation: Int32Array;
}

function exchangeColumns(matrix: Float64Array, m: number, n: number, a: number, b: number): void {
  for (let i = 0; i < m; i++) [matrix[i * n + a], matrix[i * n + b]] = [matrix[i * n + b], matrix[i * n + a]];
}

/** The squared length of column j from row k on. */
function remainingSquare(matrix: Float64Array, m: number, n: number, k: number, j: number): number {
  let sum = 0;
  for (let i = k; i < m; i++) sum += matrix[i * n + j] ** 2;
  return sum;
}

/** `a[:, permutation] = q * r`, the first `columns` columns of q and rows of r; the longest column next where pivoting. */
export function orthogonalTriangular(
  a: Float64Array,
  m: number,
  n: number,
  columns: number,
  rows: number,
  pivoting: boolean,
): OrthogonalTriangular {
  const work = Float64Array.from(a);
  const permutation = Int32Array.from({ length: n }, (_, column) => column);
  const reflections: Reflection[] = [];
  for (let k = 0; k < Math.min(m, n); k++) {
    if (pivoting) {
      let longest = k;
      let length = remainingSquare(work, m, n, k, k);
      for (let j = k + 1; j < n; j++) {
        const next = remainingSquare(work, m, n, k, j);
        if (next > length) [longest, length] = [j, next];
      }
      exchangeColumns(work, m, n, k, longest);
      [permutation[k], permutation[longest]] = [permutation[longest], permutation[k]];
    }
    const reflection = reflectionOf(Float64Array.from({ length: m - k }, (_, i) => work[(k + i) * n + k]));
    reflections.push(reflection);
    reflectRows(work, n, k, reflection, k + 1);
    work[k * n + k] = reflection.beta;
    for (let i = k + 1; i < m; i++) work[i * n + k] = 0;
  }
  const q = new Float64Array(m * columns);
  for (let i = 0; i < Math.min(m, columns); i++) q[i * columns + i] = 1;
  for (let k = reflections.length - 1; k >= 0; k--) reflectRows(q, columns, k, reflections[k]);
  return { q, r: work.slice(0, rows * n), permutation };
}
