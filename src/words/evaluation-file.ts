import { readFileSync } from 'node:fs';
import { requireCount } from '../arguments.js';
import { FileError } from '../errors.js';

/** Words that are looked at in evaluations, as in gensim. */
export const EVALUATED_WORDS = 300_000;

/** Words to find by evaluations. */
export interface WordList extends Iterable<string> {
  readonly size: number;
  word(index: number): string;
  indexOf(word: string): number;
}

/** The lines of a file of questions or pairs, which are small. */
export function readLines(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  return text.replace(/^\uFEFF/, '').split(/\r?\n/);
}

/**
 * How words of an evaluation are looked up among the first `restrictVocab` of a vocabulary: as they are, or, of all words that
 * differ in case only, the first.
 */
export function wordFinder(
  operation: string,
  words: WordList,
  restrictVocab: number,
  caseInsensitive: boolean,
): (word: string) => string | null {
  requireCount(operation, 'restrictVocab', restrictVocab, 1);
  const count = Math.min(restrictVocab, words.size);
  if (!caseInsensitive) {
    return (word) => {
      const index = words.indexOf(word);
      return index >= 0 && index < count ? word : null;
    };
  }
  const first = new Map<string, number>();
  for (let index = count - 1; index >= 0; index--) first.set(words.word(index).toUpperCase(), index);
  return (word) => {
    const index = first.get(word.toUpperCase());
    return index === undefined ? null : words.word(index);
  };
}
