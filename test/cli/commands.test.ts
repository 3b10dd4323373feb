import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../src/version.js';
import { run } from './run.js';

describe('gemmule', () => {
  it('carries the version of package.json', async () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(VERSION).toBe(manifest.version);
    expect((await run(['--version'])).stdout.toString()).toBe(`${VERSION}\n`);
  });

  it('lists its commands, and each command its options', async () => {
    const { code, stdout } = await run([]);
    expect(code).toBe(0);
    for (const command of ['embed', 'similarity', 'tokenize', 'quantize', 'info']) {
      expect(stdout.toString()).toContain(`  ${command} `);
      const help = (await run([command, '--help'])).stdout.toString();
      expect(help).toMatch(new RegExp(`^gemmule ${command} `));
      expect(help).toContain('--dtype DTYPE');
    }
  });
});

describe('gemmule similarity', () => {
  const texts = ['a dog in the park', 'a puppy on the grass', 'quarterly earnings'];

  it('prints an aligned matrix', async () => {
    const { code, stdout, stderr } = await run(['similarity', ...texts]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[1]).toMatch(/^1 {2}a dog in the park {5}1\.000 {2}0\.\d{3} {2}-?0\.\d{3}$/);
  });

  it('gives JSON that is symmetric and ranks the puppy first', async () => {
    const { stdout } = await run(['similarity', '--json'], texts.join('\n'));
    const { similarity } = JSON.parse(stdout.toString()) as { similarity: number[][] };
    expect(similarity[0]?.[1]).toBeGreaterThan((similarity[0]?.[2] ?? 1) + 0.3);
    for (const [i, row] of similarity.entries()) {
      expect(row[i]).toBeCloseTo(1, 5);
      for (const [j, value] of row.entries()) expect(value).toBeCloseTo(similarity[j]?.[i] ?? Number.NaN, 6);
    }
  });

  it('asks for a second text', async () => {
    const { code, stderr } = await run(['similarity', 'alone']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'gemmule: similarity needs at least two texts, got 1\n' });
  });
});

describe('gemmule tokenize', () => {
  it('shows ids, tokens and offsets', async () => {
    const { stdout } = await run(['tokenize', 'Embeddings work!']);
    const rows = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    expect(rows.map(([, token]) => token)).toEqual(['[CLS]', 'em', '##bed', '##ding', '##s', 'work', '!', '[SEP]']);
    expect(rows.map(([id]) => Number(id))).toEqual([101, 7861, 8270, 4667, 2015, 2147, 999, 102]);
    expect(rows[2]?.slice(2)).toEqual(['2-5', 'bed']);
  });

  it('gives JSON Lines with offsets into the original text', async () => {
    const text = 'Crème brûlée 🍮';
    const { stdout } = await run(['tokenize', '--json'], text);
    const { tokens, offsets } = JSON.parse(stdout.toString()) as { tokens: string[]; offsets: [number, number][] };
    expect(tokens.slice(1, 3)).toEqual(['cr', '##eme']);
    expect(offsets.slice(1, 3).map(([start, end]) => text.slice(start, end))).toEqual(['Cr', 'ème']);
  });
});

describe('gemmule info', () => {
  it('names the version, the backend and the model', async () => {
    const native = JSON.parse((await run(['info', '--json'])).stdout.toString()) as Record<string, unknown>;
    expect(native).toMatchObject({ version: VERSION, backend: 'native', node: process.version });
    expect(native.threads).toBeGreaterThan(0);
    const { stdout } = await run(['info'], '', { GEMMULE_BACKEND: 'reference' });
    expect(stdout.toString()).toMatch(/^backend +reference$/m);
    expect(stdout.toString()).toMatch(/^model +all-MiniLM-L6-v2/im);
  });

  it('refuses a backend that it does not know', async () => {
    const { code, stderr } = await run(['info'], '', { GEMMULE_BACKEND: 'gpu' });
    expect(stderr).toBe('gemmule: GEMMULE_BACKEND must be "native" or "reference", got "gpu"\n');
    expect(code).toBe(1);
  });
});

describe('gemmule convert', () => {
  const file = path.resolve('test/fixtures/gguf/bert.gguf');

  it('writes a folder that the other commands take', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-cli-'));
    try {
      const target = path.join(folder, 'model');
      expect(await run(['convert', file, target, '--pooling', 'cls'])).toMatchObject({ code: 0, stderr: '' });
      const { stdout } = await run(['embed', '--model', target, 'a text']);
      expect(JSON.parse(stdout.toString()).embedding).toHaveLength(48);
      expect((await run(['convert', file, target])).stderr).toMatch(
        /^gemmule: convertGguf: .* is there already; .*\n$/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('explains what is missing', async () => {
    expect(await run(['convert', file])).toMatchObject({ code: 2, stderr: expect.stringMatching(/a folder to write/) });
    expect((await run(['convert', file, 'x', '--pooling', 'max'])).stderr).toMatch(/--pooling must be one of mean/);
    expect((await run(['embed', '--model', file, 'a'])).stderr).toMatch(/gemmule convert MODEL\.gguf FOLDER/);
  });
});

describe('gemmule quantize', () => {
  const model = path.resolve('test/fixtures/models/bert-st6');

  it('writes a folder that the other commands take', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-cli-'));
    try {
      const target = path.join(folder, 'small');
      expect(await run(['quantize', model, target])).toMatchObject({ code: 0, stderr: '' });
      expect((await run(['info', '--model', target, '--json'])).stdout.toString()).toContain('"int8"');
      const again = await run(['quantize', model, target]);
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/^gemmule: quantizeModel: .* is there already; .*\n$/);
      const wrong = await run(['embed', 'a', '--model', target, '--dtype', 'float32']);
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toMatch(/was saved in int8/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('explains what is missing', async () => {
    expect(await run(['quantize', model])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/a folder to write/),
    });
    expect((await run(['quantize', model, 'x', '--dtype', 'int4'])).stderr).toMatch(/--dtype must be one of int8/);
  });
});
