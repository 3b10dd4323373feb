import type { View } from '../backend/view.js';
import { NumericalError } from '../errors.js';
import { fromTypedArray } from '../tensor/creation.js';
import { arrayConstructor } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import type { RealDType } from './sparse-matrix.js';
import { type Steps, step } from './steps.js';

/*
 * The complex Schur form of a real matrix, from its real one, and the square root of such a form, which exists where no real one
 * does. Both are computed in float64. What is cubic of the root is matrix products: halves are taken by recursion (Deadman,
 * Higham and Ralha, "Blocked Schur algorithms for computing the matrix square root", 2013).
 */

/** A complex matrix, row-major. */
export interface ComplexMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** Side of a block from which on halves are taken. */
const POINTWISE = 32;

function zeros(rows: number, columns: number): ComplexMatrix {
  return { rows, columns, real: new Float64Array(rows * columns), imaginary: new Float64Array(rows * columns) };
}

function part(
  matrix: ComplexMatrix,
  [top, bottom]: readonly [number, number],
  [left, right]: readonly [number, number],
) {
  const result = zeros(bottom - top, right - left);
  for (let row = top; row < bottom; row++) {
    const from = row * matrix.columns;
    const to = (row - top) * result.columns;
    result.real.set(matrix.real.subarray(from + left, from + right), to);
    result.imaginary.set(matrix.imaginary.subarray(from + left, from + right), to);
  }
  return result;
}

function put(target: ComplexMatrix, top: number, left: number, source: ComplexMatrix): void {
  for (let row = 0; row < source.rows; row++) {
    const [from, to] = [row * source.columns, (top + row) * target.columns + left];
    target.real.set(source.real.subarray(from, from + source.columns), to);
    target.imaginary.set(source.imaginary.subarray(from, from + source.columns), to);
  }
}

/**
 * Makes a real Schur form `t [n, n]` with `z [n, n]` complex: each block of two rows becomes triangular by a unitary rotation, as
 * SciPy's `rsf2csf`. The eigenvalue with a positive imaginary part comes first.
 */
function complexSchurForm(realT: Float64Array, realZ: Float64Array, n: number): { t: ComplexMatrix; z: ComplexMatrix } {
  const t: ComplexMatrix = { ...zeros(n, n), real: realT.slice() };
  const z: ComplexMatrix = { ...zeros(n, n), real: realZ.slice() };
  for (let m = n - 1; m > 0; m--) {
    const below = realT[m * n + m - 1] as number;
    if (below === 0) continue;
    const half = ((realT[(m - 1) * n + m - 1] as number) - (realT[m * n + m] as number)) / 2;
    const square = half * half + (realT[(m - 1) * n + m] as number) * below;
    // An eigenvalue less the lower element of the diagonal: with `below` an eigenvector.
    const [real, imaginary] =
      square < 0 ? [half, Math.sqrt(-square)] : [half + Math.sign(half || 1) * Math.sqrt(square), 0];
    const length = Math.hypot(real, imaginary, below);
    const rotation = { real: real / length, imaginary: imaginary / length, sine: below / length };
    rotateRows(t, m, rotation);
    rotateColumns(t, m, m + 1, rotation);
    rotateColumns(z, m, n, rotation);
    t.real[m * n + m - 1] = 0;
    t.imaginary[m * n + m - 1] = 0;
  }
  return { t, z };
}

/** The complex Schur form of each matrix of which `t` and `z [..., n, n]` are the real ones. */
export function complexSchurForms(
  t: Tensor<RealDType>,
  z: Tensor<RealDType>,
): { readonly t: ComplexMatrix; readonly z: ComplexMatrix }[] {
  const n = t.shape.at(-1) as number;
  using wideT = t.to('float64');
  using wideZ = z.to('float64');
  const [allT, allZ] = [wideT.toTypedArray(), wideZ.toTypedArray()];
  const count = t.shape.slice(0, -2).reduce((product, length) => product * length, 1);
  return Array.from({ length: count }, (_, index) => {
    const [begin, end] = [index * n * n, (index + 1) * n * n];
    return complexSchurForm(allT.subarray(begin, end), allZ.subarray(begin, end), n);
  });
}

/** Matrices as one pair of tensors of a shape. */
export function complexTensor<D extends RealDType>(
  matrices: readonly ComplexMatrix[],
  dtype: D,
  shape: readonly number[],
): { readonly real: Tensor<D>; readonly imaginary: Tensor<D> } {
  const size = shape.reduce((product, length) => product * length, 1);
  const [real, imaginary] = (['real', 'imaginary'] as const).map((half) => {
    const data = new (arrayConstructor(dtype))(size);
    let offset = 0;
    for (const matrix of matrices) {
      data.set(matrix[half], offset);
      offset += matrix[half].length;
    }
    return fromTypedArray(data, shape, { dtype });
  }) as [Tensor<D>, Tensor<D>];
  return { real, imaginary };
}

