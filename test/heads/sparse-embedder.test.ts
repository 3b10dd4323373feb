import { describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, ModelError } from '../../src/errors.js';
import { SparseEmbedder, type SparseVector, sparseDot } from '../../src/heads/index.js';
import { TextEmbedder } from '../../src/index.js';
import { ModelCopy } from '../models/folder.js';
import { BACKENDS } from '../models/golden.js';
import { headFolder, headGolden, TOLERANCE } from './golden.js';

/*
 * Sparse embedders against sentence-transformers' SparseEncoder (test/fixtures/heads/make.py).
 */

const MODELS = [
  'splade-bert',
  'splade-distilbert',
  'splade-roberta',
  'splade-modernbert',
  'splade-nomic_bert',
  'splade-mpnet',
];

interface Golden {
  readonly texts: readonly string[];
  readonly vectors: readonly { readonly indices: readonly number[]; readonly values: readonly number[] }[];
}

/** The largest difference of two vectors, wherever one of them has a number. */
function difference(vector: SparseVector, golden: Golden['vectors'][number]): number {
  const numbers = new Map(Array.from(vector.indices, (index, place) => [index, vector.values[place] as number]));
  const differences = golden.indices.map((index, place) => {
    const value = numbers.get(index) ?? 0;
    numbers.delete(index);
    return Math.abs(value - (golden.values[place] as number));
  });
  return Math.max(0, ...differences, ...numbers.values());
}

describe.each(BACKENDS)('on the %s backend', (_, backend) => {
  it.each(MODELS)('%s gives the vectors of sentence-transformers', async (name) => {
    using embedder = await SparseEmbedder.load(headFolder(name), { backend });
    const { texts, vectors } = headGolden<Golden>(name);
    const results = await embedder.embed(texts);
    for (const [index, golden] of vectors.entries()) {
      expect(golden.indices.length, texts[index]).toBeGreaterThan(20);
      // Sums of up to a hundred tokens' numbers, instead of their maximum.
      const scale = Math.max(1, ...golden.values);
      expect(difference(results[index], golden), texts[index]).toBeLessThan(scale * TOLERANCE);
    }
  });
});

describe('SparseEmbedder', () => {
  it('keeps the greatest numbers, names their tokens, and compares vectors', async () => {
    using embedder = await SparseEmbedder.load(headFolder('splade-bert'));
    const [whole, other] = await embedder.embed(['The king rode out at dawn.', 'What is the capital of France?']);
    const [part] = await embedder.embed(['The king rode out at dawn.'], { topK: 5 });
    const best = embedder.tokens(whole).slice(0, 5);
    expect(embedder.tokens(part)).toEqual(best);
    expect([...part.indices]).toEqual([...part.indices].sort((a, b) => a - b));
    expect(best[0].token).toBe(embedder.tokenizer.idToToken(whole.indices[whole.values.indexOf(best[0].weight)]));
    const dense = (vector: SparseVector): Float64Array => {
      const row = new Float64Array(embedder.dimension);
      for (const [place, index] of vector.indices.entries()) row[index] = vector.values[place];
      return row;
    };
    const [a, b] = [dense(whole), dense(other)];
    const product = a.reduce((sum, value, index) => sum + value * b[index], 0);
    expect(sparseDot(whole, other)).toBeCloseTo(product, 9);
    expect(sparseDot(whole, { indices: new Int32Array(0), values: new Float32Array(0) })).toBe(0);
    const unordered = { indices: Int32Array.of(3, 3), values: Float32Array.of(1, 2) };
    expect(() => sparseDot(whole, unordered)).toThrow(ArgumentError);
    expect(() => sparseDot(whole, unordered)).toThrow(/indices of b must rise, but not at place 1/);
  });

  it('pools by maximum where nothing says otherwise, and ties its last layer to the table of embeddings', async () => {
    using copy = new ModelCopy(headFolder('splade-bert'));
    copy.remove('modules.json');
    await copy.rewrite((key, view) => (key.endsWith('decoder.weight') ? null : [key, view]));
    using embedder = await SparseEmbedder.load(copy.folder, { maxTokens: 96 });
    const { texts, vectors } = headGolden<Golden>('splade-bert');
    const results = await embedder.embed(texts);
    for (const [index, golden] of vectors.entries()) expect(difference(results[index], golden)).toBeLessThan(TOLERANCE);
  });

  it('refuses what it cannot run, by name', async () => {
    await expect(SparseEmbedder.load(headFolder('classifier-mpnet'))).rejects.toThrow(/MPNetForSequenceClassification/);
    using copy = new ModelCopy(headFolder('splade-bert'));
    const [first, second] = [
      { type: 'a.Transformer', path: '' },
      { type: 'a.SpladePooling', path: '1_SpladePooling' },
    ];
    const expectRefusal = async (modules: unknown, kind: new (...args: never[]) => Error, message: RegExp) => {
      copy.write('modules.json', modules);
      await expect(SparseEmbedder.load(copy.folder)).rejects.toThrow(kind);
      await expect(SparseEmbedder.load(copy.folder)).rejects.toThrow(message);
    };
    await expectRefusal([first, { type: 'a.Pooling' }], ModelError, /lists Transformer, Pooling/);
    await expectRefusal([{ type: 'a.Router' }], ModelError, /lists Router/);
    await expectRefusal({}, FormatError, /array of modules/);
    await expectRefusal([first, { ...second, path: '../x' }], FormatError, /must lie in the model's folder/);
    copy.write('modules.json', [first, second]);
    copy.edit('1_SpladePooling/config.json', { pooling_strategy: 'mean' });
    await expect(SparseEmbedder.load(copy.folder)).rejects.toThrow(/max or sum.*got "mean"/);
    using embedder = await SparseEmbedder.load(headFolder('splade-bert'));
    await expect(embedder.embed(['a'], { topK: 0 })).rejects.toThrow(/topK must be a whole number from 1/);
  });
});

describe('TextEmbedder', () => {
  it.each([
    ['splade-bert', 'SparseEmbedder'],
    ['multi-vector', 'MultiVectorEmbedder'],
    ['colbert-pylate', 'MultiVectorEmbedder'],
    ['static-model2vec', 'StaticEmbedder'],
    ['reranker-bert', 'Reranker'],
  ])('says which class runs %s: %s', async (name, other) => {
    await expect(TextEmbedder.load(headFolder(name))).rejects.toThrow(`${other} of gemmule/heads may run it`);
  });
});
