import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { getBackend, Random, TextEmbedder } from '../../src/index.js';

/*
 * A text's vector is the same bits alone, in any batch and order, on any number of threads, and on every x86 instruction set
 * from AVX2 on. Instruction sets are forced in processes of their own, on the built package.
 */

const SCRIPT = `
const { TextEmbedder, engineInfo } = require(${JSON.stringify(path.resolve('dist/index.cjs'))});
const { createHash } = require('node:crypto');
(async () => {
  const { texts, dtype } = JSON.parse(process.argv[1]);
  const embedder = await TextEmbedder.load(undefined, { dtype });
  const vectors = await embedder.embed(texts);
  const { isa, threads } = engineInfo();
  console.log(JSON.stringify({ isa, threads, hash: createHash('sha256').update(vectors.toTypedArray()).digest('hex') }));
})();
`;

interface Outcome {
  readonly isa: string;
  readonly threads: number;
  readonly hash: string;
}

function embedElsewhere(texts: readonly string[], dtype: string, environment: Record<string, string>): Outcome {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', SCRIPT, JSON.stringify({ texts, dtype })], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
}

/** Texts of one to some hundred words, in an order that mixes them. */
function mixedTexts(count: number): string[] {
  const random = new Random(5);
  const words = 'river bank money loan water Zürich 東京 running unbelievable 42 , . ! data vector the of'.split(' ');
  const lengths = random.integers(1, 40, count).toTypedArray();
  return Array.from(lengths, (length, index) => {
    const long = index % 17 === 0 ? length * 8 : length;
    return Array.from(random.integers(0, words.length, long).toTypedArray(), (word) => words[word]).join(' ');
  });
}

const { isa } = (getBackend('native') as unknown as { info(): { isa: string } }).info();

describe.skipIf(isa !== 'avx2' && isa !== 'avx512').each(['float32', 'bfloat16', 'bfloat16Products', 'int8'] as const)(
  '%s',
  (dtype) => {
    const texts = mixedTexts(120);

    it('gives the same bits on every instruction set and any number of threads', () => {
      const settings = [
        { GEMMULE_ISA: 'avx2', GEMMULE_NUM_THREADS: '1' },
        { GEMMULE_ISA: 'avx2', GEMMULE_NUM_THREADS: '3' },
        { GEMMULE_ISA: isa, GEMMULE_NUM_THREADS: '1' },
        { GEMMULE_ISA: isa, GEMMULE_NUM_THREADS: '2' },
        { GEMMULE_ISA: isa, GEMMULE_NUM_THREADS: '5' },
      ];
      const outcomes = settings.map((environment) => embedElsewhere(texts, dtype, environment));
      expect(outcomes.map((outcome) => [outcome.isa, String(outcome.threads)])).toEqual(
        settings.map((environment) => [environment.GEMMULE_ISA, environment.GEMMULE_NUM_THREADS]),
      );
      expect(new Set(outcomes.map(({ hash }) => hash)).size).toBe(1);
    });

    it('gives the same bits alone, in any batch, and in any order', async () => {
      using embedder = await TextEmbedder.load(undefined, { dtype });
      const hashOf = (numbers: Float32Array) => createHash('sha256').update(numbers).digest('hex');
      using together = await embedder.embed(texts);
      const hashes = texts.map((_, index) => hashOf(together.select(0, index).toTypedArray()));
      const order = new Random(6).permutation(texts.length).toTypedArray();
      using shuffled = await embedder.embed(Array.from(order, (index) => texts[index] as string));
      expect(Array.from(order, (_, place) => hashOf(shuffled.select(0, place).toTypedArray()))).toEqual(
        Array.from(order, (index) => hashes[index]),
      );
      for (let index = 0; index < texts.length; index += 7) {
        using alone = await embedder.embed([texts[index] as string]);
        expect(hashOf(alone.toTypedArray())).toBe(hashes[index]);
      }
    });
  },
);
