import { cosineSimilarity, embed, embedMany } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddingModel } from '../../src/adapters/ai-sdk/index.js';
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
