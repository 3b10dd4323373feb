import { createHash } from 'node:crypto';
import { allocateStorage, releaseStorage } from '../backend/storage.js';
import type { EncodedCorpus } from '../backend/training.js';
import { ArgumentError, BackendError, DisposedError } from '../errors.js';
import { type CorpusSource, type SentenceOptions, sentencesOf } from './sentences.js';

/** How far the reading of a corpus is. */
export interface CorpusProgress {
  readonly sentences: number;
  /** Words that were read, rare ones included. */
  readonly words: number;
  readonly wordsPerSecond: number;
}

/** Settings of {@link Corpus.read}. */
export interface CorpusOptions extends SentenceOptions {
  /** Words that come less often are left out; 5 by default. */
  readonly minCount?: number | undefined;
  /** At most so many words, the most frequent ones; all by default. */
  readonly maxVocabulary?: number | undefined;
  /** Longer sentences are cut; 10,000 words by default. */
  readonly maxSentence?: number | undefined;
  /** Called now and then, and at the end. */
  readonly onProgress?: ((progress: CorpusProgress) => void) | undefined;
}

const PROGRESS_MILLISECONDS = 200;

/** Tokens that a thread takes at a time: many enough that nobody waits, few enough that all have some. */
const MOST_BLOCK_TOKENS = 10_000;
const LEAST_BLOCK_TOKENS = 500;
const WANTED_BLOCKS = 256;

/** Ids are int32, and so are positions. */
const MOST_TOKENS = 2 ** 31 - 1;

/** Tokens in chunks while their number is not known. */
class TokenList {
  static readonly CHUNK = 1 << 20;
  readonly #chunks: Int32Array[] = [];
  #last = new Int32Array(0);
  #used = 0;

