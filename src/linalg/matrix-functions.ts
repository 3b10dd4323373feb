import type { View } from '../backend/view.js';
import { ArgumentError, NumericalError } from '../errors.js';
import { eye } from '../tensor/creation.js';
import { Temporaries } from '../tensor/execute.js';
import { stackViews } from '../tensor/indexing.js';
import { broadcastDims, broadcastView } from '../tensor/shape.js';
import { reshapeDims, selectView, transposeView } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';
import { requireSquare, sidesOf } from './checks.js';
import {
  type ComplexMatrix,
  complexSchurForms,
  complexTensor,
  conjugateTranspose,
  multiply,
  rootOfTriangle,
} from './complex-schur.js';
import { type ComplexTensor, type OutputOptions, requireOutput } from './decompositions.js';
import { MACHINE_EPSILON } from './machine-epsilon.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsAsync, runStepsOnCopies, type Steps, step } from './steps.js';

/** The product of matrices, their leading axes broadcast. */
export function* productOf<D extends RealDType>(a: View<D>, b: View<D>): Steps<View<D>> {
  const batch = broadcastDims('matmul', a.dims.slice(0, -2), b.dims.slice(0, -2));
  const [product] = yield* step(
    'matmul',
    [a, b].map((view) => broadcastView('matmul', view, [...batch, ...view.dims.slice(-2)])),
    {},
  );
  return product as View<D>;
}

/** The identity that matrices multiply with. */
export function identityOf<D extends RealDType>(view: View<D>): View<D> {
  return eye(sidesOf(view)[1], sidesOf(view)[1], { dtype: view.dtype });
}

function* matrixPowerSteps<D extends RealDType>(a: Tensor<D>, exponent: number): Steps<Tensor<D>> {
  const matrices = requireSquare('matrixPower', 'a', a);
  if (!Number.isSafeInteger(exponent)) {
    throw new ArgumentError(`matrixPower: argument exponent must be an integer, got ${String(exponent)}`);
  }
  const temporaries = new Temporaries(matrices);
  let power: View<D> = matrices;
  if (exponent < 0) {
    const [inverse] = yield* step('inv', [matrices], {});
    power = temporaries.keep(inverse as View<D>);
  }
  let result: View<D> | null = null;
  for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result === null ? power : temporaries.keep(yield* productOf(result, power));
    if (rest > 1) power = temporaries.keep(yield* productOf(power, power));
  }
  const dims = matrices.dims;
  if (result === null) result = broadcastView('matrixPower', temporaries.keep(identityOf(matrices)), dims);
  if (result.data !== matrices.data && exponent !== 0) return Tensor.fromView(temporaries.finish(result));
  // A tensor of its own, not a window on the operand or a broadcast identity.
  const copy = Tensor.fromView(result).clone();
  temporaries.finish(copy);
  return copy;
}

/**
 * The product of `exponent` factors `a [..., n, n]`, by repeated squaring; the identity for 0, powers of the inverse for
 * negative exponents.
 *
 * @throws NumericalError when the exponent is negative and a matrix is singular.
 */
export function matrixPower<D extends RealDType>(a: Tensor<D>, exponent: number): Tensor<D> {
  return runSteps(matrixPowerSteps(a, exponent));
}

/** {@link matrixPower} off the event loop. */
export function matrixPowerAsync<D extends RealDType>(
  a: Tensor<D>,
  exponent: number,
  options: AsyncOptions = {},
): Promise<Tensor<D>> {
  return runStepsOnCopies(matrixPowerSteps<D>, [a, exponent], options);
}

/** Applies steps to each matrix of a batch, which also get its number. */
export function* eachMatrix<D extends RealDType>(
  matrices: View<D>,
  body: (matrix: View<D>, index: number) => Steps<View>,
): Steps<readonly View[]> {
  const batch = matrices.dims.slice(0, -2) as readonly number[];
  const count = batch.reduce((product, dim) => product * dim, 1);
  const flat = reshapeDims(matrices, [count, ...matrices.dims.slice(-2)]);
  const results: View[] = [];
  for (let index = 0; index < count; index++) results.push(yield* body(selectView(flat, 0, index), index));
  return results;
}

