import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { defaultIndexFile, indexFolder, PassageIndex, VectorIndex } from '../../src/search/index.js';
import { program, run } from '../cli/run.js';

let embedder: TextEmbedder;
let folder: string;
beforeAll(async () => {
  embedder = await TextEmbedder.load();
});
afterAll(() => embedder.dispose());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-folder-'));
  mkdirSync(path.join(folder, 'docs/.hidden'), { recursive: true });
  write('docs/cats.md', '# Cats\n\nCats sleep for most of the day.\n\n## Food\n\nThey like fish and hunt mice.\n');
  write('docs/money.txt', 'The central bank raised its interest rate. Loans are now more expensive.\n');
  write('docs/.hidden/secret.txt', 'Nobody may find this.\n');
  write('picture.png', 'not text');
  return () => rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string | Uint8Array): void {
  writeFileSync(path.join(folder, name), text);
}

async function best(question: string): Promise<string | undefined> {
  using index = PassageIndex.open(defaultIndexFile(folder));
  const [hit] = await index.search(question, embedder, { topN: 1 });
  return hit && `${hit.file}:${hit.line}`;
}

describe('indexFolder', () => {
  it('finds passages by what they mean, with file, line and headings', async () => {
    const summary = await indexFolder(folder, embedder);
    expect(summary).toMatchObject({ added: 2, changed: 0, removed: 0, unchanged: 0, passages: 3, embedded: 3 });
    using index = PassageIndex.open(summary.file);
    const [hit] = await index.search('What does a kitten eat?', embedder, { topN: 1 });
    expect(hit).toMatchObject({
      file: 'docs/cats.md',
      line: 7,
      headings: ['Cats', 'Food'],
      text: 'They like fish and hunt mice.',
    });
    expect(await best('Why did borrowing get costlier?')).toBe('docs/money.txt:1');
  });

  it('embeds only what changed', async () => {
    await indexFolder(folder, embedder);
    expect(await indexFolder(folder, embedder)).toMatchObject({ unchanged: 2, embedded: 0, passages: 3 });
    write('docs/money.txt', 'Whales sing under water.\n');
    write('new.md', 'Bread is baked from flour.\n');
    // Touched, but the same: seen by its contents.
    utimesSync(path.join(folder, 'docs/cats.md'), new Date(), new Date());
    expect(await indexFolder(folder, embedder)).toMatchObject({
      added: 1,
      changed: 1,
      removed: 0,
      unchanged: 1,
      embedded: 2,
      passages: 4,
    });
    expect(await best('sea animals')).toBe('docs/money.txt:1');
    rmSync(path.join(folder, 'new.md'));
    expect(await indexFolder(folder, embedder)).toMatchObject({ removed: 1, unchanged: 2, embedded: 0, passages: 3 });
    expect(await best('baking')).not.toBe('new.md:1');
  });

  it('gives the same index step by step as at once', async () => {
    await indexFolder(folder, embedder);
    write('more.txt', 'The moon circles the earth. Tides follow it.\n');
    write('docs/money.txt', 'Gold is heavy.\n');
    await indexFolder(folder, embedder);
    const other = path.join(folder, 'other.safetensors');
    await indexFolder(folder, embedder, { file: other });
    for (const question of ['moon', 'metal', 'pets']) {
      using stepwise = PassageIndex.open(defaultIndexFile(folder));
      using atOnce = PassageIndex.open(other);
      expect(await stepwise.search(question, embedder)).toEqual(await atOnce.search(question, embedder));
    }
  });

  it('begins anew with other settings, and leaves out what is not UTF-8', async () => {
    await indexFolder(folder, embedder);
    write('latin1.txt', Uint8Array.of(0x63, 0x61, 0x66, 0xe9));
    const summary = await indexFolder(folder, embedder, { maxTokens: 16, storage: 'binary' });
    expect(summary).toMatchObject({ added: 2, unchanged: 0, unreadable: ['latin1.txt'] });
    expect(await best('kitten food')).toBe('docs/cats.md:7');
  });

  it('says what is wrong', async () => {
    await expect(indexFolder(path.join(folder, 'nowhere'), embedder)).rejects.toThrow(/cannot read the folder/);
    await expect(indexFolder(embedder as never, folder as never)).rejects.toThrow(/folder must be a path, got object/);
    await expect(indexFolder(folder, undefined as never)).rejects.toThrow(/embedder must be a TextEmbedder/);
    await expect(indexFolder(folder, embedder, { maxTokens: 5 })).rejects.toThrow(/maxTokens must be/);
    await expect(indexFolder(folder, embedder, { overlapTokens: 500 })).rejects.toThrow(/overlapTokens must be/);
    const file = path.join(folder, 'plain.safetensors');
    await new VectorIndex({ dimension: 3 }).save(file);
    expect(() => PassageIndex.open(file)).toThrow(/not one of a folder/);
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(indexFolder(folder, embedder, { signal: aborted })).rejects.toThrow('enough');
  });

  it('is complete after a run that was killed at any moment', async () => {
    for (let n = 0; n < 20; n++) write(`text${n}.txt`, `Text number ${n} is about the number ${n}.\n`.repeat(20));
    await indexFolder(folder, embedder);
    const before = readFileSync(defaultIndexFile(folder));
    for (const after of [250, 400, 600]) {
      for (let n = 0; n < 20; n++) write(`text${n}.txt`, `After ${after}, text ${n} is about ${n}.\n`.repeat(20));
      const child = spawn(process.execPath, [program, 'index', folder], { stdio: 'ignore' });
      setTimeout(() => child.kill('SIGKILL'), after);
      await once(child, 'exit');
      const now = readFileSync(defaultIndexFile(folder));
      if (child.signalCode === 'SIGKILL') PassageIndex.open(defaultIndexFile(folder)).dispose();
      else expect(now.equals(before)).toBe(false);
    }
    const summary = await indexFolder(folder, embedder);
    const other = path.join(folder, '.other.safetensors');
    await indexFolder(folder, embedder, { file: other });
    using resumed = PassageIndex.open(summary.file);
    using atOnce = PassageIndex.open(other);
    expect(resumed.size).toBe(atOnce.size);
  });
});

describe('gemmule index and search', () => {
  it('index a folder and answer from it', async () => {
    const indexed = await run(['index', folder]);
    expect(indexed.stderr).toBe('');
    expect(indexed.stdout.toString()).toMatch(
      /^3 passages of 2 files in .*\(2 added, 0 changed, 0 removed, 0 as before\)\n$/,
    );
    const { stdout, code } = await run(['search', '--dir', folder, '-n', '1', 'what do cats eat?']);
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(
      /^0\.\d{3} {2}docs\/cats\.md:7 > Cats > Food\n {7}They like fish and hunt mice\.\n$/,
    );
    const json = await run(['search', '--dir', folder, '--json', 'loans']);
    const lines = json.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string });
    expect(lines.map(({ file }) => file)[0]).toBe('docs/money.txt');
    expect(lines.length).toBe(3);
  });

  it('say what is wrong in one line', async () => {
    for (const [args, message] of [
      [['index'], /index takes one folder/],
      [['index', path.join(folder, 'nowhere')], /cannot read the folder/],
      [['search'], /needs a question/],
      [['search', '--dir', folder, 'x'], /there is no index .*index\.safetensors; make it with: gemmule index /],
    ] as const) {
      const { code, stderr } = await run(args);
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split('\n').length).toBe(1);
    }
    expect(readdirSync(folder)).not.toContain('.gemmule');
  });
});
