import { describe, type Fields } from '../fields.js';
import { MergeQueue } from './merge-queue.js';
import { STEP_SYMBOLS, type TokenModel, Vocabulary, type WordTokens, withoutPauses } from './model.js';

const encoder = new TextEncoder();

/** A symbol of a word while it is being merged: a token id, or -1 once it is part of the one before. */
interface Symbols {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** Byte-pair encoding (Sennrich et al., arXiv:1508.07909): the pair with the best rank is merged until none has one. */
export class BpeModel implements TokenModel {
  readonly vocabulary: Vocabulary;
  readonly unknownId: number | null;
  readonly #fuseUnknown: boolean;
  readonly #ignoreMerges: boolean;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #byteTokens: readonly number[] | null;
  /** By pair of ids: the rank. */
  readonly #ranks = new Map<number, number>();
  /** By rank: the id of the merged token. */
  readonly #merged: number[] = [];

  constructor(fields: Fields) {
    this.vocabulary = Vocabulary.read(fields, 'vocab');
    const unknown = fields.optionalText('unk_token');
    this.unknownId = unknown === null ? null : this.vocabulary.require(unknown, (message) => fields.error(message));
    this.#fuseUnknown = fields.flag('fuse_unk', false);
    this.#ignoreMerges = fields.flag('ignore_merges', false);
    this.#prefix = fields.text('continuing_subword_prefix', '');
    this.#suffix = fields.text('end_of_word_suffix', '');
    this.#byteTokens = fields.flag('byte_fallback', false) ? this.vocabulary.byteTokens() : null;
    for (const [rank, merge] of fields.list('merges').entries()) this.#addMerge(fields, rank, merge);
  }

  tokenize(word: string): WordTokens {
    return withoutPauses(this.tokenizeInSteps(word));
  }

  *tokenizeInSteps(word: string): Generator<void, WordTokens> {
    if (this.#ignoreMerges) {
      const whole = this.vocabulary.idOf(word);
      if (whole !== undefined) return { ids: [whole], starts: [0], ends: [word.length] };
    }
    const symbols = yield* this.#symbolsOf(word);
    return yield* this.#merge(symbols);
  }

  #addMerge(fields: Fields, rank: number, merge: unknown): void {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    const [left, right] = Array.isArray(parts) && parts.length === 2 ? (parts as unknown[]) : [];
    if (typeof left !== 'string' || typeof right !== 'string') {
      throw fields.error(`merges[${rank}] must be two tokens, got ${describe(merge)}`);
    }
    const fail = (message: string) => fields.error(`merges[${rank}]: ${message}`);
    const joined = left + (right.startsWith(this.#prefix) ? right.slice(this.#prefix.length) : right);
    const pair = pairKey(this.vocabulary.require(left, fail), this.vocabulary.require(right, fail));
    this.#merged.push(this.vocabulary.require(joined, fail));
    // The last of several merges of a pair counts.
    this.#ranks.set(pair, rank);
  }

  /** The characters of a word as tokens; those that have none as bytes, as the unknown token, or not at all. */
  *#symbolsOf(word: string): Generator<void, Symbols> {
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    let start = 0;
    let fusing = false;
    for (const character of word) {
      const end = start + character.length;
      let token = start > 0 ? this.#prefix + character : character;
      if (end === word.length) token += this.#suffix;
      const id = this.vocabulary.idOf(token);
      if (id !== undefined) {
        push(symbols, id, start, end);
        fusing = false;
      } else if (this.#byteTokens !== null) {
        for (const byte of encoder.encode(token)) push(symbols, this.#byteTokens[byte] as number, start, end);
        fusing = false;
      } else if (this.unknownId !== null) {
        if (fusing && this.#fuseUnknown) symbols.ends[symbols.ends.length - 1] = end;
        else push(symbols, this.unknownId, start, end);
        fusing = true;
      }
      start = end;
      if (symbols.ids.length % STEP_SYMBOLS === 0) yield;
    }
    return symbols;
  }

  *#merge(symbols: Symbols): Generator<void, WordTokens> {
    const { ids, starts, ends } = symbols;
    const next = ids.map((_, index) => index + 1);
    const previous = ids.map((_, index) => index - 1);
    const queue = new MergeQueue();
    const offer = (position: number): void => {
      const after = position < 0 ? ids.length : (next[position] as number);
      if (after >= ids.length) return;
      const [left, right] = [ids[position] as number, ids[after] as number];
      const rank = this.#ranks.get(pairKey(left, right));
      if (rank !== undefined) queue.push({ rank, position, left, right });
    };
    for (let position = 0; position + 1 < ids.length; position++) {
      offer(position);
      if (position % STEP_SYMBOLS === 0) yield;
    }
    let merges = 0;
    for (let merge = queue.pop(); merge !== undefined; merge = queue.pop()) {
      if (++merges % STEP_SYMBOLS === 0) yield;
      const { position, left, right, rank } = merge;
      const after = next[position] as number;
      if (ids[position] !== left || ids[after] !== right) continue;
      ids[position] = this.#merged[rank] as number;
      ids[after] = -1;
      ends[position] = ends[after] as number;
      const beyond = next[after] as number;
      next[position] = beyond;
      if (beyond < ids.length) previous[beyond] = position;
      offer(previous[position] as number);
      offer(position);
    }
    const kept = ids.flatMap((id, index) => (id < 0 ? [] : [index]));
    return {
      ids: kept.map((index) => ids[index] as number),
      starts: kept.map((index) => starts[index] as number),
      ends: kept.map((index) => ends[index] as number),
    };
  }
}

function push(symbols: Symbols, id: number, start: number, end: number): void {
  symbols.ids.push(id);
  symbols.starts.push(start);
  symbols.ends.push(end);
}

/** Two ids below 2^31 as one number; exact up to ids of 2^21, beyond which no vocabulary goes. */
function pairKey(left: number, right: number): number {
  return left * 2 ** 31 + right;
}
