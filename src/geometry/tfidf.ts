import { requireCount } from '../arguments.js';
import { ArgumentError } from '../errors.js';
import { SparseMatrix } from '../linalg/sparse-matrix.js';
import { requireFitted } from './arguments.js';

export interface TfIdfOptions {
  /** Texts are put in lower case first. Default true. */
  readonly lowerCase?: boolean;
  /** What a term is: a pattern with the flag `g`, or a function. Default: letters, digits and underscores, two at least. */
  readonly terms?: RegExp | ((text: string) => readonly string[]);
  /** Terms that are left out. */
  readonly stopWords?: Iterable<string>;
  /** Fewest and most neighbouring terms that are joined into one. Default [1, 1]. */
  readonly ngrams?: readonly [number, number];
  /** Documents that a term must stand in: a number of them, or below 1 a share. Default 1. */
  readonly minDocuments?: number;
  /** Documents that a term may stand in at most: a number of them, or up to 1 a share. Default 1, all. */
  readonly maxDocuments?: number;
  /** Only the most frequent terms, so many. Default all. */
  readonly maxTerms?: number;
  /** 1 + log(count) in place of the count. Default false. */
  readonly sublinear?: boolean;
  /** Weights by rarity: false gives plain counts. Default true. */
  readonly idf?: boolean;
  /** As if one more document held every term, so that nothing is divided by zero. Default true. */
  readonly smooth?: boolean;
  /** What each document's vector is divided by. Default l2. */
  readonly norm?: 'l1' | 'l2' | 'none';
}

interface Fitted {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly terms: readonly string[];
  readonly idf: Float64Array;
}

const TERMS = /[\p{L}\p{N}_]{2,}/gu;

/**
 * Texts as sparse vectors of term frequency times inverse document frequency (Sparck Jones 1972), with the numbers of
 * `sklearn.feature_extraction.text.TfidfVectorizer`: idf = ln((1 + n) / (1 + df)) + 1, rows of unit length.
 *
 *     const vectorizer = new TfIdf({ stopWords: ['the', 'of'] });
 *     const matrix = vectorizer.fitTransform(documents);        // SparseMatrix [documents, terms]
 */
export class TfIdf {
  readonly #options: Required<Omit<TfIdfOptions, 'stopWords' | 'maxTerms'>> & { maxTerms: number | undefined };
  readonly #stopWords: ReadonlySet<string>;
  #fitted: Fitted | undefined;

  constructor(options: TfIdfOptions = {}) {
    const {
      lowerCase = true,
      terms = TERMS,
      stopWords = [],
      ngrams = [1, 1],
      minDocuments = 1,
      maxDocuments = 1,
      maxTerms,
      sublinear = false,
      idf = true,
      smooth = true,
      norm = 'l2',
    } = options;
    if (terms instanceof RegExp && !terms.global) {
      throw new ArgumentError(`TfIdf: terms must be a pattern with the flag g, got ${String(terms)}`);
    }
    requireCount('TfIdf', 'ngrams[0]', ngrams[0], 1);
    requireCount('TfIdf', 'ngrams[1]', ngrams[1], ngrams[0]);
    for (const [name, limit] of Object.entries({ minDocuments, maxDocuments })) {
      if (!(limit >= 0 && (limit <= 1 || Number.isInteger(limit)))) {
        throw new ArgumentError(`TfIdf: ${name} must be a whole number, or a share up to 1, got ${String(limit)}`);
      }
    }
    if (maxTerms !== undefined) requireCount('TfIdf', 'maxTerms', maxTerms, 1);
    if (!['l1', 'l2', 'none'].includes(norm)) {
      throw new ArgumentError(`TfIdf: norm must be l1, l2 or none, got ${JSON.stringify(norm)}`);
    }
    this.#stopWords = new Set(stopWords);
    this.#options = { lowerCase, terms, ngrams, minDocuments, maxDocuments, maxTerms, sublinear, idf, smooth, norm };
  }

  /** The column of every term. */
  get vocabulary(): ReadonlyMap<string, number> {
    return this.#require('vocabulary').vocabulary;
  }
  /** The term of every column, in the order of their UTF-16 code units. */
  get terms(): readonly string[] {
    return this.#require('terms').terms;
  }
  /** The weight of every column. */
  get idf(): Float64Array {
    return this.#require('idf').idf.slice();
  }

  /**
   * Collects the vocabulary and how many documents hold each term.
   *
   * @throws ArgumentError when no term is left.
   */
  fit(documents: Iterable<string>): this {
    this.fitTransform(documents);
    return this;
  }

