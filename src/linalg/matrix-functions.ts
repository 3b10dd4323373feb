import type { View } from '../backend/view.js';
import { ArgumentError, NumericalError } from '../errors.js';
import { eye } from '../tensor/creation.js';
import { binary, unary } from '../tensor/elementwise.js';
import { Temporaries } from '../tensor/execute.js';
import { stackViews } from '../tensor/indexing.js';
import { reduce } from '../tensor/reductions.js';
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
import { type AsyncOptions, runSteps, runStepsAsync, type Steps, step } from './steps.js';

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
function identityOf<D extends RealDType>(view: View<D>): View<D> {
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
  return runStepsAsync(matrixPowerSteps(a, exponent), options);
}

/** Coefficients of the Padé approximants of the exponential, by degree. */
const PADE: ReadonlyMap<number, readonly number[]> = new Map([
  [3, [120, 60, 12, 1]],
  [5, [30240, 15120, 3360, 420, 30, 1]],
  [7, [17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1]],
  [9, [17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1]],
  [
    13,
    [
      64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
      670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
    ],
  ],
]);

/** Up to which 1-norm an approximant is exact to rounding (Higham 2005, table 2.3; for float32 his single precision). */
const PADE_NORMS: Record<RealDType, readonly (readonly [degree: number, norm: number])[]> = {
  float32: [
    [3, 4.258730034897931e-1],
    [5, 1.880152698533769],
    [7, 3.925724846433284],
  ],
  float64: [
    [3, 1.495585217958292e-2],
    [5, 2.53939833006323e-1],
    [7, 9.504178996162932e-1],
    [9, 2.097847961257068],
    [13, 5.371920351148152],
  ],
};

/** The largest sum of magnitudes of a column. */
function columnNorm(view: View): number {
  const sums = reduce('sum', unary('absolute', view), -2);
  return Tensor.fromView(sums).size === 0 ? 0 : (Tensor.fromView(reduce('max', sums, null)).item() as number);
}

/** The exponential of one matrix: scaling, an approximant, squaring. */
function* exponentialOf<D extends RealDType>(matrix: View<D>): Steps<View<D>> {
  const temporaries = new Temporaries(matrix);
  const keep = (view: View): View<D> => temporaries.keep(view as View<D>);
  const norm = columnNorm(matrix);
  const table = PADE_NORMS[matrix.dtype];
  const [last, most] = table[table.length - 1];
  const degree = table.find(([, limit]) => norm <= limit)?.[0] ?? last;
  const squarings = Math.max(0, Math.ceil(Math.log2(norm / most)));
  const a = squarings === 0 ? matrix : keep(binary('multiply', matrix, 2 ** -squarings));
  const coefficients = PADE.get(degree) as readonly number[];
  // Even and odd powers apart: the numerator is even + odd, the denominator even - odd.
  const square = keep(yield* productOf(a, a));
  let power: View<D> = keep(identityOf(a));
  let even = keep(binary('multiply', power, coefficients[0]));
  let odd = keep(binary('multiply', power, coefficients[1]));
  for (let k = 2; k <= degree; k += 2) {
    power = k === 2 ? square : keep(yield* productOf(power, square));
    even = keep(binary('add', even, keep(binary('multiply', power, coefficients[k]))));
    odd = keep(binary('add', odd, keep(binary('multiply', power, coefficients[k + 1]))));
  }
  odd = keep(yield* productOf(a, odd));
  const [solution] = yield* step('solve', [keep(binary('subtract', even, odd)), keep(binary('add', even, odd))], {});
  let result = keep(solution);
  for (let n = 0; n < squarings; n++) result = keep(yield* productOf(result, result));
  return temporaries.finish(result);
}

/** Applies steps to each matrix of a batch. */
export function* eachMatrix<D extends RealDType>(
  matrices: View<D>,
  body: (matrix: View<D>) => Steps<View>,
): Steps<readonly View[]> {
  const batch = matrices.dims.slice(0, -2) as readonly number[];
  const count = batch.reduce((product, dim) => product * dim, 1);
  const flat = reshapeDims(matrices, [count, ...matrices.dims.slice(-2)]);
  const results: View[] = [];
  for (let index = 0; index < count; index++) results.push(yield* body(selectView(flat, 0, index)));
  return results;
}

/** What steps made of each matrix, with the leading axes of the batch. */
export function* mapMatrices<D extends RealDType>(
  matrices: View<D>,
  body: (matrix: View<D>) => Steps<View<D>>,
): Steps<View<D>> {
  if (matrices.dims.length === 2) return yield* body(matrices);
  const results = yield* eachMatrix(matrices, body);
  if (results.length === 0) return Tensor.fromView(matrices).clone();
  const temporaries = new Temporaries();
  for (const result of results) temporaries.keep(result);
  const stacked = temporaries.finish(stackViews(results, 0));
  return reshapeDims(stacked, [...matrices.dims.slice(0, -2), ...stacked.dims.slice(1)]) as View<D>;
}

function* expmSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  return Tensor.fromView(yield* mapMatrices(requireSquare('expm', 'a', a), exponentialOf));
}

/**
 * The exponential of square matrices `a [..., n, n]`, by scaling and squaring of a Padé approximant (Higham, "The scaling and
 * squaring method for the matrix exponential revisited", 2005). LAPACK `?getrf`.
 */
export function expm<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(expmSteps(a));
}

/** {@link expm} off the event loop. */
export function expmAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsAsync(expmSteps(a), options);
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
    if (!(error instanceof NumericalError) || !error.message.endsWith('is negative')) throw error;
    throw new NumericalError(`${error.message}; ask for a complex one by { output: 'complex' }`, { cause: error });
  }
  temporaries.keep(root);
  const left = temporaries.keep(yield* productOf(z as View<D>, root as View<D>));
  return Tensor.fromView(temporaries.finish(yield* productOf(left, transposeView(z) as View<D>)));
}

/** A matrix of a batch by its indices, as `a[1, 0]`. */
function nameInBatch(name: string, shape: readonly number[], index: number): string {
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
 * @throws NumericalError when a matrix has a negative real eigenvalue and no complex root was asked for, or a zero one that has
 *     no root.
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
