import type { HostView, View } from '../backend/view.js';
import { NumericalError } from '../errors.js';
import { zeros } from '../tensor/creation.js';
import { binary, classify, unary } from '../tensor/elementwise.js';
import { contiguousView, Temporaries } from '../tensor/execute.js';
import { reduce } from '../tensor/reductions.js';
import { Tensor } from '../tensor/tensor.js';
import { requireSquare, sidesOf } from './checks.js';
import { identityOf, mapMatrices, nameInBatch, productOf } from './matrix-functions.js';
import type { RealDType } from './sparse-matrix.js';
import { type AsyncOptions, runSteps, runStepsOnCopies, type Steps, step } from './steps.js';

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

interface Precision {
  /** Up to which 1-norm an approximant is exact to rounding (Higham 2005, table 2.3; for float32 his single precision). */
  readonly norms: readonly (readonly [degree: number, norm: number])[];
  /** The same for the last of them where powers say what the norm would overstate (Al-Mohy and Higham 2009, table 3.1). */
  readonly most: number;
  /** One over the first coefficient of the series of that approximant's backward error. */
  readonly errorCoefficient: number;
  /** Bits of a number. */
  readonly digits: number;
  /** Beyond this binary logarithm of the norm, powers of the matrix as it is could overflow. */
  readonly largeNorm: number;
}

const PRECISIONS: Record<RealDType, Precision> = {
  float32: {
    norms: [
      [3, 4.258730034897931e-1],
      [5, 1.880152698533769],
      [7, 3.925724846433284],
    ],
    most: 3.925724846433284,
    errorCoefficient: 4487938430976000,
    digits: 24,
    largeNorm: 12,
  },
  float64: {
    norms: [
      [3, 1.495585217958292e-2],
      [5, 2.53939833006323e-1],
      [7, 9.504178996162932e-1],
      [9, 2.097847961257068],
      [13, 5.371920351148152],
    ],
    most: 4.25,
    errorCoefficient: 1.132507756060211e35,
    digits: 53,
    largeNorm: 64,
  },
};

/** The largest sum of magnitudes of a column. */
function columnNorm(view: View): number {
  const sums = reduce('sum', unary('absolute', view), -2);
  return Tensor.fromView(reduce('max', sums, null)).item() as number;
}

/** The binary logarithm of {@link columnNorm}, also where the sum is beyond all numbers of the dtype. */
function log2Norm(view: View): number {
  const norm = columnNorm(view);
  return Number.isFinite(norm) ? Math.log2(norm) : Math.log2(columnNorm(binary('multiply', view, 2 ** -64))) + 64;
}

/** The exponential of a diagonal matrix, exactly of each element; null of any other. */
function exponentialOfDiagonal<D extends RealDType>(matrix: View<D>): View<D> | null {
  const [n] = sidesOf(matrix);
  const { data, offset } = contiguousView(matrix) as HostView;
  for (let place = 0; place < n * n; place++) {
    if (place % (n + 1) !== 0 && data[offset + place] !== 0) return null;
  }
  const result = zeros([n, n], { dtype: matrix.dtype });
  const numbers = result.toTypedArray();
  for (let row = 0; row < n; row++) numbers[row * (n + 1)] = Math.exp(data[offset + row * (n + 1)] as number);
  return result;
}

/** The second, fourth and further even powers of a matrix, each computed when it is first asked for. */
class EvenPowers<D extends RealDType> {
  readonly #powers: View<D>[];

  constructor(
    readonly matrix: View<D>,
    readonly temporaries: Temporaries,
  ) {
    this.#powers = [temporaries.keep(identityOf(matrix) as View<D>)];
  }

