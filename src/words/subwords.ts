import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '../tensor/tensor.js';
import type { Vocabulary } from './vocabulary.js';

/** Which parts of words have vectors, in fastText (Bojanowski, Grave, Joulin and Mikolov, arXiv:1607.04606). */
export interface SubwordSettings {
  /** Characters of the shortest part. */
  readonly minLength: number;
  /** Characters of the longest part; 0 for no parts at all. */
  readonly maxLength: number;
  /** Vectors that all parts share: a part has the one that its hash falls on. */
  readonly buckets: number;
}

/** fastText's FNV-1a, which takes bytes as signed. */
function hashPart(bytes: Uint8Array, start: number, end: number): number {
  let hash = 2166136261;
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ (((bytes[at] as number) << 24) >> 24), 16777619);
  }
  return hash >>> 0;
}

function beginsCharacter(byte: number | undefined): boolean {
  return byte === undefined || (byte & 0xc0) !== 0x80;
}

/**
 * The buckets of all parts of a word, in fastText's order: of `<word>`, from every character on, all that have from `minLength`
 * to `maxLength` characters, without a lone `<` or `>`.
 */
export function subwordBuckets(word: string, { minLength, maxLength, buckets }: SubwordSettings): number[] {
  const found: number[] = [];
  if (buckets === 0) return found;
  const bytes = Buffer.from(`<${word}>`);
  for (let start = 0; start < bytes.length; start++) {
    if (!beginsCharacter(bytes[start])) continue;
    let end = start;
    for (let length = 1; length <= maxLength && end < bytes.length; length++) {
      end += 1;
      while (!beginsCharacter(bytes[end])) end += 1;
      const isBoundary = length === 1 && (start === 0 || end === bytes.length);
      if (length >= minLength && !isBoundary) found.push(hashPart(bytes, start, end) % buckets);
    }
  }
  return found;
}

/** Vectors of parts of words, out of which words that are not in the vocabulary get theirs. */
export class Subwords implements SubwordSettings {
  readonly minLength: number;
  readonly maxLength: number;

  /** @param vectors - one for each bucket, `[buckets, dimension]`, contiguous. */
  constructor(
    settings: Pick<SubwordSettings, 'minLength' | 'maxLength'>,
    readonly vectors: Tensor<'float32'>,
  ) {
    this.minLength = settings.minLength;
    this.maxLength = settings.maxLength;
  }

  get buckets(): number {
    return this.vectors.shape[0] as number;
  }

  /** Adds the vectors of all parts of a word to `sum`; returns how many there are. */
  addTo(sum: Float64Array, word: string): number {
    const found = subwordBuckets(word, this);
    const numbers = this.vectors.toTypedArray();
    for (const bucket of found) {
      const start = bucket * sum.length;
      for (let n = 0; n < sum.length; n++) sum[n] = (sum[n] as number) + (numbers[start + n] as number);
    }
    return found.length;
  }

  /** The mean of the vectors of a word's parts, or null when it has no part. */
  vectorOf(word: string): Float32Array | null {
    const sum = new Float64Array(this.vectors.shape[1] as number);
    const count = this.addTo(sum, word);
    return count === 0 ? null : Float32Array.from(sum, (value) => value / count);
  }
}

/** Words composed between two looks at what else the event loop has to do. */
const COMPOSED_AT_ONCE = 2000;

/**
 * Turns vectors of whole words into the means of those and the vectors of their parts, in place, as fastText looks words up.
 * `</s>`, which stands for the end of a sentence there, has no parts.
 */
export async function composeSubwords(
  vocabulary: Vocabulary,
  vectors: Float32Array,
  subwords: Subwords,
  signal?: AbortSignal,
): Promise<void> {
  const dimension = subwords.vectors.shape[1] as number;
  const sum = new Float64Array(dimension);
  for (let index = 0; index < vocabulary.size; index++) {
    if (index % COMPOSED_AT_ONCE === COMPOSED_AT_ONCE - 1) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    const row = vectors.subarray(index * dimension, (index + 1) * dimension);
    sum.set(row);
    const word = vocabulary.word(index);
    const count = 1 + (word === END_OF_SENTENCE ? 0 : subwords.addTo(sum, word));
    for (let n = 0; n < dimension; n++) row[n] = (sum[n] as number) / count;
  }
}

/** fastText's word for the end of a line. */
export const END_OF_SENTENCE = '</s>';
