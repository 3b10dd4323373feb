import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { BACKENDS, GOLDEN_MODELS, modelFolder, worstDifference } from '../models/golden.js';

/*
 * Embeddings against sentence-transformers in float32 (small models), and against the real default model in float64.
 */

/** As for hidden states (test/models/golden.test.ts); a unit vector's numbers are smaller still. */
const TOLERANCE = 2e-5;

interface Golden {
  readonly cases: readonly { text: string; ids: number[]; embedding: number[] }[];
}

function golden(name: string): Golden {
  return JSON.parse(readFileSync(path.join(modelFolder(name), 'golden.json'), 'utf8'));
}

describe.each(BACKENDS)('embeddings on the %s backend', (_, backend) => {
  it.each(GOLDEN_MODELS)('%s gives the vectors of sentence-transformers', async (name) => {
    using embedder = await TextEmbedder.load(modelFolder(name), { backend });
    const { cases } = golden(name);
    const vectors = await embedder.embed(cases.map(({ text }) => text));
    expect(vectors.shape).toEqual([cases.length, cases[0].embedding.length]);
    for (const [index, { text, embedding }] of cases.entries()) {
      expect(worstDifference(vectors.select(0, index).toTypedArray(), embedding), text).toBeLessThan(TOLERANCE);
    }
  });
});

interface MiniLm {
  readonly sts_spearman: number;
  readonly cases: readonly { text: string; ids: number[]; embedding: number[] }[];
  readonly tokens: readonly { text: string; ids: number[]; token_vectors: number[][] }[];
}

const minilm: MiniLm = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../fixtures/minilm.json'), 'utf8'));
const texts = minilm.cases.map(({ text }) => text);

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let n = 0; n < b.length; n++) {
    dot += a[n] * b[n];
    aa += a[n] * a[n];
    bb += b[n] * b[n];
  }
  return dot / Math.sqrt(aa * bb);
}

describe('the default model', () => {
  it('gives the float64 vectors of the original, but for the rounding of its weights to float16', async () => {
    using embedder = await TextEmbedder.load();
    const vectors = await embedder.embed(texts);
    for (const [index, { text, embedding }] of minilm.cases.entries()) {
      expect(cosine(vectors.select(0, index).toTypedArray(), embedding), text).toBeGreaterThan(0.999999);
    }
  });

  it.each([
    ['bfloat16', 0.9999, 0.9999],
    ['bfloat16Products', 0.9999, 0.9999],
    ['int8', 0.998, 0.9995],
  ] as const)('stays close with %s weights', async (dtype, least, mean) => {
    using embedder = await TextEmbedder.load(undefined, { dtype });
    const vectors = await embedder.embed(texts);
    const cosines = minilm.cases.map(({ embedding }, index) =>
      cosine(vectors.select(0, index).toTypedArray(), embedding),
    );
    const average = cosines.reduce((a, b) => a + b) / cosines.length;
    console.log(
      `cosine to float64 with ${dtype} weights: ${Math.min(...cosines).toFixed(5)}, mean ${average.toFixed(6)}`,
    );
    expect(Math.min(...cosines)).toBeGreaterThan(least);
    expect(average).toBeGreaterThan(mean);
  });

  it('gives the vectors of tokens', async () => {
    using embedder = await TextEmbedder.load();
    const results = await embedder.embedTokens(minilm.tokens.map(({ text }) => text));
    for (const [index, { ids, token_vectors }] of minilm.tokens.entries()) {
      expect([...results[index].ids]).toEqual(ids);
      for (const [token, vector] of token_vectors.entries()) {
        expect(cosine(results[index].vectors.select(0, token).toTypedArray(), vector)).toBeGreaterThan(0.99999);
      }
    }
  });
});

/** The folder with the original float32 weights, where the machine has one. */
const float32Folder = process.env.GEMMULE_MINILM_FLOAT32 ?? '';

describe.skipIf(!existsSync(float32Folder))('the original float32 weights', () => {
  it('give the float64 vectors within 1e-6 on the native backend', async () => {
    using embedder = await TextEmbedder.load(float32Folder);
    const vectors = await embedder.embed(texts);
    const worst = Math.max(
      ...minilm.cases.map(({ embedding }, index) =>
        worstDifference(vectors.select(0, index).toTypedArray(), embedding),
      ),
    );
    console.log(`worst difference from float64: ${worst.toExponential(2)}`);
    expect(worst).toBeLessThan(1e-6);
  });
});

/** Ranks from 1, ties sharing their mean. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a] - values[b]);
  const result = new Array<number>(values.length);
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && values[order[end]] === values[order[begin]]) end += 1;
    for (let n = begin; n < end; n++) result[order[n]] = (begin + end + 1) / 2;
    begin = end;
  }
  return result;
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (x.length + 1) / 2;
  return cosine(
    x.map((rank) => rank - mean),
    y.map((rank) => rank - mean),
  );
}

const sts = process.env.GEMMULE_STS ?? '';

describe.skipIf(!existsSync(sts))('the STS development set', () => {
  it.each(['float32', 'int8'] as const)('ranks pairs as the original does, with %s weights', async (dtype) => {
    const rows = readFileSync(sts, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
    using embedder = await TextEmbedder.load(undefined, { dtype });
    const first = await embedder.embed(rows.map((fields) => fields[5]));
    const second = await embedder.embed(rows.map((fields) => fields[6]));
    const scores = rows.map((_, index) =>
      cosine(first.select(0, index).toTypedArray(), second.select(0, index).toTypedArray()),
    );
    const correlation =
      100 *
      spearman(
        scores,
        rows.map((fields) => Number(fields[4])),
      );
    console.log(`Spearman's correlation with ${dtype} weights: ${correlation.toFixed(2)}`);
    expect(Math.abs(correlation - minilm.sts_spearman)).toBeLessThan(0.1);
  });
});