/** A complex cosine and a real sine. */
interface Rotation {
  readonly real: number;
  readonly imaginary: number;
  readonly sine: number;
}

/** `[[conj(c), s], [-s, c]]` times rows m - 1 and m. */
function rotateRows({ columns, real, imaginary }: ComplexMatrix, m: number, c: Rotation): void {
  for (let column = m - 1; column < columns; column++) {
    const [upper, lower] = [(m - 1) * columns + column, m * columns + column];
    const [ar, ai, br, bi] = [real[upper], imaginary[upper], real[lower], imaginary[lower]] as [
      number,
      number,
      number,
      number,
    ];
    real[upper] = c.real * ar + c.imaginary * ai + c.sine * br;
    imaginary[upper] = c.real * ai - c.imaginary * ar + c.sine * bi;
    real[lower] = c.real * br - c.imaginary * bi - c.sine * ar;
    imaginary[lower] = c.real * bi + c.imaginary * br - c.sine * ai;
  }
}

/** The first rows of columns m - 1 and m times the conjugate transpose of that. */
function rotateColumns({ columns, real, imaginary }: ComplexMatrix, m: number, rows: number, c: Rotation): void {
  for (let row = 0; row < rows; row++) {
    const [left, right] = [row * columns + m - 1, row * columns + m];
    const [ar, ai, br, bi] = [real[left], imaginary[left], real[right], imaginary[right]] as [
      number,
      number,
      number,
      number,
    ];
    real[left] = c.real * ar - c.imaginary * ai + c.sine * br;
    imaginary[left] = c.real * ai + c.imaginary * ar + c.sine * bi;
    real[right] = c.real * br + c.imaginary * bi - c.sine * ar;
    imaginary[right] = c.real * bi - c.imaginary * br - c.sine * ai;
  }
}

/** `a * b`, as one real product of twice the size: `[[ar, -ai], [ai, ar]] * [br, bi]`. */
export function* multiply(a: ComplexMatrix, b: ComplexMatrix): Steps<ComplexMatrix> {
  const [m, k, n] = [a.rows, a.columns, b.columns];
  const left = new Float64Array(4 * m * k);
  for (let row = 0; row < m; row++) {
    const [real, imaginary] = [a.real, a.imaginary].map((half) => half.subarray(row * k, (row + 1) * k)) as [
      Float64Array,
      Float64Array,
    ];
    left.set(real, 2 * row * k);
    left.set(
      imaginary.map((value) => -value),
      (2 * row + 1) * k,
    );
    left.set(imaginary, 2 * (m + row) * k);
    left.set(real, (2 * (m + row) + 1) * k);
  }
  const right = new Float64Array(2 * k * n);
  right.set(b.real);
  right.set(b.imaginary, k * n);
  using first = fromTypedArray(left, [2 * m, 2 * k]);
  using second = fromTypedArray(right, [2 * k, n]);
  const [view] = yield* step('matmul', [first, second], {});
  using product = Tensor.fromView(view as View<'float64'>);
  const values = product.toTypedArray();
  return { rows: m, columns: n, real: values.slice(0, m * n), imaginary: values.slice(m * n) };
}

export function conjugateTranspose({ rows, columns, real, imaginary }: ComplexMatrix): ComplexMatrix {
  const result = zeros(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result.real[column * rows + row] = real[row * columns + column] as number;
      result.imaginary[column * rows + row] = -(imaginary[row * columns + column] as number);
    }
  }
  return result;
}

/** The difference `a - b` in place of a. */
function subtract(a: ComplexMatrix, b: ComplexMatrix): ComplexMatrix {
  for (let n = 0; n < a.real.length; n++) {
    a.real[n] -= b.real[n] as number;
    a.imaginary[n] -= b.imaginary[n] as number;
  }
  return a;
}

/**
 * The principal square root of an upper triangular matrix: eigenvalues with an argument from just above -pi/2 to pi/2.
 *
 * @param epsilon - eigenvalues below n times this of the norm count as zero.
 * @throws NumericalError when an eigenvalue is zero and has no root.
 */
