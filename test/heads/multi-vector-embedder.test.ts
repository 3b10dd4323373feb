import { describe, expect, it } from 'vitest';
import { FormatError, ModelError, ShapeError } from '../../src/errors.js';
import { MultiVectorEmbedder, maxSim } from '../../src/heads/index.js';
import { tensor, zeros } from '../../src/index.js';
import { ModelCopy } from '../models/folder.js';
import { BACKENDS, worstDifference } from '../models/golden.js';
import { headFolder, headGolden, TOLERANCE } from './golden.js';

/*
 * Embedders of many vectors against sentence-transformers' MultiVectorEncoder (test/fixtures/heads/make.py).
 */

const MODELS = ['colbert-stanford', 'colbert-pylate', 'multi-vector'];

interface Golden {
  readonly queries: readonly string[];
  readonly documents: readonly string[];
  readonly query_vectors: readonly (readonly (readonly number[])[])[];
  readonly document_vectors: readonly (readonly (readonly number[])[])[];
  readonly scores: readonly (readonly number[])[];
}

describe.each(BACKENDS)('on the %s backend', (_, backend) => {
  it.each(MODELS)('%s gives the vectors and the scores of sentence-transformers', async (name) => {
    using embedder = await MultiVectorEmbedder.load(headFolder(name), { backend });
    const golden = headGolden<Golden>(name);
    const queries = await embedder.embedQueries(golden.queries);
    const documents = await embedder.embedDocuments(golden.documents);
    for (const [vectors, expected] of [
      [queries, golden.query_vectors] as const,
      [documents, golden.document_vectors] as const,
    ]) {
      for (const [index, rows] of expected.entries()) {
        expect(vectors[index].shape, `text ${index}`).toEqual([rows.length, embedder.dimension]);
        expect(worstDifference(vectors[index].toTypedArray(), rows.flat()), `text ${index}`).toBeLessThan(TOLERANCE);
      }
    }
    using scores = maxSim(queries, documents);
    // Sums of up to 30 greatest products.
    expect(worstDifference(scores.toTypedArray(), golden.scores.flat())).toBeLessThan(30 * TOLERANCE);
  });
});

describe('MultiVectorEmbedder', () => {
  it.each(MODELS)('%s says how long queries and documents become', async (name) => {
    using embedder = await MultiVectorEmbedder.load(headFolder(name));
    const [[query], [document]] = await Promise.all([
      embedder.embedQueries(['a']),
      embedder.embedDocuments(['word '.repeat(2000)]),
    ]);
    expect(query.shape[0]).toBeGreaterThanOrEqual(embedder.queryLength);
    expect(embedder.maxQueryTokens).toBeGreaterThanOrEqual(embedder.queryLength);
    expect(document.shape[0]).toBe(embedder.maxDocumentTokens);
  });

  it('puts documents in order, by the score of each', async () => {
    using embedder = await MultiVectorEmbedder.load(headFolder('colbert-stanford'));
    const { queries, documents, scores } = headGolden<Golden>('colbert-stanford');
    const ranked = await embedder.rerank(queries[0], documents, { topK: 3 });
    const order = [...documents.keys()].sort((a, b) => scores[0][b] - scores[0][a]).slice(0, 3);
    expect(ranked.map(({ index }) => index)).toEqual(order);
    expect(ranked.map(({ document }) => document)).toEqual(order.map((index) => documents[index]));
    expect(await embedder.rerank('king', [])).toEqual([]);
    await expect(embedder.rerank('king', documents, { topK: 0 })).rejects.toThrow(/topK must be/);
    await expect(embedder.embedDocuments([...documents], { truncate: false })).rejects.toThrow(/more than 60 tokens/);
  });

  it.each<[string, string, (copy: ModelCopy) => unknown, new (...args: never[]) => Error, RegExp]>([
    ['multi-vector', 'no modules', (copy) => copy.remove('modules.json'), ModelError, /has no modules\.json/],
    [
      'multi-vector',
      'modules that are no list',
      (copy) => copy.write('modules.json', {}),
      FormatError,
      /array of modules/,
    ],
    [
      'multi-vector',
      'other modules',
      (copy) => copy.write('modules.json', [{ type: 'a.Transformer' }, { type: 'a.Pooling' }]),
      ModelError,
      /lists Transformer,Pooling/,
    ],
    [
      'multi-vector',
      'a module outside',
      (copy) => copy.write('modules.json', [{ type: 'a.Transformer' }, { type: 'a.Dense', path: '/etc' }]),
      FormatError,
      /must lie in the model's folder/,
    ],
    [
      'multi-vector',
      'another expansion',
      (copy) => copy.edit('sentence_bert_config.json', { query_expansion: { strategy: 'random', length: 3 } }),
      ModelError,
      /strategy is "random"/,
    ],
    [
      'multi-vector',
      'a token that is not there',
      (copy) =>
        copy.edit('sentence_bert_config.json', { query_expansion: { strategy: 'min', length: 3, token: '<x>' } }),
      ModelError,
      /"<x>", which the tokenizer does not have/,
    ],
    [
      'multi-vector',
      'queries that are too long',
      (copy) => copy.edit('sentence_bert_config.json', { query_expansion: { strategy: 'fixed', length: 900 } }),
      ModelError,
      /queries of 900 tokens are longer than the 130/,
    ],
    [
      'colbert-stanford',
      'no projection',
      (copy) => copy.rewrite((key, view) => (key === 'linear.weight' ? null : [key, view])),
      ModelError,
      /no tensor linear\.weight/,
    ],
    [
      'colbert-pylate',
      'a residual',
      (copy) => copy.edit('1_Dense/config.json', { use_residual: true }),
      ModelError,
      /use_residual/,
    ],
  ])('refuses, in %s: %s', async (name, _, damage, kind, message) => {
    using copy = new ModelCopy(headFolder(name));
    await damage(copy);
    await expect(MultiVectorEmbedder.load(copy.folder)).rejects.toThrow(kind);
    await expect(MultiVectorEmbedder.load(copy.folder)).rejects.toThrow(message);
  });
});

describe('maxSim', () => {
  it('sums the greatest product of every vector of the query', () => {
    const query = tensor([
      [1, 0],
      [0, 2],
    ]);
    const documents = [
      tensor([
        [3, 4],
        [5, -1],
      ]),
      tensor([[0.5, 0.25]]),
      zeros([0, 2]),
    ];
    expect(maxSim([query], documents).toArray()).toEqual([[5 + 8, 0.5 + 0.5, Number.NEGATIVE_INFINITY]]);
    expect(maxSim([], documents).shape).toEqual([0, 3]);
    expect(maxSim([query], []).shape).toEqual([1, 0]);
    expect(() => maxSim([query], [zeros([1, 3])])).toThrow(ShapeError);
    expect(() => maxSim([query], [zeros([2])])).toThrow(/documents\[0\] must be \[tokens, 2\], got shape \[2\]/);
  });
});
