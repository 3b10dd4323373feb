import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALISKAN_TESTS } from '../../src/bias/index.js';
import { run } from './run.js';

const golden = JSON.parse(readFileSync('test/fixtures/bias/bias.json', 'utf8')) as {
  vectors: Record<string, number[]>;
  sets: Record<string, string[]>;
  weat: { effectSize: number; pValue: number };
};
let folder: string;
const at = (name: string): string => path.join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-bias-'));
  const rows = Object.entries(golden.vectors).map(([word, vector]) => `${word} ${vector.join(' ')}\n`);
  writeFileSync(at('vectors.txt'), rows.join(''));
  writeFileSync(at('sets.json'), JSON.stringify(golden.sets));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('gemmule bias', () => {
  it('tests sets of its caller on a file of word vectors', async () => {
    const args = ['bias', '--vectors', at('vectors.txt'), '--sets', at('sets.json')];
    const { code, stdout } = await run([...args, '--json']);
    expect(code).toBe(0);
    const [result] = JSON.parse(stdout.toString()) as [{ effectSize: number; pValue: number; exact: boolean }];
    expect(result.effectSize).toBeCloseTo(golden.weat.effectSize, 5);
    expect(result.pValue).toBeCloseTo(golden.weat.pValue, 9);
    expect(result.exact).toBe(true);
    const table = (await run(args)).stdout.toString();
    expect(table).toMatch(/^test +effect +p\n/);
    expect(table).toContain(`${golden.weat.effectSize.toFixed(2)}  ${golden.weat.pValue.toFixed(4)}  x : y as a : b`);
  });

  it('runs the ten tests on the words that are built in, with or without enough of them', async () => {
    const { code, stdout } = await run(['bias', '--json']);
    expect(code).toBe(0);
    const results = JSON.parse(stdout.toString()) as { test: string; effectSize?: number; problem?: string }[];
    expect(results.map(({ test }) => test)).toEqual(CALISKAN_TESTS.map(({ name }) => name));
    const family = results.find(({ test }) => test === 'career-family');
    expect(family?.effectSize).toBeGreaterThan(1);
    for (const { effectSize, problem } of results) expect(effectSize === undefined).toBe(problem !== undefined);
  });

  it('tests a model in sentences', async () => {
    const { code, stdout } = await run(['bias', 'math-arts', '--model', 'all-MiniLM-L6-v2', '--json']);
    expect(code).toBe(0);
    const [result] = JSON.parse(stdout.toString()) as [{ effectSize: number; exact: boolean }];
    expect(Math.abs(result.effectSize)).toBeLessThanOrEqual(2);
    // Eight words in five sentences.
    expect(result.exact).toBe(false);
  });

  it('places words on an axis', async () => {
    const args = ['bias', '--vectors', at('vectors.txt'), '--axis', 'she,woman:he,man', 'she', 'HE', 'baker', 'nobody'];
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(0);
    expect(stderr).toBe('gemmule: warning: without a vector: nobody\n');
    const words = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\s+/)[0]);
    expect(words).toEqual(['she', 'baker', 'HE']);
    const { words: positions } = JSON.parse((await run([...args, '--json'])).stdout.toString()) as {
      words: { position: number }[];
    };
    expect(positions[0]?.position).toBeGreaterThan(positions[2]?.position ?? 0);
  });

  it('says what is wrong', async () => {
    writeFileSync(at('broken.json'), '{"x": ["a"]');
    writeFileSync(at('missing.json'), '{"x": ["a"], "y": ["b"], "a": []}');
    const cases: [string[], number, RegExp][] = [
      [['nothing'], 2, /no test "nothing"; there are flowers-insects/],
      [['--axis', 'she'], 2, /--axis must be words that lie high and low/],
      [['--axis', 'she:he'], 2, /give the words that are to be placed/],
      [['--axis', 'she:he', 'zzzz'], 1, /none of these words has a vector: zzzz/],
      [['--axis', 'zzzz:he', 'she'], 1, /high has words without a vector: zzzz/],
      [['--sets', at('broken.json')], 1, /broken\.json is no JSON/],
      [['--sets', at('missing.json')], 1, /missing\.json: "a" must be an array of words/],
      [['--sets', at('none.json')], 1, /cannot read .*none\.json/],
      [['--model', 'all-MiniLM-L6-v2', '--vectors', at('vectors.txt')], 2, /give --model or --vectors, not both/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await run(['bias', ...args]);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code, args.join(' ')).toBe(code);
    }
  });
});
