import { ArgumentError } from '../errors.js';
import { type LoadOptions, TextEmbedder } from '../index.js';

/** What the adapters of all frameworks have in common. */
export interface AdapterOptions extends LoadOptions {
  /**
   * What `TextEmbedder.load` takes, which is then loaded when it is first needed; or an embedder, which stays the caller's
   * to dispose. By default the default model.
   */
  readonly model?: string | TextEmbedder | undefined;
  /**
   * What is put in front of queries: the name of one of the model's prompts, `{ text }`, or null for nothing. By default the
   * model's prompt named `query`, if it has one, as sentence-transformers does it.
   */
  readonly queryPrompt?: string | { readonly text: string } | null | undefined;
  /** The same for documents; by default the model's prompt named `document`, `passage` or `corpus`. */
  readonly documentPrompt?: string | { readonly text: string } | null | undefined;
  /** Only the first so many numbers of each vector, normalised again, for models trained to allow that. */
  readonly dimensions?: number | undefined;
}

/** What a text is to be found by, or to be found as. */
export type TextRole = 'query' | 'document';

/** Names of prompts in the files of models, those that matter more first. */
const PROMPT_NAMES: Readonly<Record<TextRole, readonly string[]>> = {
  query: ['query'],
  document: ['document', 'passage', 'corpus'],
};

/** Settings of one call, which win over the adapter's. */
export interface EmbedCall {
  readonly dimensions?: number | undefined;
  readonly prompt?: string | { readonly text: string } | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Vectors as frameworks want them, and what they cost. */
export interface EmbedResult {
  readonly vectors: number[][];
  readonly tokens: number;
  /** How many texts were longer than allowed and have been cut. */
  readonly truncated: number;
}

/** An embedder that is loaded when it is first needed, once. */
export class EmbedderHandle {
  readonly #options: AdapterOptions;
  #loading: Promise<TextEmbedder> | null = null;

  constructor(adapter: string, options: AdapterOptions) {
    const { model } = options;
    if (model !== undefined && typeof model !== 'string' && !(model instanceof TextEmbedder)) {
      throw new ArgumentError(`${adapter}: model must be a name, a folder or a TextEmbedder, got ${typeof model}`);
    }
    this.#options = options;
  }

  /** What is to be loaded, as people call it. */
  get name(): string {
    const { model } = this.#options;
    if (model instanceof TextEmbedder) return model.describe().name;
    return model ?? 'all-MiniLM-L6-v2';
  }

  /** @throws what loading throws; the next call tries again. */
  embedder(): Promise<TextEmbedder> {
    if (this.#loading === null) {
      const { model, queryPrompt: _query, documentPrompt: _document, dimensions: _dimensions, ...load } = this.#options;
      const loading = model instanceof TextEmbedder ? Promise.resolve(model) : TextEmbedder.load(model, load);
      loading.catch(() => {
        this.#loading = null;
      });
      this.#loading = loading;
    }
    return this.#loading;
  }

  /** The vectors of texts, in their order. @throws what `TextEmbedder.embed` throws. */
  async embed(texts: readonly string[], role: TextRole, call: EmbedCall = {}): Promise<EmbedResult> {
    const embedder = await this.embedder();
    const prompt = call.prompt === undefined ? this.#prompt(embedder, role) : call.prompt;
    let [tokens, truncated] = [0, 0];
    using vectors = await embedder.embed(texts, {
      prompt,
      dimensions: call.dimensions ?? this.#options.dimensions,
      signal: call.signal,
      onProgress: (progress) => {
        [tokens, truncated] = [progress.tokens, progress.truncated];
      },
    });
    return { vectors: vectors.toArray() as number[][], tokens, truncated };
  }

  /** Frees the embedder, if it was loaded here; the next call loads it again. */
  async dispose(): Promise<void> {
    const loading = this.#loading;
    this.#loading = null;
    if (loading === null || this.#options.model instanceof TextEmbedder) return;
    (await loading).dispose();
  }

  #prompt(embedder: TextEmbedder, role: TextRole): AdapterOptions['queryPrompt'] {
    const { queryPrompt, documentPrompt } = this.#options;
    const given = role === 'query' ? queryPrompt : documentPrompt;
    return given === undefined ? PROMPT_NAMES[role].find((name) => embedder.prompts.has(name)) : given;
  }
}