  *at(exponent: number): Steps<View<D>> {
    while (this.#powers.length <= exponent / 2) {
      const [, square] = this.#powers;
      const [a, b] = square === undefined ? [this.matrix, this.matrix] : [this.#powers.at(-1) as View<D>, square];
      this.#powers.push(this.temporaries.keep(yield* productOf(a, b)));
    }
    return this.#powers[exponent / 2] as View<D>;
  }
}

/** The binary logarithm of the 1-norm of a power of the magnitudes of a matrix. */
function* log2NormOfMagnitudes(matrix: View, exponent: number): Steps<number> {
  const magnitudes = unary('absolute', matrix);
  let sums: View = reduce('sum', magnitudes, -2, true);
  for (let [n, logarithm] = [1, 0]; ; n++) {
    const greatest = Tensor.fromView(reduce('max', sums, null)).item() as number;
    logarithm += Math.log2(greatest);
    if (n === exponent || greatest === 0) return logarithm;
    [sums] = (yield* step('matmul', [binary('divide', sums, greatest), magnitudes], {})) as [View];
  }
}

/**
 * How often a matrix must be halved for the last approximant: as often as its powers demand, which may be much less often than
 * its norm does (Al-Mohy and Higham 2009, algorithm 5.1).
 *
 * @param norm - the binary logarithm of the matrix's norm.
 */
function* squaringsOf<D extends RealDType>(powers: EvenPowers<D>, norm: number): Steps<number> {
  const { norms, most, errorCoefficient, digits } = PRECISIONS[powers.matrix.dtype];
  const [degree] = norms.at(-1) as readonly [number, number];
  const roots: number[] = [];
  // float32's approximant needs no tenth power, and so not its norm.
  for (const exponent of [6, 8, 10].slice(0, degree < 10 ? 2 : 3)) {
    roots.push(log2Norm(yield* powers.at(exponent)) / exponent);
  }
  const [sixth = 0, eighth = 0, tenth = Number.POSITIVE_INFINITY] = roots;
  const size = Math.min(Math.max(sixth, eighth), Math.max(eighth, tenth));
  const squarings = Math.max(0, Math.ceil(size - Math.log2(most)));
  // Norms of powers say nothing of what cancels within the approximant; a power of the magnitudes does.
  const magnitudes = (yield* log2NormOfMagnitudes(powers.matrix, 2 * degree + 1)) - norm;
  const backwardError = magnitudes - 2 * degree * squarings - Math.log2(errorCoefficient);
  return squarings + Math.max(0, Math.ceil((backwardError + digits) / (2 * degree)));
}

/** The exponential of one matrix: scaling, an approximant, squaring. */
function* exponentialOf<D extends RealDType>(matrix: View<D>, name: string): Steps<View<D>> {
  const diagonal = exponentialOfDiagonal(matrix);
  if (diagonal !== null) return diagonal;
  const temporaries = new Temporaries(matrix);
  const keep = (view: View): View<D> => temporaries.keep(view as View<D>);
  const { norms, digits, largeNorm } = PRECISIONS[matrix.dtype];
  const norm = log2Norm(matrix);
  const [degree, limit] = norms.find(([, most]) => norm <= Math.log2(most)) ?? (norms.at(-1) as [number, number]);
  let powers = new EvenPowers(matrix, temporaries);
  let squarings = Math.max(0, Math.ceil(norm - Math.log2(limit)));
  if (squarings > 0 && norm <= largeNorm) squarings = Math.min(squarings, yield* squaringsOf(powers, norm));
  if (squarings >= digits) {
    throw new NumericalError(
      `expm: the elements of matrix ${name} are too large, of a norm of about 2^${Math.round(norm)}: rounding leaves no digit of its exponential in ${matrix.dtype}; use a smaller time step or other units`,
    );
  }
  // Powers of the halved matrix differ from those at hand by a power of two, which is too small a number for large ones.
  let halvings = squarings;
  if (norm > largeNorm) {
    powers = new EvenPowers(keep(binary('multiply', matrix, 2 ** -squarings)), temporaries);
    halvings = 0;
  }
  // Even and odd powers apart: the numerator is even + odd, the denominator even - odd.
  const coefficients = PADE.get(degree) as readonly number[];
  let even: View<D> | null = null;
  let odd: View<D> | null = null;
  for (let k = 0; k < degree; k += 2) {
    const power = yield* powers.at(k);
    const [evenTerm, oddTerm] = [k, k + 1].map((n) =>
      keep(binary('multiply', power, (coefficients[n] as number) * 2 ** (-halvings * n))),
    ) as [View<D>, View<D>];
    even = even === null ? evenTerm : keep(binary('add', even, evenTerm));
    odd = odd === null ? oddTerm : keep(binary('add', odd, oddTerm));
  }
  odd = keep(yield* productOf(powers.matrix, odd as View<D>));
  even = even as View<D>;
  const [solution] = yield* step('solve', [keep(binary('subtract', even, odd)), keep(binary('add', even, odd))], {});
  let result = keep(solution as View);
  for (let n = 0; n < squarings; n++) result = keep(yield* productOf(result, result));
  if (Tensor.fromView(reduce('any', classify('isNaN', result), null)).item() === true) {
    throw new NumericalError(
      `expm: the exponential of matrix ${name} overflows ${matrix.dtype}, and which of its elements are infinite cannot be told; use a smaller time step${matrix.dtype === 'float32' ? ' or float64' : ''}`,
    );
  }
  return temporaries.finish(result);
}

function* expmSteps<D extends RealDType>(a: Tensor<D>): Steps<Tensor<D>> {
  const matrices = requireSquare('expm', 'a', a);
  const shape = a.shape;
  return Tensor.fromView(
    yield* mapMatrices(matrices, (matrix, index) => exponentialOf(matrix, nameInBatch('a', shape, index))),
  );
}

/**
 * The exponential of square matrices `a [..., n, n]`, by scaling and squaring of a Padé approximant (Higham, "The scaling and
 * squaring method for the matrix exponential revisited", 2005; scaled by Al-Mohy and Higham, "A new scaling and squaring
 * algorithm for the matrix exponential", 2009). LAPACK `?getrf`. Elements beyond the greatest number are infinite.
 *
 * @throws NumericalError when a matrix is so large that rounding would leave no digit of its exponential, or when elements
 *     overflow with signs that cancel.
 */
export function expm<D extends RealDType>(a: Tensor<D>): Tensor<D> {
  return runSteps(expmSteps(a));
}

/** {@link expm} off the event loop. */
export function expmAsync<D extends RealDType>(a: Tensor<D>, options: AsyncOptions = {}): Promise<Tensor<D>> {
  return runStepsOnCopies(expmSteps<D>, [a], options);
}
