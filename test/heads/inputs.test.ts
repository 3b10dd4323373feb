import { describe, expect, it } from 'vitest';
import {
  MultiVectorEmbedder,
  Reranker,
  SparseEmbedder,
  StaticEmbedder,
  TextClassifier,
  TokenClassifier,
} from '../../src/heads/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { headFolder } from './golden.js';

const TEXTS = ['The king rode out at dawn.', 'Paris is the capital of France.', 'a b c'];

/** Calls of every class that take an array of texts, and read it bit by bit. */
const CALLS: readonly [string, string, (folder: string) => Promise<(texts: string[]) => Promise<unknown>>][] = [
  [
    'Reranker',
    'reranker-bert',
    async (folder) => {
      const model = await Reranker.load(folder);
      return async (texts) => (await model.rerank('who?', texts)).map(({ document, score }) => [document, score]);
    },
  ],
  [
    'TextClassifier',
    'classifier-distilbert',
    async (folder) => {
      const model = await TextClassifier.load(folder);
      return (texts) => model.logits(texts);
    },
  ],
  [
    'TokenClassifier',
    'ner-bert',
    async (folder) => {
      const model = await TokenClassifier.load(folder);
      return (texts) => model.classify(texts, { aggregation: 'none', ignoreLabels: [] });
    },
  ],
  [
    'SparseEmbedder',
    'splade-bert',
    async (folder) => {
      const model = await SparseEmbedder.load(folder);
      return (texts) => model.embed(texts);
    },
  ],
  [
    'MultiVectorEmbedder',
    'colbert-stanford',
    async (folder) => {
      const model = await MultiVectorEmbedder.load(folder);
      return (texts) => model.embedDocuments(texts);
    },
  ],
  [
    'StaticEmbedder',
    'static-model2vec',
    async (folder) => {
      const model = await StaticEmbedder.load(folder);
      return (texts) => model.embed(texts);
    },
  ],
];

const plain = (value: unknown): unknown => {
  if (value instanceof Tensor) return value.toArray();
  return Array.isArray(value) && value.some((part) => part instanceof Tensor) ? value.map(plain) : value;
};

describe('what a call was given', () => {
  it.each(CALLS)('is what %s computes, whatever becomes of the array', async (_, model, load) => {
    const call = await load(headFolder(model));
    const expected = plain(await call([...TEXTS]));
    const texts = [...TEXTS];
    const running = call(texts);
    texts.splice(0, 2, 'another text');
    expect(plain(await running)).toEqual(expected);
  });

  it('are pairs for scorePairs, and nothing else', async () => {
    using reranker = await Reranker.load(headFolder('reranker-bert'));
    for (const pairs of ['text', ['text'], [['a']], [['a', 'b', 'c']], [['a', 1]], [null]]) {
      await expect(reranker.scorePairs(pairs as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
    expect(await reranker.scorePairs([['a', 'b']])).toEqual(await reranker.score('a', ['b']));
  });
});
