import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from './run.js';

const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-train-words-'));
afterAll(() => rmSync(folder, { recursive: true }));

const text = path.resolve('bench/data/english.txt');
const out = path.join(folder, 'vectors.txt');
const small = ['--dimensions', '8', '--epochs', '1', '--min-count', '20'];

describe('gemmule train-words', () => {
  it('writes vectors in word2vec text', async () => {
    const { code, stdout, stderr } = await run(['train-words', text, '--out', out, ...small]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.toString()).toMatch(/^\d+ words x 8 in .*vectors\.txt, learnt from [\d,]+ words in [\d.]+ s\n$/);
    const [header, first] = readFileSync(out, 'utf8').split('\n');
    expect(header).toMatch(/^\d+ 8$/);
    expect(first).toMatch(/^the( -?[\d.e-]+){8}$/);
  });

  it.each([
    ['continuous-bag', ['--hierarchical', '--epochs', '1', '--learning-rate', '0.1', '--subwords']],
    ['glove', ['--epochs', '1']],
    ['ppmi', ['--phrases', '2']],
  ])('learns by %s', async (method, more) => {
    const args = ['train-words', text, '--out', out, '--method', method, '--dimensions', '8', '--min-count', '20'];
    const { code, stdout, stderr } = await run([...args, ...more, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout.toString())).toMatchObject({ file: out, dimensions: 8 });
  });

  it('saves checkpoints, and goes on from one', async () => {
    const checkpoint = path.join(folder, 'model.safetensors');
    const args = ['train-words', text, '--out', out, ...small, '--threads', '1', '--checkpoint', checkpoint];
    expect((await run(args)).code).toBe(0);
    expect(existsSync(checkpoint)).toBe(true);
    const vectors = readFileSync(out);
    // All is learnt already.
    expect((await run(args)).code).toBe(0);
    expect(readFileSync(out)).toEqual(vectors);
    const other = await run(['train-words', text, '--out', out, '--min-count', '30', '--checkpoint', checkpoint]);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/was trained on another corpus/);
  });

  it('says what is wrong', async () => {
    for (const [args, code, message] of [
      [['train-words'], 2, /takes one file/],
      [['train-words', text], 2, /needs --out/],
      [['train-words', text, '--out', out, '--method', 'glove', '--subwords'], 2, /--subwords goes with/],
      [['train-words', text, '--out', out, '--learning-rate', 'x'], 2, /--learning-rate must be a number/],
      [['train-words', text, '--out', out, '--unit', 'page'], 2, /--unit must be one of/],
      [['train-words', path.join(folder, 'missing'), '--out', out], 1, /cannot read the corpus/],
    ] as const) {
      const outcome = await run(args);
      expect(outcome.code, args.join(' ')).toBe(code);
      expect(outcome.stderr).toMatch(message);
    }
  });
});
