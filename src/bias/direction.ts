import { requireCount } from '../arguments.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { svd } from '../linalg/index.js';
import { fromTypedArray } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';
import { dot, meanVector, requireVectors, unitVectors, type VectorSource } from './vector-source.js';

/** Directions of a space along which pairs such as she and he differ. */
export interface BiasSubspace {
  /** Orthonormal, the strongest first; along the first, the first words of the pairs lie higher. */
  readonly directions: readonly Float64Array[];
  /** The share of the pairs' differences that lies along each. */
  readonly explained: readonly number[];
}

/**
 * The bias subspace of Bolukbasi et al. (NeurIPS 2016): the principal components of the words of pairs, each less the middle of
 * its pair. One direction, the usual choice, has most of the differences where pairs differ in one thing.
 *
 * @param pairs - such as `[['she', 'he'], ['woman', 'man']]`; {@link GENDER_PAIRS} are the paper's.
 * @param components - how many directions; default 1.
 * @throws ArgumentError where a word has no vector, or the words of all pairs are alike.
 */
export function biasSubspace(
  source: VectorSource,
  pairs: readonly (readonly [string, string])[],
  components = 1,
): BiasSubspace {
  if (pairs.length === 0) throw new ArgumentError('biasSubspace: there must be at least one pair of words, got none');
  const halves = pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new ArgumentError(`biasSubspace: pairs must be pairs of words, got ${JSON.stringify(pair)}`);
    }
    const [first, second] = requireVectors('biasSubspace', 'pairs', source, pair);
    // Less the middle, the two words lie opposite one another, half their difference away.
    return first.map((value, index) => (value - second[index]) / 2);
  });
  const dimension = halves[0].length;
  requireCount('biasSubspace', 'components', components, 1, Math.min(pairs.length, dimension));
  const numbers = new Float64Array(halves.length * dimension);
  for (const [row, half] of halves.entries()) numbers.set(half, row * dimension);
  using flat = fromTypedArray<'float64'>(numbers);
  using matrix = flat.reshape(halves.length, dimension);
  const { u, s, vt } = svd(matrix);
  using left = u;
  using values = s;
  using right = vt;
  const strengths = [...values.toTypedArray()].map((value) => value * value);
  const total = strengths.reduce((a, b) => a + b, 0);
  if (!(total > 0)) throw new ArgumentError('biasSubspace: the two words of every pair have the same vector');
  const rows = right.toTypedArray();
  const firstColumn = left.shape[1];
  const sides = left.toTypedArray();
  const directions = Array.from({ length: components }, (_, component) => {
    const row = rows.slice(component * dimension, (component + 1) * dimension);
    let side = 0;
    for (let pair = 0; pair < halves.length; pair++) side += sides[pair * firstColumn + component];
    return side < 0 ? row.map((value) => -value) : row;
  });
  return { directions, explained: strengths.slice(0, components).map((strength) => strength / total) };
}

/** The pairs by which Bolukbasi et al. (2016) find the direction of gender. */
export const GENDER_PAIRS: readonly (readonly [string, string])[] = [
  ['she', 'he'],
  ['her', 'his'],
  ['woman', 'man'],
  ['mary', 'john'],
  ['herself', 'himself'],
  ['daughter', 'son'],
  ['mother', 'father'],
  ['gal', 'guy'],
  ['girl', 'boy'],
  ['female', 'male'],
];

/** From the middle of some words to that of others: a direction of length 1, along which the first lie higher. */
export function axisBetween(source: VectorSource, high: readonly string[], low: readonly string[]): Float64Array {
  const [up, down] = [
    requireVectors('axisBetween', 'high', source, high),
    requireVectors('axisBetween', 'low', source, low),
  ];
  if (up.length === 0 || down.length === 0)
    throw new ArgumentError('axisBetween: high and low must have words in them');
  const [top, bottom] = [meanVector(up), meanVector(down)];
  const axis = top.map((value, index) => value - bottom[index]);
  const length = Math.sqrt(dot(axis, axis));
  if (length < 1e-12)
    throw new ArgumentError('axisBetween: high and low have the same middle, and no axis between them');
  return axis.map((value) => value / length);
}

/** A word and how far along an axis it lies. */
export interface Projection {
  readonly word: string;
  /** The cosine of its vector with the axis, from -1 to 1. */
  readonly position: number;
}

/** Where words lie along an axis, highest first; words without a vector are left out. */
export function projectWords(
  source: VectorSource,
  words: readonly string[],
  axis: ArrayLike<number>,
): readonly Projection[] {
  const direction = unitDirection('projectWords', axis);
  const { words: found, vectors } = unitVectors('projectWords', 'words', source, words);
  requireSameLength('projectWords', direction, vectors);
  return found
    .map((word, index) => ({ word, position: dot(vectors[index], direction) }))
    .sort((a, b) => b.position - a.position);
}

