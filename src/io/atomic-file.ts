import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileError, GemmuleError } from '../errors.js';
import { asideName, isAsideOf, replaceFile } from './replace-file.js';

/**
 * Writes a file that is never half there: `write` fills another file beside it, which takes the name once it is complete
 * and on the disk. After an error an older file of that name is unchanged, and nothing is left behind.
 *
 * @param path - the file; its folder must exist.
 * @param write - writes the contents to the handle it is given.
 * @throws FileError when the file cannot be written; what `write` throws on purpose passes through.
 */
export async function writeFileAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const present = await stat(path).catch(() => null);
  if (present?.isDirectory() === true) throw new FileError(`cannot write ${path}: it is a folder; name a file in it`);
  await removeAbandoned(path);
  const temporary = asideName(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await replaceFile(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    if (cause instanceof GemmuleError) throw cause;
    throw new FileError(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Nobody writes a file for so long without touching it. */
const ABANDONED_MILLISECONDS = 3_600_000;

async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!isAsideOf(name, basename(path))) continue;
    const file = join(folder, name);
    const status = await stat(file).catch(() => null);
    if (status !== null && Date.now() - status.mtimeMs > ABANDONED_MILLISECONDS) {
      await unlink(file).catch(() => undefined);
    }
  }
}
