/*
 * Eigenvalues of symmetric matrices by Jacobi's rotations: Golub and Van Loan, "Matrix Computations", section 8.5. Slow,
 * simple and accurate.
 */

const EPSILON = 2 ** -52;
const MAX_SWEEPS = 60;

export interface SymmetricEigen {
  /** Ascending. */
  readonly values: Float64Array;
  /** `[n, n]`, in columns. */
  readonly vectors: Float64Array;
}

/** Eigenvalues and eigenvectors of the symmetric matrix with this lower triangle; null where they do not converge. */
export function symmetricEigen(a: Float64Array, n: number): SymmetricEigen | null {
  let greatest = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) greatest = Math.max(greatest, Math.abs(a[i * n + j]));
  // A power of two, so that squares neither overflow nor vanish.
  const scale = greatest === 0 ? 1 : 2 ** Math.max(Math.floor(Math.log2(greatest)), -1000);
  const work = new Float64Array(n * n);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    vectors[i * n + i] = 1;
    for (let j = 0; j < n; j++) work[i * n + j] = a[Math.max(i, j) * n + Math.min(i, j)] / scale;
  }
  let norm = 0;
  for (const x of work) norm += x * x;
  norm = Math.sqrt(norm);
  for (let sweep = 0; sweep <= MAX_SWEEPS; sweep++) {
    let outside = 0;
    for (let p = 0; p < n; p++) for (let q = 0; q < p; q++) outside = Math.max(outside, Math.abs(work[p * n + q]));
    // Then no eigenvalue is off by more than n times that.
    if (outside <= (EPSILON / 4) * (norm / Math.max(n, 1))) return sorted(work, vectors, n, scale);
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(work, vectors, n, p, q);
  }
  return null;
}

/** The rotation of rows and columns p and q that makes entry [p, q] zero. */
function rotate(work: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = work[p * n + q];
  if (apq === 0) return;
  const tau = (work[q * n + q] - work[p * n + p]) / (2 * apq);
  const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.hypot(1, tau));
  const cosine = 1 / Math.hypot(1, t);
  const sine = cosine * t;
  for (let k = 0; k < n; k++) {
    const [x, y] = [work[k * n + p], work[k * n + q]];
    work[k * n + p] = cosine * x - sine * y;
    work[k * n + q] = sine * x + cosine * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [work[p * n + k], work[q * n + k]];
    work[p * n + k] = cosine * x - sine * y;
    work[q * n + k] = sine * x + cosine * y;
  }
  work[p * n + q] = 0;
  work[q * n + p] = 0;
  for (let k = 0; k < n; k++) {
    const [x, y] = [vectors[k * n + p], vectors[k * n + q]];
    vectors[k * n + p] = cosine * x - sine * y;
    vectors[k * n + q] = sine * x + cosine * y;
  }
}

function sorted(work: Float64Array, vectors: Float64Array, n: number, scale: number): SymmetricEigen {
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => work[i * n + i] - work[j * n + j]);
  return {
    values: Float64Array.from(order, (i) => work[i * n + i] * scale),
    vectors: Float64Array.from({ length: n * n }, (_, at) => vectors[Math.floor(at / n) * n + order[at % n]]),
  };
}
