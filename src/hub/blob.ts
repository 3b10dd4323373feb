import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { HubError } from '../errors.js';
import { replaceFile } from '../io/replace-file.js';
import { type CachedRepository, cannotWrite, sizeOf } from './cache.js';
import { type FileMetadata, type HubClient, PassingFailure } from './client.js';
import { FileLock } from './lock.js';
import { pause } from './pause.js';

/** Milliseconds between two looks at a file that another process downloads. */
const POLL = 200;

/** A file to be had, and where its progress is told. */
export interface BlobRequest {
  readonly client: HubClient;
  readonly repository: CachedRepository;
  /** What it is, for messages: the model's name and the file's. */
  readonly what: string;
  readonly metadata: FileMetadata;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that are there, which may become fewer. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Makes sure that a blob is in the cache: whole, and with the size and hash that the Hub announced. It gets its name in one
 * step, once all of that is known. What an interrupted process left is continued; while another process is at it, this one
 * waits for it.
 *
 * @throws HubError when it cannot be had, FileError when it cannot be written, the signal's reason.
 */
export async function fetchBlob(request: BlobRequest): Promise<void> {
  const { repository, metadata, signal, onBytes } = request;
  const target = repository.blob(metadata.etag);
  const finished = () => {
    const size = sizeOf(target);
    return size !== null && (metadata.size === null || size === metadata.size) ? size : null;
  };
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await mkdir(repository.locks, { recursive: true });
  } catch (cause) {
    throw cannotWrite(target, cause);
  }
  for (;;) {
    signal?.throwIfAborted();
    const size = finished();
    if (size !== null) return onBytes(size);
    const lock = await FileLock.tryAcquire(path.join(repository.locks, `${metadata.etag}.gemmule.lock`)).catch(
      (cause) => {
        throw cannotWrite(target, cause);
      },
    );
    if (lock === null) {
      await pause(POLL, signal);
      continue;
    }
    try {
      if (finished() === null) await new Download(request, target).run();
    } finally {
      await lock.release();
    }
  }
}

/** One file on its way into the cache, under a name of its own. */
class Download {
  readonly #request: BlobRequest;
  readonly #target: string;
  readonly #partial: string;
  #length = 0;

  constructor(request: BlobRequest, target: string) {
    this.#request = request;
    this.#target = target;
    this.#partial = `${target}.${process.pid}-${randomBytes(6).toString('hex')}.gemmule.incomplete`;
  }

  async run(): Promise<void> {
    const { client, what } = this.#request;
    await this.#adoptLeftovers();
    let file: FileHandle | undefined;
    try {
      file = await open(this.#partial, 'a').catch((cause) => {
        throw cannotWrite(this.#partial, cause);
      });
      const handle = file;
      await client.retry(
        what,
        () => this.#receive(handle),
        () => this.#length,
      );
      if (!(await this.#isRight())) {
        // Perhaps what was continued came from elsewhere: once more, from the beginning.
        await this.#truncate(handle);
        await client.retry(
          what,
          () => this.#receive(handle),
          () => this.#length,
        );
        if (!(await this.#isRight())) throw await this.#wrong(handle);
      }
      await handle.sync();
      await handle.close();
      file = undefined;
      // Where another process took this file for abandoned and finished it, there is nothing left to do here.
      await replaceFile(this.#partial, this.#target).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'ENOENT') throw cannotWrite(this.#target, cause);
      });
    } finally {
      await file?.close();
      // What was received is kept for the next attempt; nothing is not.
      if (this.#length === 0) await rm(this.#partial, { force: true });
    }
  }

  /** Takes over the longest of the files that interrupted processes left, and removes the others. */
  async #adoptLeftovers(): Promise<void> {
    const folder = path.dirname(this.#target);
    const prefix = `${path.basename(this.#target)}.`;
    const found = (await readdir(folder))
      .filter((name) => name.startsWith(prefix) && name.endsWith('.gemmule.incomplete'))
      .map((name) => ({ file: path.join(folder, name), size: sizeOf(path.join(folder, name)) ?? 0 }))
      .sort((a, b) => b.size - a.size);
    const most = this.#request.metadata.size ?? Number.POSITIVE_INFINITY;
    for (const { file, size } of found) {
      if (this.#length > 0 || size > most) await rm(file, { force: true });
      else if (
        await rename(file, this.#partial).then(
          () => true,
          () => false,
        )
      )
        this.#length = size;
    }
  }

  /** Receives what is missing. */
  async #receive(file: FileHandle): Promise<void> {
    const { client, what, metadata, onBytes } = this.#request;
    const { size } = metadata;
    onBytes(this.#length);
    if (size !== null && this.#length === size) return;
    const { body, begin } = await client.open(metadata.url, what, this.#length);
    if (begin !== this.#length) await this.#truncate(file);
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        if (size !== null && this.#length + chunk.length > size) {
          await this.#truncate(file);
          throw new HubError(`${what} has ${size} bytes, but more were sent; nothing of it was kept`);
        }
        await file.writeFile(chunk).catch((cause) => {
          throw cannotWrite(this.#partial, cause);
        });
        this.#length += chunk.length;
        onBytes(this.#length);
      }
    } finally {
      body.destroy();
    }
    if (size !== null && this.#length < size) {
      throw new PassingFailure(`sent ${this.#length} of ${size} bytes`, null, null);
    }
  }

  async #truncate(file: FileHandle): Promise<void> {
    await file.truncate(0);
    this.#length = 0;
  }

  async #isRight(): Promise<boolean> {
    const { etag } = this.#request.metadata;
    const hash = hashFor(etag, this.#length);
    if (hash === null) return true;
    for await (const chunk of createReadStream(this.#partial, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
    this.#request.signal?.throwIfAborted();
    return hash.digest('hex') === etag;
  }

  async #wrong(file: FileHandle): Promise<HubError> {
    await this.#truncate(file);
    const { what, metadata } = this.#request;
    return new HubError(
      `${what} was received twice, and is not what the Hub announced (hash ${metadata.etag}); nothing of it was kept. Something between here and the Hub changes it: a mirror (HF_ENDPOINT), a proxy`,
    );
  }
}

/** What an etag is of: large files have their sha256, small ones Git's hash of a blob. Mirrors may have others: null. */
function hashFor(etag: string, size: number): Hash | null {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash('sha256');
  return /^[0-9a-f]{40}$/.test(etag) ? createHash('sha1').update(`blob ${size}\0`) : null;
}
