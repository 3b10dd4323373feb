import { BaseEmbedding, getTopKEmbeddings } from '@llamaindex/core/embeddings';
import { Settings } from '@llamaindex/core/global';
import { Document, MetadataMode } from '@llamaindex/core/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GemmuleEmbedding } from '../../src/adapters/llamaindex/index.js';
import { TextEmbedder } from '../../src/index.js';

const TEXTS = ['Night trains to Venice', 'Lentil soup for cold evenings', 'Tax returns'];

let embedder: TextEmbedder;
beforeAll(async () => {
  embedder = await TextEmbedder.load();
});
afterAll(() => embedder.dispose());

describe("LlamaIndex's embedding", () => {
  it('embeds nodes, and finds them by a query', async () => {
    const embedding = new GemmuleEmbedding();
    Settings.embedModel = embedding;
    expect(Settings.embedModel).toBeInstanceOf(BaseEmbedding);
    const nodes = await embedding(TEXTS.map((text) => new Document({ text })));
    const vectors = nodes.map((node) => node.getEmbedding());
    expect(vectors).toEqual((await embedder.embed(nodes.map((node) => node.getContent(MetadataMode.NONE)))).toArray());
    const query = await embedding.getQueryEmbedding({ type: 'text', text: 'something warm to eat' });
    const [, [best]] = getTopKEmbeddings(query as number[], vectors, 1, TEXTS);
    expect(best).toBe(TEXTS[1]);
    await embedding.dispose();
  });

  it('embeds in batches with progress, one by one, and no images', async () => {
    const embedding = new GemmuleEmbedding({ model: embedder });
    const expected = (await embedder.embed(TEXTS)).toArray() as number[][];
    expect(await embedding.getTextEmbedding(TEXTS[2] as string)).toEqual(expected[2]);
    const texts = Array.from({ length: 600 }, (_, index) => TEXTS[index % 3] as string);
    const seen: number[] = [];
    const vectors = await embedding.getTextEmbeddingsBatch(texts, { progressCallback: (done) => seen.push(done) });
    expect(vectors).toEqual(texts.map((_, index) => expected[index % 3]));
    expect(seen.length).toBeGreaterThan(1);
    expect(await embedding.getQueryEmbedding({ type: 'image_url', image_url: { url: 'data:,' } })).toBeNull();
  });
});