function unitDirection(operation: string, direction: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(dot(direction, direction));
  if (!(length > 0 && length < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError(`${operation}: the direction must be finite numbers that are not all zero`);
  }
  return Float64Array.from(direction, (value) => value / length);
}

function requireSameLength(operation: string, direction: Float64Array, vectors: readonly Float64Array[]): void {
  const wrong = vectors.find((vector) => vector.length !== direction.length);
  if (wrong !== undefined) {
    throw new ShapeError(
      `${operation}: the direction has ${direction.length} numbers and the vectors ${wrong.length}; they must come from one space`,
    );
  }
}

/**
 * How much of words that should be neutral lies along a direction (Bolukbasi et al. 2016): the mean of |cos(w, g)| to the
 * power of `strictness`; 0 for none.
 *
 * @param strictness - 1 by default; less counts small shares more strictly.
 */
export function directBias(
  source: VectorSource,
  neutralWords: readonly string[],
  direction: ArrayLike<number>,
  strictness = 1,
): number {
  if (!(strictness > 0 && strictness <= 100)) {
    throw new ArgumentError(`directBias: strictness must be a number above 0, at most 100, got ${String(strictness)}`);
  }
  const positions = projectWords(source, neutralWords, direction);
  if (positions.length === 0) throw new ArgumentError('directBias: none of neutralWords has a vector');
  return positions.reduce((sum, { position }) => sum + Math.abs(position) ** strictness, 0) / positions.length;
}

export interface DebiasOptions {
  /** Words that keep their bias because it is what they mean, such as "grandmother". */
  readonly specific?: Iterable<string> | undefined;
  /** Sets of words that afterwards differ in nothing but the bias, such as `['grandmother', 'grandfather']`. */
  readonly equalize?: readonly (readonly string[])[] | undefined;
}

/**
 * Hard debiasing (Bolukbasi et al. 2016): words lose what lies in the bias subspace (neutralise), and the words of each set
 * become equal outside it and equally strong inside (equalise). What comes out has vectors of length 1. It hides bias more
 * than it removes it (Gonen and Goldberg, NAACL 2019): words that had it still lie together.
 *
 * @param words - all different.
 * @param vectors - `[words.length, dimension]`.
 * @returns float32 `[words.length, dimension]`.
 * @throws ArgumentError for words of a set that are not among `words`; ShapeError where vectors do not fit.
 */
export function debias(
  words: readonly string[],
  vectors: Tensor,
  subspace: BiasSubspace,
  options: DebiasOptions = {},
): Tensor<'float32'> {
  const { specific = [], equalize = [] } = options;
  const { directions } = subspace;
  if (!(vectors instanceof Tensor) || vectors.rank !== 2 || vectors.shape[0] !== words.length) {
    const came = vectors instanceof Tensor ? formatShape(vectors.dims) : typeof vectors;
    throw new ShapeError(`debias: vectors must be a Tensor [${words.length}, dimension], one row a word, got ${came}`);
  }
  const [count, dimension] = vectors.shape as [number, number];
  if (directions.length === 0 || directions.some((direction) => direction.length !== dimension)) {
    throw new ShapeError(`debias: the subspace must have directions of ${dimension} numbers, as many as the vectors`);
  }
  const rowOf = new Map(words.map((word, row) => [word, row]));
  const sets = equalize.map((set) => set.map((word) => rowOfWord(rowOf, word)));
  const kept = new Set([...specific, ...equalize.flat()]);
  using real = vectors.to('float32');
  const result = new Float32Array(real.toTypedArray());
  for (let row = 0; row < count; row++) {
    const vector = result.subarray(row * dimension, (row + 1) * dimension);
    setLength(vector, 1);
    if (!kept.has(words[row])) neutralize(vector, directions);
  }
  for (const rows of sets) {
    equalizeSet(
      rows.map((row) => result.subarray(row * dimension, (row + 1) * dimension)),
      directions,
    );
  }
  using flat = fromTypedArray<'float32'>(result);
  return flat.reshape(count, dimension);
}

function rowOfWord(rowOf: ReadonlyMap<string, number>, word: string): number {
  const row = rowOf.get(word);
  if (row === undefined)
    throw new ArgumentError(`debias: equalize has the word ${JSON.stringify(word)}, which words has not`);
  return row;
}

/** Scales a vector to a length; one of zeros stays. */
function setLength(vector: Float32Array | Float64Array, length: number): void {
  const before = Math.sqrt(dot(vector, vector));
  if (before === 0) return;
  for (let index = 0; index < vector.length; index++) vector[index] *= length / before;
}

/** The part of a vector that lies in the subspace. */
function shadowOf(vector: ArrayLike<number>, directions: readonly Float64Array[]): Float64Array {
  const shadow = new Float64Array(vector.length);
  for (const direction of directions) {
    const along = dot(vector, direction);
    for (let index = 0; index < shadow.length; index++) shadow[index] += along * direction[index];
  }
  return shadow;
}

/** Takes away what lies in the subspace, in place, and makes the rest 1 long. */
function neutralize(vector: Float32Array, directions: readonly Float64Array[]): void {
  const shadow = shadowOf(vector, directions);
  for (let index = 0; index < vector.length; index++) vector[index] -= shadow[index];
  setLength(vector, 1);
}

/** Gives a set one common part outside the subspace, and inside it parts of one length, in place. */
function equalizeSet(set: readonly Float32Array[], directions: readonly Float64Array[]): void {
  if (set.length < 2) throw new ArgumentError('debias: every set of equalize must have at least two words');
  const mean = meanVector(set);
  const meanShadow = shadowOf(mean, directions);
  const common = mean.map((value, index) => value - meanShadow[index]);
  const inside = Math.sqrt(Math.max(0, 1 - dot(common, common)));
  for (const vector of set) {
    const part = shadowOf(vector, directions).map((value, index) => value - meanShadow[index]);
    setLength(part, inside);
    for (let index = 0; index < vector.length; index++) vector[index] = common[index] + part[index];
  }
}
