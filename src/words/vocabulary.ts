import { isUtf8 } from 'node:buffer';
import { ArgumentError, BackendError, FormatError } from '../errors.js';

/*
 * Millions of words as JavaScript strings, and a Map of them, would fill V8's heap. So words lie as UTF-8 one after another in
 * one buffer, and an open-addressing hash table of indices finds them: three typed arrays, which can as well be a file's
 * memory map.
 */

/** All bytes of all words; where they end must fit into int32. */
const MOST_BYTES = 2 ** 31 - 1;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a (Fowler, Noll, Vo), its bits mixed once more, since a table of 2^n places reads the lowest only. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let n = 0; n < length; n++) if (a[aStart + n] !== b[bStart + n]) return false;
  return true;
}

const encoder = new TextEncoder();
let encoded = new Uint8Array(256);

/** The UTF-8 of a word in a buffer that the next call overwrites; returns its length. */
function encode(word: string): number {
  if (word.length * 3 > encoded.length) encoded = new Uint8Array(word.length * 6);
  return encoder.encodeInto(word, encoded).written;
}

/** The words of a vector space by index, and their indices by word. */
export class Vocabulary implements Iterable<string> {
  readonly #text: Buffer;

  /**
   * @param bytes - UTF-8 of all words, one after another.
   * @param ends - where in `bytes` each word ends; where it begins is where the one before ends.
   * @param table - a power of two of places, more than words: 0, or the index plus one of a word that hashes here or before.
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly ends: Int32Array,
    readonly table: Int32Array,
  ) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get size(): number {
    return this.ends.length;
  }

  /** The word at an index, which must be from 0 to `size - 1`. */
  word(index: number): string {
    const end = this.ends[index];
    if (end === undefined) {
      throw new ArgumentError(`word: index must be a whole number from 0 to ${this.size - 1}, got ${index}`);
    }
    return this.#text.toString('utf8', this.#startOf(index), end);
  }

  /** The index of a word, or -1. */
  indexOf(word: string): number {
    const length = encode(word);
    return this.find(encoded, 0, length);
  }

  /** The index of the word with these bytes, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.table.length - 1;
    let place = hashBytes(bytes, start, end) & mask;
    // A damaged table may be full.
    for (let tries = 0; tries <= mask; tries++) {
      const index = (this.table[place] as number) - 1;
      if (index === -1) return -1;
      if (index < 0 || index >= this.size) {
        throw new FormatError(`the table of words points to word ${index} of ${this.size}; the file is damaged`);
      }
      const from = this.#startOf(index);
      const length = (this.ends[index] as number) - from;
      if (length === end - start && sameBytes(this.bytes, from, bytes, start, length)) return index;
      place = (place + 1) & mask;
    }
    return -1;
  }

  *[Symbol.iterator](): Generator<string> {
    for (let index = 0; index < this.size; index++) yield this.word(index);
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number);
  }

  /** A vocabulary of different words. @throws ArgumentError when one comes twice. */
  static from(words: Iterable<string>): Vocabulary {
    const builder = new VocabularyBuilder();
    for (const word of words) {
      if (typeof word !== 'string') throw new ArgumentError(`words must be strings, got ${typeof word}`);
      const length = encode(word);
      if (!builder.add(encoded, 0, length)) throw new ArgumentError(`the word ${JSON.stringify(word)} comes twice`);
    }
    return builder.build();
  }
}

/** Words that there is room for at first where nothing says how many will come. */
const FIRST_WORDS = 1 << 12;

/** Takes in words one by one; those that are there already are not taken again. */
export class VocabularyBuilder {
  #bytes = new Uint8Array(1 << 16);
  #ends: Int32Array;
  #table: Int32Array;
  #size = 0;
  #used = 0;
  /** Words whose bytes were no UTF-8; what is wrong in them was replaced by U+FFFD. */
  invalid = 0;

  /** @param expected - how many words will come, as far as one can tell; more are fine. */
  constructor(expected = 0) {
    this.#ends = new Int32Array(Math.max(FIRST_WORDS, expected));
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(FIRST_WORDS, expected + 1))));
  }

  get size(): number {
    return this.#size;
  }

  /** Adds the word in `bytes[start, end)`; false when it is there already. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    if (isAscii(bytes, start, end) || isUtf8(bytes.subarray(start, end))) return this.#add(bytes, start, end);
    this.invalid += 1;
    const length = encode(Buffer.from(bytes.subarray(start, end)).toString('utf8'));
    return this.#add(encoded, 0, length);
  }

  #add(bytes: Uint8Array, start: number, end: number): boolean {
    if (2 * (this.#size + 1) > this.#table.length) this.#enlargeTable();
    const place = this.#placeOf(bytes, start, end);
    if (this.#table[place] !== 0) return false;
    const length = end - start;
    if (this.#used + length > MOST_BYTES) {
      throw new BackendError('the words have more than 2^31 bytes in all', undefined, 'ERR_OUT_OF_MEMORY');
    }
    this.#bytes = withRoomFor(this.#bytes, this.#used + length);
    this.#ends = withRoomFor(this.#ends, this.#size + 1);
    const words = this.#bytes;
    let used = this.#used;
    // Byte by byte: for a few, a view of them would take longer.
    for (let at = start; at < end; at++) words[used++] = bytes[at] as number;
    this.#used = used;
    this.#ends[this.#size] = this.#used;
    this.#size += 1;
    this.#table[place] = this.#size;
    return true;
  }

  /** The vocabulary; nothing may be added afterwards. */
  build(): Vocabulary {
    return new Vocabulary(this.#bytes.slice(0, this.#used), this.#ends.slice(0, this.#size), this.#table);
  }

  /** Where the word is in the table, or the free place where it belongs. */
  #placeOf(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#table.length - 1;
    let place = hashBytes(bytes, start, end) & mask;
    for (;;) {
      const index = (this.#table[place] as number) - 1;
      if (index === -1) return place;
      const from = index === 0 ? 0 : (this.#ends[index - 1] as number);
      const length = (this.#ends[index] as number) - from;
      if (length === end - start && sameBytes(this.#bytes, from, bytes, start, length)) return place;
      place = (place + 1) & mask;
    }
  }

  #enlargeTable(): void {
    const table = new Int32Array(this.#table.length * 2);
    let start = 0;
    for (let index = 0; index < this.#size; index++) {
      const end = this.#ends[index] as number;
      let place = hashBytes(this.#bytes, start, end) & (table.length - 1);
      while (table[place] !== 0) place = (place + 1) & (table.length - 1);
      table[place] = index + 1;
      start = end;
    }
    this.#table = table;
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

/** The array itself, or a copy of twice the length, so that `length` elements fit. */
function withRoomFor<A extends Uint8Array | Int32Array>(array: A, length: number): A {
  if (length <= array.length) return array;
  const larger = new (array.constructor as new (size: number) => A)(Math.max(length, array.length * 2));
  larger.set(array);
  return larger;
}
