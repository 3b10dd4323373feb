import { ArgumentError } from '../errors.js';

/** The file formats of word vectors. */
export const WORD_FORMATS = [
  'word2vec-text',
  'word2vec-binary',
  'glove',
  'fasttext-vec',
  'fasttext-bin',
  'gemmule',
] as const;

/**
 * How word vectors lie in a file: word2vec's text, with a header of two numbers, and its binary form; GloVe's text, without a
 * header; fastText's `.vec`, which is word2vec's text, and `.bin`, which has vectors of subwords as well; and gemmule's own,
 * which is mapped into memory as it is.
 */
export type WordFormat = (typeof WORD_FORMATS)[number];

export function requireFormat(operation: string, format: unknown): asserts format is WordFormat {
  if (!(WORD_FORMATS as readonly unknown[]).includes(format)) {
    throw new ArgumentError(`${operation}: format must be one of ${WORD_FORMATS.join(', ')}, got ${String(format)}`);
  }
}

/** Something that was wrong in a file. */
export interface LineProblem {
  /** The line of a text file, the record of a binary one, from 1. */
  readonly line: number;
  readonly problem: string;
}

/** What was found while reading a file of word vectors. */
export interface LoadReport {
  readonly format: WordFormat;
  /** How many words the file's header promises, or null where it has none. */
  readonly declared: number | null;
  /** Lines, or records, that were left out because they could not be read. */
  readonly malformed: number;
  /** Lines left out because an earlier one has the same word. */
  readonly duplicates: number;
  /** Words that were no valid UTF-8; what is wrong in them was replaced by U+FFFD. */
  readonly invalidWords: number;
  /** The first of what was malformed or a duplicate. */
  readonly problems: readonly LineProblem[];
}

/** Problems that a report lists; all are counted. */
const MOST_LISTED = 20;

/** Counts what goes wrong while a file is read. */
export class ProblemCounter {
  malformed = 0;
  duplicates = 0;
  readonly problems: LineProblem[] = [];

  addMalformed(line: number, problem: string): void {
    this.malformed += 1;
    this.#list(line, problem);
  }

  addDuplicate(line: number, word: string): void {
    this.duplicates += 1;
    this.#list(line, `${JSON.stringify(word)} came before`);
  }

  #list(line: number, problem: string): void {
    if (this.problems.length < MOST_LISTED) this.problems.push({ line, problem });
  }
}

/** The first problems of a report as text. */
export function describeProblems(problems: readonly LineProblem[]): string {
  return problems
    .slice(0, 3)
    .map(({ line, problem }) => `line ${line}: ${problem}`)
    .join('; ');
}
