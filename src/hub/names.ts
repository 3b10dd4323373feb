import { ArgumentError, FormatError } from '../errors.js';

/** The Hub's rule for one half of a repository's name. */
const PART = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/;

const LONGEST_NAME = 96;

/** Whether a text has the form of a repository's name on the Hub, `organisation/name`. */
export function isModelName(name: string): boolean {
  const parts = name.split('/');
  return (
    parts.length === 2 &&
    parts.every((part) => part.length <= LONGEST_NAME && PART.test(part)) &&
    !/--|\.\./.test(name) &&
    !name.endsWith('.git')
  );
}

/** @throws ArgumentError unless it is a name such as `BAAI/bge-small-en-v1.5`. */
export function requireModelName(operation: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || !isModelName(name)) {
    const came = typeof name === 'string' ? JSON.stringify(name) : String(name);
    throw new ArgumentError(
      `${operation}: expected the name of a model on the Hugging Face Hub, such as BAAI/bge-small-en-v1.5, got ${came}`,
    );
  }
}

/** A branch, a tag, a commit, or `refs/pr/1`: it becomes part of a URL and of a path in the cache. */
export function requireRevision(operation: string, revision: unknown): asserts revision is string {
  const valid =
    typeof revision === 'string' &&
    revision.length <= 250 &&
    revision.split('/').every((part) => /^[\w.+@-]+$/.test(part) && !/^\.+$/.test(part));
  if (!valid) {
    throw new ArgumentError(
      `${operation}: revision must be the name of a branch or a tag, or a commit, got ${JSON.stringify(revision)}`,
    );
  }
}

/** Whether a revision is a full commit hash, which always means the same files. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/**
 * A file's path in a repository, as the Hub lists it: parts separated by `/` that can lead nowhere but below the folder
 * that they are put in.
 *
 * @throws FormatError for any other, which no honest server lists.
 */
export function requireRepositoryPath(path: unknown, where: string): asserts path is string {
  const valid =
    typeof path === 'string' &&
    path.length <= 1024 &&
    !/[\\:\p{Cc}]/u.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!valid) {
    throw new FormatError(
      `${where} lists a file ${JSON.stringify(path)}, whose path could leave the cache; nothing was downloaded. Is this really a model hub?`,
    );
  }
}

/**
 * The name that a blob gets in the cache: the file's etag.
 *
 * @throws FormatError where it is none that could name a file.
 */
export function requireBlobName(etag: unknown, where: string): asserts etag is string {
  if (typeof etag !== 'string' || !/^[A-Za-z0-9_][\w.+-]{0,199}$/.test(etag)) {
    throw new FormatError(`${where} has the etag ${JSON.stringify(etag)}, which cannot name a file in the cache`);
  }
}
