import { describe, expect, it } from 'vitest';
import { ModelError, TruncatedTextError } from '../../src/errors.js';
import { StaticEmbedder } from '../../src/heads/index.js';
import { fromTypedArray } from '../../src/index.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { ModelCopy } from '../models/folder.js';
import { BACKENDS, worstDifference } from '../models/golden.js';
import { headFolder, headGolden } from './golden.js';

/*
 * Static embedders against model2vec and sentence-transformers (test/fixtures/heads/make.py).
 */

const MODELS = ['static-model2vec', 'static-model2vec-weights', 'static-sentence-transformers'];

/** Means of up to a hundred numbers of order 1, rounded to 6e-8 each in another order. */
const TOLERANCE = 2e-6;

interface Golden {
  readonly texts: readonly string[];
  readonly vectors: readonly (readonly number[])[];
}

describe.each(BACKENDS)('on the %s backend', (_, backend) => {
  it.each(MODELS)('%s gives the vectors of its own library', async (name) => {
    using embedder = await StaticEmbedder.load(headFolder(name), { backend });
    const { texts, vectors } = headGolden<Golden>(name);
    using results = await embedder.embed(texts);
    expect(results.shape).toEqual([texts.length, 24]);
    for (const [index, vector] of vectors.entries()) {
      expect(worstDifference(results.select(0, index).toTypedArray(), vector), texts[index]).toBeLessThan(TOLERANCE);
    }
  });
});

describe('StaticEmbedder', () => {
  it.each(MODELS)('%s gives the same vectors of ids as of the texts that they are of', async (name) => {
    using embedder = await StaticEmbedder.load(headFolder(name));
    const read = headGolden<Golden>(name).texts.filter((text) => text.trim() !== '');
    const ids = read.map((text) => embedder.tokenizer.encode(text, { addSpecialTokens: false }).ids);
    const whole = read.filter((_, index) => ids[index].length <= embedder.maxTokens);
    using expected = await embedder.embed(whole, { dimensions: 5 });
    using vectors = await embedder.embedIds(
      ids.filter(({ length }) => length <= embedder.maxTokens),
      { dimensions: 5 },
    );
    expect(vectors.toArray()).toEqual(expected.toArray());
    await expect(embedder.embedIds([[0, embedder.tokenizer.vocabSize + 100_000]])).rejects.toThrow(
      /sequences\[0\]\[1\] must be a token's id from 0 to \d+/,
    );
    await expect(embedder.embedIds([[1, 1, 1]], { maxTokens: 2, truncate: false })).rejects.toThrow(TruncatedTextError);
    using cut = await embedder.embedIds([[1, 1, 1]], { maxTokens: 2 });
    using two = await embedder.embedIds([[1, 1]]);
    expect(cut.toArray()).toEqual(two.toArray());
  });

  const texts = ['The king rode out at dawn.', 'a b c '.repeat(60), ''];

  it('cuts vectors and texts, and normalises as it is told', async () => {
    using embedder = await StaticEmbedder.load(headFolder('static-model2vec-weights'));
    expect([embedder.dimension, embedder.maxTokens]).toEqual([24, 20]);
    using plain = await embedder.embed(texts);
    using units = await embedder.embed(texts, { dimensions: 8, normalize: true });
    const [first] = plain.toArray() as number[][];
    const length = Math.hypot(...first.slice(0, 8));
    expect(units.shape).toEqual([3, 8]);
    for (const [place, value] of (units.toArray() as number[][])[0].entries()) {
      expect(value).toBeCloseTo(first[place] / length, 6);
    }
    expect((units.toArray() as number[][])[2]).toEqual(new Array(8).fill(0));
    const reports: object[] = [];
    await embedder.embed(texts, { onProgress: (progress) => void reports.push(progress) });
    expect(reports.at(-1)).toMatchObject({ done: 3, total: 3, truncated: 1 });
    await expect(embedder.embed(texts, { truncate: false })).rejects.toThrow(TruncatedTextError);
    using longer = await embedder.embed(texts, { truncate: false, maxTokens: 1000 });
    expect(longer.shape).toEqual([3, 24]);
    await expect(embedder.embed(texts, { dimensions: 25 })).rejects.toThrow(/dimensions must be .* from 1 to 24/);
  });

  it('lets tokens share rows, and refuses a mapping to others', async () => {
    using copy = new ModelCopy(headFolder('static-model2vec-weights'));
    const { embeddings, weights } = copy.weights();
    const tokens = embeddings.dims[0] as number;
    const mapping = (row: (token: number) => number) =>
      fromTypedArray(Int32Array.from({ length: tokens }, (_, n) => row(n)));
    const file = copy.file('model.safetensors');
    await writeSafetensors(file, { embeddings, weights, mapping: mapping((token) => token) });
    using original = await StaticEmbedder.load(headFolder('static-model2vec-weights'));
    using same = await StaticEmbedder.load(copy.folder);
    expect((await same.embed(texts)).toArray()).toEqual((await original.embed(texts)).toArray());
    await writeSafetensors(file, { embeddings, mapping: mapping(() => 7) });
    using shared = await StaticEmbedder.load(copy.folder);
    const [a] = (await shared.embed(texts)).toArray() as number[][];
    using table = await StaticEmbedder.load(headFolder('static-sentence-transformers'));
    expect(a).toHaveLength(table.dimension);
    const row = (embeddings.data as Float32Array).subarray(
      (embeddings.offset as number) + 7 * 24,
      (embeddings.offset as number) + 8 * 24,
    );
    for (const [place, value] of a.entries()) expect(value).toBeCloseTo(row[place], 6);
    await writeSafetensors(file, { embeddings, mapping: mapping((token) => token + 1) });
    await expect(StaticEmbedder.load(copy.folder)).rejects.toThrow(ModelError);
    await writeSafetensors(file, { embeddings, weights: fromTypedArray(Float32Array.of(1, 2)) });
    await expect(StaticEmbedder.load(copy.folder)).rejects.toThrow(/a weight a token, got 2/);
    await writeSafetensors(file, { embeddings: fromTypedArray(new Int32Array(10)) });
    await expect(StaticEmbedder.load(copy.folder)).rejects.toThrow(/must be a matrix of F32/);
  });

  it('refuses a folder of another kind', async () => {
    await expect(StaticEmbedder.load(headFolder('reranker-bert'))).rejects.toThrow(/no static model.*TextEmbedder/s);
    using copy = new ModelCopy(headFolder('static-model2vec'));
    await copy.rewrite((key, view) => [key, { ...view, dims: [(view.dims[0] as number) - 1, view.dims[1] as number] }]);
    await expect(StaticEmbedder.load(copy.folder)).rejects.toThrow(/the tokenizer has \d+ tokens/);
  });
});
