import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** How often a holder shows that it is alive, and how long it may be silent, in milliseconds. */
const HEARTBEAT = 5_000;
const LONGEST_SILENCE = 60_000;

/**
 * A turn at some work among the processes that see one file system: a file that names its holder. It is taken over from a
 * holder that died, or has been silent for a minute (on another machine, whose processes cannot be looked up).
 *
 * Node has no lock of the operating system's, and those fail on some network file systems. So this one only saves work:
 * should two ever hold it, what they do must still be right.
 */
export class FileLock {
  readonly #file: string;
  readonly #text: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    this.#timer = setInterval(() => {
      const now = new Date();
      utimes(file, now, now).catch(() => undefined);
    }, HEARTBEAT);
    this.#timer.unref();
  }

  /** Takes the lock if nobody has it; null if somebody does. The file's folder must exist. */
  static async tryAcquire(file: string): Promise<FileLock | null> {
    const text = `${hostname()}\n${process.pid}\n${randomBytes(8).toString('hex')}\n`;
    for (;;) {
      try {
        await writeFile(file, text, { flag: 'wx' });
        return new FileLock(file, text);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      if (!(await isAbandoned(file))) return null;
      const taken = `${file}.${randomBytes(6).toString('hex')}`;
      // Only one of several that see it abandoned can move it away.
      await rename(file, taken).catch(() => undefined);
      await rm(taken, { force: true });
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    const text = await readFile(this.#file, 'utf8').catch(() => null);
    if (text === this.#text) await rm(this.#file, { force: true });
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    if (Date.now() - mtimeMs > LONGEST_SILENCE) return true;
    const [host, pid] = (await readFile(file, 'utf8')).split('\n');
    return host === hostname() && pid !== undefined && /^\d+$/.test(pid) && !isRunning(Number(pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
