import { reflectColumns, reflectionOf, reflectRows } from './householder.js';

/*
 * Eigenvalues of general matrices: reduction to Hessenberg form by reflections, Francis's implicit double shifts to the real
 * Schur form, back substitution for the vectors. Golub and Van Loan, "Matrix Computations", sections 7.4 to 7.6.
 */

const EPSILON = 2 ** -52;
const MAX_ITERATIONS = 60;

export interface RealSchur {
  /** `[n, n]`, upper triangular but for blocks of two rows with conjugate eigenvalues. */
  readonly t: Float64Array;
  /** `[n, n]`, orthogonal; a = z * t * transpose(z). */
  readonly z: Float64Array;
}

/** The real Schur form; null where it does not converge. */
export function realSchur(a: Float64Array, n: number): RealSchur | null {
  // A power of two near the largest element, so that products neither overflow nor vanish.
  const greatest = a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const scale = greatest === 0 ? 1 : 2 ** Math.max(Math.floor(Math.log2(greatest)), -1000);
  const t = a.map((x) => x / scale);
  const z = new Float64Array(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  reduceToHessenberg(t, z, n);
  let norm = 0;
  for (const x of t) norm = Math.max(norm, Math.abs(x));
  let high = n - 1;
  let iterations = 0;
  while (high > 0) {
    let low = high;
    for (; low > 0; low--) {
      const beside = Math.abs(t[(low - 1) * n + low - 1]) + Math.abs(t[low * n + low]);
      if (Math.abs(t[low * n + low - 1]) <= EPSILON * (beside === 0 ? norm : beside)) break;
    }
    if (low > 0) t[low * n + low - 1] = 0;
    if (low >= high - 1) {
      if (low === high - 1) splitRealPair(t, z, n, low);
      high = low - 1;
      iterations = 0;
    } else {
      if (++iterations > MAX_ITERATIONS) return null;
      doubleShift(t, z, n, low, high, iterations % 10 === 0);
    }
  }
  return { t: t.map((x) => x * scale), z };
}

function reduceToHessenberg(t: Float64Array, z: Float64Array, n: number): void {
  for (let k = 0; k < n - 2; k++) {
    const reflection = reflectionOf(Float64Array.from({ length: n - k - 1 }, (_, i) => t[(k + 1 + i) * n + k]));
    reflectRows(t, n, k + 1, reflection, k);
    reflectColumns(t, n, k + 1, reflection, n);
    reflectColumns(z, n, k + 1, reflection, n);
    for (let i = k + 2; i < n; i++) t[i * n + k] = 0;
  }
}

/** One step of Francis on rows low to high, with the eigenvalues of the last two rows, or exceptional ones, as its shifts. */
function doubleShift(
  t: Float64Array,
  z: Float64Array,
  n: number,
  low: number,
  high: number,
  exceptional: boolean,
): void {
  const at = (i: number, j: number): number => t[i * n + j];
  let trace = at(high - 1, high - 1) + at(high, high);
  let determinant = at(high - 1, high - 1) * at(high, high) - at(high - 1, high) * at(high, high - 1);
  if (exceptional) {
    const size = Math.abs(at(high, high - 1)) + Math.abs(at(high - 1, high - 2));
    trace = 1.5 * size;
    determinant = size * size;
  }
  let bulge = [
    at(low, low) * (at(low, low) - trace) + at(low, low + 1) * at(low + 1, low) + determinant,
    at(low + 1, low) * (at(low, low) + at(low + 1, low + 1) - trace),
    at(low + 1, low) * at(low + 2, low + 1),
  ];
  for (let k = low; k < high; k++) {
    const rows = Math.min(3, high - k + 1);
    const reflection = reflectionOf(Float64Array.from(bulge.slice(0, rows)));
    reflectRows(t, n, k, reflection, Math.max(k - 1, low));
    reflectColumns(t, n, k, reflection, Math.min(k + 3, high) + 1);
    reflectColumns(z, n, k, reflection, n);
    if (k > low) for (let i = k + 1; i < k + rows; i++) t[i * n + k - 1] = 0;
    bulge = [at(k + 1, k), k + 2 <= high ? at(k + 2, k) : 0, k + 3 <= high ? at(k + 3, k) : 0];
  }
}

/** Makes a block of two rows triangular where its eigenvalues are real. */
function splitRealPair(t: Float64Array, z: Float64Array, n: number, row: number): void {
  const next = row + 1;
  const half = (t[row * n + row] - t[next * n + next]) / 2;
  const product = t[next * n + row] * t[row * n + next];
  const discriminant = half * half + product;
  if (discriminant < 0) return;
  // An eigenvector of the block, (shift, below), becomes the first unit vector.
  const shift = half + (half >= 0 ? 1 : -1) * Math.sqrt(discriminant);
  const below = t[next * n + row];
  const length = Math.hypot(shift, below);
  if (length === 0) return;
  const [cosine, sine] = [shift / length, below / length];
  for (let j = 0; j < n; j++) {
    const [x, y] = [t[row * n + j], t[next * n + j]];
    t[row * n + j] = cosine * x + sine * y;
    t[next * n + j] = cosine * y - sine * x;
  }
  for (const matrix of [t, z]) {
    for (let i = 0; i < n; i++) {
      const [x, y] = [matrix[i * n + row], matrix[i * n + next]];
      matrix[i * n + row] = cosine * x + sine * y;
      matrix[i * n + next] = cosine * y - sine * x;
    }
  }
  t[next * n + row] = 0;
}

export interface GeneralEigen {
  readonly valuesReal: Float64Array;
  readonly valuesImaginary: Float64Array;
  /** `[n, n]`, in columns of length 1. */
  readonly vectorsReal: Float64Array;
  readonly vectorsImaginary: Float64Array;
}

type Complex = readonly [real: number, imaginary: number];

function multiply([a, b]: Complex, [c, d]: Complex): Complex {
  return [a * c - b * d, a * d + b * c];
}

/** Smith's division, which does not overflow on the way. */
function divide([a, b]: Complex, [c, d]: Complex): Complex {
  if (Math.abs(c) >= Math.abs(d)) {
    const ratio = d / c;
    const divisor = c + d * ratio;
    return [(a + b * ratio) / divisor, (b - a * ratio) / divisor];
  }
  const ratio = c / d;
  const divisor = c * ratio + d;
  return [(a * ratio + b) / divisor, (b * ratio - a) / divisor];
}

/** Eigenvalues and right eigenvectors; null where they do not converge. */
export function generalEigen(a: Float64Array, n: number): GeneralEigen | null {
  const schur = realSchur(a, n);
  if (schur === null) return null;
  const { t, z } = schur;
  const valuesReal = new Float64Array(n);
  const valuesImaginary = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    valuesReal[i] = t[i * n + i];
    if (!isBlock(t, n, i)) continue;
    const half = (t[i * n + i] - t[(i + 1) * n + i + 1]) / 2;
    const root = Math.sqrt(Math.abs(half * half + t[i * n + i + 1] * t[(i + 1) * n + i]));
    valuesReal.fill(t[(i + 1) * n + i + 1] + half, i, i + 2);
    valuesImaginary[i] = root;
    valuesImaginary[i + 1] = -root;
    i++;
  }
  const vectorsReal = new Float64Array(n * n);
  const vectorsImaginary = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const y = triangularVector(t, n, k, [valuesReal[k], valuesImaginary[k]]);
    const [real, imaginary] = normalised(z, y, n);
    for (let i = 0; i < n; i++) {
      vectorsReal[i * n + k] = real[i];
      vectorsImaginary[i * n + k] = imaginary[i];
    }
  }
  return { valuesReal, valuesImaginary, vectorsReal, vectorsImaginary };
}

