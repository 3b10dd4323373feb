/*
 * Philox4x32-10, a counter-based generator: a block cipher of ten rounds over a counter of four 32-bit words and a key of
 * two. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
/** Key increments: the golden ratio, and sqrt(3) - 1, as fractions of 2^32. */
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** The upper 32 bits of the product of two unsigned 32-bit numbers, from products of their 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Each product is below 2^32 and each sum below 2^34: exact.
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000);
  const cross = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}

/** The four words of the block at `counter` (four unsigned words) under `key` (two unsigned words). */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The words of one seed and stream: word i is word i % 4 of the block at counter `[i / 4, stream]`. */
export class PhiloxStream {
  readonly #key: readonly number[];
  readonly #stream: number;
  #block = -1;
  #words: readonly number[] = [];

  constructor(seedLow: number, seedHigh: number, stream: number) {
    this.#key = [seedLow >>> 0, seedHigh >>> 0];
    this.#stream = stream >>> 0;
  }

  /** Word `index`, an unsigned 32-bit number. */
  at(index: number): number {
    const block = Math.floor(index / 4);
    if (block !== this.#block) {
      this.#block = block;
      this.#words = philox([block >>> 0, Math.floor(block / 2 ** 32) >>> 0, this.#stream, 0], this.#key);
    }
    return this.#words[index % 4];
  }
}
