import { NumericalError } from '../../errors.js';

/*
 * Singular value decomposition by one-sided Jacobi rotations: Hestenes, "Inversion of matrices by biorthogonalization and
 * related results", 1958, with the ordering of de Rijk, "A one-sided Jacobi algorithm for computing the singular value
 * decomposition on a vector computer", 1989. Slow, simple, and accurate even for tiny singular values.
 */

const EPSILON = 2 ** -52;
const MAX_SWEEPS = 60;
/** Squared length, beside elements of about 1, of a column that counts as zero: products of shorter ones would vanish. */
const TINY = 2 ** -900;

export interface SingularValueDecomposition {
  /** `[m, m]` or `[m, r]`, row-major. */
  readonly u: Float64Array;
  /** `[r]`, descending. */
  readonly s: Float64Array;
  /** `[n, n]` or `[r, n]`, row-major. */
  readonly vt: Float64Array;
}

type Column = Float64Array;

function dot(a: Column, b: Column): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n] * b[n];
  return sum;
}

/** `a [m, n] = u * diag(s) * vt`, row-major. */
export function singularValueDecomposition(
  a: Float64Array,
  m: number,
  n: number,
  fullMatrices: boolean,
): SingularValueDecomposition {
  const columnsOf = Array.from({ length: n }, (_, j) => Float64Array.from({ length: m }, (_, i) => a[i * n + j]));
  const rowsOf = Array.from({ length: m }, (_, i) => a.slice(i * n, (i + 1) * n));
  // A wide matrix is decomposed as its transpose: a^T = v * diag(s) * u^T.
  const tall = m >= n;
  const { left, values, right } = decomposeTall(tall ? columnsOf : rowsOf, Math.max(m, n));
  if (fullMatrices) completeBasis(left, Math.max(m, n));
  const u = tall ? left : right;
  const v = tall ? right : left;
  return {
    u: Float64Array.from({ length: m * u.length }, (_, index) => u[index % u.length][Math.floor(index / u.length)]),
    s: values,
    vt: Float64Array.from(v.flatMap((column) => Array.from(column))),
  };
}

/** The decomposition of a matrix given as `columns` of `rows >= columns.length` numbers; vectors come as columns too. */
function decomposeTall(columns: Column[], rows: number): { left: Column[]; values: Float64Array; right: Column[] } {
  const count = columns.length;
  const scale = scaleOf(columns);
  const work = columns.map((column) => column.map((x) => x / scale));
  const right = Array.from({ length: count }, (_, j) => new Float64Array(count).fill(1, j, j + 1));
  rotateUntilOrthogonal(work, right, rows);

  const norms = work.map((column) => Math.sqrt(dot(column, column)));
  const order = norms.map((_, j) => j).sort((i, j) => norms[j] - norms[i]);
  const left: Column[] = [];
  for (const j of order) if (norms[j] > 0) left.push(work[j].map((x) => x / norms[j]));
  // Columns that are zero come last; their left vectors are any that complete the others.
  completeBasis(left, rows, count);
  return {
    left,
    values: Float64Array.from(order, (j) => norms[j] * scale),
    right: order.map((j) => right[j]),
  };
}

/** A power of two near the largest element, so that squares neither overflow nor vanish; 1 for a matrix of zeros. */
function scaleOf(columns: Column[]): number {
  let greatest = 0;
  for (const column of columns) for (const x of column) greatest = Math.max(greatest, Math.abs(x));
  return greatest === 0 ? 1 : 2 ** Math.max(Math.floor(Math.log2(greatest)), -1000);
}

/** Rotates pairs of columns, and the columns of `right` alike, until all columns are orthogonal to working precision. */
function rotateUntilOrthogonal(columns: Column[], right: Column[], rows: number): void {
  const tolerance = Math.max(rows, 1) * EPSILON;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let rotations = 0;
    for (let p = 0; p < columns.length - 1; p++) {
      bringLargestTo(p, columns, right);
      for (const column of columns) if (dot(column, column) < TINY) column.fill(0);
      for (let q = p + 1; q < columns.length; q++) {
        const pp = dot(columns[p], columns[p]);
        const qq = dot(columns[q], columns[q]);
        const pq = dot(columns[p], columns[q]);
        if (Math.abs(pq) <= tolerance * Math.sqrt(pp) * Math.sqrt(qq)) continue;
        rotations++;
        // The rotation by the smaller angle that makes the two columns orthogonal; t is its tangent.
        const zeta = (qq - pp) / (2 * pq);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, t);
        rotate(columns[p], columns[q], cosine, cosine * t);
        rotate(right[p], right[q], cosine, cosine * t);
      }
    }
    if (rotations === 0) return;
  }
  throw new NumericalError(`svd: no convergence after ${MAX_SWEEPS} sweeps; the matrix must hold finite numbers only`);
}

function rotate(a: Column, b: Column, cosine: number, sine: number): void {
  for (let n = 0; n < a.length; n++) {
    const x = a[n];
    a[n] = cosine * x - sine * b[n];
    b[n] = sine * x + cosine * b[n];
  }
}

/** De Rijk's ordering: the largest of the columns p, p + 1, ... moves to place p before it is rotated with the others. */
function bringLargestTo(p: number, columns: Column[], right: Column[]): void {
  let largest = p;
  let norm = dot(columns[p], columns[p]);
  for (let q = p + 1; q < columns.length; q++) {
    const next = dot(columns[q], columns[q]);
    if (next > norm) {
      largest = q;
      norm = next;
    }
  }
  [columns[p], columns[largest]] = [columns[largest], columns[p]];
  [right[p], right[largest]] = [right[largest], right[p]];
}

/**
 * Appends columns to an orthonormal set of columns of length `rows` until there are `count`: by Gram and Schmidt, from the
 * unit vectors; in a unit vector that lies farthest from the span at least `1/sqrt(rows)` remains, so nothing is lost.
 */
function completeBasis(basis: Column[], rows: number, count = rows): void {
  while (basis.length < count) {
    // The squared length of what remains of unit vector i is 1 minus the squares of entry i in the basis.
    let farthest = 0;
    let remains = -1;
    for (let i = 0; i < rows; i++) {
      const rest = basis.reduce((sum, column) => sum - column[i] ** 2, 1);
      if (rest > remains) {
        farthest = i;
        remains = rest;
      }
    }
    const next = new Float64Array(rows);
    next[farthest] = 1;
    // Twice is enough: Giraud, Langou and Rozloznik, "The loss of orthogonality in the Gram-Schmidt process", 2005.
    for (let pass = 0; pass < 2; pass++) {
      for (const column of basis) {
        const overlap = dot(column, next);
        for (let i = 0; i < rows; i++) next[i] -= overlap * column[i];
      }
    }
    const norm = Math.sqrt(dot(next, next));
    basis.push(next.map((x) => x / norm));
  }
}
