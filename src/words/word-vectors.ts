import { requireCount } from '../arguments.js';
import { whileRetained } from '../backend/storage.js';
import { ArgumentError, DisposedError, ShapeError } from '../errors.js';
import { INSPECT, type Inspect, type InspectOptions, inspectFacts } from '../inspection.js';
import { Tensor } from '../tensor/tensor.js';
import { bundledWordsFile } from './bundled.js';
import { type Factors, searchProducts } from './cos-mul.js';
import { type AnalogyEvaluation, type AnalogyOptions, evaluateAnalogies } from './evaluate-analogies.js';
import { evaluateSimilarity, type SimilarityEvaluation, type SimilarityOptions } from './evaluate-similarity.js';
import { inverseLengthsOf } from './lengths.js';
import { type LoadWordsOptions, loadParts } from './load.js';
import type { Match } from './matches.js';
import type { WordVectorParts } from './native-file.js';
import type { LoadReport } from './report.js';
import { type SaveWordsOptions, saveParts } from './save.js';
import { type Found, inParts, matrixOf, partSize, restrict, type Space, search, type Waiting } from './search.js';
import type { Subwords } from './subwords.js';
import { Vocabulary } from './vocabulary.js';

/** A word, or a vector; with a weight as the second of a pair. */
export type Term = string | Float32Array | readonly [term: string | Float32Array, weight: number];

/** How combined words are compared: by the cosine to their sum, or by products of similarities. */
export type AnalogyMethod = '3CosAdd' | '3CosMul';

/** How many words are looked for, and where. */
export interface SearchOptions {
  /** Words to find, at most. Default 10. */
  readonly topN?: number;
  /** Only the first so many words are looked at, which in most files are the most frequent. Default: all. */
  readonly restrictVocab?: number;
}

/** What is looked for: words like the positive ones and unlike the negative ones. */
export interface SimilarQuery {
  readonly positive?: readonly Term[];
  readonly negative?: readonly Term[];
}

export interface MostSimilarOptions extends SearchOptions {
  /**
   * `3CosAdd` (Mikolov, Yih and Zweig 2013), the cosine to the sum of the vectors of length 1, or `3CosMul` (Levy and Goldberg
   * 2014), which lets no single term dominate. Default `3CosAdd`.
   */
  readonly method?: AnalogyMethod;
}

export interface BatchOptions extends Waiting {}

/** What word vectors are made from. */
export interface WordVectorsOptions {
  /** How often each word stood in the training text, most frequent first or not. */
  readonly counts?: ArrayLike<number>;
  /** Vectors of parts of words; words' vectors are then taken as already composed of them. */
  readonly subwords?: Subwords;
}

/** The index of a vocabulary's words whose letters differ in case only, for hints in errors. */
const HINT_FORMS = [
  (word: string) => word.toLowerCase(),
  (word: string) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase(),
  (word: string) => word.toUpperCase(),
  (word: string) => word.replaceAll(' ', '_'),
];

/**
 * Words and their vectors: loaded from files of word2vec, GloVe and fastText, searched, and put to the usual tests.
 *
 * All vectors lie in one float32 matrix outside of JavaScript's heap, all words in one buffer beside it. Searches are one
 * matrix product with a selection of the best in the native engine. `dispose()`, or `using`, gives the memory back at once.
 */
export class WordVectors implements Iterable<string> {
  /** What was found while reading the file, or null where there was none. */
  readonly report: LoadReport | null;
  /** Vectors of parts of words, where the file has them: words that are not in the vocabulary get a vector too. */
  readonly subwords: Subwords | null;
  readonly #vocabulary: Vocabulary;
  readonly #vectors: Tensor<'float32'>;
  readonly #counts: Float64Array | null;
  #inverseLengths: Float32Array | null;

  private constructor(parts: WordVectorParts) {
    this.#vocabulary = parts.vocabulary;
    this.#vectors = parts.vectors;
    this.#counts = parts.counts;
    this.#inverseLengths = parts.inverseLengths;
    this.subwords = parts.subwords;
    this.report = parts.report;
  }

  /**
   * Loads a file: word2vec's text or binary, GloVe's text, fastText's `.vec` or `.bin`, each also packed by gzip, or what
   * `save` wrote. Files are read piece by piece, and the event loop goes on in between.
   *
   * @param file - without it, a few thousand frequent words of GloVe that are installed with gemmule.
   * @throws FileError when it cannot be read, FormatError when it holds no word vectors or was cut off.
   */
  static async load(file?: string, options: LoadWordsOptions = {}): Promise<WordVectors> {
    return new WordVectors(await loadParts(file ?? bundledWordsFile(), options));
  }

