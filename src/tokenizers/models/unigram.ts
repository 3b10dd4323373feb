import { describe, type Fields } from '../fields.js';
import { STEP_SYMBOLS, type TokenModel, Vocabulary, type WordTokens, withoutPauses } from './model.js';
import { Trie } from './trie.js';

/** How much worse than the worst token an unknown character is, as in SentencePiece. */
const UNKNOWN_PENALTY = 10;

const encoder = new TextEncoder();

/** The unigram language model (Kudo, arXiv:1804.10959): of all ways to divide a word the one of the greatest probability. */
export class UnigramModel implements TokenModel {
  readonly vocabulary: Vocabulary;
  readonly #scores: Float64Array;
  readonly unknownId: number | null;
  readonly #unknownScore: number;
  readonly #byteTokens: readonly number[] | null;
  readonly #trie = new Trie();

  constructor(fields: Fields) {
    const entries = fields.list('vocab');
    const ids = new Map<string, number>();
    this.#scores = new Float64Array(entries.length);
    let least = Number.POSITIVE_INFINITY;
    for (const [id, entry] of entries.entries()) {
      const [token, score] = Array.isArray(entry) ? entry : [];
      if (typeof token !== 'string' || typeof score !== 'number') {
        throw fields.error(`vocab[${id}] must be a token and its score, got ${describe(entry)}`);
      }
      ids.set(token, id);
      this.#scores[id] = score;
      this.#trie.set(token, id);
      least = Math.min(least, score);
    }
    this.vocabulary = new Vocabulary(ids);
    this.unknownId = fields.has('unk_id') ? fields.integer('unk_id') : null;
    if (this.unknownId !== null && this.unknownId >= entries.length) {
      throw fields.error(`unk_id is ${this.unknownId}, and there are ${entries.length} tokens`);
    }
    this.#unknownScore = least - UNKNOWN_PENALTY;
    this.#byteTokens = fields.flag('byte_fallback', false) ? this.vocabulary.byteTokens() : null;
  }

  tokenize(word: string): WordTokens {
    return withoutPauses(this.tokenizeInSteps(word));
  }

  *tokenizeInSteps(word: string): Generator<void, WordTokens> {
    const tokens: { ids: number[]; starts: number[]; ends: number[] } = { ids: [], starts: [], ends: [] };
    const path = yield* this.#bestPath(word);
    for (const [start, end, id] of path) this.#push(tokens, word, start, end, id);
    return tokens;
  }

  #push(
    tokens: { ids: number[]; starts: number[]; ends: number[] },
    word: string,
    start: number,
    end: number,
    id: number,
  ): void {
    if (id < 0 && this.#byteTokens !== null) {
      for (const byte of encoder.encode(word.slice(start, end))) {
        tokens.ids.push(this.#byteTokens[byte] as number);
        tokens.starts.push(start);
        tokens.ends.push(end);
      }
      return;
    }
    if (id < 0 && this.unknownId === null) return;
    tokens.ids.push(id < 0 ? (this.unknownId as number) : id);
    tokens.starts.push(start);
    tokens.ends.push(end);
  }

  /** Start, end and id of the tokens of the best path (Viterbi); neighbouring unknown characters are one, with id -1. */
  *#bestPath(word: string): Generator<void, [number, number, number][]> {
    const { length } = word;
    const score = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(length + 1).fill(-1);
    const tokenAt = new Int32Array(length + 1).fill(-1);
    score[0] = 0;
    const offer = (start: number, end: number, gain: number, id: number): void => {
      const candidate = (score[start] as number) + gain;
      if (from[end] !== -1 && candidate <= (score[end] as number)) return;
      score[end] = candidate;
      from[end] = start;
      tokenAt[end] = id;
    };
    let looked = 0;
    for (let start = 0; start < length; ) {
      if (++looked % STEP_SYMBOLS === 0) yield;
      const characterEnd = start + ((word.codePointAt(start) as number) > 0xffff ? 2 : 1);
      let coversCharacter = false;
      let node = 0;
      for (let end = start; end < length; ) {
        node = this.#trie.child(node, word.charCodeAt(end++));
        if (node === 0) break;
        const id = this.#trie.valueAt(node);
        if (id < 0) continue;
        offer(start, end, this.#scores[id] as number, id);
        coversCharacter ||= end === characterEnd;
      }
      if (!coversCharacter) offer(start, characterEnd, this.#unknownScore, -1);
      start = characterEnd;
    }
    const path: [number, number, number][] = [];
    for (let end = length; end > 0; end = from[end] as number) {
      const start = from[end] as number;
      const id = tokenAt[end] === this.unknownId ? -1 : (tokenAt[end] as number);
      const after = path.at(-1);
      if (id < 0 && after?.[2] === -1) after[0] = start;
      else path.push([start, end, id]);
    }
    return path.reverse();
  }
}
