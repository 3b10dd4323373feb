import { requireCount } from '../arguments.js';
import type { TextEmbedder } from '../embeddings/text-embedder.js';
import { ArgumentError } from '../errors.js';
import { Random } from '../tensor/random.js';
import { dot, embedSource, meanOf, meanVector, unitVectors, type VectorSource } from './vector-source.js';

/** Two sets of targets, and two of attributes that they are associated with. */
export interface AssociationSets {
  /** Such as names of flowers. */
  readonly x: readonly string[];
  /** Such as names of insects. */
  readonly y: readonly string[];
  /** Such as pleasant words. */
  readonly a: readonly string[];
  /** Such as unpleasant words. */
  readonly b: readonly string[];
}

export interface WeatOptions {
  /** Every way to divide the targets in two is tried where there are at most so many; 200,000 by default. */
  readonly exactUpTo?: number | undefined;
  /** Else so many random divisions are; 100,000 by default. */
  readonly permutations?: number | undefined;
  /** Of the random divisions. Default 0. */
  readonly seed?: number | undefined;
  /** The share of a set's words that may lack a vector and are then left out; 0.2 by default. */
  readonly mostMissing?: number | undefined;
}

export interface WeatResult {
  /**
   * How many standard deviations the associations of x and y lie apart, from -2 to 2: above 0, x goes with a and y with b.
   * By Cohen's conventions 0.2 is small, 0.5 medium, 0.8 large.
   */
  readonly effectSize: number;
  /** The share of divisions of the targets whose difference is at least as large: the one-sided p-value. */
  readonly pValue: number;
  /** Whether every division was tried. */
  readonly exact: boolean;
  /** How many were. */
  readonly permutations: number;
  /** The difference of the sums of x's and y's associations, the paper's test statistic. */
  readonly statistic: number;
  /** The association of every target that has a vector: its mean cosine with a less that with b. */
  readonly associations: ReadonlyMap<string, number>;
  /** Words that have no vector and were left out. */
  readonly missing: { readonly [set in keyof AssociationSets]: readonly string[] };
}

const SET_NAMES = ['x', 'y', 'a', 'b'] as const;
/** Differences closer than this to the observed one are the same: sums in another order round differently. */
const TIE = 1e-12;

/**
 * The word-embedding association test (Caliskan, Bryson and Narayanan, Science 356, 2017): whether targets x are more
 * associated with attributes a than with b, compared with targets y, as the implicit association test asks of people.
 *
 * The effect size is the difference of the mean associations over the standard deviation of all targets' (that of a sample).
 *
 * @throws ArgumentError for empty sets, fewer than two targets, and where more words lack a vector than may.
 */
export function weat(source: VectorSource, sets: AssociationSets, options: WeatOptions = {}): WeatResult {
  const { exactUpTo = 200_000, permutations = 100_000, seed = 0, mostMissing = 0.2 } = options;
  requireCount('weat', 'exactUpTo', exactUpTo, 0);
  requireCount('weat', 'permutations', permutations, 1);
  if (!(mostMissing >= 0 && mostMissing <= 1)) {
    throw new ArgumentError(`weat: mostMissing must be a number from 0 to 1, got ${String(mostMissing)}`);
  }
  const [x, y, a, b] = SET_NAMES.map((name) => {
    const found = unitVectors('weat', name, source, sets[name]);
    if (found.words.length === 0 || found.missing.length > mostMissing * sets[name].length) {
      throw new ArgumentError(
        `weat: of the ${sets[name].length} words of ${name}, ${found.missing.length} have no vector (${found.missing.join(', ')}); give others, or raise mostMissing`,
      );
    }
    return found;
  });
  // The mean of cosines is the cosine to the mean, for vectors of length 1.
  const direction = meanVector(a.vectors);
  const against = meanVector(b.vectors);
  for (let index = 0; index < direction.length; index++) direction[index] -= against[index];
  const ofX = x.vectors.map((vector) => dot(vector, direction));
  const ofY = y.vectors.map((vector) => dot(vector, direction));
  const all = [...ofX, ...ofY];
  const middle = meanOf(all);
  const deviation = Math.sqrt(all.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (all.length - 1));
  const difference = meanOf(ofX) - meanOf(ofY);
  const sumX = ofX.reduce((sum, value) => sum + value, 0);
  const test = binomial(all.length, ofX.length) <= exactUpTo ? exactTest : randomTest;
  return {
    effectSize: deviation === 0 ? 0 : difference / deviation,
    ...test(all, ofX.length, sumX, permutations, seed),
    statistic: sumX - ofY.reduce((sum, value) => sum + value, 0),
    associations: new Map([...x.words, ...y.words].map((word, index) => [word, all[index]])),
    missing: { x: x.missing, y: y.missing, a: a.missing, b: b.missing },
  };
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return Math.round(result);
}