  /**
   * Word vectors of numbers that are there already.
   *
   * @param words - all different.
   * @param vectors - `[words, dimension]`. A float32 tensor without gaps is not copied: its storage is shared until this object
   *     is disposed.
   * @throws ArgumentError for a word that comes twice, ShapeError when there are more or fewer vectors than words.
   */
  static from(words: Iterable<string>, vectors: Tensor, options: WordVectorsOptions = {}): WordVectors {
    const vocabulary = words instanceof Vocabulary ? words : Vocabulary.from(words);
    const [size, dimension] = vectors.shape;
    if (vectors.rank !== 2 || size !== vocabulary.size || dimension === 0 || size === 0) {
      throw new ShapeError(
        `WordVectors.from: expected vectors of shape [${vocabulary.size}, dimension] for ${vocabulary.size} words, got [${vectors.shape.join(', ')}]`,
      );
    }
    const { counts, subwords = null } = options;
    if (counts !== undefined && counts.length !== size) {
      throw new ShapeError(`WordVectors.from: expected ${size} counts, one a word, got ${counts.length}`);
    }
    using converted = vectors.to('float32');
    return new WordVectors({
      vocabulary,
      vectors: converted.contiguous(),
      inverseLengths: null,
      counts: counts === undefined ? null : Float64Array.from(counts),
      subwords,
      report: null,
    });
  }

  /** The number of words. */
  get size(): number {
    return this.#vocabulary.size;
  }

  /** Numbers of a vector. */
  get dimension(): number {
    return this.#vectors.shape[1] as number;
  }

