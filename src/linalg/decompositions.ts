import { QR_MODES, type QrMode } from '../backend/primitives/decomposition.js';
import type { View } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import { Temporaries } from '../tensor/execute.js';
import { transposeView, windowOf } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';
import { requireMatrices, requireSquare, sidesOf } from './checks.js';
import { complexSchurForms, complexTensor } from './complex-schur.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';
import { triangleOf } from './structure.js';

export interface SvdOptions {
  /** Square u and vt instead of thin ones. Default false. */
  readonly fullMatrices?: boolean;
}

export interface SvdResult<D extends RealDType> {
  readonly u: Tensor<D>;
  /** Singular values, descending. */
  readonly s: Tensor<D>;
  readonly vt: Tensor<D>;
}

/** Numbers that may be complex, as two tensors of one shape. */
export interface ComplexTensor<D extends RealDType> {
  readonly real: Tensor<D>;
  readonly imaginary: Tensor<D>;
}

function wrap<D extends RealDType>(view: View): Tensor<D> {
  return Tensor.fromView(view as View<D>);
}

function* svdSteps<D extends RealDType>(a: Tensor<D>, { fullMatrices = false }: SvdOptions): Steps<SvdResult<D>> {
  const matrices = requireMatrices('svd', 'a', a);
  const [u, s, vt] = yield* step('svd', [matrices], { fullMatrices, vectors: true });
  return { u: wrap(u), s: wrap(s), vt: wrap(vt) };
}

/**
 * The singular value decomposition `a [..., m, n] = u * diag(s) * vt`, singular values descending. Thin by default: u
 * `[..., m, r]`, s `[..., r]`, vt `[..., r, n]` with r = min(m, n). LAPACK `?gesdd`, divide and conquer.
 *
 * @throws ArgumentError when there are NaN or infinite elements; NumericalError when the iteration does not converge.
 */
export function svd<D extends RealDType>(a: Tensor<D>, options: SvdOptions = {}): SvdResult<D> {
  return runSteps(svdSteps(a, options));
}

/** {@link svd} off the event loop. */
export function svdAsync<D extends RealDType>(
  a: Tensor<D>,
  options: SvdOptions & AsyncOptions = {},
): Promise<SvdResult<D>> {
  return runStepsAsync(svdSteps(a, options), options);
}

/** The singular values of matrices that were checked. */
export function* singularValuesOf<D extends RealDType>(matrices: View<D>): Steps<View<D>> {
  const [, s] = yield* step('svd', [matrices], { fullMatrices: false, vectors: false });
  return s as View<D>;
}

function* svdvalsSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  return wrap(yield* singularValuesOf(requireMatrices('svdvals', 'a', a)));
}

/** The singular values `[..., min(m, n)]` of `a [..., m, n]`, descending. LAPACK `?gesdd` without vectors. */
export function svdvals<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(svdvalsSteps(a));
}

/** {@link svdvals} off the event loop. */
export function svdvalsAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsAsync(svdvalsSteps(a), options);
}

export interface EighResult<D extends RealDType> {
  /** Eigenvalues `[..., n]`, ascending. */
  readonly values: Tensor<D>;
  /** Eigenvectors `[..., n, n]`, orthonormal, in columns. */
  readonly vectors: Tensor<D>;
}

function* eighSteps<D extends RealDType>(a: Tensor<D>): Steps<EighResult<D>> {
  const [values, vectors] = yield* step('eigh', [requireSquare('eigh', 'a', a)], { vectors: true });
  return { values: wrap(values), vectors: wrap(vectors) };
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices `a [..., n, n] = vectors * diag(values) * transpose(vectors)`. Only the
 * lower triangle is read. LAPACK `?syevd`, divide and conquer.
 *
 * @throws ShapeError when a is not square; ArgumentError when there are NaN or infinite elements.
 */
export function eigh<D extends RealDType>(a: Tensor<D>): EighResult<D> {
  return runSteps(eighSteps(a));
}

/** {@link eigh} off the event loop. */
export function eighAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<EighResult<D>> {
  return runStepsAsync(eighSteps(a), options);
}

function* eigvalshSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  const [values] = yield* step('eigh', [requireSquare('eigvalsh', 'a', a)], { vectors: false });
  return wrap(values);
}

/** The eigenvalues `[..., n]` of symmetric matrices, ascending; see {@link eigh}. */
export function eigvalsh<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(eigvalshSteps(a));
}

/** {@link eigvalsh} off the event loop. */
export function eigvalshAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsAsync(eigvalshSteps(a), options);
}

export interface EigResult<D extends RealDType> {
  /** Eigenvalues `[..., n]`; conjugate pairs stand together, positive imaginary parts first. */
  readonly values: ComplexTensor<D>;
  /** Right eigenvectors `[..., n, n]`, in columns of length 1 whose largest entry is real. */
  readonly vectors: ComplexTensor<D>;
}

