import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './run.js';

let folder: string;
let vectors: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-cli-words-'));
  vectors = path.join(folder, 'vectors.txt');
  writeFileSync(vectors, '4 2\neast 1 0\nnortheast 1 1\nbroken 1\n北 0 1\neast 2 2\nwest -1 0\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('gemmule analogy', () => {
  it('says that king - man + woman = queen, with nothing but what is installed', async () => {
    const { code, stdout, stderr } = await run(['analogy', 'king', 'man', 'woman', '--top', '3']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.toString().trimEnd().split('\n');
    expect(lines).toEqual([
      '   king - man + woman  cosine',
      '1  queen               0.8524',
      '2  throne              0.7664',
      '3  prince              0.7593',
    ]);
  });

  it('gives JSON', async () => {
    const args = ['analogy', 'berlin', 'germany', 'france', '--json', '-n', '2', '--method', '3CosMul'];
    const answer = JSON.parse((await run(args)).stdout.toString()) as { matches: { word: string; score: number }[] };
    expect(answer).toMatchObject({ positive: ['berlin', 'france'], negative: ['germany'], method: '3CosMul' });
    expect(answer.matches.map(({ word }) => word)).toEqual(['paris', expect.any(String)]);
    expect(answer.matches[0]?.score).toBeGreaterThan(answer.matches[1]?.score ?? 9);
  });

  it('explains mistakes', async () => {
    const wrong = (...args: string[]) => run(['analogy', ...args]).then(({ code, stderr }) => [code, stderr] as const);
    expect(await wrong('king', 'man')).toEqual([
      2,
      'gemmule: analogy takes three words, as in "analogy king man woman", got 2\n',
    ]);
    expect(await wrong('King', 'man', 'woman')).toEqual([
      1,
      'gemmule: mostSimilar: "King" is not among the 8,000 words; "king" is\n',
    ]);
    expect((await wrong('a', 'b', 'c', '--method', 'sum'))[1]).toMatch(/--method must be one of 3CosAdd, 3CosMul/);
    expect((await wrong('a', 'b', 'c', '--top', '0'))[1]).toMatch(/--top must be a whole number from 1 up/);
    expect((await wrong('a', 'b', 'c', '--vectors', 'missing.txt'))[1]).toMatch(/cannot read missing.txt/);
  });
});

describe('gemmule neighbours', () => {
  it('prints them side by side, aligned, and warns of what is wrong in the file', async () => {
    const { code, stdout, stderr } = await run(['neighbours', 'east', '北', '--vectors', vectors, '--top', '2']);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe(
      [
        '   east       cosine  北         cosine',
        '1  northeast  0.7071  northeast  0.7071',
        '2  北         0.0000  east       0.0000',
        '',
      ].join('\n'),
    );
    expect(stderr).toContain(
      'gemmule: warning: 1 malformed lines and 1 duplicates were left out; the first is line 4: it has 1 numbers, expected 2\n',
    );
    // Six lines, of which the header promised four.
    expect(stderr).toContain('the header promises 4 words, and there are 6; all were read');
  });

  it('gives JSON Lines, and keeps a cache where it is told to', async () => {
    const args = ['neighbours', 'east', 'west', '--vectors', vectors, '--json', '--restrict', '2', '--cache'];
    const first = await run(args);
    const lines = first.stdout.toString().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { word: 'east', matches: [{ word: 'northeast', score: expect.closeTo(Math.SQRT1_2, 6) }] },
      {
        word: 'west',
        matches: [
          { word: 'northeast', score: expect.closeTo(-Math.SQRT1_2, 6) },
          { word: 'east', score: -1 },
        ],
      },
    ]);
    expect(statSync(`${vectors}.gemmule`).isFile()).toBe(true);
    const second = await run(args);
    expect(second.stdout).toEqual(first.stdout);
    expect(second.stderr).toMatch(/1 malformed lines and 1 duplicates/);
  });

  it('opens the cache as a memory map, in a process that has computed nothing before', () => {
    const script = `
      const { WordVectors } = require('./dist/words.cjs');
      const { memory } = require('./dist/index.cjs');
      WordVectors.load(process.argv[1], { cache: true }).then(() => console.log(memory().mappedFiles));`;
    const mapped = execFileSync(process.execPath, ['-e', script, vectors], { encoding: 'utf8', stdio: 'pipe' });
    expect(Number(mapped)).toBe(statSync(`${vectors}.gemmule`).size);
  });

  it('asks for a word', async () => {
    expect(await run(['neighbours'])).toMatchObject({
      code: 2,
      stderr: 'gemmule: neighbours needs at least one word, got none\n',
    });
  });
});

describe('gemmule odd-one-out', () => {
  it('puts the odd one first', async () => {
    const { code, stdout } = await run(['odd-one-out', 'breakfast', 'dinner', 'table', 'lunch']);
    expect(code).toBe(0);
    const lines = stdout.toString().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^word {10}fit$/);
    expect(lines[1]).toMatch(/^table {6}0\.\d{4} {2}odd one out$/);
    expect(lines).toHaveLength(5);
    const json = await run(['odd-one-out', 'breakfast', 'dinner', 'table', 'lunch', '--json']);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ oddOneOut: 'table', words: { length: 4 } });
  });

  it('asks for three words', async () => {
    expect((await run(['odd-one-out', 'a', 'b'])).stderr).toMatch(/at least three words, got 2/);
  });
});