  /** All vectors, `[size, dimension]`, in the order of the words. It lives as long as this object. */
  get vectors(): Tensor<'float32'> {
    if (this.#vectors.isDisposed) throw new DisposedError('these word vectors were disposed');
    return this.#vectors;
  }

  /** One over the length of each vector, 0 for a vector of zeros. */
  get inverseLengths(): Float32Array {
    this.#inverseLengths ??= inverseLengthsOf(this.vectors);
    return this.#inverseLengths;
  }

  /** For consoles: how many words and numbers there are, and what was found while reading the file. */
  [INSPECT](depth: number | null, options: InspectOptions, inspect: Inspect): string {
    const { size, dimension, report } = this;
    const facts = { size, dimension, subwords: this.subwords !== null, report, disposed: this.#vectors.isDisposed };
    return inspectFacts('WordVectors', facts, depth, options, inspect);
  }

  /** Lets go of all memory. */
  dispose(): void {
    this.#vectors.dispose();
    this.subwords?.vectors.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** All words, in the order of the vectors. */
  [Symbol.iterator](): Iterator<string> {
    return this.#vocabulary[Symbol.iterator]();
  }

  /** The word at an index. @throws ArgumentError when there is none. */
  word(index: number): string {
    return this.#vocabulary.word(index);
  }

  /** The index of a word, or -1. */
  indexOf(word: string): number {
    return this.#vocabulary.indexOf(word);
  }

  /** Whether the word is in the vocabulary. */
  has(word: string): boolean {
    return this.indexOf(word) >= 0;
  }

  /** How often the word stood in the training text, or null where that is not known. */
  count(word: string): number | null {
    return this.#counts?.[this.#indexOf('count', word)] ?? null;
  }

  /**
   * A copy of a word's vector. With subwords, any word has one.
   *
   * @throws ArgumentError when it has none.
   */
  vector(word: string): Float32Array {
    return this.#vectorOf('vector', word);
  }

  /** The vectors of several words, `[words, dimension]`. @throws ArgumentError when one has none. */
  vectorsOf(words: readonly string[]): Tensor<'float32'> {
    const rows = new Float32Array(words.length * this.dimension);
    for (const [row, word] of words.entries()) rows.set(this.#vectorOf('vectorsOf', word), row * this.dimension);
    return matrixOf(rows, words.length, this.dimension);
  }

  /** The cosine of two words, from -1 to 1; 0 where a vector is zero. */
  similarity(a: string, b: string): number {
    return dot(unit(this.#vectorOf('similarity', a)), unit(this.#vectorOf('similarity', b)));
  }

  /** One minus the cosine of two words: 0 for the same direction, 2 for opposite ones. */
  distance(a: string, b: string): number {
    return 1 - this.similarity(a, b);
  }

  /**
   * The words most like the positive and least like the negative ones, best first, and none of those themselves.
   *
   * @throws ArgumentError for a word that has no vector, or a query of nothing.
   */
  mostSimilar(query: SimilarQuery, options: MostSimilarOptions = {}): Match[] {
    const { space, topN, method } = this.#prepare('mostSimilar', options);
    const combined = this.#combine('mostSimilar', query);
    const k = Math.min(topN + combined.excluded.size, space.vectors.shape[0] as number);
    const found = method === '3CosMul' ? searchProducts(space, [combined], k) : search(space, targetsOf([combined]), k);
    return this.#matches(found, 0, k, topN, combined.excluded);
  }

  /**
   * The same for many queries, in as few matrix products as let the event loop go on in between.
   *
   * @returns the matches of each query, in the order of the queries.
   */
  async mostSimilarAll(
    queries: readonly SimilarQuery[],
    options: MostSimilarOptions & BatchOptions = {},
  ): Promise<Match[][]> {
    const { space, topN, method } = this.#prepare('mostSimilarAll', options);
    const results = new Array<Match[]>(queries.length);
    const combined = queries.map((query) => this.#combine('mostSimilarAll', query));
    const excluded = combined.reduce((most, { excluded: { size } }) => Math.max(most, size), 0);
    const k = Math.min(topN + excluded, space.vectors.shape[0] as number);
    // Products need queries of one form each.
    const groups = method === '3CosMul' ? byForm(combined) : [[...combined.keys()]];
    await whileRetained([space.vectors.data as Float32Array], async () => {
      for (const group of groups) {
        const size = method === '3CosMul' ? partSize(space, 8) : partSize(space);
        await inParts(
          group.length,
          size,
          (start, end) => {
            const rows = group.slice(start, end);
            const part = rows.map((row) => combined[row] as Combined);
            const found = method === '3CosMul' ? searchProducts(space, part, k) : search(space, targetsOf(part), k);
            for (const [n, row] of rows.entries()) {
              results[row] = this.#matches(found, n, k, topN, (combined[row] as Combined).excluded);
            }
          },
          options,
        );
      }
    });
    return results;
  }

  /**
   * The word that is to `c` as `a` is to `b`, and those after it: `analogy('king', 'man', 'woman')` is king minus man plus woman.
   */
  analogy(a: string, b: string, c: string, options: MostSimilarOptions = {}): Match[] {
    return this.mostSimilar({ positive: [a, c], negative: [b] }, options);
  }

  /** The words nearest to a vector of `dimension` numbers by their cosines, best first. A Tensor must have one axis. */
  nearest(vector: Tensor | ArrayLike<number>, options: SearchOptions = {}): Match[] {
    const { space, topN } = this.#prepare('nearest', options);
    if (typeof vector !== 'object') {
      throw new ArgumentError(`nearest: expected a vector, got a ${typeof vector}; mostSimilar takes words`);
    }
    if (vector instanceof Tensor && vector.rank !== 1) {
      throw new ShapeError(`nearest: expected a vector [${this.dimension}], got [${vector.shape}]; see nearestAll`);
    }
    const numbers = vector instanceof Tensor ? (vector.toArray() as number[]) : vector;
    if (numbers.length !== this.dimension) {
      throw new ShapeError(`nearest: expected a vector of ${this.dimension} numbers, got ${numbers.length}`);
    }
    const query = matrixOf(unit(Float32Array.from(numbers)), 1, this.dimension);
    const k = Math.min(topN, space.vectors.shape[0] as number);
    return this.#matches(search(space, query, k), 0, k, topN, NOTHING);
  }

  /** The same for many vectors `[q, dimension]`. */
  async nearestAll(vectors: Tensor, options: SearchOptions & BatchOptions = {}): Promise<Match[][]> {
    const { space, topN } = this.#prepare('nearestAll', options);
    if (vectors.rank !== 2 || vectors.shape[1] !== this.dimension) {
      throw new ShapeError(
        `nearestAll: expected vectors of shape [queries, ${this.dimension}], got [${vectors.shape.join(', ')}]`,
      );
    }
    using converted = vectors.to('float32');
    using contiguous = converted.contiguous();
    const rows = contiguous.toTypedArray();
    const [count = 0] = vectors.shape;
    const k = Math.min(topN, space.vectors.shape[0] as number);
    const results = new Array<Match[]>(count);
    const queryOf = (row: number) => unit(rows.slice(row * this.dimension, (row + 1) * this.dimension));
    const part = (start: number, end: number): void => {
      const queries = new Float32Array((end - start) * this.dimension);
      for (let row = start; row < end; row++) queries.set(queryOf(row), (row - start) * this.dimension);
      const found = search(space, matrixOf(queries, end - start, this.dimension), k);
      for (let row = start; row < end; row++) results[row] = this.#matches(found, row - start, k, topN, NOTHING);
    };
    await whileRetained([space.vectors.data as Float32Array], () => inParts(count, partSize(space), part, options));
    return results;
  }

  /**
   * How well each word fits the others: its cosine to the mean of all vectors of length 1, least first.
   *
   * @throws ArgumentError for fewer than two words, or one that has no vector.
   */
  cohesion(words: readonly string[]): Match[] {
    if (!Array.isArray(words)) {
      throw new ArgumentError(`cohesion: expected an array of words, got ${typeof words}; put them in an array`);
    }
    if (words.length < 2) throw new ArgumentError(`cohesion: expected at least two words, got ${words.length}`);
    const units = words.map((word) => unit(this.#vectorOf('cohesion', word)));
    const mean = new Float64Array(this.dimension);
    for (const vector of units)
      for (let n = 0; n < mean.length; n++) mean[n] = (mean[n] as number) + (vector[n] as number);
    const center = unit(Float32Array.from(mean));
    return words
      .map((word, n) => ({ word, index: this.indexOf(word), score: dot(units[n] as Float32Array, center) }))
      .sort((a, b) => a.score - b.score);
  }

  /** The word that fits the others least. */
  doesntMatch(words: readonly string[]): string {
    return (this.cohesion(words)[0] as Match).word;
  }

  /**
   * Answers the analogies of a file such as Google's `questions-words.txt` (Mikolov et al., arXiv:1301.3781): four words a line,
   * sections after a colon. A question is right if of all words but the three given the fourth comes first.
   *
   * @throws FileError, and FormatError when there is no question in the file.
   */
  evaluateAnalogies(file: string, options: AnalogyOptions = {}): Promise<AnalogyEvaluation> {
    return evaluateAnalogies(this, file, options);
  }

  /**
   * Compares cosines with what people said about pairs of words, in a file such as WordSim-353 or SimLex-999: two words and a
   * number a line.
   *
   * @throws FileError, and FormatError when there are fewer than two pairs of known words in it.
   */
  evaluateSimilarity(file: string, options: SimilarityOptions = {}): SimilarityEvaluation {
    return evaluateSimilarity(this, file, options);
  }

  /**
   * Writes all to a file, packed by gzip if its name ends in `.gz`. It appears under its name only once it is complete. The
   * words may be disposed of meanwhile.
   *
   * @throws ArgumentError for words that the format cannot hold, FileError when the file cannot be written.
   */
  save(file: string, options: SaveWordsOptions = {}): Promise<void> {
    return saveParts(file, this.#parts(), options);
  }

  #parts(): WordVectorParts & { readonly inverseLengths: Float32Array } {
    return {
      vocabulary: this.#vocabulary,
      vectors: this.vectors,
      inverseLengths: this.inverseLengths,
      counts: this.#counts,
      subwords: this.subwords,
      report: this.report,
    };
  }

  #indexOf(operation: string, word: string): number {
    if (typeof word !== 'string') throw new ArgumentError(`${operation}: a word must be a string, got ${typeof word}`);
    const index = this.#vocabulary.indexOf(word);
    if (index >= 0) return index;
    const hint = HINT_FORMS.map((form) => form(word)).find((form) => this.has(form));
    throw new ArgumentError(
      `${operation}: ${JSON.stringify(word)} is not among the ${this.size.toLocaleString('en')} words` +
        (hint === undefined ? '' : `; ${JSON.stringify(hint)} is`),
    );
  }

  #vectorOf(operation: string, word: string): Float32Array {
    if (this.subwords !== null && typeof word === 'string' && !this.has(word)) {
      const composed = this.subwords.vectorOf(word);
      if (composed !== null) return composed;
    }
    const start = this.#indexOf(operation, word) * this.dimension;
    return this.vectors.toTypedArray().slice(start, start + this.dimension);
  }

  #prepare(operation: string, options: MostSimilarOptions): { space: Space; topN: number; method: AnalogyMethod } {
    const { topN = 10, restrictVocab = this.size, method = '3CosAdd' } = options;
    requireCount(operation, 'topN', topN, 1);
    requireCount(operation, 'restrictVocab', restrictVocab, 1);
    if (method !== '3CosAdd' && method !== '3CosMul') {
      throw new ArgumentError(`${operation}: method must be 3CosAdd or 3CosMul, got ${String(method)}`);
    }
    return { space: restrict(this.space(), Math.min(restrictVocab, this.size)), topN, method };
  }

  /** What is searched. @internal */
  space(): Space {
    const data = this.inverseLengths;
    return {
      vectors: this.vectors,
      inverseLengths: Tensor.fromView({ dtype: 'float32', dims: [this.size], strides: [1], offset: 0, data }),
    };
  }

  /** The query's terms as vectors of length 1 times their weights, and what must not be found. */
  #combine(operation: string, query: SimilarQuery): Combined {
    const { positive = [], negative = [] } = query ?? {};
    if (typeof query !== 'object' || !Array.isArray(positive) || !Array.isArray(negative)) {
      throw new ArgumentError(
        `${operation}: a query must be an object of arrays, such as { positive: ['king', 'woman'], negative: ['man'] }, got ${JSON.stringify(query)}`,
      );
    }
    if (positive.length + negative.length === 0) {
      throw new ArgumentError(`${operation}: expected at least one positive or negative word, got none`);
    }
    const excluded = new Set<number>();
    const sum = new Float64Array(this.dimension);
    const read = (term: Term, sign: number): Float32Array => {
      const [what, weight] = isWeighted(term) ? term : ([term, 1] as const);
      if (!Number.isFinite(weight)) throw new ArgumentError(`${operation}: a weight must be a number, got ${weight}`);
      if (typeof what !== 'string' && !(what instanceof Float32Array)) {
        throw new ArgumentError(
          `${operation}: a term must be a word, a Float32Array, or a pair of either with a weight, got ${what === null ? 'null' : typeof what}`,
        );
      }
      if (typeof what === 'string') excluded.add(this.indexOf(what));
      else if (what.length !== this.dimension) {
        throw new ShapeError(`${operation}: expected a vector of ${this.dimension} numbers, got ${what.length}`);
      }
      const vector = unit(typeof what === 'string' ? this.#vectorOf(operation, what) : Float32Array.from(what));
      for (let n = 0; n < sum.length; n++) sum[n] = (sum[n] as number) + sign * weight * (vector[n] as number);
      return vector;
    };
    const factors = {
      positive: positive.map((term) => read(term, 1)),
      negative: negative.map((term) => read(term, -1)),
    };
    // What is composed of subwords is not in the vocabulary.
    excluded.delete(-1);
    return { ...factors, target: unit(Float32Array.from(sum)), excluded };
  }

  #matches({ indices, scores }: Found, row: number, k: number, topN: number, excluded: ReadonlySet<number>): Match[] {
    const matches: Match[] = [];
    for (let n = row * k; n < (row + 1) * k && matches.length < topN; n++) {
      const index = indices[n] as number;
      if (!excluded.has(index)) matches.push({ word: this.word(index), index, score: scores[n] as number });
    }
    return matches;
  }
}

interface Combined extends Factors {
  /** The sum of all terms, of length 1. */
  readonly target: Float32Array;
  readonly excluded: ReadonlySet<number>;
}

const NOTHING: ReadonlySet<number> = new Set();

function isWeighted(term: Term): term is readonly [string | Float32Array, number] {
  return Array.isArray(term);
}

function targetsOf(queries: readonly Combined[]): Tensor<'float32'> {
  const dimension = (queries[0] as Combined).target.length;
  const rows = new Float32Array(queries.length * dimension);
  for (const [row, { target }] of queries.entries()) rows.set(target, row * dimension);
  return matrixOf(rows, queries.length, dimension);
}

/** The places of queries with the same numbers of terms, group by group. */
function byForm(queries: readonly Combined[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [row, { positive, negative }] of queries.entries()) {
    const form = `${positive.length} ${negative.length}`;
    groups.set(form, [...(groups.get(form) ?? []), row]);
  }
  return [...groups.values()];
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += (a[n] as number) * (b[n] as number);
  return sum;
}

/** The vector brought to length 1, in place; zeros stay zeros. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  if (length > 0) for (let n = 0; n < vector.length; n++) vector[n] = (vector[n] as number) / length;
  return vector;
}
