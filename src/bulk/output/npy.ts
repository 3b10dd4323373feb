import type { FileHandle } from 'node:fs/promises';
import { npyHeader } from '../../io/npy-header.js';
import type { PartWriter, Row } from './part-writer.js';

/** Bytes that are gathered before they are written. */
const BUFFER_BYTES = 2 ** 20;

/** One float32 matrix `[rows, dimension]` in NumPy's format; its rows are those of the input, in their order. */
export class NpyWriter implements PartWriter {
  readonly #file: FileHandle;
  readonly #shape: readonly [rows: number, dimension: number];
  readonly #buffer: Float32Array;
  #filled = 0;

  constructor(file: FileHandle, rows: number, dimension: number) {
    this.#file = file;
    this.#shape = [rows, dimension];
    this.#buffer = new Float32Array(Math.max(1, Math.floor(BUFFER_BYTES / 4 / dimension)) * dimension);
  }

  async begin(): Promise<void> {
    await this.#file.writeFile(npyHeader('float32', this.#shape));
  }

  async row(_row: Row, vector: Float32Array): Promise<void> {
    this.#buffer.set(vector, this.#filled);
    this.#filled += vector.length;
    if (this.#filled === this.#buffer.length) await this.end();
  }

  async end(): Promise<void> {
    const { buffer, byteOffset } = this.#buffer;
    await this.#file.writeFile(new Uint8Array(buffer, byteOffset, this.#filled * 4));
    this.#filled = 0;
  }
}
