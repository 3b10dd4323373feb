import { FormatError } from '../errors.js';
import { EVALUATED_WORDS, readLines, type WordList, wordFinder } from './evaluation-file.js';
import type { Match } from './matches.js';
import type { LineProblem } from './report.js';
import type { Waiting } from './search.js';

/** How analogies are evaluated. */
export interface AnalogyOptions {
  /** Only the first so many words are looked at. Default 300,000, as in gensim. */
  readonly restrictVocab?: number;
  /** Whether words that differ in case only are the same. Default true. */
  readonly caseInsensitive?: boolean;
  /** `3CosAdd` (default) or `3CosMul`. */
  readonly method?: '3CosAdd' | '3CosMul';
  readonly signal?: AbortSignal;
  /** Called with the number of questions that have been answered, and that there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How many questions of a section were answered rightly. */
export interface AnalogySection {
  readonly name: string;
  readonly correct: number;
  /** Questions of which all words are known. */
  readonly total: number;
  /** Questions left out, since a word of them is not known. */
  readonly unknown: number;
  /** `correct / total`; NaN where there are none. */
  readonly accuracy: number;
}

export interface AnalogyEvaluation {
  readonly sections: readonly AnalogySection[];
  /** All sections together. */
  readonly total: AnalogySection;
  /** Lines that are no question. */
  readonly malformed: readonly LineProblem[];
}

/** What answers the questions. */
interface Answerer extends WordList {
  mostSimilarAll(
    queries: readonly { positive: readonly string[]; negative: readonly string[] }[],
    options: Waiting & { topN: number; restrictVocab: number; method: '3CosAdd' | '3CosMul' },
  ): Promise<Match[][]>;
}

/** A question of which all words are known, as they stand in the vocabulary. */
interface Question {
  readonly section: number;
  readonly given: readonly [string, string, string];
  readonly expected: string;
}

/** Best words looked at: of those before the right one, all may be one of the given in another case. */
const LOOKED_AT = 5;

/** `a b c d` asks for the word that is to c as b is to a, and d is right. */
export async function evaluateAnalogies(
  words: Answerer,
  file: string,
  options: AnalogyOptions,
): Promise<AnalogyEvaluation> {
  const { restrictVocab = EVALUATED_WORDS, caseInsensitive = true, method = '3CosAdd', signal, onProgress } = options;
  const find = wordFinder('evaluateAnalogies', words, restrictVocab, caseInsensitive);
  const { names, unknown, questions, malformed } = readQuestions(file, find);
  const answers = await words.mostSimilarAll(
    questions.map(({ given: [a, b, c] }) => ({ positive: [b, c], negative: [a] })),
    {
      topN: LOOKED_AT,
      restrictVocab,
      method,
      signal,
      onProgress: (done) => onProgress?.(done, questions.length),
    },
  );
  const form = (word: string): string => (caseInsensitive ? word.toUpperCase() : word);
  const correct = names.map(() => 0);
  const total = names.map(() => 0);
  for (const [n, { section, given, expected }] of questions.entries()) {
    const ignored = new Set(given.map(form));
    const answer = (answers[n] as Match[]).find(({ word }) => !ignored.has(form(word)));
    total[section] = (total[section] as number) + 1;
    if (answer !== undefined && form(answer.word) === form(expected))
      correct[section] = (correct[section] as number) + 1;
  }
  const sections = names.map((name, n) =>
    sectionOf(name, correct[n] as number, total[n] as number, unknown[n] as number),
  );
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return { sections, total: sectionOf('total', sum(correct), sum(total), sum(unknown)), malformed };
}

function sectionOf(name: string, correct: number, total: number, unknown: number): AnalogySection {
  return { name, correct, total, unknown, accuracy: correct / total };
}

function readQuestions(
  file: string,
  find: (word: string) => string | null,
): { names: string[]; unknown: number[]; questions: Question[]; malformed: LineProblem[] } {
  const names: string[] = [];
  const unknown: number[] = [];
  const questions: Question[] = [];
  const malformed: LineProblem[] = [];
  let lines = 0;
  const begin = (name: string): void => {
    names.push(name);
    unknown.push(0);
  };
  for (const [index, line] of readLines(file).entries()) {
    if (line.startsWith(':')) {
      begin(line.slice(1).trim());
      continue;
    }
    if (line.trim() === '') continue;
    const fields = line.trim().split(/\s+/);
    if (fields.length !== 4) {
      malformed.push({ line: index + 1, problem: `it has ${fields.length} words, expected 4` });
      continue;
    }
    // Questions before the first colon.
    if (names.length === 0) begin('');
    lines += 1;
    const section = names.length - 1;
    const known = fields.map(find);
    const [a, b, c, d] = known;
    if (a == null || b == null || c == null || d == null) unknown[section] = (unknown[section] as number) + 1;
    else questions.push({ section, given: [a, b, c], expected: d });
  }
  if (lines === 0)
    throw new FormatError(`${file} has no line of four words; expected analogies as in questions-words.txt`);
  return { names, unknown, questions, malformed };
}