function* eigSteps<D extends RealDType>(a: Tensor<D>): Steps<EigResult<D>> {
  const [real, imaginary, vectorsReal, vectorsImaginary] = yield* step('eig', [requireSquare('eig', 'a', a)], {
    vectors: true,
  });
  return {
    values: { real: wrap(real), imaginary: wrap(imaginary) },
    vectors: { real: wrap(vectorsReal), imaginary: wrap(vectorsImaginary) },
  };
}

/**
 * Eigenvalues and right eigenvectors of square matrices `a [..., n, n]`: `a * vectors = vectors * diag(values)`, complex in
 * general. LAPACK `?geev`. For symmetric matrices use {@link eigh}.
 *
 * @throws ShapeError when a is not square; NumericalError when the QR iteration does not converge.
 */
export function eig<D extends RealDType>(a: Tensor<D>): EigResult<D> {
  return runSteps(eigSteps(a));
}

/** {@link eig} off the event loop. */
export function eigAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<EigResult<D>> {
  return runStepsAsync(eigSteps(a), options);
}

function* eigvalsSteps<D extends RealDType>(a: Tensor<D>): Steps<ComplexTensor<D>> {
  const [real, imaginary] = yield* step('eig', [requireSquare('eigvals', 'a', a)], { vectors: false });
  return { real: wrap(real), imaginary: wrap(imaginary) };
}

/** The eigenvalues `[..., n]` of square matrices; see {@link eig}. */
export function eigvals<D extends RealDType>(a: Tensor<D>): ComplexTensor<D> {
  return runSteps(eigvalsSteps(a));
}

/** {@link eigvals} off the event loop. */
export function eigvalsAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<ComplexTensor<D>> {
  return runStepsAsync(eigvalsSteps(a), options);
}

export interface QrOptions {
  /**
   * `reduced` (default): q `[..., m, r]` and r `[..., r, n]`, r = min(m, n); `complete`: `[..., m, m]` and `[..., m, n]`;
   * `r`: the triangle `[..., r, n]` alone, with a q of no columns.
   */
  readonly mode?: QrMode;
  /** Exchanges columns so that the diagonal of r descends in magnitude, which shows the rank. Default false. */
  readonly pivoting?: boolean;
}

export interface QrResult<D extends RealDType> {
  readonly q: Tensor<D>;
  readonly r: Tensor<D>;
  /** `[..., n]`: column j of `q * r` is column `permutation[j]` of a. Counts up where there is no pivoting. */
  readonly permutation: Tensor<'int32'>;
}

function* qrSteps<D extends RealDType>(
  a: Tensor<D>,
  { mode = 'reduced', pivoting = false }: QrOptions,
): Steps<QrResult<D>> {
  if (!QR_MODES.includes(mode)) {
    throw new ArgumentError(`qr: argument mode must be one of ${QR_MODES.join(', ')}, got ${String(mode)}`);
  }
  const [q, r, permutation] = yield* step('qr', [requireMatrices('qr', 'a', a)], { mode, pivoting });
  return { q: wrap(q), r: wrap(r), permutation: Tensor.fromView(permutation as View<'int32'>) };
}

/**
 * The QR decomposition `a [..., m, n] = q * r`, q with orthonormal columns and r upper triangular. LAPACK `?geqrt` and
 * `?orgqr`; with pivoting `?geqp3`.
 *
 * @throws ArgumentError when there are NaN or infinite elements.
 */
export function qr<D extends RealDType>(a: Tensor<D>, options: QrOptions = {}): QrResult<D> {
  return runSteps(qrSteps(a, options));
}

/** {@link qr} off the event loop. */
export function qrAsync<D extends RealDType>(
  a: Tensor<D>,
  options: QrOptions & AsyncOptions = {},
): Promise<QrResult<D>> {
  return runStepsAsync(qrSteps(a, options), options);
}

export interface CholeskyOptions {
  /** Gives the upper triangular u of `a = transpose(u) * u`. Default false. */
  readonly upper?: boolean;
}

function* choleskySteps<D extends RealDType>(a: Tensor<D>, { upper = false }: CholeskyOptions): Steps<Tensor<D>> {
  const [l] = yield* step('cholesky', [requireSquare('cholesky', 'a', a)], {});
  return wrap(upper ? transposeView(l) : l);
}

/**
 * The Cholesky decomposition `a [..., n, n] = l * transpose(l)` of symmetric positive definite matrices, l lower triangular.
 * Only the lower triangle of a is read. LAPACK `?potrf`.
 *
 * @throws NumericalError, which names the matrix and the pivot, when one is not positive definite.
 */
export function cholesky<D extends RealDType>(a: Tensor<D>, options: CholeskyOptions = {}): Tensor<D> {
  return runSteps(choleskySteps(a, options));
}

/** {@link cholesky} off the event loop. */
export function choleskyAsync<D extends RealDType>(
  a: Tensor<D>,
  options: CholeskyOptions & AsyncOptions = {},
): Promise<Tensor<D>> {
  return runStepsAsync(choleskySteps(a, options), options);
}

