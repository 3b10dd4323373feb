import { TokenizerError } from '../errors.js';
import { AlignedText } from './aligned-text.js';
import type { Fields } from './fields.js';
import type { Normalizer } from './normalizers/normalizer.js';
import { escapePattern, SPACES, WORD_CHARACTERS } from './pattern.js';

/** A token that is found in the text before anything else is done to it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it means something to the model beyond text, such as `[CLS]`. */
  readonly special: boolean;
  /** Only found where no letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** Takes the spaces before it, or after it, with it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the normalised text. */
  readonly normalized: boolean;
}

export function readAddedToken(fields: Fields): AddedToken {
  const special = fields.flag('special', false);
  return {
    id: fields.integer('id'),
    content: fields.text('content'),
    special,
    singleWord: fields.flag('single_word', false),
    lstrip: fields.flag('lstrip', false),
    rstrip: fields.flag('rstrip', false),
    normalized: fields.flag('normalized', !special),
  };
}

/** A stretch of text, and the added token that it is, if it is one. */
export interface AddedTokenPiece {
  readonly text: AlignedText;
  readonly token: AddedToken | null;
}

const WORD_BEFORE = new RegExp(`[${WORD_CHARACTERS}]$`, 'u');
const WORD_AFTER = new RegExp(`^[${WORD_CHARACTERS}]`, 'u');
const SPACES_BEFORE = new RegExp(`[${SPACES}]*$`, 'u');
const SPACES_AFTER = new RegExp(`^[${SPACES}]*`, 'u');

/** Finds added tokens: at each place the longest. */
export class AddedTokenFinder {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #pattern: RegExp | null;
  /** Whether a text that is cut before a space, or between ideographs, has the same tokens in its parts. */
  readonly survivesCuts: boolean;

  /** @param normalizer - what the tokens' own contents go through first, or null. */
  constructor(tokens: readonly AddedToken[], normalizer: Normalizer | null) {
    for (const token of tokens) {
      const content =
        normalizer === null ? token.content : normalizer.normalize(AlignedText.of(token.content, 0, false)).text;
      if (content !== '') this.#tokens.set(content, token);
    }
    // The first alternative that fits is taken: longer ones come first.
    const contents = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.survivesCuts = [...this.#tokens].every(([content, { rstrip }]) => /^[!-~]*$/.test(content) && !rstrip);
    this.#pattern = contents.length === 0 ? null : new RegExp(contents.map(escapePattern).join('|'), 'gu');
  }

  /** The text divided into added tokens and what lies between them, found as they are asked for. */
  *split(text: AlignedText): Generator<AddedTokenPiece, void> {
    let position = 0;
    if (this.#pattern !== null) {
      for (const match of text.text.matchAll(this.#pattern)) {
        const token = this.#tokens.get(match[0]);
        if (token === undefined) throw new TokenizerError(`the added token ${JSON.stringify(match[0])} is not known`);
        const [start, end] = this.#extent(text.text, token, match.index, match.index + match[0].length, position);
        if (start < 0) continue;
        if (start > position) yield { text: text.slice(position, start), token: null };
        yield { text: text.slice(start, end), token };
        position = end;
      }
    }
    if (position === 0) yield { text, token: null };
    else if (position < text.text.length) yield { text: text.slice(position, text.text.length), token: null };
  }

  /** What the token at `[start, end)` takes up, not before `least`; -1 where it may not stand. */
  #extent(text: string, token: AddedToken, start: number, end: number, least: number): [number, number] {
    if (start < least) return [-1, -1];
    if (token.singleWord) {
      const isPartOfWord =
        WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(end, end + 2));
      if (isPartOfWord) return [-1, -1];
    }
    const before = token.lstrip ? (SPACES_BEFORE.exec(text.slice(least, start))?.[0].length ?? 0) : 0;
    const after = token.rstrip ? (SPACES_AFTER.exec(text.slice(end))?.[0].length ?? 0) : 0;
    return [start - before, end + after];
  }
}
