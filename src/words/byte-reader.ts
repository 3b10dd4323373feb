import { createReadStream, type ReadStream, statSync } from 'node:fs';
import { createGunzip, type Gunzip } from 'node:zlib';
import { FileError, FormatError } from '../errors.js';

/** Bytes read from the disk, and unpacked, at once. */
const CHUNK_BYTES = 1 << 20;

/** Bytes that may be asked for at once; no line or record of a sound file is as long. */
const MOST_WINDOW_BYTES = 1 << 26;

/** How far the reading of a file is. */
export interface ReadProgress {
  /** Bytes of the file that have been read, before they are unpacked. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Words so far. */
  readonly words: number;
}

/**
 * A file read from its beginning to its end through a window, unpacked on the way if it begins as gzip does. What is in the
 * window and not yet taken is `bytes[start, end)`.
 */
export class ByteReader {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  readonly path: string;
  readonly totalBytes: number;
  readonly compressed: boolean;
  readonly #file: ReadStream;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #gunzip: Gunzip | null;
  readonly #signal: AbortSignal | undefined;

  private constructor(path: string, totalBytes: number, compressed: boolean, signal: AbortSignal | undefined) {
    this.path = path;
    this.totalBytes = totalBytes;
    this.compressed = compressed;
    this.#signal = signal;
    // Room for a few chunks, or for all of a small file.
    this.bytes = new Uint8Array(compressed ? 4 * CHUNK_BYTES : Math.min(4 * CHUNK_BYTES, totalBytes));
    this.#file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#gunzip = compressed ? createGunzip({ chunkSize: CHUNK_BYTES }) : null;
    if (this.#gunzip !== null) {
      this.#file.on('error', (error) => this.#gunzip?.destroy(error));
      this.#file.pipe(this.#gunzip);
    }
    this.#chunks = (this.#gunzip ?? this.#file)[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** @throws FileError when there is no such file. */
  static async open(path: string, signal?: AbortSignal): Promise<ByteReader> {
    let size: number;
    try {
      const status = statSync(path);
      if (!status.isFile()) throw new Error('it is not a file');
      size = status.size;
    } catch (cause) {
      throw new FileError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
    }
    const plain = new ByteReader(path, size, false, signal);
    await plain.more();
    if (plain.bytes[0] !== 0x1f || plain.bytes[1] !== 0x8b || plain.end < 2) return plain;
    plain.close();
    return new ByteReader(path, size, true, signal);
  }

  get bytesRead(): number {
    return this.#file.bytesRead;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Adds bytes to the window, moving what is left in it to the front; false at the end of the file. */
  async more(): Promise<boolean> {
    this.#signal?.throwIfAborted();
    let chunk: Uint8Array;
    try {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      chunk = next.value;
    } catch (cause) {
      const { message, code = '' } = cause as NodeJS.ErrnoException;
      if (code.startsWith('Z_')) {
        throw new FormatError(`${this.path} cannot be unpacked (${message}); it was cut off or damaged, get it again`, {
          cause,
        });
      }
      throw new FileError(`cannot read ${this.path}: ${message}`, { cause });
    }
    const needed = this.length + chunk.length;
    if (needed > MOST_WINDOW_BYTES) {
      throw new FormatError(
        `${this.path} has a line or word of more than ${this.length} bytes; it holds no word vectors, or is damaged`,
      );
    }
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
    } else if (this.end + chunk.length > this.bytes.length) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      this.bytes.set(chunk, this.end);
      this.end += chunk.length;
      return true;
    }
    this.end -= this.start;
    this.start = 0;
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
    return true;
  }

  /** Reads on until the window has `count` bytes; false when the file ends before. */
  async ensure(count: number): Promise<boolean> {
    while (this.length < count) if (!(await this.more())) return false;
    return true;
  }

  /** The place of a byte in the window, reading on as far as needed; -1 when the file ends before. */
  async find(byte: number): Promise<number> {
    let searched = 0;
    for (;;) {
      const place = this.bytes.subarray(0, this.end).indexOf(byte, this.start + searched);
      if (place >= 0) return place;
      searched = this.length;
      if (!(await this.more())) return -1;
    }
  }

  /** Fills `target` with the next bytes. @throws FormatError when the file ends before. */
  async readInto(target: Uint8Array, what: string): Promise<void> {
    let filled = 0;
    while (filled < target.length) {
      if (this.length === 0 && !(await this.more())) throw this.cutOff(what);
      const count = Math.min(this.length, target.length - filled);
      target.set(this.bytes.subarray(this.start, this.start + count), filled);
      this.start += count;
      filled += count;
    }
  }

  /** Passes over bytes. @throws FormatError when the file ends before. */
  async skip(count: number, what: string): Promise<void> {
    let left = count;
    while (left > 0) {
      if (this.length === 0 && !(await this.more())) throw this.cutOff(what);
      const step = Math.min(this.length, left);
      this.start += step;
      left -= step;
    }
  }

  cutOff(what: string): FormatError {
    return new FormatError(`${this.path} ends in the middle of ${what}; it was cut off, get it again`);
  }

  close(): void {
    this.#file.destroy();
    this.#gunzip?.destroy();
  }
}
