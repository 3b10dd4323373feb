import { allocateStorage, releaseStorage } from '../backend/storage.js';
import { Tensor } from '../tensor/tensor.js';
import { type Vocabulary, VocabularyBuilder } from './vocabulary.js';

/** Rows that there is room for at first where nothing says how many will come. */
const FIRST_ROWS = 16;

/** A share of rows that may stay unused: below it, memory is not worth another copy. */
const TOLERATED_SLACK = 1 / 8;

/**
 * Words and their vectors while a file is read: all vectors in one matrix outside of JavaScript's heap. A vector is written to
 * `numbers` from `next` on, then `add` takes it in, or leaves it out if the word is there already.
 */
export class WordTableBuilder {
  readonly words: VocabularyBuilder;
  numbers: Float32Array;
  next = 0;
  #rows: number;

  /** @param expectedRows - how many words will come, as far as one can tell; more are fine. */
  constructor(
    readonly dimension: number,
    expectedRows = 0,
  ) {
    this.words = new VocabularyBuilder(expectedRows);
    // One more, since there is always room for the next.
    this.#rows = Math.max(FIRST_ROWS, expectedRows + 1);
    this.numbers = allocateStorage('float32', this.#rows * dimension);
  }

  get size(): number {
    return this.words.size;
  }

  /** Takes in the word in `bytes[start, end)` with the vector at `next`; false when the word is there already. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.words.add(bytes, start, end)) return false;
    this.next += this.dimension;
    if (this.size === this.#rows) this.#resize(Math.ceil(this.#rows * 1.5));
    return true;
  }

  build(): { vocabulary: Vocabulary; vectors: Tensor<'float32'> } {
    if ((this.#rows - this.size) / this.#rows > TOLERATED_SLACK) this.#resize(this.size);
    const vectors = Tensor.fromView({
      dtype: 'float32',
      dims: [this.size, this.dimension],
      strides: [this.dimension, 1],
      offset: 0,
      data: this.numbers,
    });
    return { vocabulary: this.words.build(), vectors };
  }

  /** Gives the memory back, after an error. */
  discard(): void {
    releaseStorage(this.numbers);
  }

  #resize(rows: number): void {
    const numbers = allocateStorage('float32', rows * this.dimension);
    numbers.set(this.numbers.subarray(0, this.next));
    releaseStorage(this.numbers);
    this.numbers = numbers;
    this.#rows = rows;
  }
}
