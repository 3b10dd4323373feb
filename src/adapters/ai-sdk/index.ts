import type {
  EmbeddingModelV4,
  EmbeddingModelV4CallOptions,
  EmbeddingModelV4Result,
  RerankingModelV4,
  RerankingModelV4CallOptions,
  RerankingModelV4Result,
} from '@ai-sdk/provider';
import { ArgumentError } from '../../errors.js';
import { Reranker } from '../../heads/index.js';
import type { LoadOptions } from '../../index.js';
import { type AdapterOptions, type EmbedCall, EmbedderHandle, type TextRole } from '../embedder-handle.js';

export type { AdapterOptions } from '../embedder-handle.js';

/** What calls may say under `providerOptions.gemmule`. */
export interface GemmuleProviderOptions {
  /** Which of the model's prompts is put in front: that for queries, or that for documents (the default). */
  readonly role?: TextRole;
  /** Only the first so many numbers of each vector. */
  readonly dimensions?: number;
}

/** Texts of one call; the SDK asks several times for more. */
const MOST_TEXTS = 2048;

class GemmuleEmbeddingModel implements EmbeddingModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'gemmule';
  readonly maxEmbeddingsPerCall = MOST_TEXTS;
  readonly supportsParallelCalls = true;
  readonly modelId: string;
  readonly #handle: EmbedderHandle;

  constructor(options: AdapterOptions) {
    this.#handle = new EmbedderHandle('embeddingModel', options);
    this.modelId = this.#handle.name;
  }

  async doEmbed(options: EmbeddingModelV4CallOptions): Promise<EmbeddingModelV4Result> {
    const { values, abortSignal, providerOptions } = options;
    const { role, dimensions } = readProviderOptions(providerOptions?.gemmule ?? {});
    const call: EmbedCall = { signal: abortSignal, dimensions: options.dimensions ?? dimensions };
    const { vectors, tokens, truncated } = await this.#handle.embed(values, role ?? 'document', call);
    const message = `${truncated} of ${values.length} texts were longer than the model reads, and were cut`;
    return {
      embeddings: vectors,
      usage: { tokens },
      warnings: truncated === 0 ? [] : [{ type: 'other', message }],
    };
  }
}

/**
 * An embedding model for the AI SDK, computed in this process.
 *
 * @param model - what `TextEmbedder.load` takes, or an embedder.
 * @example
 * const { embeddings } = await embedMany({ model: embeddingModel(), values: texts });
 */
export function embeddingModel(
  model?: AdapterOptions['model'],
  options: Omit<AdapterOptions, 'model'> = {},
): EmbeddingModelV4 {
  return new GemmuleEmbeddingModel({ ...options, model });
}

class GemmuleRerankingModel implements RerankingModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'gemmule';
  readonly modelId: string;
  readonly #load: () => Promise<Reranker>;
  #loading: Promise<Reranker> | null = null;

  constructor(model: string | Reranker, options: LoadOptions) {
    this.modelId = typeof model === 'string' ? model : 'reranker';
    this.#load = async () => (typeof model === 'string' ? Reranker.load(model, options) : model);
  }

  async doRerank(options: RerankingModelV4CallOptions): Promise<RerankingModelV4Result> {
    const { documents, query, topN, abortSignal } = options;
    const isText = documents.type === 'text';
    const texts = isText ? documents.values : documents.values.map((value) => JSON.stringify(value));
    const reranker = await this.#reranker();
    const topK = topN === undefined ? texts.length : Math.min(topN, texts.length);
    const ranked = await reranker.rerank(query, texts, { topK, signal: abortSignal });
    const details = 'the model reads objects as JSON; send texts for better scores';
    return {
      ranking: ranked.map(({ index, score }) => ({ index, relevanceScore: score })),
      warnings: isText ? [] : [{ type: 'compatibility', feature: 'object documents', details }],
    };
  }

  /** Loaded when it is first needed; after a failure the next call tries again. */
  #reranker(): Promise<Reranker> {
    if (this.#loading === null) {
      this.#loading = this.#load();
      this.#loading.catch(() => {
        this.#loading = null;
      });
    }
    return this.#loading;
  }
}

/**
 * A reranking model for the AI SDK, computed in this process.
 *
 * @param model - what `Reranker.load` takes, or a reranker.
 * @example
 * const { ranking } = await rerank({ model: rerankingModel('BAAI/bge-reranker-base'), query, documents });
 */
export function rerankingModel(model: string | Reranker, options: LoadOptions = {}): RerankingModelV4 {
  if (typeof model !== 'string' && !(model instanceof Reranker)) {
    throw new ArgumentError(`rerankingModel: model must be a name, a folder or a Reranker, got ${typeof model}`);
  }
  return new GemmuleRerankingModel(model, options);
}

function readProviderOptions(options: Readonly<Record<string, unknown>>): GemmuleProviderOptions {
  const { role, dimensions } = options;
  if (role !== undefined && role !== 'query' && role !== 'document') {
    throw new ArgumentError(`providerOptions.gemmule: role must be "query" or "document", got ${JSON.stringify(role)}`);
  }
  if (dimensions !== undefined && typeof dimensions !== 'number') {
    throw new ArgumentError(`providerOptions.gemmule: dimensions must be a number, got ${typeof dimensions}`);
  }
  return options as GemmuleProviderOptions;
}
