import type { TokenizerError } from '../../errors.js';
import { describe, type Fields, isId } from '../fields.js';

/** The tokens of a word. */
export interface WordTokens {
  readonly ids: readonly number[];
  /** Where each token begins in the word, in UTF-16 units. */
  readonly starts: readonly number[];
  /** Where each token ends. */
  readonly ends: readonly number[];
}

/** Divides words into the tokens of a vocabulary. */
export interface TokenModel {
  readonly vocabulary: Vocabulary;
  /** What tokens within a word begin with; undefined for models whose tokens do not tell. */
  readonly continuingPrefix?: string | undefined;
  /** The token of what has none; null for models that have no such token. */
  readonly unknownId: number | null;
  tokenize(word: string): WordTokens;
  /** The same with pauses, for models that need long for a very long word. */
  tokenizeInSteps?(word: string): Generator<void, WordTokens>;
}

/** Symbols or characters that are looked at between two pauses. */
export const STEP_SYMBOLS = 4096;

/** Works through without a pause. */
export function withoutPauses<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** Tokens and their ids. */
export class Vocabulary {
  readonly #ids: Map<string, number>;
  /** By ids; made when it is first asked for, since most who tokenize never decode. */
  #tokens: string[] | null = null;

  constructor(ids: Map<string, number>) {
    this.#ids = ids;
  }

  /** Reads an object of tokens and ids. */
  static read(fields: Fields, name: string): Vocabulary {
    const ids = new Map<string, number>();
    let largest = 0;
    fields.fields(name).forEach((token, id) => {
      if (!isId(id))
        throw fields.error(`${name}: the id of ${JSON.stringify(token)} must be a number, got ${describe(id)}`);
      ids.set(token, id);
      if (id > largest) largest = id;
    });
    if (largest > 16 * ids.size + 1_000_000) {
      throw fields.error(`${name}: ids are far larger than there are tokens; the file is damaged`);
    }
    return new Vocabulary(ids);
  }

  /** The number of different tokens. */
  get size(): number {
    return this.#ids.size;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    if (this.#tokens === null) {
      this.#tokens = [];
      for (const [token, known] of this.#ids) this.#tokens[known] = token;
    }
    return this.#tokens[id];
  }

  /** All tokens. */
  tokens(): IterableIterator<string> {
    return this.#ids.keys();
  }

  /** The id of a token that must be there. */
  require(token: string, fail: (message: string) => TokenizerError): number {
    const id = this.#ids.get(token);
    if (id === undefined) throw fail(`the token ${JSON.stringify(token)} is not in the vocabulary`);
    return id;
  }

  /** The ids of the tokens `<0x00>` to `<0xFF>`, where all are there. */
  byteTokens(): readonly number[] | null {
    const ids: number[] = [];
    for (let byte = 0; byte < 256; byte++) {
      const id = this.#ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
      if (id === undefined) return null;
      ids.push(id);
    }
    return ids;
  }
}