/** Whether rows i and i + 1 form a block. */
function isBlock(t: Float64Array, n: number, i: number): boolean {
  return i >= 0 && i + 1 < n && t[(i + 1) * n + i] !== 0;
}

/** The eigenvector of t for the eigenvalue at place k, by back substitution. */
function triangularVector(t: Float64Array, n: number, k: number, value: Complex): Complex[] {
  const y: Complex[] = Array.from({ length: n }, () => [0, 0]);
  const least = EPSILON * t.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE / EPSILON);
  const shifted = (i: number): Complex => {
    const difference: Complex = [t[i * n + i] - value[0], -value[1]];
    return Math.abs(difference[0]) + Math.abs(difference[1]) < least ? [least, 0] : difference;
  };
  let row: number;
  if (value[1] === 0) {
    y[k] = [1, 0];
    row = k - 1;
  } else {
    const top = isBlock(t, n, k) && value[1] > 0 ? k : k - 1;
    y[top] = [value[0] - t[(top + 1) * n + top + 1], value[1]];
    y[top + 1] = [t[(top + 1) * n + top], 0];
    row = top - 1;
  }
  const rest = (i: number, from: number): Complex => {
    let [real, imaginary] = [0, 0];
    for (let j = from; j < n; j++) {
      real -= t[i * n + j] * y[j][0];
      imaginary -= t[i * n + j] * y[j][1];
    }
    return [real, imaginary];
  };
  for (; row >= 0; row--) {
    if (!isBlock(t, n, row - 1)) {
      y[row] = divide(rest(row, row + 1), shifted(row));
      continue;
    }
    // Two equations for two entries, by Cramer's rule.
    const [first, second] = [rest(row - 1, row + 1), rest(row, row + 1)];
    const [a, d] = [shifted(row - 1), shifted(row)];
    const [b, c] = [t[(row - 1) * n + row], t[row * n + row - 1]];
    const full = multiply(a, d);
    let determinant: Complex = [full[0] - b * c, full[1]];
    if (Math.abs(determinant[0]) + Math.abs(determinant[1]) < least * least) determinant = [least * least, 0];
    const [x1, x2] = [multiply(first, d), multiply(a, second)];
    y[row - 1] = divide([x1[0] - b * second[0], x1[1] - b * second[1]], determinant);
    y[row] = divide([x2[0] - c * first[0], x2[1] - c * first[1]], determinant);
    row--;
  }
  return y;
}

/** z * y, of length 1 and turned so that its largest entry is real. */
function normalised(z: Float64Array, y: readonly Complex[], n: number): [Float64Array, Float64Array] {
  const real = new Float64Array(n);
  const imaginary = new Float64Array(n);
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      real[i] += z[i * n + j] * y[j][0];
      imaginary[i] += z[i * n + j] * y[j][1];
    }
    if (Math.hypot(real[i], imaginary[i]) > Math.hypot(real[largest], imaginary[largest])) largest = i;
  }
  const size = Math.hypot(real[largest], imaginary[largest]);
  const length = size * Math.sqrt(real.reduce((sum, x, i) => sum + (x / size) ** 2 + (imaginary[i] / size) ** 2, 0));
  const isReal = imaginary.every((x) => x === 0);
  const turn: Complex = isReal ? [1, 0] : [real[largest] / size, -imaginary[largest] / size];
  for (let i = 0; i < n; i++) {
    [real[i], imaginary[i]] = multiply([real[i] / length, imaginary[i] / length], turn);
  }
  if (!isReal) imaginary[largest] = 0;
  return [real, imaginary];
}
