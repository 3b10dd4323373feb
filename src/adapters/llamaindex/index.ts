import { BaseEmbedding } from '@llamaindex/core/embeddings';
import type { MessageContentDetail } from '@llamaindex/core/llms';
import { type AdapterOptions, EmbedderHandle } from '../embedder-handle.js';

export type { AdapterOptions } from '../embedder-handle.js';

/** Texts of one call: enough to keep all threads busy, few enough that progress is seen. */
const BATCH_TEXTS = 256;

/**
 * Embeddings for LlamaIndex.TS, computed in this process.
 *
 * @example
 * Settings.embedModel = new GemmuleEmbedding({ model: 'BAAI/bge-small-en-v1.5' });
 */
export class GemmuleEmbedding extends BaseEmbedding {
  readonly #handle: EmbedderHandle;

  constructor(options: AdapterOptions = {}) {
    super();
    this.#handle = new EmbedderHandle('GemmuleEmbedding', options);
    this.embedBatchSize = BATCH_TEXTS;
    this.getTextEmbeddings = async (texts) => (await this.#handle.embed(texts, 'document')).vectors;
  }

  async getTextEmbedding(text: string): Promise<number[]> {
    const { vectors } = await this.#handle.embed([text], 'document');
    return vectors[0] as number[];
  }

  /** @returns null for what is no text, such as an image. */
  override async getQueryEmbedding(query: MessageContentDetail): Promise<number[] | null> {
    if (query.type !== 'text') return null;
    const { vectors } = await this.#handle.embed([query.text], 'query');
    return vectors[0] as number[];
  }

  /** Frees the model, if it was loaded by a name. */
  dispose(): Promise<void> {
    return this.#handle.dispose();
  }
}
