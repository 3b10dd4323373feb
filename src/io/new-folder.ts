import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ArgumentError, FileError, GemmuleError } from '../errors.js';

/** @throws ArgumentError when there is something under that name. */
export async function requireAbsent(operation: string, folder: string): Promise<void> {
  const destination = path.resolve(folder);
  const entries = await readdir(path.dirname(destination)).catch((): string[] => []);
  if (entries.includes(path.basename(destination))) {
    throw new ArgumentError(`${operation}: ${destination} is there already; remove it, or name another folder`);
  }
}

/**
 * Writes a folder that is never half there: `write` fills another beside it, which takes the name once it is complete.
 *
 * @param folder - what {@link requireAbsent} has found free.
 * @throws FileError when it cannot be written; what `write` throws on purpose passes through.
 */
export async function writeNewFolder(folder: string, write: (partial: string) => Promise<void>): Promise<void> {
  const destination = path.resolve(folder);
  let partial: string | null = null;
  try {
    await mkdir(path.dirname(destination), { recursive: true });
    partial = await mkdtemp(`${destination}.partial-`);
    await write(partial);
    await rename(partial, destination);
  } catch (cause) {
    if (partial !== null) await rm(partial, { recursive: true, force: true });
    if (cause instanceof GemmuleError) throw cause;
    throw new FileError(`cannot write ${destination}: ${(cause as Error).message}`, { cause });
  }
}
