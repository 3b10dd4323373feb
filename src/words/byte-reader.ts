import { closeSync, createReadStream, openSync, type ReadStream, read, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { createGunzip, type Gunzip } from 'node:zlib';
import { FileError, FormatError } from '../errors.js';

/** Bytes read from the disk, and unpacked, at once. */
const CHUNK_BYTES = 1 << 20;

/** Bytes asked for where there should be none left. */
const LEAST_READ_BYTES = 4096;

/** Bytes that may be asked for at once; no line or record of a sound file is as long. */
const MOST_WINDOW_BYTES = 1 << 26;

const readAsync = promisify(read);

/** How far the reading of a file is. */
export interface ReadProgress {
  /** Bytes of the file that have been read, before they are unpacked. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Words so far. */
  readonly words: number;
}

/** Where the bytes come from: a file, or what it unpacks to. */
interface ByteSource {
  /** Bytes of the file that have been read, before they are unpacked. */
  readonly bytesRead: number;
  /** Writes bytes behind what is in the window, which it may move or enlarge; false at the end. */
  fill(window: ByteReader): Promise<boolean>;
  close(): void;
}

/** A file as it is, read straight into the window. */
class PlainSource implements ByteSource {
  bytesRead = 0;
  readonly #totalBytes: number;
  #file: number | null;

  constructor(path: string, totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#file = openSync(path, 'r');
  }

  async fill(window: ByteReader): Promise<boolean> {
    if (this.#file === null) return false;
    // A file may have become longer than it was.
    const count = Math.min(CHUNK_BYTES, Math.max(this.#totalBytes - this.bytesRead, LEAST_READ_BYTES));
    const target = window.room(count);
    const { bytesRead } = await readAsync(this.#file, target, 0, target.length, null);
    this.bytesRead += bytesRead;
    window.end += bytesRead;
    return bytesRead > 0;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

/** A file that gzip packed. */
class PackedSource implements ByteSource {
  readonly #file: ReadStream;
  readonly #gunzip: Gunzip;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(path: string) {
    this.#file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    this.#file.on('error', (error) => this.#gunzip.destroy(error));
    this.#file.pipe(this.#gunzip);
    this.#chunks = this.#gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  get bytesRead(): number {
    return this.#file.bytesRead;
  }

  async fill(window: ByteReader): Promise<boolean> {
    const { value: chunk, done = false } = await this.#chunks.next();
    if (done) return false;
    window.room(chunk.length).set(chunk);
    window.end += chunk.length;
    return true;
  }

  close(): void {
    this.#file.destroy();
    this.#gunzip.destroy();
  }
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
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;

  private constructor(path: string, totalBytes: number, compressed: boolean, signal: AbortSignal | undefined) {
    this.path = path;
    this.totalBytes = totalBytes;
    this.compressed = compressed;
    this.#signal = signal;
    // Room for a few chunks, or for all of a small file.
    this.bytes = new Uint8Array(
      compressed ? 4 * CHUNK_BYTES : Math.min(4 * CHUNK_BYTES, totalBytes + LEAST_READ_BYTES),
    );
    this.#source = compressed ? new PackedSource(path) : new PlainSource(path, totalBytes);
  }

  /** @throws FileError when there is no such file. */
  static async open(path: string, signal?: AbortSignal): Promise<ByteReader> {
    let plain: ByteReader;
    try {
      const status = statSync(path);
      if (!status.isFile()) throw new Error('it is not a file');
      plain = new ByteReader(path, status.size, false, signal);
    } catch (cause) {
      throw new FileError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
    }
    try {
      await plain.more();
      if (plain.bytes[0] !== 0x1f || plain.bytes[1] !== 0x8b || plain.end < 2) return plain;
    } catch (error) {
      plain.close();
      throw error;
    }
    plain.close();
    return new ByteReader(path, plain.totalBytes, true, signal);
  }

  get bytesRead(): number {
    return this.#source.bytesRead;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Adds bytes to the window, moving what is left in it to the front; false at the end of the file. */
  async more(): Promise<boolean> {
    this.#signal?.throwIfAborted();
    try {
      return await this.#source.fill(this);
    } catch (cause) {
      if (cause instanceof FormatError) throw cause;
      const { message, code = '' } = cause as NodeJS.ErrnoException;
      if (code.startsWith('Z_')) {
        throw new FormatError(`${this.path} cannot be unpacked (${message}); it was cut off or damaged, get it again`, {
          cause,
        });
      }
      throw new FileError(`cannot read ${this.path}: ${message}`, { cause });
    }
  }

  /**
   * Room for `count` bytes behind those in the window, which are moved to the front or to a larger one where needed.
   *
   * @throws FormatError when the window would become larger than any line of a sound file.
   */
  room(count: number): Uint8Array {
    const { length } = this;
    const needed = length + count;
    if (needed > MOST_WINDOW_BYTES) {
      throw new FormatError(
        `${this.path} has a line or word of more than ${length} bytes; it holds no word vectors, or is damaged`,
      );
    }
    if (this.end + count > this.bytes.length) {
      if (needed > this.bytes.length) {
        const larger = new Uint8Array(needed * 2);
        larger.set(this.bytes.subarray(this.start, this.end));
        this.bytes = larger;
      } else {
        this.bytes.copyWithin(0, this.start, this.end);
      }
      this.start = 0;
      this.end = length;
    }
    return this.bytes.subarray(this.end, this.end + count);
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
    this.#source.close();
  }
}
