import type { AlignedText } from '../aligned-text.js';
import type { Fields } from '../fields.js';
import { literalPattern } from '../pattern.js';
import { type PreTokenizer, splitByPattern } from './pre-tokenizer.js';

const PREPEND_SCHEMES = ['always', 'first', 'never'] as const;
type PrependScheme = (typeof PREPEND_SCHEMES)[number];

/** How a metaspace component says where the replacement is put in front; older files say `add_prefix_space`. */
export function readPrependScheme(fields: Fields): PrependScheme {
  const byOldName = fields.flag('add_prefix_space', true) ? 'always' : 'never';
  return fields.choice('prepend_scheme', PREPEND_SCHEMES, byOldName);
}

/** SentencePiece's words: spaces become a visible character, which begins a word. */
export class MetaspacePreTokenizer implements PreTokenizer {
  readonly splitsAtSpaces: boolean;
  readonly #replacement: string;
  readonly #prependScheme: PrependScheme;
  readonly #split: boolean;
  readonly #pattern: RegExp;

  constructor(fields: Fields) {
    this.#replacement = fields.text('replacement', '▁');
    this.#prependScheme = readPrependScheme(fields);
    this.#split = fields.flag('split', true);
    this.#pattern = literalPattern(this.#replacement);
    this.splitsAtSpaces = this.#split;
  }

  split(text: AlignedText): AlignedText[] {
    let marked = text.replace(/ /g, () => this.#replacement);
    if (!marked.text.startsWith(this.#replacement) && this.#prepends(marked))
      marked = marked.prepend(this.#replacement);
    if (this.#split) return splitByPattern(marked, this.#pattern, 'MergedWithNext');
    return marked.text === '' ? [] : [marked];
  }

  #prepends(text: AlignedText): boolean {
    return this.#prependScheme === 'always' || (this.#prependScheme === 'first' && text.origin === 0);
  }
}
