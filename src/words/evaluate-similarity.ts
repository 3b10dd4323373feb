import { FormatError } from '../errors.js';
import { EVALUATED_WORDS, readLines, type WordList, wordFinder } from './evaluation-file.js';
import type { LineProblem } from './report.js';

/** How similarities are evaluated. */
export interface SimilarityOptions {
  /** Only the first so many words are looked at. Default 300,000, as in gensim. */
  readonly restrictVocab?: number;
  /** Whether words that differ in case only are the same. Default true. */
  readonly caseInsensitive?: boolean;
}

export interface SimilarityEvaluation {
  /** Spearman's rank correlation, ties having the mean of their ranks. */
  readonly spearman: number;
  /** Pearson's correlation. */
  readonly pearson: number;
  /** Pairs of which both words are known. */
  readonly pairs: number;
  /** Pairs left out, since a word of them is not known. */
  readonly unknown: number;
  /** Lines that are neither a pair, nor a header or a comment. */
  readonly malformed: readonly LineProblem[];
}

interface Comparer extends WordList {
  similarity(a: string, b: string): number;
}

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly score: number;
}

/**
 * Two words and a number a line, between tabs or, where there are none, commas or semicolons or spaces. Of more columns, the
 * first with a number counts. Comments begin with `#`.
 */
export function evaluateSimilarity(words: Comparer, file: string, options: SimilarityOptions): SimilarityEvaluation {
  const { restrictVocab = EVALUATED_WORDS, caseInsensitive = true } = options;
  const find = wordFinder('evaluateSimilarity', words, restrictVocab, caseInsensitive);
  const { pairs, malformed } = readPairs(file);
  const said: number[] = [];
  const measured: number[] = [];
  for (const pair of pairs) {
    const [a, b] = [find(pair.a), find(pair.b)];
    if (a === null || b === null) continue;
    said.push(pair.score);
    measured.push(words.similarity(a, b));
  }
  if (said.length < 2) {
    throw new FormatError(
      `${file} has ${pairs.length} pairs of words, ${said.length} of them known; expected two at least`,
    );
  }
  return {
    spearman: pearson(ranks(said), ranks(measured)),
    pearson: pearson(said, measured),
    pairs: said.length,
    unknown: pairs.length - said.length,
    malformed,
  };
}

function readPairs(file: string): { pairs: Pair[]; malformed: LineProblem[] } {
  const pairs: Pair[] = [];
  const malformed: LineProblem[] = [];
  let isFirst = true;
  for (const [index, line] of readLines(file).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fields = line
      .trim()
      .split(separatorIn(line))
      .map((field) => field.trim());
    const [a = '', b = '', ...rest] = fields;
    const score = rest
      .map((field) => (field === '' ? Number.NaN : Number(field)))
      .find((value) => Number.isFinite(value));
    if (a !== '' && b !== '' && score !== undefined) pairs.push({ a, b, score });
    // A header names its columns.
    else if (!isFirst || rest.length === 0)
      malformed.push({ line: index + 1, problem: 'expected two words and a number' });
    isFirst = false;
  }
  return { pairs, malformed };
}

function separatorIn(line: string): RegExp {
  if (line.includes('\t')) return /\t/;
  if (line.includes(',')) return /,/;
  return line.includes(';') ? /;/ : /\s+/;
}

/** Ranks from 1; those of equal values are their mean. */
export function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => (values[i] as number) - (values[j] as number));
  const result = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (let n = start; n < end; n++) result[order[n] as number] = (start + end + 1) / 2;
    start = end;
  }
  return result;
}

/** Pearson's correlation; NaN where one side is constant. */
export function pearson(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [xMean, yMean] = [mean(x), mean(y)];
  let [xx, yy, xy] = [0, 0, 0];
  for (const [n, value] of x.entries()) {
    const [dx, dy] = [value - xMean, (y[n] as number) - yMean];
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xy / Math.sqrt(xx * yy);
}
