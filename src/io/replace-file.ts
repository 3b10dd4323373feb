import { rename } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** What replaces a file needs of the system; tests have their own. */
export interface Replacing {
  readonly platform: NodeJS.Platform;
  rename(from: string, to: string): Promise<void>;
  wait(milliseconds: number): Promise<void>;
}

const SYSTEM: Replacing = {
  platform: process.platform,
  rename,
  wait: (milliseconds) => setTimeout(milliseconds),
};

/** How Windows says that somebody has a file open or mapped. */
const IN_USE = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** Virus scanners and indexers let go of a new file within a moment; in milliseconds. */
const PAUSES = [5, 10, 20, 40, 80, 160];

/** The name of a file that is not, or no longer, the one at `path`; {@link isAsideOf} knows it again. */
export function asideName(path: string): string {
  // Those of node:crypto would load all of it with every import of gemmule.
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');
  return `${path}.${process.pid}-${random}.partial`;
}

/** Whether a name in the folder of `file` is one that {@link asideName} made; both without their folders. */
export function isAsideOf(name: string, file: string): boolean {
  return name.startsWith(`${file}.`) && /^\.\d+-[0-9a-f]{12}\.partial$/.test(name.slice(file.length));
}

/**
 * Gives a complete file the name of another, which it replaces: in one step, but for Windows, where a file that somebody has
 * open or mapped cannot be replaced. It can be renamed; so it is moved aside, whoever reads it goes on, and
 * `writeFileAtomically` removes it a later time.
 *
 * @param from - the file, in the same folder.
 * @param to - its name from now on.
 */
export async function replaceFile(from: string, to: string, system: Replacing = SYSTEM): Promise<void> {
  if (system.platform !== 'win32') return system.rename(from, to);
  for (const pause of PAUSES) {
    const error = await attempt(system, from, to);
    if (error === null) return;
    if (!IN_USE.has(error.code ?? '')) throw error;
    await system.wait(pause);
  }
  const aside = asideName(to);
  // Where that fails, too, the reason is the one of the last attempt.
  const moved = (await attempt(system, to, aside)) === null;
  const error = await attempt(system, from, to);
  if (error === null) return;
  if (moved) await attempt(system, aside, to);
  throw error;
}

async function attempt(system: Replacing, from: string, to: string): Promise<NodeJS.ErrnoException | null> {
  try {
    await system.rename(from, to);
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}
