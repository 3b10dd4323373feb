import type { TextEmbedder } from '../embeddings/text-embedder.js';
import { ArgumentError } from '../errors.js';

/** Where words, or whole sentences, have vectors: word vectors, a Map that was filled by hand, the texts of an embedder. */
export interface VectorSource {
  /** Whether the word is in the vocabulary. */
  has(word: string): boolean;
  /** The vector of a word that is. */
  vector(word: string): ArrayLike<number>;
}

/** A source of vectors that are at hand. @param vectors - all of one length. */
export function sourceOf(vectors: ReadonlyMap<string, ArrayLike<number>>): VectorSource {
  return {
    has: (word) => vectors.has(word),
    vector: (word) => {
      const vector = vectors.get(word);
      if (vector === undefined) throw new ArgumentError(`sourceOf: there is no vector for ${JSON.stringify(word)}`);
      return vector;
    },
  };
}

/** A source that takes the lower-case form of a word that it lacks, for vocabularies without capitals. */
export function orLowerCase(source: VectorSource): VectorSource {
  const formOf = (word: string): string => (source.has(word) ? word : word.toLowerCase());
  return { has: (word) => source.has(formOf(word)), vector: (word) => source.vector(formOf(word)) };
}

/**
 * The texts' vectors of an embedder, as a source: every word or sentence is a text of its own.
 *
 * @throws the signal's reason when it aborts.
 */
export async function embedSource(
  embedder: TextEmbedder,
  texts: Iterable<string>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<VectorSource> {
  const unique = [...new Set(texts)];
  using vectors = await embedder.embed(unique, options);
  const [, dimension] = vectors.shape as [number, number];
  // The embedder's memory is given back here, so the numbers are copied.
  const numbers = Float32Array.from(vectors.toTypedArray());
  return sourceOf(new Map(unique.map((text, row) => [text, numbers.subarray(row * dimension, (row + 1) * dimension)])));
}

/** Vectors of length 1 of some words, and the words that have none. */
export interface FoundVectors {
  readonly words: readonly string[];
  readonly vectors: readonly Float64Array[];
  readonly missing: readonly string[];
}

/** The vectors of words, divided by their lengths. @throws ArgumentError for words that are no strings and vectors that are zero. */
export function unitVectors(
  operation: string,
  argument: string,
  source: VectorSource,
  words: readonly string[],
): FoundVectors {
  if (!Array.isArray(words) || words.some((word) => typeof word !== 'string')) {
    throw new ArgumentError(`${operation}: ${argument} must be an array of strings`);
  }
  const found = words.filter((word) => source.has(word));
  const vectors = found.map((word) => unit(operation, word, source.vector(word)));
  const lengths = new Set(vectors.map((vector) => vector.length));
  if (lengths.size > 1) {
    throw new ArgumentError(
      `${operation}: the vectors of ${argument} have different lengths: ${[...lengths].join(', ')}; they must come from one space`,
    );
  }
  return { words: found, vectors, missing: words.filter((word) => !source.has(word)) };
}

/** The vectors of words of which none may be missing. */
export function requireVectors(
  operation: string,
  argument: string,
  source: VectorSource,
  words: readonly string[],
): readonly Float64Array[] {
  const { vectors, missing } = unitVectors(operation, argument, source, words);
  if (missing.length > 0) {
    throw new ArgumentError(
      `${operation}: ${argument} has words without a vector: ${missing.join(', ')}; leave them out`,
    );
  }
  return vectors;
}

function unit(operation: string, word: string, vector: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(dot(vector, vector));
  if (!(length > 0 && length < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError(
      `${operation}: the vector of ${JSON.stringify(word)} is ${length === 0 ? 'zero' : 'not finite'} and has no direction; leave it out`,
    );
  }
  return Float64Array.from(vector, (value) => value / length);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index] * b[index];
  return sum;
}

export function meanVector(vectors: readonly ArrayLike<number>[]): Float64Array {
  const mean = new Float64Array(vectors[0].length);
  for (const vector of vectors) for (let index = 0; index < mean.length; index++) mean[index] += vector[index];
  return mean.map((sum) => sum / vectors.length);
}

export const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
