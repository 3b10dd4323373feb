import { DTypeError, ShapeError } from '../../errors.js';
import { type Dim, equalDims, equalShapes, formatShape } from '../../tensor/dim.js';
import { definePrimitive, requireDType, viewOperand } from '../primitive.js';
import type { Operand, OutputSpec, View } from '../view.js';

/*
 * Decompositions and solvers, batched over leading axes; float32 or float64. NaN and infinities are refused by who calls
 * them (src/linalg). A failure, such as a pivot of zero, is a NumericalError that names the matrix of the batch as `a` or
 * `a[2, 0]`, and the pivot; where several fail, the first.
 */

/** The sizes of a matrix operand, which a recording has to know. */
interface Matrices {
  readonly view: View;
  readonly batch: readonly Dim[];
  readonly m: number;
  readonly n: number;
}

function matrices(name: string, operands: readonly Operand[]): Matrices {
  const view = viewOperand(name, operands, 0, 'a');
  requireDType(name, 'a', view, ['float32', 'float64']);
  const m = view.dims.at(-2);
  const n = view.dims.at(-1);
  if (typeof m !== 'number' || typeof n !== 'number') {
    throw new ShapeError(`${name}: argument a must be [..., m, n], got shape ${formatShape(view.dims)}`);
  }
  return { view, batch: view.dims.slice(0, -2), m, n };
}

function squareMatrices(name: string, operands: readonly Operand[]): Matrices {
  const sizes = matrices(name, operands);
  if (sizes.m !== sizes.n) {
    throw new ShapeError(`${name}: argument a must be square, [..., n, n], got shape ${formatShape(sizes.view.dims)}`);
  }
  return sizes;
}

/** A result beside operand a: its dtype, its leading axes, and these. */
function specOf({ view, batch }: Matrices, ...dims: number[]): OutputSpec {
  return { dtype: view.dtype, dims: [...batch, ...dims] };
}

/** Right-hand sides `[..., n, k]` that fit `a [..., n, n]`. */
function rightSides(name: string, operands: readonly Operand[], { view, batch, n }: Matrices): OutputSpec {
  const b = viewOperand(name, operands, 1, 'b');
  if (b.dtype !== view.dtype) throw new DTypeError(`${name}: a is ${view.dtype} and b is ${b.dtype}; they must agree`);
  const rows = b.dims.at(-2);
  if (rows === undefined || !equalDims(rows, n) || !equalShapes(b.dims.slice(0, -2), batch)) {
    throw new ShapeError(
      `${name}: shapes ${formatShape(view.dims)} and ${formatShape(b.dims)} do not fit; expected [..., n, n] and [..., n, k]`,
    );
  }
  return { dtype: b.dtype, dims: b.dims };
}

/**
 * Singular value decomposition `a [..., m, n] = u * diag(s) * vt`, singular values descending (LAPACK `?gesdd`).
 * Results u, s, vt: thin `[..., m, r]`, `[..., r]`, `[..., r, n]` with r = min(m, n); full `[..., m, m]`, `[..., r]`,
 * `[..., n, n]`; without vectors `[..., m, 0]`, `[..., r]`, `[..., 0, n]`.
 */
export const svd = definePrimitive<{ fullMatrices: boolean; vectors: boolean }>({
  name: 'svd',
  infer(operands, { fullMatrices, vectors }) {
    const a = matrices('svd', operands);
    const { m, n } = a;
    const rank = Math.min(m, n);
    const side = (long: number): number => (vectors ? (fullMatrices ? long : rank) : 0);
    return [specOf(a, m, side(m)), specOf(a, rank), specOf(a, side(n), n)];
  },
  encode: ({ fullMatrices, vectors }) => [fullMatrices ? 1 : 0, vectors ? 1 : 0],
});

/** What of a QR decomposition is wanted: `reduced` q `[m, r]` and r `[r, n]`, `complete` `[m, m]` and `[m, n]`, `r` alone. */
export const QR_MODES = ['reduced', 'complete', 'r'] as const;
export type QrMode = (typeof QR_MODES)[number];

/**
 * QR decomposition `a [..., m, n] = q * r` (LAPACK `?geqrt`, `?orgqr`), or with pivoting `a[..., permutation] = q * r` with
 * a diagonal of r whose magnitudes descend (`?geqp3`). Results q, r, permutation (int32 `[..., n]`); q is `[..., m, 0]`
 * for mode `r`.
 */
export const qr = definePrimitive<{ mode: QrMode; pivoting: boolean }>({
  name: 'qr',
  infer(operands, { mode }) {
    const a = matrices('qr', operands);
    const { m, n } = a;
    const rows = mode === 'complete' ? m : Math.min(m, n);
    return [specOf(a, m, mode === 'r' ? 0 : rows), specOf(a, rows, n), { ...specOf(a, n), dtype: 'int32' }];
  },
  encode: ({ mode, pivoting }) => [QR_MODES.indexOf(mode), pivoting ? 1 : 0],
});

