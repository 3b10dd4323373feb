/** A text as tokens. */
export interface Encoding {
  readonly ids: Int32Array;
  readonly tokens: readonly string[];
  /**
   * Where in the text each token stands: `text.slice(start, end)`, in UTF-16 units. Special tokens that the tokenizer adds
   * have `[0, 0]`. Of a pair, offsets of the second text's tokens are into the second text.
   */
  readonly offsets: readonly (readonly [number, number])[];
  /** Which text of a pair a token is of, as the model wants it numbered. */
  readonly typeIds: Int32Array;
  /** 1 for special tokens that the tokenizer added, else 0. */
  readonly specialTokensMask: Uint8Array;
  /** Whether tokens were cut off. */
  readonly truncated: boolean;
}

/** Tokens of one text while they are being collected. */
export class TokenList {
  readonly ids: number[] = [];
  /** Start and end of each token; empty where offsets are not wanted. */
  readonly offsets: [number, number][] = [];
  truncated = false;

  /** @param limit - the most tokens to keep. */
  constructor(
    readonly tracked: boolean,
    readonly limit: number,
  ) {}

  /** Adds a token; false when the limit was reached, and the rest of the text need not be looked at. */
  push(id: number, start: number, end: number): boolean {
    if (this.ids.length >= this.limit) {
      this.truncated = true;
      return false;
    }
    this.ids.push(id);
    if (this.tracked) this.offsets.push([start, end]);
    return true;
  }
  /** Keeps only the first tokens. */
  cut(count: number): void {
    if (this.ids.length <= count) return;
    this.ids.length = count;
    if (this.tracked) this.offsets.length = count;
    this.truncated = true;
  }
}
