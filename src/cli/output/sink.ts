import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  closeSync,
  constants,
  createReadStream,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FileError } from '../../index.js';

/** Where a command's output goes. Nothing counts as written before `finish`; `discard` leaves no trace. */
export interface Sink {
  write(data: string | Uint8Array): Promise<void>;
  /** Overwrites bytes at the start, for formats whose header needs what comes after it. */
  patchStart(data: Uint8Array): void;
  finish(): Promise<void>;
  /** Synchronous, so that a signal handler can call it just before the process ends. */
  discard(): void;
}

function writeFully(descriptor: number, data: Uint8Array, position: number | null): void {
  let written = 0;
  while (written < data.length) {
    const at = position === null ? null : position + written;
    written += writeSync(descriptor, data, written, data.length - written, at);
  }
}

/**
 * Refuses a file that could not be written once it is computed.
 *
 * @throws FileError when it is a folder, or its folder is not there or may not be written in.
 */
export function requireWritable(file: string): void {
  const target = path.resolve(file);
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new FileError(`cannot write ${target}: it is a folder; name a file in it`);
  }
  const folder = path.dirname(target);
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new FileError(`cannot write in ${folder}: ${(cause as Error).message}`, { cause });
  }
}

/** A file under a name of its own until it is complete. */
class TemporaryFile {
  readonly path: string;
  readonly #descriptor: number;
  #open = true;

  constructor(folder: string, name: string) {
    this.path = path.join(folder, `.${name}.${process.pid}.${randomBytes(4).toString('hex')}.partial`);
    try {
      this.#descriptor = openSync(this.path, 'wx');
    } catch (cause) {
      throw new FileError(`cannot write in ${folder}: ${(cause as Error).message}`, { cause });
    }
  }

  write(data: string | Uint8Array, position: number | null = null): void {
    try {
      writeFully(this.#descriptor, typeof data === 'string' ? Buffer.from(data) : data, position);
    } catch (cause) {
      throw new FileError(`cannot write ${this.path}: ${(cause as Error).message}`, { cause });
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }

  remove(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
    rmSync(this.path, { force: true });
  }
}

/** A file that appears under its name only when all of it is written. */
class FileSink implements Sink {
  readonly #target: string;
  readonly #file: TemporaryFile;

  constructor(target: string) {
    requireWritable(target);
    this.#target = path.resolve(target);
    this.#file = new TemporaryFile(path.dirname(this.#target), path.basename(this.#target));
  }

  async write(data: string | Uint8Array): Promise<void> {
    this.#file.write(data);
  }

  patchStart(data: Uint8Array): void {
    this.#file.write(data, 0);
  }

  async finish(): Promise<void> {
    this.#file.close();
    try {
      renameSync(this.#file.path, this.#target);
    } catch (cause) {
      this.#file.remove();
      throw new FileError(`cannot write ${this.#target}: ${(cause as Error).message}`, { cause });
    }
  }

  discard(): void {
    this.#file.remove();
  }
}

async function writeToStandardOutput(data: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain');
}

/** Standard output as it is, row by row. */
class StreamSink implements Sink {
  write(data: string | Uint8Array): Promise<void> {
    return writeToStandardOutput(data);
  }

  patchStart(): void {
    throw new TypeError('standard output cannot be patched');
  }

  async finish(): Promise<void> {}

  discard(): void {}
}

/** Standard output for formats that patch their start: kept in a file until the end, so that memory stays flat. */
class SpooledSink implements Sink {
  readonly #file = new TemporaryFile(tmpdir(), 'gemmule-output');

  async write(data: string | Uint8Array): Promise<void> {
    this.#file.write(data);
  }

  patchStart(data: Uint8Array): void {
    this.#file.write(data, 0);
  }

  async finish(): Promise<void> {
    this.#file.close();
    for await (const chunk of createReadStream(this.#file.path)) await writeToStandardOutput(chunk as Uint8Array);
    this.#file.remove();
  }

  discard(): void {
    this.#file.remove();
  }
}

/** The sink for `--out FILE`, or for standard output; `patched` where the format will call `patchStart`. */
export function openSink(file: string | undefined, patched: boolean): Sink {
  if (file !== undefined && file !== '-') return new FileSink(file);
  return patched ? new SpooledSink() : new StreamSink();
}
