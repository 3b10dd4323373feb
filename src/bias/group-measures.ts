import { ArgumentError } from '../errors.js';
import { fitLogistic, logistic } from './logistic-regression.js';
import { dot, meanOf, meanVector, requireVectors, unitVectors, type VectorSource } from './vector-source.js';

/** How much nearer words are to one group than to another. */
export interface RelativeDistance {
  /** The mean over all words: below 0, they are nearer to the first group. */
  readonly score: number;
  /** The same for every word, least first. */
  readonly words: readonly { readonly word: string; readonly score: number }[];
}

/**
 * The relative norm distance (Garg, Schiebinger, Jurafsky and Zou, PNAS 2018): of every word, its distance to the middle of
 * the first group less that to the middle of the second.
 *
 * @param words - such as occupations; those without a vector are left out.
 * @param distance - `euclidean` (default), of vectors of length 1; or `cosine`, one minus the cosine.
 */
export function relativeNormDistance(
  source: VectorSource,
  words: readonly string[],
  first: readonly string[],
  second: readonly string[],
  distance: 'euclidean' | 'cosine' = 'euclidean',
): RelativeDistance {
  if (distance !== 'euclidean' && distance !== 'cosine') {
    throw new ArgumentError(`relativeNormDistance: distance must be euclidean or cosine, got ${String(distance)}`);
  }
  const { words: found, vectors } = unitVectors('relativeNormDistance', 'words', source, words);
  if (found.length === 0) throw new ArgumentError('relativeNormDistance: none of words has a vector');
  const [towards, from] = (
    [
      ['first', first],
      ['second', second],
    ] as const
  ).map(([name, group]) => {
    const members = requireVectors('relativeNormDistance', name, source, group);
    if (members.length === 0) throw new ArgumentError(`relativeNormDistance: ${name} must have words in it`);
    return meanVector(members);
  });
  const measure = distance === 'euclidean' ? euclidean : cosineDistance;
  const scores = found.map((word, index) => ({
    word,
    score: measure(vectors[index], towards) - measure(vectors[index], from),
  }));
  return { score: meanOf(scores.map(({ score }) => score)), words: scores.sort((a, b) => a.score - b.score) };
}

function euclidean(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0));
}

function cosineDistance(a: Float64Array, b: Float64Array): number {
  return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** How differently a sentiment that was learnt from words falls on words for people. */
export interface SentimentBias {
  /** Kullback-Leibler divergence, in nats, of the share of negative sentiment that each word gets from equal shares; 0 for none. */
  readonly divergence: number;
  /** Every word's probability of being negative, and its share of all, most negative first. */
  readonly words: readonly { readonly word: string; readonly negative: number; readonly share: number }[];
  /** The share of the sentiment words that the classifier gets right. */
  readonly accuracy: number;
}

export interface SentimentOptions {
  /** Strength of the classifier's regularisation: half the squared length of its weights counts so many times. Default 1. */
  readonly regularization?: number | undefined;
}

/**
 * Relative negative sentiment bias (Sweeney and Najafian, ACL 2019): a logistic regression learns sentiment from positive and
 * negative words, and says how negative words for people are, which should not depend on who they are.
 *
 * @param people - such as words for nationalities; those without a vector are left out, as are sentiment words.
 */
export function negativeSentiment(
  source: VectorSource,
  people: readonly string[],
  positive: readonly string[],
  negative: readonly string[],
  options: SentimentOptions = {},
): SentimentBias {
  const { regularization = 1 } = options;
  if (!(regularization > 0 && regularization < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError(
      `negativeSentiment: regularization must be a finite number above 0, got ${String(regularization)}`,
    );
  }
  const find = (name: string, words: readonly string[]) => {
    const found = unitVectors('negativeSentiment', name, source, words);
    if (found.words.length === 0) throw new ArgumentError(`negativeSentiment: none of ${name} has a vector`);
    return found;
  };
  const [goods, bads, persons] = [find('positive', positive), find('negative', negative), find('people', people)];
  const samples = [...goods.vectors, ...bads.vectors];
  const labels = samples.map((_, index) => (index < goods.vectors.length ? 0 : 1));
  const model = fitLogistic(samples, labels, regularization);
  const probability = (vector: Float64Array): number => logistic(dot(vector, model.weights) + model.bias);
  const right = samples.filter((vector, index) => probability(vector) > 0.5 === (labels[index] === 1)).length;
  const scores = persons.vectors.map(probability);
  const total = scores.reduce((a, b) => a + b, 0);
  const shares = scores.map((score) => score / total);
  return {
    divergence: shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share * shares.length) : 0), 0),
    words: persons.words
      .map((word, index) => ({ word, negative: scores[index], share: shares[index] }))
      .sort((a, b) => b.negative - a.negative),
    accuracy: right / samples.length,
  };
}
