import type { Fields } from '../fields.js';
import { type TokenModel, Vocabulary, type WordTokens } from './model.js';

/** WordPiece (Wu et al., arXiv:1609.08144): from left to right the longest token that fits; if none does, the word is unknown. */
export class WordPieceModel implements TokenModel {
  readonly vocabulary: Vocabulary;
  readonly unknownId: number;
  readonly continuingPrefix: string;
  readonly #maxCharacters: number;
  /** Units of the longest token: longer stretches need not be looked up. */
  readonly #longest: number;

  constructor(fields: Fields) {
    this.vocabulary = Vocabulary.read(fields, 'vocab');
    this.unknownId = this.vocabulary.require(fields.text('unk_token', '[UNK]'), (message) => fields.error(message));
    this.continuingPrefix = fields.text('continuing_subword_prefix', '##');
    this.#maxCharacters = fields.integer('max_input_chars_per_word', 100);
    let longest = 0;
    for (const token of this.vocabulary.tokens()) longest = Math.max(longest, token.length);
    this.#longest = longest;
  }

  tokenize(word: string): WordTokens {
    const whole = this.vocabulary.idOf(word);
    const tooLong = word.length > this.#maxCharacters && [...word].length > this.#maxCharacters;
    if (whole !== undefined && !tooLong) return { ids: [whole], starts: [0], ends: [word.length] };
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    for (let start = 0; start < word.length && !tooLong; ) {
      const [id, end] = this.#longestAt(word, start);
      if (id < 0) return this.#unknownWord(word);
      ids.push(id);
      starts.push(start);
      ends.push(end);
      start = end;
    }
    return tooLong ? this.#unknownWord(word) : { ids, starts, ends };
  }

  /** The id and end of the longest token at `start`; -1 when there is none. */
  #longestAt(word: string, start: number): [number, number] {
    const prefix = start === 0 ? '' : this.continuingPrefix;
    for (let end = Math.min(word.length, start + this.#longest); end > start; end--) {
      const id = this.vocabulary.idOf(prefix + word.slice(start, end));
      if (id !== undefined) return [id, end];
    }
    return [-1, start];
  }

  #unknownWord(word: string): WordTokens {
    return { ids: [this.unknownId], starts: [0], ends: [word.length] };
  }
}

/** One token a word. */
export class WordLevelModel implements TokenModel {
  readonly vocabulary: Vocabulary;
  readonly unknownId: number;

  constructor(fields: Fields) {
    this.vocabulary = Vocabulary.read(fields, 'vocab');
    this.unknownId = this.vocabulary.require(fields.text('unk_token', '<unk>'), (message) => fields.error(message));
  }

  tokenize(word: string): WordTokens {
    return { ids: [this.vocabulary.idOf(word) ?? this.unknownId], starts: [0], ends: [word.length] };
  }
}
