import { cosineSimilarity, embed, embedMany, rerank } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddingModel, rerankingModel } from '../../src/adapters/ai-sdk/index.js';
import { Reranker } from '../../src/heads/index.js';
import { TextEmbedder } from '../../src/index.js';

const TEXTS = ['a dog in the park', 'a puppy on the grass', 'quarterly earnings'];

let embedder: TextEmbedder;
beforeAll(async () => {
  embedder = await TextEmbedder.load();
});
afterAll(() => embedder.dispose());

describe("the AI SDK's embedding model", () => {
  it('embeds many values, and counts their tokens', async () => {
    const { embeddings, usage, warnings } = await embedMany({ model: embeddingModel(), values: TEXTS });
    expect(embeddings).toEqual((await embedder.embed(TEXTS)).toArray());
    expect(usage.tokens).toBe(TEXTS.reduce((sum, text) => sum + embedder.tokenizer.encode(text).ids.length, 0));
    expect(warnings).toEqual([]);
    const [dog, puppy, earnings] = embeddings as [number[], number[], number[]];
    expect(cosineSimilarity(dog, puppy)).toBeGreaterThan(cosineSimilarity(dog, earnings) + 0.3);
  });

  it('embeds more values than one call takes', async () => {
    const values = Array.from({ length: 2100 }, (_, index) => `${index}`);
    const { embeddings } = await embedMany({ model: embeddingModel(embedder), values });
    expect(embeddings).toHaveLength(2100);
    expect(embeddings[2099]).toEqual([...(await embedder.embed(['2099'])).toTypedArray()]);
  });

  it('takes fewer dimensions and prompts by provider options, and refuses others', async () => {
    const model = embeddingModel(embedder, { queryPrompt: { text: 'query: ' } });
    const call = (gemmule: Record<string, string | number>) =>
      embed({ model, value: 'a', providerOptions: { gemmule }, maxRetries: 0 });
    const { embedding } = await call({ role: 'query', dimensions: 8 });
    expect([embedding]).toEqual((await embedder.embed(['query: a'], { dimensions: 8 })).toArray());
    await expect(call({ role: 'question' })).rejects.toThrow(/role must be "query" or "document"/);
    await expect(call({ dimensions: 'few' })).rejects.toThrow(/dimensions must be a number/);
  });

  it('warns of texts that were cut', async () => {
    const { warnings } = await embed({ model: embeddingModel(embedder), value: 'word '.repeat(400) });
    expect(warnings).toEqual([{ type: 'other', message: expect.stringMatching(/^1 of 1 texts were longer/) }]);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const values = Array.from({ length: 2000 }, (_, index) => `text number ${index}`);
    const pending = embedMany({ model: embeddingModel(embedder), values, abortSignal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(pending).rejects.toThrow('enough');
  });
});

describe("the AI SDK's reranking model", () => {
  const FOLDER = 'test/fixtures/heads/reranker-bert';
  const QUERY = 'Who rode out at dawn?';
  const DOCUMENTS = ['Paris is the capital of France.', 'The king rode out at dawn, and his men followed.', 'Tea.'];

  it('puts texts in order, all or the best', async () => {
    const reranker = await Reranker.load(FOLDER);
    const expected = await reranker.rerank(QUERY, DOCUMENTS);
    const { ranking } = await rerank({ model: rerankingModel(FOLDER), query: QUERY, documents: DOCUMENTS });
    expect(ranking.map(({ originalIndex, score }) => ({ originalIndex, score }))).toEqual(
      expected.map(({ index, score }) => ({ originalIndex: index, score })),
    );
    const model = rerankingModel(reranker);
    const best = await rerank({ model, query: QUERY, documents: DOCUMENTS, topN: 1 });
    expect(best.rerankedDocuments).toEqual([expected[0]?.document]);
    expect((await rerank({ model, query: QUERY, documents: DOCUMENTS, topN: 10 })).ranking).toHaveLength(3);
    reranker.dispose();
  });

  it('reads objects as JSON, and says so', async () => {
    const model = rerankingModel(FOLDER);
    const values = [{ title: 'dawn' }, { title: 'tea', price: 3 }];
    const { ranking, warnings } = await model.doRerank({ query: QUERY, documents: { type: 'object', values } });
    const texts = await model.doRerank({
      query: QUERY,
      documents: { type: 'text', values: ['{"title":"dawn"}', '{"title":"tea","price":3}'] },
    });
    expect(ranking).toEqual(texts.ranking);
    expect({ warnings, none: texts.warnings }).toEqual({
      warnings: [{ type: 'compatibility', feature: 'object documents', details: expect.any(String) }],
      none: [],
    });
    expect(() => rerankingModel(5 as never)).toThrow(/model must be a name, a folder or a Reranker/);
  });
});
