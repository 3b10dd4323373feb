import type { HubOptions } from './settings.js';

/** How far a download is. */
export interface DownloadProgress {
  /** The file that bytes came for. */
  readonly file: string;
  /** Bytes of it that are there, and all of them; null where the server does not say. */
  readonly fileBytes: number;
  readonly fileTotal: number | null;
  /** The same of all files that were missing. */
  readonly bytes: number;
  readonly total: number | null;
}

/** Settings of {@link downloadModel}. */
export interface DownloadOptions extends HubOptions {
  /** A branch, a tag or a commit; `main` by default. A full commit hash needs no question to the Hub once it is cached. */
  readonly revision?: string | undefined;
  /** Rejects with the signal's reason. What was received is kept, and continued the next time. */
  readonly signal?: AbortSignal | undefined;
  /** Called while files are received; never where all are in the cache. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** @internal Milliseconds before the first repetition of what failed, for tests that have none. */
  readonly patience?: number | undefined;
}

/**
 * Puts a model of the Hugging Face Hub into the cache that Python's `huggingface_hub` shares, and gives its folder there.
 * Only what gemmule reads is downloaded, and only what is missing. A file gets its place in the cache whole and checked; the
 * weights of a revision get theirs last. Several processes may do it at once. Where the Hub cannot be reached, the last
 * complete version in the cache is taken, with a warning.
 *
 * @param model - the model's name on the Hub, such as `BAAI/bge-small-en-v1.5`.
 * @returns the folder, to be loaded and not to be changed.
 * @throws ArgumentError, HubError when the Hub refuses or cannot be reached, ModelError when the repository has no weights that
 *   gemmule reads, FormatError when the Hub sends nonsense, FileError when the cache cannot be written, the signal's reason.
 */
export async function downloadModel(model: string, options: DownloadOptions = {}): Promise<string> {
  const { downloadIntoCache } = await import('./cache-download.js');
  return downloadIntoCache(model, options);
}