  /** {@link fit}, then the vectors of the same documents, `[documents, terms]`. */
  fitTransform(documents: Iterable<string>): SparseMatrix<'float64'> {
    const known = new Map<string, { documents: number; total: number }>();
    const counted = this.#count('fit', documents);
    for (const counts of counted) {
      for (const [term, count] of counts) {
        const entry = known.get(term);
        if (entry === undefined) known.set(term, { documents: 1, total: count });
        else {
          entry.documents++;
          entry.total += count;
        }
      }
    }
    const { minDocuments, maxDocuments, maxTerms, idf, smooth } = this.#options;
    const least = minDocuments < 1 ? minDocuments * counted.length : minDocuments;
    const most = maxDocuments <= 1 ? maxDocuments * counted.length : maxDocuments;
    let kept = [...known].filter(([, { documents: held }]) => held >= least && held <= most);
    if (maxTerms !== undefined && kept.length > maxTerms) {
      kept = kept.sort(([a, x], [b, y]) => y.total - x.total || (a < b ? -1 : 1)).slice(0, maxTerms);
    }
    if (kept.length === 0) {
      throw new ArgumentError(
        `TfIdf.fit: no term is left of ${counted.length} documents and ${known.size} terms; check the texts, stopWords, minDocuments and maxDocuments`,
      );
    }
    const frequencies = new Map(kept.map(([term, { documents: held }]) => [term, held]));
    const terms = [...frequencies.keys()].sort();
    const extra = smooth ? 1 : 0;
    this.#fitted = {
      vocabulary: new Map(terms.map((term, column) => [term, column])),
      terms,
      idf: Float64Array.from(terms, (term) =>
        idf ? Math.log((counted.length + extra) / ((frequencies.get(term) as number) + extra)) + 1 : 1,
      ),
    };
    return this.#weigh(counted, this.#fitted);
  }

  /**
   * Vectors of documents, `[documents, terms]`; terms that are not in the vocabulary are left out.
   */
  transform(documents: Iterable<string>): SparseMatrix<'float64'> {
    const fitted = this.#require('transform');
    return this.#weigh(this.#count('transform', documents), fitted);
  }

  #require(operation: string): Fitted {
    return requireFitted(`TfIdf.${operation}`, this.#fitted);
  }

  /** How often each term stands in each document. */
  #count(operation: string, documents: Iterable<string>): Map<string, number>[] {
    if (typeof documents === 'string' || typeof documents?.[Symbol.iterator] !== 'function') {
      throw new ArgumentError(`TfIdf.${operation}: expected a list of texts, got ${typeof documents}`);
    }
    return Array.from(documents, (document, index) => {
      if (typeof document !== 'string') {
        throw new ArgumentError(`TfIdf.${operation}: documents[${index}] must be a text, got ${typeof document}`);
      }
      const counts = new Map<string, number>();
      for (const term of this.#termsOf(document)) counts.set(term, (counts.get(term) ?? 0) + 1);
      return counts;
    });
  }

  #termsOf(document: string): readonly string[] {
    const { lowerCase, terms, ngrams } = this.#options;
    const text = lowerCase ? document.toLowerCase() : document;
    const found = terms instanceof RegExp ? (text.match(terms) ?? []) : terms(text);
    const words = this.#stopWords.size === 0 ? found : found.filter((term) => !this.#stopWords.has(term));
    const [fewest, most] = ngrams;
    if (most === 1) return words;
    const joined: string[] = [];
    for (let length = fewest; length <= Math.min(most, words.length); length++) {
      for (let start = 0; start + length <= words.length; start++) {
        joined.push(words.slice(start, start + length).join(' '));
      }
    }
    return joined;
  }

  #weigh(counted: readonly ReadonlyMap<string, number>[], { vocabulary, terms, idf }: Fitted): SparseMatrix<'float64'> {
    const { sublinear, norm } = this.#options;
    const rowOffsets = new Int32Array(counted.length + 1);
    const columns: number[] = [];
    const values: number[] = [];
    for (const [row, counts] of counted.entries()) {
      const start = values.length;
      const present: [number, number][] = [];
      for (const [term, count] of counts) {
        const column = vocabulary.get(term);
        if (column !== undefined) present.push([column, (sublinear ? 1 + Math.log(count) : count) * idf[column]]);
      }
      present.sort(([a], [b]) => a - b);
      let length = 0;
      for (const [column, value] of present) {
        columns.push(column);
        values.push(value);
        length += norm === 'l2' ? value ** 2 : Math.abs(value);
      }
      if (norm !== 'none' && length > 0) {
        const divisor = norm === 'l2' ? Math.sqrt(length) : length;
        for (let entry = start; entry < values.length; entry++) values[entry] /= divisor;
      }
      rowOffsets[row + 1] = values.length;
    }
    const compressed = { values: Float64Array.from(values), columnIndices: Int32Array.from(columns), rowOffsets };
    return SparseMatrix.fromCompressedRows<'float64'>(compressed, [counted.length, terms.length]);
  }
}
