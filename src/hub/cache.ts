import { existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FileError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../io/json.js';
import { asideName, replaceFile } from '../io/replace-file.js';
import { isCommit } from './names.js';

/*
 * The cache as `huggingface_hub` lays it out, and shares with everything that uses it:
 *
 *   models--ORGANISATION--NAME/
 *     blobs/ETAG                   the files, each once
 *     refs/REVISION                the commit that a branch or a tag was at when it was last asked for
 *     snapshots/COMMIT/FILE        a relative link to a blob
 *     .no_exist/COMMIT/FILE        an empty file: the repository has no such file at this commit
 *     trees/COMMIT.json            all files of a commit, as huggingface_hub has written it since 2.0
 *
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */

/** One repository in the cache. */
export class CachedRepository {
  readonly folder: string;
  /** Where those who download take turns; in Python's place for it, under other names. */
  readonly locks: string;

  constructor(cacheFolder: string, model: string) {
    const name = `models--${model.replace('/', '--')}`;
    this.folder = path.join(cacheFolder, name);
    this.locks = path.join(cacheFolder, '.locks', name);
  }

  blob(etag: string): string {
    return path.join(this.folder, 'blobs', etag);
  }

  snapshot(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  /** Whether a file of a commit is here whole: links are made only to blobs that are. */
  has(commit: string, file: string): boolean {
    return existsSync(path.join(this.snapshot(commit), file));
  }

  /** Whether it is on record that a commit has no such file. */
  isAbsent(commit: string, file: string): boolean {
    return existsSync(path.join(this.folder, '.no_exist', commit, file));
  }

  /** The names of all files of a commit, where Python left a list of them; else null. */
  async listedFiles(commit: string): Promise<ReadonlySet<string> | null> {
    const where = path.join(this.folder, 'trees', `${commit}.json`);
    const bytes = await readFile(where).catch(() => null);
    const tree = bytes === null ? null : parseStrictJson(bytes, where);
    return isJsonObject(tree) && tree.format_version === 1 && isJsonObject(tree.files)
      ? new Set(Object.keys(tree.files))
      : null;
  }

  /** The commit of a revision when the Hub was last asked, or null. */
  commitOf(revision: string): string | null {
    if (isCommit(revision)) return revision;
    try {
      const commit = readFileSync(path.join(this.folder, 'refs', revision), 'utf8').trim();
      return isCommit(commit) ? commit : null;
    } catch {
      return null;
    }
  }

  /** Makes a blob a file of a commit. */
  async addToSnapshot(commit: string, file: string, etag: string): Promise<void> {
    const target = path.join(this.snapshot(commit), file);
    await this.#replace(target, async (temporary) => {
      const blob = this.blob(etag);
      const relative = path.relative(path.dirname(target), blob);
      // Where links need rights that the process does not have, as on Windows: a second name, or else a copy.
      await symlink(relative, temporary).catch(() => link(blob, temporary).catch(() => copyFile(blob, temporary)));
    });
  }

  /** Puts on record that a commit has no such file. */
  async recordAbsence(commit: string, file: string): Promise<void> {
    await this.#replace(path.join(this.folder, '.no_exist', commit, file), (temporary) => writeFile(temporary, ''));
  }

  /** Puts on record which commit a revision is at. */
  async recordRevision(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || this.commitOf(revision) === commit) return;
    await this.#replace(path.join(this.folder, 'refs', revision), (temporary) => writeFile(temporary, commit));
  }

  /** Puts a file in its place in one step. */
  async #replace(target: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = asideName(target);
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await make(temporary);
      await replaceFile(temporary, target);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cannotWrite(target, cause);
    }
  }
}

/** The bytes of a file, or null where there is none. */
export function sizeOf(file: string): number | null {
  const status = statSync(file, { throwIfNoEntry: false });
  return status?.isFile() ? status.size : null;
}

export function cannotWrite(file: string, cause: unknown): FileError {
  return new FileError(
    `cannot write ${file}: ${(cause as Error).message}; the cache is where HF_HOME or HF_HUB_CACHE say, or cacheFolder`,
    { cause },
  );
}
