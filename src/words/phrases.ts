import { ArgumentError } from '../errors.js';
import { countOf } from './corpus.js';
import { type CorpusSource, type SentenceOptions, sentencesOf } from './sentences.js';

/** Settings of {@link Phrases.find}. */
export interface PhraseOptions extends SentenceOptions {
  /** Pairs that come less often are no phrases; 5 by default. */
  readonly minCount?: number | undefined;
  /**
   * How pairs are scored: `discounted` (default) is word2vec's `(count(ab) - minCount) * words / (count(a) * count(b))`
   * (Mikolov et al. 2013b, equation 6, times the words of the text); `npmi` is normalised pointwise mutual information, from
   * -1 to 1 (Bouma 2009).
   */
  readonly scoring?: 'discounted' | 'npmi' | undefined;
  /** Pairs with a higher score are phrases; by default 100, or 0.5 with `npmi`. */
  readonly threshold?: number | undefined;
  /** What joins the words of a phrase; `_` by default. */
  readonly delimiter?: string | undefined;
  /** When there are more different words and pairs, rare ones are forgotten; 10 million by default. */
  readonly maxEntries?: number | undefined;
}

/** A phrase that was found. */
export interface Phrase {
  readonly words: readonly [string, string];
  readonly count: number;
  readonly score: number;
}

const SEPARATOR = '\n';

/** Pairs of words that come together more often than by chance, such as `new york`. */
export class Phrases {
  readonly delimiter: string;
  readonly #scores: ReadonlyMap<string, Phrase>;

  private constructor(scores: ReadonlyMap<string, Phrase>, delimiter: string) {
    this.#scores = scores;
    this.delimiter = delimiter;
  }

  /**
   * Finds the phrases of a corpus. A source that can be read only once has to be kept by the caller, since joining its words
   * takes a second reading.
   *
   * @throws FileError when a file cannot be read, ArgumentError for settings out of range.
   */
  static async find(source: CorpusSource, options: PhraseOptions = {}): Promise<Phrases> {
    const { scoring = 'discounted', delimiter = '_' } = options;
    const minCount = countOf('minCount', options.minCount, 5);
    const maxEntries = countOf('maxEntries', options.maxEntries, 10_000_000);
    const threshold = options.threshold ?? (scoring === 'npmi' ? 0.5 : 100);
    if (scoring !== 'discounted' && scoring !== 'npmi') {
      throw new ArgumentError(`scoring must be "discounted" or "npmi", got ${String(scoring)}`);
    }
    if (typeof threshold !== 'number' || Number.isNaN(threshold)) {
      throw new ArgumentError(`threshold must be a number, got ${String(threshold)}`);
    }
    if (typeof delimiter !== 'string' || delimiter === '') {
      throw new ArgumentError('delimiter must be a string of at least one character');
    }
    const counts = new Map<string, number>();
    let forgotten = 0;
    let total = 0;
    const count = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
    for await (const sentence of sentencesOf(source, options)) {
      for (const [position, word] of sentence.entries()) {
        count(word);
        total++;
        if (position > 0) count(`${sentence[position - 1]}${SEPARATOR}${word}`);
      }
      while (counts.size > maxEntries) forget(counts, ++forgotten);
    }
    const scores = new Map<string, Phrase>();
    for (const [key, together] of counts) {
      const [first, second] = key.split(SEPARATOR);
      if (second === undefined || together < minCount) continue;
      const score = scoreOf(scoring, together, counts.get(first) ?? 0, counts.get(second) ?? 0, total, minCount);
      if (score > threshold) scores.set(key, { words: [first, second], count: together, score });
    }
    return new Phrases(scores, delimiter);
  }

  /** The phrases, best first. */
  list(): Phrase[] {
    return [...this.#scores.values()].sort((a, b) => b.score - a.score);
  }

  /** A sentence with its phrases joined, from left to right. */
  join(sentence: readonly string[]): readonly string[] {
    const joined: string[] = [];
    for (let position = 0; position < sentence.length; position++) {
      const word = sentence[position];
      const next = sentence[position + 1];
      if (next !== undefined && this.#scores.has(`${word}${SEPARATOR}${next}`)) {
        joined.push(`${word}${this.delimiter}${next}`);
        position++;
      } else {
        joined.push(word);
      }
    }
    return joined;
  }
}

function scoreOf(
  scoring: 'discounted' | 'npmi',
  together: number,
  first: number,
  second: number,
  total: number,
  minCount: number,
): number {
  // One of its words was forgotten.
  if (first === 0 || second === 0) return Number.NEGATIVE_INFINITY;
  if (scoring === 'discounted') return ((together - minCount) * total) / (first * second);
  return Math.log((together * total) / (first * second)) / -Math.log(together / total);
}

function forget(counts: Map<string, number>, most: number): void {
  for (const [key, count] of counts) if (count <= most) counts.delete(key);
}
