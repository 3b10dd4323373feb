import { AlignedText, AlignmentBuilder } from '../aligned-text.js';
import { BYTE_SPACE, toByteCharacters } from '../byte-alphabet.js';
import type { Fields } from '../fields.js';
import { SPACES } from '../pattern.js';
import { matchesOf, type PreTokenizer } from './pre-tokenizer.js';

/** GPT-2's words: contractions, runs of letters, digits or others with the space before them, runs of spaces. */
const WORDS = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACES}\\p{L}\\p{N}]+|[${SPACES}]+(?![^${SPACES}])|[${SPACES}]+`,
  'gu',
);

const PRINTABLE = /^[!-~]*$/;

/** Splits as GPT-2 does, and writes every byte as a character of its alphabet, so that nothing is unknown. */
export class ByteLevelPreTokenizer implements PreTokenizer {
  readonly splitsAtSpaces: boolean;
  readonly #addPrefixSpace: boolean;
  readonly #useRegex: boolean;

  constructor(fields: Fields) {
    this.#addPrefixSpace = fields.flag('add_prefix_space', true);
    this.#useRegex = fields.flag('use_regex', true);
    this.splitsAtSpaces = this.#useRegex;
  }

  *split(text: AlignedText): Generator<AlignedText, void> {
    const prefixed = this.#addPrefixSpace && !text.text.startsWith(' ') ? text.prepend(' ') : text;
    for (const word of this.#useRegex ? matchesOf(prefixed, WORDS) : [prefixed]) {
      if (word.text !== '') yield spellBytes(word);
    }
  }
}

/** A word in the alphabet of bytes; every byte comes from its whole character. */
function spellBytes(word: AlignedText): AlignedText {
  if (PRINTABLE.test(word.text)) return word;
  if (!word.tracked) return AlignedText.of(toByteCharacters(word.text), 0, false);
  const builder = new AlignmentBuilder(word);
  let start = 0;
  for (const character of word.text) {
    const end = start + character.length;
    const bytes = character === ' ' ? BYTE_SPACE : toByteCharacters(character);
    if (bytes !== character) {
      builder.copyTo(start);
      builder.insert(bytes, start, end);
      builder.skipTo(end);
    }
    start = end;
  }
  return builder.finish();
}