/** Cholesky decomposition `a = l * transpose(l)` of `[..., n, n]`, of which the lower triangle is read (LAPACK `?potrf`). */
export const cholesky = definePrimitive({
  name: 'cholesky',
  infer(operands) {
    const a = squareMatrices('cholesky', operands);
    return [specOf(a, a.n, a.n)];
  },
  encode: () => [],
});

/**
 * LU decomposition `a[permutation] = l * u` of `[..., m, n]` with row exchanges (LAPACK `?getrf`). Results: both triangles in
 * one `[..., m, n]`, l without its unit diagonal; the permutation, int32 `[..., m]`; its sign, 1 or -1, `[...]`. Singular
 * matrices have one, too: their u has a zero on its diagonal.
 */
export const lu = definePrimitive({
  name: 'lu',
  infer(operands) {
    const a = matrices('lu', operands);
    return [specOf(a, a.m, a.n), { ...specOf(a, a.m), dtype: 'int32' }, specOf(a)];
  },
  encode: () => [],
});

/** The solution x `[..., n, k]` of `a [..., n, n] * x = b [..., n, k]` (LAPACK `?getrf`, BLAS `?trsm`). */
export const solve = definePrimitive({
  name: 'solve',
  infer: (operands) => [rightSides('solve', operands, squareMatrices('solve', operands))],
  encode: () => [],
});

/**
 * The solution of `a * x = b` for a triangular a `[..., n, n]`, whose other triangle, and diagonal where it is all ones, is
 * not read (BLAS `?trsm`).
 */
export const solveTriangular = definePrimitive<{ lower: boolean; unitDiagonal: boolean }>({
  name: 'solveTriangular',
  infer: (operands) => [rightSides('solveTriangular', operands, squareMatrices('solveTriangular', operands))],
  encode: ({ lower, unitDiagonal }) => [lower ? 1 : 0, unitDiagonal ? 1 : 0],
});

/** The inverse of `[..., n, n]` (LAPACK `?getrf`, `?getri`). */
export const inv = definePrimitive({
  name: 'inv',
  infer(operands) {
    const a = squareMatrices('inv', operands);
    return [specOf(a, a.n, a.n)];
  },
  encode: () => [],
});

/**
 * Eigenvalues `[..., n]`, ascending, and orthonormal eigenvectors `[..., n, n]`, in columns, of symmetric matrices, of which
 * the lower triangle is read (LAPACK `?syevd`). Without vectors the second result is `[..., n, 0]`.
 */
export const eigh = definePrimitive<{ vectors: boolean }>({
  name: 'eigh',
  infer(operands, { vectors }) {
    const a = squareMatrices('eigh', operands);
    return [specOf(a, a.n), specOf(a, a.n, vectors ? a.n : 0)];
  },
  encode: ({ vectors }) => [vectors ? 1 : 0],
});

/**
 * Eigenvalues and right eigenvectors, in columns, of square matrices (LAPACK `?geev`). Results: real and imaginary parts of the
 * values `[..., n]`, real and imaginary parts of the vectors `[..., n, n]`, each vector of length 1; without vectors
 * `[..., n, 0]`. Conjugate pairs stand together, the one with the positive imaginary part first.
 */
export const eig = definePrimitive<{ vectors: boolean }>({
  name: 'eig',
  infer(operands, { vectors }) {
    const a = squareMatrices('eig', operands);
    const columns = vectors ? a.n : 0;
    return [specOf(a, a.n), specOf(a, a.n), specOf(a, a.n, columns), specOf(a, a.n, columns)];
  },
  encode: ({ vectors }) => [vectors ? 1 : 0],
});

/**
 * Real Schur decomposition `a = z * t * transpose(z)`: z orthogonal, t upper triangular but for a block of two rows for each
 * pair of conjugate eigenvalues (LAPACK `?gees`). Results t, z.
 */
export const schur = definePrimitive({
  name: 'schur',
  infer(operands) {
    const a = squareMatrices('schur', operands);
    return [specOf(a, a.n, a.n), specOf(a, a.n, a.n)];
  },
  encode: () => [],
});

/**
 * The principal square root of a real Schur form t `[..., n, n]`, which is one again (Higham, "Computing real square roots of a
 * real matrix", 1987). A negative real eigenvalue has none: an error of `sqrtm`, which is what this is for. Eigenvalues below n
 * units of rounding of the norm count as zero.
 */
export const schurRoot = definePrimitive({
  name: 'schurRoot',
  infer(operands) {
    const t = squareMatrices('schurRoot', operands);
    return [specOf(t, t.n, t.n)];
  },
  encode: () => [],
});