/** What steps made of each matrix, with the leading axes of the batch. */
export function* mapMatrices<D extends RealDType>(
  matrices: View<D>,
  body: (matrix: View<D>, index: number) => Steps<View<D>>,
): Steps<View<D>> {
  if (matrices.dims.length === 2) return yield* body(matrices, 0);
  const results = yield* eachMatrix(matrices, body);
  if (results.length === 0) return Tensor.fromView(matrices).clone();
  const temporaries = new Temporaries();
  for (const result of results) temporaries.keep(result);
  const stacked = temporaries.finish(stackViews(results, 0));
  return reshapeDims(stacked, [...matrices.dims.slice(0, -2), ...stacked.dims.slice(1)]) as View<D>;
}

function* sqrtmSteps<D extends RealDType>(
  a: Tensor<D>,
  output: 'real' | 'complex' = 'real',
): Steps<Tensor<D> | ComplexTensor<D>> {
  requireOutput('sqrtm', output);
  const temporaries = new Temporaries();
  const [t, z] = yield* step('schur', [requireSquare('sqrtm', 'a', a)], {});
  temporaries.keep(t);
  temporaries.keep(z);
  if (output === 'complex') {
    const roots = yield* complexRoots(a, Tensor.fromView(t as View<D>), Tensor.fromView(z as View<D>));
    temporaries.finish(roots.real);
    return roots;
  }
  let root: View;
  try {
    [root] = yield* step('schurRoot', [t], {});
  } catch (error) {
    if (!(error instanceof NumericalError) || error.code !== 'ERR_NO_REAL_ROOT') throw error;
    const message = `${error.message}; ask for a complex one by { output: 'complex' }`;
    throw new NumericalError(message, { cause: error }, error.code);
  }
  temporaries.keep(root);
  const left = temporaries.keep(yield* productOf(z as View<D>, root as View<D>));
  return Tensor.fromView(temporaries.finish(yield* productOf(left, transposeView(z) as View<D>)));
}

/** A matrix of a batch by its indices, as `a[1, 0]`. */
export function nameInBatch(name: string, shape: readonly number[], index: number): string {
  const indices: number[] = [];
  let rest = index;
  for (const length of shape.slice(0, -2).reverse()) {
    indices.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return indices.length === 0 ? name : `${name}[${indices.join(', ')}]`;
}

function* complexRoots<D extends RealDType>(a: Tensor<D>, t: Tensor<D>, z: Tensor<D>): Steps<ComplexTensor<D>> {
  const epsilon = MACHINE_EPSILON[a.dtype];
  const roots: ComplexMatrix[] = [];
  for (const [index, form] of complexSchurForms(t, z).entries()) {
    const root = yield* rootOfTriangle(form.t, epsilon, `matrix ${nameInBatch('a', a.shape, index)}`);
    roots.push(yield* multiply(yield* multiply(form.z, root), conjugateTranspose(form.z)));
  }
  return complexTensor(roots, a.dtype, a.shape);
}

/**
 * The principal square root of square matrices `a [..., n, n]`, where it is real: x with `x * x = a` and no eigenvalue to the
 * left of the imaginary axis (Higham, "Computing real square roots of a real matrix", 1987). LAPACK `?gees`. With
 * `output: 'complex'` it is a pair of tensors, which also matrices with negative eigenvalues have; those get roots with a
 * positive imaginary part.
 *
 * @throws NumericalError with code ERR_NO_REAL_ROOT when a matrix has a negative real eigenvalue and no complex root was asked
 *     for, with code ERR_NUMERICAL when it has a zero one that has no root.
 */
export function sqrtm<D extends RealDType>(a: Tensor<D>, options?: OutputOptions<'real'>): Tensor<D>;
export function sqrtm<D extends RealDType>(a: Tensor<D>, options: OutputOptions<'complex'>): ComplexTensor<D>;
export function sqrtm<D extends RealDType>(
  a: Tensor<D>,
  { output }: OutputOptions<'real' | 'complex'> = {},
): Tensor<D> | ComplexTensor<D> {
  return runSteps(sqrtmSteps(a, output));
}

/** {@link sqrtm} off the event loop. */
export function sqrtmAsync<D extends RealDType>(
  a: Tensor<D>,
  options?: AsyncOptions & OutputOptions<'real'>,
): Promise<Tensor<D>>;
export function sqrtmAsync<D extends RealDType>(
  a: Tensor<D>,
  options: AsyncOptions & OutputOptions<'complex'>,
): Promise<ComplexTensor<D>>;
export function sqrtmAsync<D extends RealDType>(
  a: Tensor<D>,
  { output, ...options }: AsyncOptions & OutputOptions<'real' | 'complex'> = {},
): Promise<Tensor<D> | ComplexTensor<D>> {
  return runStepsAsync(sqrtmSteps(a, output), options);
}
