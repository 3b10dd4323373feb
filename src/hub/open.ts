import { statSync } from 'node:fs';
import { ArgumentError, HubError } from '../errors.js';
import { ModelFolder } from '../io/model-folder.js';
import { type DownloadOptions, downloadModel } from './download.js';
import { isModelName } from './names.js';

/**
 * The folder of a model that a caller names: a folder on this machine, which comes first, or else the name of a model on the
 * Hugging Face Hub, which is downloaded into the cache.
 *
 * @param operation - who is asking, for error messages.
 * @param nameOrFolder - a path, or `organisation/name`.
 * @throws FileError when it is neither, ArgumentError for a revision of a folder, the reason of a signal that has
 *   aborted, and what {@link downloadModel} throws.
 */
export async function openModelFolder(
  operation: string,
  nameOrFolder: string,
  options: DownloadOptions = {},
): Promise<ModelFolder> {
  options.signal?.throwIfAborted();
  const stats = statSync(nameOrFolder, { throwIfNoEntry: false });
  const isFolder = stats?.isDirectory() === true;
  if (isFolder && options.revision !== undefined) {
    throw new ArgumentError(
      `${operation}: ${nameOrFolder} is a folder, which has no revision ${JSON.stringify(options.revision)}; leave out revision`,
    );
  }
  // Files of llama.cpp's have names that the Hub could have, too; opening one says what can be done with it.
  const isGguf = stats?.isFile() === true && nameOrFolder.endsWith('.gguf');
  if (isFolder || isGguf || !isModelName(nameOrFolder)) return ModelFolder.open(nameOrFolder);
  try {
    return ModelFolder.open(await downloadModel(nameOrFolder, options));
  } catch (error) {
    if (!(error instanceof HubError) || (error.status !== 404 && error.status !== 401)) throw error;
    throw new HubError(`${error.message}. Nor is there a folder ${nameOrFolder} here`, {
      status: error.status,
      cause: error,
    });
  }
}