  get length(): number {
    return Math.max(this.#chunks.length - 1, 0) * TokenList.CHUNK + this.#used;
  }

  push(token: number): void {
    if (this.#used === this.#last.length) {
      this.#last = new Int32Array(TokenList.CHUNK);
      this.#chunks.push(this.#last);
      this.#used = 0;
    }
    this.#last[this.#used++] = token;
  }

  *chunks(): Iterable<Int32Array> {
    for (const chunk of this.#chunks) yield chunk === this.#last ? chunk.subarray(0, this.#used) : chunk;
  }
}

/** Counts of words by provisional id, in order of first appearance. */
class WordCounter {
  readonly #ids = new Map<string, number>();
  readonly #counts: number[] = [];

  add(word: string): number {
    let id = this.#ids.get(word);
    if (id === undefined) {
      id = this.#counts.length;
      // A slice of a long string would keep all of it.
      this.#ids.set(Buffer.from(word).toString(), id);
      this.#counts.push(0);
    }
    this.#counts[id]++;
    return id;
  }

  /** The words that are frequent enough, most frequent first, then in order of their code units. */
  chosen(minCount: number, most: number): { words: string[]; counts: Float64Array; ids: Int32Array } {
    const counts = this.#counts;
    const entries = [...this.#ids].filter(([, id]) => counts[id] >= minCount);
    entries.sort(([a, idA], [b, idB]) => counts[idB] - counts[idA] || (a < b ? -1 : 1));
    entries.length = Math.min(entries.length, most);
    const ids = new Int32Array(counts.length).fill(-1);
    for (const [id, [, provisional]] of entries.entries()) ids[provisional] = id;
    return {
      words: entries.map(([word]) => word),
      counts: Float64Array.from(entries, ([, id]) => counts[id]),
      ids,
    };
  }
}

/**
 * A text to learn word vectors from: its frequent words, and the text as their ids, four bytes a word outside of JavaScript's
 * heap. Read once, it serves any number of trainings.
 */
export class Corpus {
  /** The words, most frequent first. */
  readonly words: readonly string[];
  /** How often each comes. */
  readonly counts: Float64Array;
  /** Words of the text that are left, and words that were read. */
  readonly size: number;
  readonly wordsRead: number;
  readonly #encoded: EncodedCorpus;
  #disposed = false;

  private constructor(words: readonly string[], counts: Float64Array, encoded: EncodedCorpus, wordsRead: number) {
    this.words = words;
    this.counts = counts;
    this.size = counts.reduce((sum, count) => sum + count, 0);
    this.wordsRead = wordsRead;
    this.#encoded = encoded;
  }

  /**
   * Reads a corpus, a source that can be read only once included.
   *
   * @param source - the path of a text file, plain or gzip, or an iterable of texts or of sentences.
   * @throws FileError when the file cannot be read, ArgumentError when no word is frequent enough, or when a setting or what
   *   the source gives is not what it must be.
   */
  static async read(source: CorpusSource, options: CorpusOptions = {}): Promise<Corpus> {
    const minCount = countOf('minCount', options.minCount, 5);
    const most = countOf('maxVocabulary', options.maxVocabulary, Number.MAX_SAFE_INTEGER);
    const maxSentence = countOf('maxSentence', options.maxSentence, 10_000);
    const counter = new WordCounter();
    const tokens = new TokenList();
    const start = performance.now();
    let lastReport = start;
    let sentences = 0;
    let wordsRead = 0;
    const report = (): void => {
      const seconds = Math.max(performance.now() - start, 1) / 1000;
      options.onProgress?.({ sentences, words: wordsRead, wordsPerSecond: wordsRead / seconds });
    };
    for await (const sentence of sentencesOf(source, options)) {
      if (sentence.length === 0) continue;
      sentences++;
      for (const [position, word] of sentence.entries()) {
        if (position > 0 && position % maxSentence === 0) tokens.push(-1);
        tokens.push(counter.add(word));
      }
      tokens.push(-1);
      wordsRead += sentence.length;
      if (options.onProgress && performance.now() - lastReport >= PROGRESS_MILLISECONDS) {
        lastReport = performance.now();
        report();
      }
      if (tokens.length > MOST_TOKENS) throw new BackendError(`a corpus of more than ${MOST_TOKENS} words`);
    }
    const { words, counts, ids } = counter.chosen(minCount, most);
    if (words.length === 0) {
      throw new ArgumentError(
        `no word of the ${wordsRead} of the corpus comes at least ${minCount} times; give more text or a smaller minCount`,
      );
    }
    report();
    return new Corpus(words, counts, encode(tokens, ids), wordsRead);
  }

  /** The text as ids. @throws DisposedError after `dispose()`. */
  get encoded(): EncodedCorpus {
    if (this.#disposed) throw new DisposedError('the corpus was disposed');
    return this.#encoded;
  }

  /** Tells corpora apart: a hash of words and text. */
  fingerprint(): string {
    const { tokens } = this.encoded;
    const hash = createHash('sha256').update(JSON.stringify(this.words));
    return hash.update(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)).digest('hex');
  }

  /** Frees the text, or lets training that goes on be the last to use it. */
  dispose(): void {
    if (!this.#disposed) releaseStorage(this.#encoded.tokens);
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Leaves out rare words and sentences without pairs, and cuts blocks. */
function encode(list: TokenList, ids: Int32Array): EncodedCorpus {
  const kept = new TokenList();
  let sentence: number[] = [];
  for (const chunk of list.chunks()) {
    for (const provisional of chunk) {
      if (provisional >= 0) {
        const id = ids[provisional];
        if (id >= 0) sentence.push(id);
      } else if (sentence.length > 0) {
        for (const id of sentence) kept.push(id);
        kept.push(-1);
        sentence = [];
      }
    }
  }
  const tokens = allocateStorage('int32', kept.length);
  let length = 0;
  for (const chunk of kept.chunks()) {
    tokens.set(chunk, length);
    length += chunk.length;
  }
  const blockTokens = Math.min(Math.max(Math.ceil(length / WANTED_BLOCKS), LEAST_BLOCK_TOKENS), MOST_BLOCK_TOKENS);
  const starts = [0];
  for (let position = 0; position < length; position++) {
    if (tokens[position] < 0 && position + 1 - (starts.at(-1) as number) >= blockTokens) starts.push(position + 1);
  }
  if (starts.at(-1) !== length) starts.push(length);
  return { tokens, blockStarts: Float64Array.from(starts) };
}

/** A setting that must be a whole number from 1 up. */
export function countOf(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ArgumentError(`${name} must be a whole number from 1 up, got ${String(value)}`);
  }
  return value;
}