export interface LuResult<D extends RealDType> {
  /** `[..., m]`: row i of `l * u` is row `permutation[i]` of a. */
  readonly permutation: Tensor<'int32'>;
  /** `[..., m, r]`, lower triangular with ones on its diagonal, r = min(m, n). */
  readonly l: Tensor<D>;
  /** `[..., r, n]`, upper triangular. */
  readonly u: Tensor<D>;
}

function* luSteps<D extends RealDType>(a: Tensor<D>): Steps<LuResult<D>> {
  const matrices = requireMatrices('lu', 'a', a);
  const [factors, permutation] = yield* step('lu', [matrices], {});
  const [m, n] = sidesOf(matrices);
  const rank = Math.min(m, n);
  const temporaries = new Temporaries();
  temporaries.keep(factors);
  const batch = factors.dims.slice(0, -2);
  const left = windowOf(factors as View<D>, [...batch, m, rank], factors.strides);
  const right = windowOf(factors as View<D>, [...batch, rank, n], factors.strides);
  const l = triangleOf(left, 'lower', 0, 1);
  const u = triangleOf(right, 'upper', 0);
  temporaries.finish(l, u);
  return { permutation: Tensor.fromView(permutation as View<'int32'>), l: wrap(l), u: wrap(u) };
}

/**
 * The LU decomposition `a [..., m, n] = l * u` with its rows exchanged: `a[permutation] = l * u`. Singular matrices have one,
 * with zeros on the diagonal of u. LAPACK `?getrf`.
 */
export function lu<D extends RealDType>(a: Tensor<D>): LuResult<D> {
  return runSteps(luSteps(a));
}

/** {@link lu} off the event loop. */
export function luAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<LuResult<D>> {
  return runStepsAsync(luSteps(a), options);
}

export interface SchurResult<D extends RealDType> {
  /** `[..., n, n]`, upper triangular but for a block of two rows for each pair of conjugate eigenvalues. */
  readonly t: Tensor<D>;
  /** `[..., n, n]`, orthogonal. */
  readonly z: Tensor<D>;
}

export interface ComplexSchurResult<D extends RealDType> {
  /** `[..., n, n]`, upper triangular, with the eigenvalues on the diagonal. */
  readonly t: ComplexTensor<D>;
  /** `[..., n, n]`, unitary. */
  readonly z: ComplexTensor<D>;
}

/** What a real matrix is decomposed into. */
export interface OutputOptions<Output extends 'real' | 'complex'> {
  /** `real` (default), or `complex`: pairs of tensors. */
  readonly output?: Output;
}

export function requireOutput(operation: string, output: unknown): asserts output is 'real' | 'complex' {
  if (output === 'real' || output === 'complex') return;
  throw new ArgumentError(`${operation}: argument output must be real or complex, got ${String(output)}`);
}

function* schurSteps<D extends RealDType>(
  a: Tensor<D>,
  output: 'real' | 'complex' = 'real',
): Steps<SchurResult<D> | ComplexSchurResult<D>> {
  requireOutput('schur', output);
  const matrices = requireSquare('schur', 'a', a);
  const [realT, realZ] = yield* step('schur', [matrices], {});
  const real = { t: wrap<D>(realT), z: wrap<D>(realZ) };
  if (output === 'real') return real;
  using ownT = real.t;
  using ownZ = real.z;
  const forms = complexSchurForms(ownT, ownZ);
  const [t, z] = (['t', 'z'] as const).map((name) =>
    complexTensor(
      forms.map((form) => form[name]),
      a.dtype,
      a.shape,
    ),
  );
  return { t, z };
}

/**
 * The Schur decomposition `a [..., n, n] = z * t * transpose(z)`, by default real: t is upper triangular but for blocks of two
 * rows, which belong to pairs of conjugate eigenvalues. With `output: 'complex'` t is a triangle, the eigenvalues on its
 * diagonal, and z unitary: `a = z * t * conjugate transpose(z)`. LAPACK `?gees`.
 *
 * @throws ShapeError when a is not square; NumericalError when the QR iteration does not converge.
 */
export function schur<D extends RealDType>(a: Tensor<D>, options?: OutputOptions<'real'>): SchurResult<D>;
export function schur<D extends RealDType>(a: Tensor<D>, options: OutputOptions<'complex'>): ComplexSchurResult<D>;
export function schur<D extends RealDType>(
  a: Tensor<D>,
  { output }: OutputOptions<'real' | 'complex'> = {},
): SchurResult<D> | ComplexSchurResult<D> {
  return runSteps(schurSteps(a, output));
}

/** {@link schur} off the event loop. */
export function schurAsync<D extends RealDType>(
  a: Tensor<D>,
  options?: AsyncOptions & OutputOptions<'real'>,
): Promise<SchurResult<D>>;
export function schurAsync<D extends RealDType>(
  a: Tensor<D>,
  options: AsyncOptions & OutputOptions<'complex'>,
): Promise<ComplexSchurResult<D>>;
export function schurAsync<D extends RealDType>(
  a: Tensor<D>,
  { output, ...options }: AsyncOptions & OutputOptions<'real' | 'complex'> = {},
): Promise<SchurResult<D> | ComplexSchurResult<D>> {
  return runStepsAsync(schurSteps(a, output), options);
}
