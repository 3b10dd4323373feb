import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asideName, isAsideOf, type Replacing, replaceFile } from '../../src/io/replace-file.js';

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: operation not permitted, rename`), { code });
}

/** A Windows of files by name, where none that is in use can be replaced, and for which time passes at once. */
class Windows implements Replacing {
  readonly platform = 'win32';
  waited = 0;
  constructor(
    readonly files: Map<string, string>,
    readonly inUse: (name: string) => string | null = () => null,
  ) {}

  async rename(from: string, to: string): Promise<void> {
    const contents = this.files.get(from);
    if (contents === undefined) throw failure('ENOENT');
    const reason = this.files.has(to) ? this.inUse(to) : null;
    if (reason !== null) throw failure(reason);
    this.files.delete(from);
    this.files.set(to, contents);
  }

  async wait(milliseconds: number): Promise<void> {
    this.waited += milliseconds;
  }
}

const both = () =>
  new Map([
    ['new', '2'],
    ['index', '1'],
  ]);

describe('replacing a file', () => {
  it('is one step where nobody has it open', async () => {
    const system = new Windows(both());
    await replaceFile('new', 'index', system);
    expect([...system.files]).toEqual([['index', '2']]);
    expect(system.waited).toBe(0);
  });

  it('waits for those who look at it for a moment', async () => {
    for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
      const system: Windows = new Windows(both(), () => (system.waited < 50 ? code : null));
      await replaceFile('new', 'index', system);
      expect([...system.files]).toEqual([['index', '2']]);
    }
  });

  it('moves aside what stays open or mapped, under a name that is cleaned up later', async () => {
    const system = new Windows(both(), (name) => (name === 'index' ? 'EPERM' : null));
    await replaceFile('new', 'index', system);
    expect(system.files.get('index')).toBe('2');
    const [aside = ''] = [...system.files.keys()].filter((name) => name !== 'index');
    expect(system.files.get(aside)).toBe('1');
    expect(isAsideOf(aside, 'index')).toBe(true);
    expect(system.waited).toBeLessThan(1000);
  });

  it('leaves everything as it was when that fails, too', async () => {
    const system = new Windows(both());
    const rename = system.rename.bind(system);
    system.rename = (from, to) => (from === 'new' ? Promise.reject(failure('EPERM')) : rename(from, to));
    await expect(replaceFile('new', 'index', system)).rejects.toMatchObject({ code: 'EPERM' });
    expect(system.files).toEqual(both());
  });

  it('waits for nothing when the reason is another', async () => {
    const system = new Windows(new Map([['index', '1']]));
    await expect(replaceFile('new', 'index', system)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(system.waited).toBe(0);
  });

  it('works on this system', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-replace-'));
    try {
      const [from, to] = [path.join(folder, 'new'), path.join(folder, 'index')];
      writeFileSync(from, '2');
      writeFileSync(to, '1');
      await replaceFile(from, to);
      expect(readFileSync(to, 'utf8')).toBe('2');
      expect(readdirSync(folder)).toEqual(['index']);
      await expect(replaceFile(from, to)).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('knows its own names', () => {
    expect(isAsideOf(asideName('a.bin'), 'a.bin')).toBe(true);
    expect(isAsideOf(asideName('a.bin'), 'a')).toBe(false);
    expect(isAsideOf('a.bin.partial', 'a.bin')).toBe(false);
  });
});
