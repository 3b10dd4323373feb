import type { EmbeddingModelV4, EmbeddingModelV4CallOptions, EmbeddingModelV4Result } from '@ai-sdk/provider';
import { ArgumentError } from '../../errors.js';
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
