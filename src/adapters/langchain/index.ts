import { Embeddings, type EmbeddingsParams } from '@langchain/core/embeddings';
import { type AdapterOptions, EmbedderHandle } from '../embedder-handle.js';

export type { AdapterOptions } from '../embedder-handle.js';

/**
 * Embeddings for LangChain.js, computed in this process.
 *
 * @example
 * const store = await MemoryVectorStore.fromTexts(texts, metadata, new GemmuleEmbeddings());
 */
export class GemmuleEmbeddings extends Embeddings {
  readonly #handle: EmbedderHandle;

  /** @param options - which model; those of LangChain's own, such as `maxConcurrency`, are for calls over a network. */
  constructor(options: AdapterOptions & EmbeddingsParams = {}) {
    super(options);
    this.#handle = new EmbedderHandle('GemmuleEmbeddings', options);
  }

  async embedDocuments(documents: string[]): Promise<number[][]> {
    return (await this.#handle.embed(documents, 'document')).vectors;
  }

  async embedQuery(document: string): Promise<number[]> {
    const { vectors } = await this.#handle.embed([document], 'query');
    return vectors[0] as number[];
  }

  /** Frees the model, if it was loaded by a name. */
  dispose(): Promise<void> {
    return this.#handle.dispose();
  }
}
