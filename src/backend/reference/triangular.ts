/* Cholesky and LU decompositions and what is solved with them, in plain loops; Golub and Van Loan, "Matrix Computations". */

/** A pivot that stops a decomposition: zero, or not positive. */
export class BadPivot {
  constructor(readonly index: number) {}
}

/** The lower triangular l of `a = l * transpose(l)`, from the lower triangle of a; or the first pivot that is not positive. */
export function choleskyDecomposition(a: Float64Array, n: number): Float64Array | BadPivot {
  const l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j];
    for (let k = 0; k < j; k++) pivot -= l[j * n + k] ** 2;
    if (!(pivot > 0)) return new BadPivot(j);
    l[j * n + j] = Math.sqrt(pivot);
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = sum / l[j * n + j];
    }
  }
  return l;
}

export interface LowerUpper {
  /** Both triangles in one `[m, n]`, the lower one without its unit diagonal. */
  readonly factors: Float64Array;
  /** Row i of the product is row `permutation[i]` of the matrix. */
  readonly permutation: Int32Array;
  readonly sign: 1 | -1;
}

/** `a[permutation] = l * u` for `[m, n]`, with the largest of a column as its pivot. */
export function lowerUpperDecomposition(a: Float64Array, m: number, n: number): LowerUpper {
  const factors = Float64Array.from(a);
  const permutation = Int32Array.from({ length: m }, (_, row) => row);
  let sign: 1 | -1 = 1;
  for (let k = 0; k < Math.min(m, n); k++) {
    let largest = k;
    for (let i = k + 1; i < m; i++) {
      if (Math.abs(factors[i * n + k]) > Math.abs(factors[largest * n + k])) largest = i;
    }
    if (largest !== k) {
      for (let j = 0; j < n; j++) {
        [factors[k * n + j], factors[largest * n + j]] = [factors[largest * n + j], factors[k * n + j]];
      }
      [permutation[k], permutation[largest]] = [permutation[largest], permutation[k]];
      sign = sign === 1 ? -1 : 1;
    }
    const pivot = factors[k * n + k];
    if (pivot === 0) continue;
    for (let i = k + 1; i < m; i++) {
      factors[i * n + k] /= pivot;
      for (let j = k + 1; j < n; j++) factors[i * n + j] -= factors[i * n + k] * factors[k * n + j];
    }
  }
  return { factors, permutation, sign };
}

/** `triangle * x = b`, b `[n, columns]` in place; or the first pivot that is zero. */
export function solveWithTriangle(
  triangle: Float64Array,
  n: number,
  b: Float64Array,
  columns: number,
  { lower, unitDiagonal }: { readonly lower: boolean; readonly unitDiagonal: boolean },
): BadPivot | null {
  if (!unitDiagonal) {
    for (let i = 0; i < n; i++) if (triangle[i * n + i] === 0) return new BadPivot(i);
  }
  for (let step = 0; step < n; step++) {
    const i = lower ? step : n - 1 - step;
    for (let column = 0; column < columns; column++) {
      let sum = b[i * columns + column];
      for (let k = lower ? 0 : i + 1; k < (lower ? i : n); k++) sum -= triangle[i * n + k] * b[k * columns + column];
      b[i * columns + column] = unitDiagonal ? sum : sum / triangle[i * n + i];
    }
  }
  return null;
}

/** The x `[n, columns]` of `a * x = b`; or the first pivot that is zero. */
export function solveSystem(a: Float64Array, n: number, b: Float64Array, columns: number): Float64Array | BadPivot {
  const { factors, permutation } = lowerUpperDecomposition(a, n, n);
  const x = new Float64Array(n * columns);
  for (const [row, from] of permutation.entries()) {
    x.set(b.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  solveWithTriangle(factors, n, x, columns, { lower: true, unitDiagonal: true });
  return solveWithTriangle(factors, n, x, columns, { lower: false, unitDiagonal: false }) ?? x;
}
