import { Document } from '@langchain/core/documents';
import { Embeddings } from '@langchain/core/embeddings';
import { VectorStore } from '@langchain/core/vectorstores';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GemmuleEmbeddings } from '../../src/adapters/langchain/index.js';
import { TextEmbedder } from '../../src/index.js';

const TEXTS = ['Night trains to Venice', 'Lentil soup for cold evenings', 'Tax returns'];

/** The least that LangChain calls a vector store: everything it does beyond these methods is the framework's own. */
class ListStore extends VectorStore {
  readonly #rows: { vector: number[]; document: Document }[] = [];

  _vectorstoreType(): string {
    return 'list';
  }

  async addVectors(vectors: number[][], documents: Document[]): Promise<void> {
    for (const [index, vector] of vectors.entries()) {
      this.#rows.push({ vector, document: documents[index] as Document });
    }
  }

  async addDocuments(documents: Document[]): Promise<void> {
    await this.addVectors(await this.embeddings.embedDocuments(documents.map((each) => each.pageContent)), documents);
  }

  async similaritySearchVectorWithScore(query: number[], k: number): Promise<[Document, number][]> {
    const dot = (vector: number[]) => vector.reduce((sum, value, index) => sum + value * (query[index] as number), 0);
    const scored = this.#rows.map(({ vector, document }): [Document, number] => [document, dot(vector)]);
    return scored.sort((a, b) => b[1] - a[1]).slice(0, k);
  }
}

let embedder: TextEmbedder;
beforeAll(async () => {
  embedder = await TextEmbedder.load();
});
afterAll(() => embedder.dispose());

describe("LangChain's embeddings", () => {
  it('are what a vector store and its retriever take', async () => {
    const embeddings = new GemmuleEmbeddings();
    expect(embeddings).toBeInstanceOf(Embeddings);
    const store = new ListStore(embeddings, {});
    await store.addDocuments(TEXTS.map((pageContent) => new Document({ pageContent })));
    const [found] = await store.asRetriever(1).invoke('something warm to eat');
    expect(found?.pageContent).toBe(TEXTS[1]);
    await embeddings.dispose();
  });

  it('are the vectors of the embedder, which stays alive', async () => {
    const embeddings = new GemmuleEmbeddings({ model: embedder });
    const expected = (await embedder.embed(TEXTS)).toArray() as number[][];
    expect(await embeddings.embedDocuments(TEXTS)).toEqual(expected);
    expect(await embeddings.embedQuery(TEXTS[0] as string)).toEqual(expected[0]);
    expect(await embeddings.embedDocuments([])).toEqual([]);
    await embeddings.dispose();
    expect((await embedder.embed(TEXTS)).shape).toEqual([3, 384]);
  });

  it('put prompts in front of queries and documents', async () => {
    const embeddings = new GemmuleEmbeddings({
      model: embedder,
      queryPrompt: { text: 'query: ' },
      documentPrompt: { text: 'passage: ' },
      dimensions: 16,
    });
    const options = { dimensions: 16 };
    const [query] = (await embedder.embed(['query: a'], options)).toArray() as number[][];
    const [document] = (await embedder.embed(['passage: a'], options)).toArray() as number[][];
    expect(await embeddings.embedQuery('a')).toEqual(query);
    expect(await embeddings.embedDocuments(['a'])).toEqual([document]);
  });

  it('can be asked again after a model could not be loaded, and say what is wrong', async () => {
    const embeddings = new GemmuleEmbeddings({ model: '/no/such/folder' });
    await expect(embeddings.embedQuery('a')).rejects.toThrow('/no/such/folder');
    await expect(embeddings.embedQuery('a')).rejects.toThrow('/no/such/folder');
    expect(() => new GemmuleEmbeddings({ model: 5 as never })).toThrow(
      /model must be a name, a folder or a TextEmbedder/,
    );
  });
});