export function* rootOfTriangle(t: ComplexMatrix, epsilon: number, name: string): Steps<ComplexMatrix> {
  let squares = 0;
  for (const values of [t.real, t.imaginary]) for (const value of values) squares += value * value;
  const negligible = t.rows * epsilon * Math.sqrt(squares);
  const fail = (): NumericalError =>
    new NumericalError(
      `sqrtm: ${name} has no square root: an eigenvalue of its Schur form is zero, and not of a diagonal matrix`,
    );
  function* root(block: ComplexMatrix): Steps<ComplexMatrix> {
    const n = block.rows;
    if (n === 1) return rootOfNumber(block, negligible);
    const middle = n >> 1;
    const [low, high] = [
      [0, middle],
      [middle, n],
    ] as const;
    const first = yield* root(part(block, low, low));
    const last = yield* root(part(block, high, high));
    const between = yield* sylvester(first, last, part(block, low, high), negligible);
    if (between === null) throw fail();
    const result = zeros(n, n);
    put(result, 0, 0, first);
    put(result, middle, middle, last);
    put(result, 0, middle, between);
    return result;
  }
  return t.rows === 0 ? t : yield* root(t);
}

function rootOfNumber({ real, imaginary }: ComplexMatrix, negligible: number): ComplexMatrix {
  const result = zeros(1, 1);
  const [x, y] = [real[0], imaginary[0]] as [number, number];
  const length = Math.hypot(x, y);
  if (length <= negligible) return result;
  const larger = Math.sqrt((length + Math.abs(x)) / 2);
  const other = Math.abs(y) / (2 * larger);
  result.real[0] = x >= 0 ? larger : other;
  result.imaginary[0] = (x >= 0 ? other : larger) * (y < 0 ? -1 : 1);
  return result;
}

/** The x of `a * x + x * c = b` of upper triangular a and c; null where there is none. */
function* sylvester(
  a: ComplexMatrix,
  c: ComplexMatrix,
  b: ComplexMatrix,
  negligible: number,
): Steps<ComplexMatrix | null> {
  const { rows: p, columns: q } = b;
  if (Math.max(p, q) <= POINTWISE) return sylvesterByElements(a, c, b, negligible);
  const result = zeros(p, q);
  if (p >= q) {
    const middle = p >> 1;
    const [low, high] = [
      [0, middle],
      [middle, p],
    ] as const;
    const lower = yield* sylvester(part(a, high, high), c, part(b, high, [0, q]), negligible);
    if (lower === null) return null;
    const rest = subtract(part(b, low, [0, q]), yield* multiply(part(a, low, high), lower));
    const upper = yield* sylvester(part(a, low, low), c, rest, negligible);
    if (upper === null) return null;
    put(result, 0, 0, upper);
    put(result, middle, 0, lower);
    return result;
  }
  const middle = q >> 1;
  const [low, high] = [
    [0, middle],
    [middle, q],
  ] as const;
  const left = yield* sylvester(a, part(c, low, low), part(b, [0, p], low), negligible);
  if (left === null) return null;
  const rest = subtract(part(b, [0, p], high), yield* multiply(left, part(c, low, high)));
  const right = yield* sylvester(a, part(c, high, high), rest, negligible);
  if (right === null) return null;
  put(result, 0, 0, left);
  put(result, 0, middle, right);
  return result;
}

function sylvesterByElements(
  a: ComplexMatrix,
  c: ComplexMatrix,
  b: ComplexMatrix,
  negligible: number,
): ComplexMatrix | null {
  const { rows: p, columns: q } = b;
  const x = zeros(p, q);
  const at = (matrix: ComplexMatrix, row: number, column: number): [number, number] => {
    const place = row * matrix.columns + column;
    return [matrix.real[place] as number, matrix.imaginary[place] as number];
  };
  for (let i = p - 1; i >= 0; i--) {
    for (let j = 0; j < q; j++) {
      let [real, imaginary] = at(b, i, j);
      for (let k = i + 1; k < p; k++) {
        const [ur, ui] = at(a, i, k);
        const [vr, vi] = at(x, k, j);
        real -= ur * vr - ui * vi;
        imaginary -= ur * vi + ui * vr;
      }
      for (let k = 0; k < j; k++) {
        const [ur, ui] = at(x, i, k);
        const [vr, vi] = at(c, k, j);
        real -= ur * vr - ui * vi;
        imaginary -= ur * vi + ui * vr;
      }
      const [ar, ai] = at(a, i, i);
      const [cr, ci] = at(c, j, j);
      const [dr, di] = [ar + cr, ai + ci];
      const length = Math.hypot(dr, di);
      if (length === 0) {
        // Any x will do where nothing is left, such as zero.
        if (Math.hypot(real, imaginary) > negligible) return null;
        continue;
      }
      const [nr, ni] = [dr / length, di / length];
      x.real[i * q + j] = (real * nr + imaginary * ni) / length;
      x.imaginary[i * q + j] = (imaginary * nr - real * ni) / length;
    }
  }
  return x;
}
