import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChromaClient, registerEmbeddingFunction } from 'chromadb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GemmuleEmbeddingFunction } from '../../src/adapters/chroma/index.js';
import { TextEmbedder } from '../../src/index.js';

const TEXTS = ['Night trains to Venice', 'Lentil soup for cold evenings', 'Tax returns'];

/** What Chroma's server answers its client, as far as collections and vectors go; it keeps both in memory. */
class FakeChroma {
  readonly server: Server;
  collection: Record<string, unknown> | null = null;
  readonly records: { id: string; embedding: number[] }[] = [];

  constructor() {
    this.server = createServer(async (request, response) => {
      const body = await readJson(request);
      const answer = this.#answer(`${request.method} ${request.url?.split('?')[0]}`, body);
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { error: 'NotFoundError', message: request.url }));
    });
  }

  #answer(route: string, body: Record<string, unknown>): unknown {
    if (/GET .*\/auth\/identity$/.test(route))
      return { user_id: '', tenant: 'default_tenant', databases: ['default_database'] };
    if (/GET .*\/pre-flight-checks$/.test(route)) return { max_batch_size: 1000 };
    if (/POST .*\/collections$/.test(route)) {
      this.collection = {
        id: '00000000-0000-4000-8000-000000000000',
        name: body.name,
        configuration_json: body.configuration,
        metadata: null,
        tenant: 'default_tenant',
        database: 'default_database',
        schema: null,
      };
      return this.collection;
    }
    if (/GET .*\/collections\/[^/]+$/.test(route)) return this.collection;
    if (/\/add$/.test(route)) {
      const vectors = (body.embeddings as (number[] | string)[]).map(toNumbers);
      for (const [index, embedding] of vectors.entries()) {
        this.records.push({ id: (body.ids as string[])[index] as string, embedding });
      }
      return {};
    }
    if (/\/query$/.test(route)) {
      const query = toNumbers((body.query_embeddings as (number[] | string)[])[0] as number[]);
      const distance = (vector: number[]) => vector.reduce((sum, x, i) => sum + (x - (query[i] as number)) ** 2, 0);
      const ids = [...this.records].sort((a, b) => distance(a.embedding) - distance(b.embedding)).map(({ id }) => id);
      const [documents, metadatas, embeddings, distances, uris] = [null, null, null, null, null];
      return { ids: [ids], include: [], documents, metadatas, embeddings, distances, uris };
    }
    return undefined;
  }
}

/** Chroma's client sends vectors as numbers, or as float32 in Base64. */
function toNumbers(vector: number[] | string): number[] {
  if (typeof vector !== 'string') return vector;
  return [...new Float32Array(Uint8Array.from(Buffer.from(vector, 'base64')).buffer)];
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

const chroma = new FakeChroma();
let embedder: TextEmbedder;
beforeAll(async () => {
  embedder = await TextEmbedder.load();
  await new Promise<void>((resolve) => chroma.server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  embedder.dispose();
  chroma.server.close();
});

describe("Chroma's embedding function", () => {
  it("embeds what Chroma's client adds and asks, and is found again by who opens the collection", async () => {
    registerEmbeddingFunction('gemmule', GemmuleEmbeddingFunction);
    const { port } = chroma.server.address() as AddressInfo;
    const client = new ChromaClient({ host: '127.0.0.1', port, ssl: false });
    const embeddingFunction = new GemmuleEmbeddingFunction({ dimensions: 128, queryPrompt: null });
    const collection = await client.createCollection({ name: 'notes', embeddingFunction });
    await collection.add({ ids: ['trains', 'soup', 'taxes'], documents: TEXTS });
    const expected = (await embedder.embed(TEXTS, { dimensions: 128 })).toArray();
    expect(chroma.records.map(({ embedding }) => embedding)).toEqual(expected);

    const opened = await client.getCollection({ name: 'notes' });
    const { ids } = await opened.query({ queryTexts: ['something warm to eat'], nResults: 1 });
    expect(ids[0]?.[0]).toBe('soup');
    expect(chroma.collection?.configuration_json).toMatchObject({
      embedding_function: {
        name: 'gemmule',
        config: { model: 'all-MiniLM-L6-v2', dimensions: 128, query_prompt: null },
      },
    });
    await embeddingFunction.dispose();
  });

  it('goes through its configuration without loss, and refuses others', () => {
    const options = { model: 'BAAI/bge-small-en-v1.5', revision: 'main', dtype: 'int8', maxTokens: 64 } as const;
    const config = new GemmuleEmbeddingFunction({ ...options, documentPrompt: { text: 'passage: ' } }).getConfig();
    expect(config).toEqual({
      model: options.model,
      revision: 'main',
      dtype: 'int8',
      max_tokens: 64,
      document_prompt: { text: 'passage: ' },
    });
    const again = GemmuleEmbeddingFunction.buildFromConfig({ ...config });
    expect(again.getConfig()).toEqual(config);
    expect(() => GemmuleEmbeddingFunction.buildFromConfig({})).toThrow(/model must be a string/);
    expect(() => again.validateConfigUpdate({ dtype: 'float32' })).toThrow(/dtype of a collection cannot change/);
    expect(() => again.validateConfigUpdate({ ...config })).not.toThrow();
    expect(() => new GemmuleEmbeddingFunction({ model: embedder as never })).toThrow(/must be a name or a folder/);
  });
});
