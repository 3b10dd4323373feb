import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { FileError, GemmuleError, HubError } from '../errors.js';
import { parseStrictJson } from '../io/json.js';
import { fetchBlob } from './blob.js';
import { CachedRepository } from './cache.js';
import { type FileMetadata, HubClient, PassingFailure, type RepositoryListing } from './client.js';
import type { DownloadOptions } from './download.js';
import { isCommit, requireModelName, requireRevision } from './names.js';
import { type RepositoryFiles, type Selection, selectFiles } from './selection.js';
import { type HubSettings, hubSettings } from './settings.js';

/** Files that are asked about or received at the same time. */
const PARALLEL = 4;

/** Milliseconds that the Hub may be silent where there is a complete version in the cache. */
const PATIENCE_WITH_OTHER = 10_000;

/** Git's settings, which only copies of a whole repository have. */
const WHOLE_COPY_MARK = '.gitattributes';

/** What `downloadModel` does: it loads this, and Node's modules for HTTP with it, when it is first called. */
export async function downloadIntoCache(model: string, options: DownloadOptions): Promise<string> {
  const { revision = 'main', signal } = options;
  requireModelName('downloadModel', model);
  requireRevision('downloadModel', revision);
  signal?.throwIfAborted();
  const settings = hubSettings(options);
  const repository = new CachedRepository(settings.cacheFolder, model);
  if (settings.offline) return (await cachedSnapshot(repository, model, revision)).folder();
  const cached = await cachedSnapshot(repository, model, revision);
  if (cached.problem === null && isCommit(revision)) return cached.folder();
  let listing: RepositoryListing;
  try {
    // With something to fall back on, a Hub that does not answer is not waited for.
    const hasOther = cached.problem === null;
    const timeout = hasOther ? Math.min(settings.timeout, PATIENCE_WITH_OTHER) : settings.timeout;
    const client = { signal, attempts: hasOther ? 1 : undefined, patience: options.patience };
    listing = await new HubClient({ ...settings, timeout }, client).list(model, revision);
  } catch (error) {
    if (cached.problem !== null || !(error instanceof HubError && error.cause instanceof PassingFailure)) throw error;
    process.emitWarning(`${error.message}. Taken from the cache instead: ${cached.folder()}`, 'GemmuleWarning');
    return cached.folder();
  }
  const snapshot = new Snapshot(repository, model, listing, settings, options);
  await snapshot.complete(revision);
  return repository.snapshot(listing.commit);
}

/** What the cache has of a revision: a folder, or a reason why it is none to load. */
class CachedSnapshot {
  constructor(
    readonly problem: GemmuleError | null,
    private readonly path: string,
  ) {}

  folder(): string {
    if (this.problem !== null) throw this.problem;
    return this.path;
  }
}

/**
 * Whether a revision is in the cache whole. Others share the cache, and may have put only some files there: without
 * `modules.json`, say, the same weights would give other vectors. So every file that matters must be there, or be on record
 * as absent.
 */
async function cachedSnapshot(repository: CachedRepository, model: string, revision: string): Promise<CachedSnapshot> {
  const commit = repository.commitOf(revision);
  const missing = (what: string) =>
    new HubError(
      `${model} (${revision}) is not in the cache ${path.dirname(repository.folder)}: ${what}. Load it once with access to the Hub (without HF_HUB_OFFLINE)`,
    );
  if (commit === null) return new CachedSnapshot(missing('it was never downloaded'), '');
  const folder = repository.snapshot(commit);
  const listed = await repository.listedFiles(commit).catch(() => null);
  const isAbsent = (file: string) =>
    listed === null ? repository.isAbsent(commit, file) || repository.has(commit, WHOLE_COPY_MARK) : !listed.has(file);
  const files: RepositoryFiles = {
    name: folder,
    all: [],
    has: (file) => {
      if (repository.has(commit, file)) return true;
      if (isAbsent(file)) return false;
      throw missing(`${file} is missing, or was never asked for`);
    },
    json: async (file) => readJson(path.join(folder, file)),
  };
  try {
    await selectFiles(files);
    return new CachedSnapshot(null, folder);
  } catch (error) {
    if (error instanceof GemmuleError) return new CachedSnapshot(error, folder);
    throw error;
  }
}

