import type { AlignedText } from '../aligned-text.js';
import type { Fields } from '../fields.js';
import { SPACES } from '../pattern.js';
import { lowercase } from './lowercase.js';
import type { Normalizer } from './normalizer.js';

/** Control characters but tab and line ends, and what stands for a character that could not be read. */
const DIRT = /[\0\ufffd\p{Cc}\p{Cf}\p{Co}]/u;
const CLEANED = new RegExp(`[${SPACES}]|${DIRT.source}`, 'gu');
const NOT_CLEAN = /[^ -~]/;

/** The CJK ideographs of BERT's own code; Hangul, Hiragana and Katakana are words like others. */
const IDEOGRAPHS =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

const MARKS = /\p{Mn}/gu;
const NOT_ASCII = /[^\0-\x7f]/gu;

/** The normaliser of BERT (Devlin et al., arXiv:1810.04805): removes control characters, sets ideographs apart, strips accents. */
export class BertNormalizer implements Normalizer {
  readonly isLocal = true;
  readonly #cleanText: boolean;
  readonly isolatesIdeographs: boolean;
  readonly #stripAccents: boolean;
  readonly #lowercase: boolean;

  constructor(fields: Fields) {
    this.#cleanText = fields.flag('clean_text', true);
    this.isolatesIdeographs = fields.flag('handle_chinese_chars', true);
    this.#lowercase = fields.flag('lowercase', true);
    // Where nothing is said, accents go with the case.
    this.#stripAccents = fields.flag('strip_accents', this.#lowercase);
  }

  normalize(text: AlignedText): AlignedText {
    let result = text;
    if (NOT_CLEAN.test(text.text)) {
      if (this.#cleanText) result = result.replace(CLEANED, clean);
      if (this.isolatesIdeographs) result = result.replace(IDEOGRAPHS, (character) => ` ${character} `);
      if (this.#stripAccents) {
        result = result.replace(NOT_ASCII, (character) => character.normalize('NFD')).replace(MARKS, () => '');
      }
    }
    return this.#lowercase ? lowercase(result) : result;
  }
}

function clean(character: string): string {
  const isSpace = character.length === 1 && /[\t\n\r]/.test(character);
  return isSpace || !DIRT.test(character) ? ' ' : '';
}
