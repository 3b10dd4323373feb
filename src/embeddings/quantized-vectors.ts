import { ArgumentError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';

/** Forms that vectors can be kept in besides float32, with the names and meanings of sentence-transformers. */
const VECTOR_PRECISIONS = ['int8', 'uint8', 'binary', 'ubinary'] as const;
export type VectorPrecision = (typeof VECTOR_PRECISIONS)[number];

/** Vectors in fewer bits. */
export interface QuantizedVectors {
  readonly precision: VectorPrecision;
  /** Vectors, and numbers of each: its dimension, or an eighth of it, rounded up, for bits. */
  readonly shape: readonly [count: number, width: number];
  /** Row after row; Int8Array for `int8` and `binary`. */
  readonly data: Int8Array | Uint8Array;
}

/** Settings of {@link quantizeVectors}. */
export interface QuantizeVectorsOptions {
  /** `[2, dimension]` for `int8` and `uint8`: the least and the greatest value of each column, from {@link vectorRanges}. */
  readonly ranges?: Tensor | undefined;
}

/** Steps between the least and the greatest value of a column. */
const STEPS = 255;

/**
 * The least and the greatest value of every column, for {@link quantizeVectors}: of a sample of some hundred vectors, once,
 * so that all that are compared with each other are quantised alike.
 *
 * @param vectors - `[n, dimension]`, at least one.
 * @returns float32 `[2, dimension]`.
 */
export function vectorRanges(vectors: Tensor): Tensor<'float32'> {
  const { numbers, count, dimension } = matrixOf('vectorRanges', 'vectors', vectors);
  if (count === 0) throw new ArgumentError('vectorRanges: vectors must have at least one row, got none');
  const ranges = new Float32Array(2 * dimension);
  ranges.fill(Number.POSITIVE_INFINITY, 0, dimension).fill(Number.NEGATIVE_INFINITY, dimension);
  for (const [place, value] of numbers.entries()) {
    const column = place % dimension;
    ranges[column] = Math.min(ranges[column], value);
    ranges[dimension + column] = Math.max(ranges[dimension + column], value);
  }
  const dims = [2, dimension];
  return Tensor.fromView<'float32'>({ dtype: 'float32', dims, strides: [dimension, 1], offset: 0, data: ranges });
}

/**
 * Vectors in fewer bits, as sentence-transformers' `quantize_embeddings` makes them: `int8` and `uint8` divide each column's
 * range into 255 steps, a quarter of float32's size; `binary` and `ubinary` keep only which numbers are above zero, eight in a
 * byte, the first the highest bit, a thirty-second of the size. `int8` and `binary` are the unsigned forms minus 128.
 *
 * @param vectors - `[n, dimension]`. Values outside of the ranges become the nearest inside.
 * @throws ArgumentError for another precision, or `int8` and `uint8` without ranges.
 */
export function quantizeVectors(
  vectors: Tensor,
  precision: VectorPrecision,
  options: QuantizeVectorsOptions = {},
): QuantizedVectors {
  requirePrecision('quantizeVectors', precision, options.ranges);
  const { numbers, count, dimension } = matrixOf('quantizeVectors', 'vectors', vectors);
  if (precision === 'binary' || precision === 'ubinary') {
    const bits = signBits(numbers, dimension);
    return { precision, shape: [count, bytesOfBits(dimension)], data: precision === 'ubinary' ? bits : signed(bits) };
  }
  const ranges = matrixOf('quantizeVectors', 'ranges', options.ranges as Tensor);
  if (ranges.count !== 2 || ranges.dimension !== dimension) {
    throw new ShapeError(
      `quantizeVectors: ranges must be [2, ${dimension}], got ${formatShape([ranges.count, ranges.dimension])}`,
    );
  }
  const offset = precision === 'int8' ? 128 : 0;
  const data = precision === 'int8' ? new Int8Array(numbers.length) : new Uint8Array(numbers.length);
  for (const [place, value] of numbers.entries()) {
    const column = place % dimension;
    const [least, greatest] = [ranges.numbers[column] as number, ranges.numbers[dimension + column] as number];
    const step = Math.fround(Math.fround(greatest - least) / STEPS);
    const steps = step > 0 ? Math.fround(Math.fround(value - least) / step) : 0;
    data[place] = Math.floor(Math.min(Math.max(steps, 0), STEPS)) - offset;
  }
  return { precision, shape: [count, dimension], data };
}

/** Refuses a precision that there is not, or that lacks its ranges. */
export function requirePrecision(operation: string, precision: unknown, ranges: Tensor | undefined): void {
  if (!(VECTOR_PRECISIONS as readonly unknown[]).includes(precision)) {
    throw new ArgumentError(
      `${operation}: precision must be one of ${VECTOR_PRECISIONS.join(', ')}, got ${String(precision)}`,
    );
  }
  if ((precision === 'int8' || precision === 'uint8') && ranges === undefined) {
    throw new ArgumentError(`${operation}: ${precision} needs ranges; take vectorRanges of a sample of vectors`);
  }
}

/** How many bytes hold a bit for each number of a vector. */
export function bytesOfBits(dimension: number): number {
  return Math.ceil(dimension / 8);
}

/** Which numbers of each vector are above zero, eight in a byte, the first the highest bit. */
export function signBits(numbers: Float32Array, dimension: number): Uint8Array {
  const width = bytesOfBits(dimension);
  const bits = new Uint8Array((numbers.length / dimension) * width);
  for (const [place, value] of numbers.entries()) {
    const column = place % dimension;
    const byte = Math.floor(place / dimension) * width + (column >> 3);
    if (value > 0) bits[byte] |= 0x80 >> (column & 7);
  }
  return bits;
}

function signed(bytes: Uint8Array): Int8Array {
  return Int8Array.from(bytes, (byte) => byte - 128);
}

function matrixOf(
  operation: string,
  argument: string,
  vectors: Tensor,
): { readonly numbers: Float32Array; readonly count: number; readonly dimension: number } {
  if (!(vectors instanceof Tensor) || vectors.rank !== 2) {
    const came = vectors instanceof Tensor ? `shape ${formatShape(vectors.dims)}` : typeof vectors;
    throw new ShapeError(`${operation}: ${argument} must be a Tensor [n, dimension], got ${came}`);
  }
  using float32 = vectors.to('float32');
  const [count, dimension] = vectors.shape as [number, number];
  return { numbers: Float32Array.from(float32.toTypedArray()), count, dimension };
}
