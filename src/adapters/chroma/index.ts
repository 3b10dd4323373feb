import type { EmbeddingFunction, EmbeddingFunctionSpace } from 'chromadb';
import { ArgumentError } from '../../errors.js';
import { TextEmbedder } from '../../index.js';
import { type AdapterOptions, EmbedderHandle } from '../embedder-handle.js';

/** What a collection keeps about its embedding function, so that who opens it next gets the same vectors. */
export interface ChromaConfig {
  readonly model: string;
  readonly revision?: string;
  readonly dtype?: NonNullable<AdapterOptions['dtype']>;
  readonly max_tokens?: number;
  readonly dimensions?: number;
  readonly query_prompt?: string | { readonly text: string } | null;
  readonly document_prompt?: string | { readonly text: string } | null;
}

/** A name that a collection keeps can be loaded elsewhere; an embedder cannot be kept. */
export type ChromaOptions = Omit<AdapterOptions, 'model'> & { readonly model?: string | undefined };

/** The settings that change vectors, by the names that they are kept under. */
const FIELDS = [
  ['revision', 'revision'],
  ['dtype', 'dtype'],
  ['max_tokens', 'maxTokens'],
  ['dimensions', 'dimensions'],
  ['query_prompt', 'queryPrompt'],
  ['document_prompt', 'documentPrompt'],
] as const;

/**
 * An embedding function for Chroma, computed in this process.
 *
 * Register it, and collections that were made with it find it again by themselves:
 *
 * @example
 * registerEmbeddingFunction('gemmule', GemmuleEmbeddingFunction);
 * const collection = await client.createCollection({ name, embeddingFunction: new GemmuleEmbeddingFunction() });
 */
export class GemmuleEmbeddingFunction implements EmbeddingFunction {
  readonly name = 'gemmule';
  readonly #options: ChromaOptions;
  readonly #handle: EmbedderHandle;

  constructor(options: ChromaOptions = {}) {
    if ((options.model as unknown) instanceof TextEmbedder) {
      throw new ArgumentError(
        'GemmuleEmbeddingFunction: model must be a name or a folder, which the collection can keep',
      );
    }
    this.#options = options;
    this.#handle = new EmbedderHandle('GemmuleEmbeddingFunction', options);
  }

  /** The function of a collection that was made with one. */
  static buildFromConfig(config: Readonly<Record<string, unknown>>): GemmuleEmbeddingFunction {
    GemmuleEmbeddingFunction.validateConfig(config);
    const given = FIELDS.filter(([field]) => config[field] !== undefined);
    return new GemmuleEmbeddingFunction({
      model: config.model as string,
      ...Object.fromEntries(given.map(([field, option]) => [option, config[field]])),
    });
  }

  /** @throws ArgumentError when a collection's settings are not those of this function. */
  static validateConfig(config: Readonly<Record<string, unknown>>): void {
    const kinds: Record<string, readonly string[]> = {
      model: ['string'],
      revision: ['string', 'undefined'],
      dtype: ['string', 'undefined'],
      max_tokens: ['number', 'undefined'],
      dimensions: ['number', 'undefined'],
      query_prompt: ['string', 'object', 'undefined'],
      document_prompt: ['string', 'object', 'undefined'],
    };
    for (const [field, allowed] of Object.entries(kinds)) {
      if (!allowed.includes(typeof config[field])) {
        throw new ArgumentError(
          `GemmuleEmbeddingFunction: ${field} must be a ${allowed[0]} in a collection's settings, got ${typeof config[field]}`,
        );
      }
    }
  }

  buildFromConfig(config: Readonly<Record<string, unknown>>): GemmuleEmbeddingFunction {
    return GemmuleEmbeddingFunction.buildFromConfig(config);
  }

  validateConfig(config: Readonly<Record<string, unknown>>): void {
    GemmuleEmbeddingFunction.validateConfig(config);
  }

  /** @throws ArgumentError when other vectors would be computed than those that the collection has. */
  validateConfigUpdate(config: Readonly<Record<string, unknown>>): void {
    const now: Readonly<Record<string, unknown>> = { ...this.getConfig() };
    for (const [field, value] of Object.entries(config)) {
      if (JSON.stringify(now[field]) !== JSON.stringify(value)) {
        throw new ArgumentError(
          `GemmuleEmbeddingFunction: ${field} of a collection cannot change, since its vectors would not fit; make another`,
        );
      }
    }
  }

  getConfig(): ChromaConfig {
    const given = FIELDS.filter(([, option]) => this.#options[option] !== undefined);
    return {
      model: this.#handle.name,
      ...Object.fromEntries(given.map(([field, option]) => [field, this.#options[option]])),
    };
  }

  defaultSpace(): EmbeddingFunctionSpace {
    return 'cosine';
  }

  supportedSpaces(): EmbeddingFunctionSpace[] {
    return ['cosine', 'l2', 'ip'];
  }

  async generate(texts: string[]): Promise<number[][]> {
    return (await this.#handle.embed(texts, 'document')).vectors;
  }

  async generateForQueries(texts: string[]): Promise<number[][]> {
    return (await this.#handle.embed(texts, 'query')).vectors;
  }

  /** Frees the model. */
  dispose(): Promise<void> {
    return this.#handle.dispose();
  }
}