type TestResult = Pick<WeatResult, 'pValue' | 'exact' | 'permutations'>;

/*
 * With the sizes of both parts fixed, the difference of their means grows with the sum of the first part, so that sums are
 * compared.
 */

/** Goes through all subsets of one size, in lexicographic order. */
function exactTest(values: readonly number[], size: number, observed: number): TestResult {
  const least = observed - TIE * Math.max(1, Math.abs(observed));
  let reached = 0;
  let total = 0;
  const visit = (from: number, left: number, sum: number): void => {
    if (left === 0) {
      total += 1;
      if (sum >= least) reached += 1;
      return;
    }
    for (let index = from; index <= values.length - left; index++) visit(index + 1, left - 1, sum + values[index]);
  };
  visit(0, size, 0);
  return { pValue: reached / total, exact: true, permutations: total };
}

/** Random subsets; the observed one is counted in, so that p is never 0 (Phipson and Smyth 2010). */
function randomTest(
  values: readonly number[],
  size: number,
  observed: number,
  permutations: number,
  seed: number,
): TestResult {
  const least = observed - TIE * Math.max(1, Math.abs(observed));
  const shuffled = [...values];
  const random = new Random(seed);
  let reached = 1;
  const batch = Math.max(1, Math.floor(65_536 / size));
  for (let done = 0; done < permutations; done += batch) {
    const count = Math.min(batch, permutations - done);
    using draws = random.uniform([count, size], { dtype: 'float64' });
    const uniform = draws.toTypedArray();
    for (let row = 0; row < count; row++) {
      let sum = 0;
      // The beginning of a Fisher-Yates shuffle draws a subset; it may go on from where the last one ended.
      for (let index = 0; index < size; index++) {
        const other = index + Math.floor(uniform[row * size + index] * (shuffled.length - index));
        const value = shuffled[other];
        shuffled[other] = shuffled[index];
        shuffled[index] = value;
        sum += value;
      }
      if (sum >= least) reached += 1;
    }
  }
  return { pValue: reached / (permutations + 1), exact: false, permutations };
}

/** Sentences that say little but the word that is put for `{}` (May et al., NAACL 2019). */
export const SEAT_TEMPLATES: readonly string[] = [
  'This is {}.',
  'That is {}.',
  'There is {}.',
  'Here is {}.',
  'The word is {}.',
];

export interface SeatOptions extends WeatOptions {
  /** Each with `{}` where the word goes; {@link SEAT_TEMPLATES} by default. */
  readonly templates?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The sentence encoder association test (May et al., NAACL 2019): {@link weat} on sentences, each word in each template. The
 * sentences of a word count as targets of their own, as in the paper.
 */
export async function seat(
  embedder: TextEmbedder,
  sets: AssociationSets,
  options: SeatOptions = {},
): Promise<WeatResult> {
  const { templates = SEAT_TEMPLATES, signal, ...rest } = options;
  if (templates.length === 0 || templates.some((template) => !String(template).includes('{}'))) {
    throw new ArgumentError('seat: templates must be at least one sentence, each with {} where the word goes');
  }
  const sentences = (words: readonly string[]): string[] =>
    words.flatMap((word) => templates.map((template) => template.replaceAll('{}', () => word)));
  const [x, y, a, b] = SET_NAMES.map((name) => {
    if (!Array.isArray(sets[name])) throw new ArgumentError(`seat: ${name} must be an array of strings`);
    return sentences(sets[name]);
  });
  const source = await embedSource(embedder, [...x, ...y, ...a, ...b], { signal });
  return weat(source, { x, y, a, b }, rest);
}