/** One commit of a repository on its way into the cache. */
class Snapshot implements RepositoryFiles {
  readonly name: string;
  readonly all: ReadonlySet<string>;
  readonly #repository: CachedRepository;
  readonly #commit: string;
  readonly #options: DownloadOptions;
  readonly #stop = new AbortController();
  readonly #client: HubClient;
  readonly #metadata = new Map<string, FileMetadata>();
  readonly #bytes = new Map<string, number>();

  constructor(
    repository: CachedRepository,
    model: string,
    { commit, files }: RepositoryListing,
    settings: HubSettings,
    options: DownloadOptions,
  ) {
    this.name = model;
    this.all = files;
    this.#repository = repository;
    this.#commit = commit;
    this.#options = options;
    this.#client = new HubClient(settings, { signal: this.#stop.signal, patience: options.patience });
  }

  has(file: string): boolean {
    return this.all.has(file);
  }

  async json(file: string): Promise<unknown> {
    if (this.#repository.has(this.#commit, file)) {
      return readJson(path.join(this.#repository.snapshot(this.#commit), file));
    }
    await this.#fetch(file);
    return readJson(this.#repository.blob((await this.#lookUp(file)).etag));
  }

  /** Downloads what is missing of the files that a model needs, then makes them the commit's, the weights last. */
  async complete(revision: string): Promise<void> {
    const { signal } = this.#options;
    const stop = () => this.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      signal?.throwIfAborted();
      const selection = await selectFiles(this);
      const missing = selection.files.filter((file) => !this.#repository.has(this.#commit, file));
      await this.#inParallel(missing, (file) => this.#lookUp(file));
      await this.#inParallel(missing, (file) => this.#fetch(file));
      for (const file of missing) {
        await this.#repository.addToSnapshot(this.#commit, file, (await this.#lookUp(file)).etag);
      }
      await this.#record(selection, revision, missing.length > 0);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** What is needed without the Hub the next time; it must not fail where everything is there and cannot be written to. */
  async #record({ absent }: Selection, revision: string, changed: boolean): Promise<void> {
    try {
      for (const file of absent) {
        if (!this.#repository.isAbsent(this.#commit, file)) await this.#repository.recordAbsence(this.#commit, file);
      }
      await this.#repository.recordRevision(revision, this.#commit);
    } catch (error) {
      if (changed || !(error instanceof FileError)) throw error;
    }
  }

  async #lookUp(file: string): Promise<FileMetadata> {
    const known = this.#metadata.get(file);
    if (known !== undefined) return known;
    const metadata = await this.#client.metadata(this.name, this.#commit, file);
    this.#metadata.set(file, metadata);
    return metadata;
  }

  async #fetch(file: string): Promise<void> {
    await fetchBlob({
      client: this.#client,
      repository: this.#repository,
      what: `${this.name}/${file}`,
      metadata: await this.#lookUp(file),
      signal: this.#stop.signal,
      onBytes: (bytes) => this.#report(file, bytes),
    });
  }

  #report(file: string, fileBytes: number): void {
    this.#bytes.set(file, fileBytes);
    const { onDownload } = this.#options;
    if (onDownload === undefined) return;
    const sizes = [...this.#metadata.values()].map(({ size }) => size);
    onDownload({
      file,
      fileBytes,
      fileTotal: this.#metadata.get(file)?.size ?? null,
      bytes: [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0),
      total: sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0 as number | null),
    });
  }

  /** Works on a few files at a time; the first failure stops the others, and is thrown once they have stopped. */
  async #inParallel(files: readonly string[], work: (file: string) => Promise<unknown>): Promise<void> {
    const waiting = [...files];
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined && failures.length === 0; file = waiting.shift()) {
        try {
          await work(file);
        } catch (error) {
          failures.push(error);
          this.#stop.abort(error);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    if (failures.length > 0) throw failures[0];
  }
}

async function readJson(file: string): Promise<unknown> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  return parseStrictJson(bytes, file);
}
