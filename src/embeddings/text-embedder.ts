import path from 'node:path';
import { requireCount } from '../arguments.js';
import { defaultBackend } from '../backend/index.js';
import { allocateStorage, releaseStorage } from '../backend/storage.js';
import { ArgumentError, DisposedError, ModelError, TruncatedTextError } from '../errors.js';
import { openModelFolder } from '../hub/open.js';
import { INSPECT, type Inspect, type InspectOptions, inspectFacts } from '../inspection.js';
import { ModelFolder } from '../io/model-folder.js';
import { loadModel } from '../models/load.js';
import { Tensor } from '../tensor/tensor.js';
import { type EncodedIds, type Encoding, Tokenizer } from '../tokenizers/tokenizer.js';
import { DEFAULT_MODEL_NAME, defaultModelFolder, isDefaultModelName } from './default-model.js';
import { Dense } from './dense.js';
import {
  type CallOptions,
  copySequences,
  copyTexts,
  type EmbedOptions,
  type LoadOptions,
  type QuantizedEmbedOptions,
  requireText,
} from './options.js';
import { type QuantizedVectors, quantizeVectors, requirePrecision } from './quantized-vectors.js';
import { type Job, Scheduler } from './scheduler.js';
import { readSentenceConfig, type SentenceConfig } from './sentence-config.js';
import { SentenceModel } from './sentence-model.js';
import { similarity } from './similarity.js';
import { normalizeInPlace } from './vectors.js';

/** The tokens of a text with a vector each, which depends on the text around it. */
export interface TokenEmbeddings {
  readonly ids: Int32Array;
  readonly tokens: readonly string[];
  /** Where in the text each token stands; special tokens have `[0, 0]`. */
  readonly offsets: Encoding['offsets'];
  /** float32 `[tokens, hidden]`. */
  readonly vectors: Tensor<'float32'>;
}

/** The tokens of a text with a vector each in every layer. */
export interface TokenLayers {
  readonly ids: Int32Array;
  readonly tokens: readonly string[];
  readonly offsets: Encoding['offsets'];
  /** float32 `[tokens, hidden]` each: first the embeddings, which know no context but the position, then every layer. */
  readonly layers: readonly Tensor<'float32'>[];
}

/** What the tokens of a text attend to. */
export interface AttentionMaps {
  readonly tokens: readonly string[];
  readonly offsets: Encoding['offsets'];
  /** One a layer, float32 `[numHeads, tokens, tokens]`: how much the query (second axis) attends to each key; rows add up to 1. */
  readonly layers: readonly Tensor<'float32'>[];
}

/** Facts about a model, for people to read. */
export interface ModelSummary {
  readonly name: string;
  readonly folder: string;
  readonly type: string;
  readonly layers: number;
  readonly heads: number;
  readonly hiddenSize: number;
  readonly dimension: number;
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly pooling: string;
  readonly normalized: boolean;
  readonly weights: string;
}

/** A job that lacks only what computes it and what takes its results. */
type EncodedJob = Pick<Job, 'size' | 'encode' | 'signal' | 'onProgress'>;

/** What has been read of a call's texts so far. */
class ReadCounts {
  truncated = 0;
  tokens = 0;
}

/**
 * Texts to vectors, with a model of the BERT family and its sentence-transformers files.
 *
 * Texts of all calls share the engine: they take turns in batches of bounded size, in which nothing is padded, and which run
 * off the event loop. A text's vector does not depend on what else is in its batch.
 */
export class TextEmbedder {
  readonly tokenizer: Tokenizer;
  /** Texts are cut after so many tokens, special ones included. */
  readonly maxTokens: number;
  readonly #name: string;
  readonly #weights: string;
  readonly #folder: ModelFolder;
  readonly #config: SentenceConfig;
  readonly #model: SentenceModel;
  readonly #scheduler: Scheduler;
  #disposed = false;

  private constructor(parts: {
    readonly name: string;
    readonly weights: string;
    readonly folder: ModelFolder;
    readonly config: SentenceConfig;
    readonly model: SentenceModel;
    readonly tokenizer: Tokenizer;
    readonly maxTokens: number;
    readonly onRun: LoadOptions['onRun'];
  }) {
    this.#scheduler = new Scheduler(parts.onRun);
    this.#name = parts.name;
    this.#weights = parts.weights;
    this.#folder = parts.folder;
    this.#config = parts.config;
    this.#model = parts.model;
    this.tokenizer = parts.tokenizer;
    this.maxTokens = parts.maxTokens;
  }

  /**
   * Loads a model.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out; or the name of a model on the Hugging Face Hub, such as
   *   `BAAI/bge-small-en-v1.5`, which is downloaded into the cache unless it is there; or `all-MiniLM-L6-v2`, the default,
   *   which comes with gemmule, and is asked of the Hub only with a `revision`.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string = DEFAULT_MODEL_NAME, options: LoadOptions = {}): Promise<TextEmbedder> {
    if (typeof nameOrFolder !== 'string' || nameOrFolder === '') {
      throw new ArgumentError(
        `TextEmbedder.load: expected a model folder or the name of a model, got ${String(nameOrFolder)}`,
      );
    }
    options.signal?.throwIfAborted();
    const { backend = defaultBackend(), dtype } = options;
    const isDefault = isDefaultModelName(nameOrFolder) && options.revision === undefined;
    const folder = isDefault
      ? ModelFolder.open(defaultModelFolder())
      : await openModelFolder('TextEmbedder.load', nameOrFolder, options);
    const config = readSentenceConfig(folder);
    const tokenizer = Tokenizer.fromFolder(config.transformer.path);
    const encoder = await loadModel(config.transformer, { backend, weightFormat: dtype });
    if (tokenizer.vocabSize > encoder.config.vocabSize) {
      throw new ModelError(
        `${folder.path}: the tokenizer has ${tokenizer.vocabSize} tokens and the model ${encoder.config.vocabSize}; they do not belong together`,
      );
    }
    const { weightFormat } = encoder;
    const dense = config.dense.map((module) => new Dense(module, { backend, weightFormat }));
    const most = encoder.config.maxTokens;
    const maxTokens = options.maxTokens ?? Math.min(config.maxTokens ?? most, most);
    requireCount('TextEmbedder.load', 'maxTokens', maxTokens, 1, most);
    // A folder in the cache is named after a commit.
    const isFolder = path.resolve(nameOrFolder) === folder.path;
    const name = isDefault ? DEFAULT_MODEL_NAME : isFolder ? path.basename(folder.path) : nameOrFolder;
    const model = new SentenceModel(encoder, config, dense);
    const { onRun } = options;
    return new TextEmbedder({ name, weights: weightFormat, folder, config, model, tokenizer, maxTokens, onRun });
  }

  /** The length of a vector. */
  get dimension(): number {
    return this.#model.dimension;
  }

  /** Texts that the model's files want in front of others, by name. */
  get prompts(): ReadonlyMap<string, string> {
    return this.#config.prompts;
  }

  /**
   * The vectors of texts, in their order.
   *
   * @returns float32 `[texts.length, dimensions]`; dispose it when done, or leave it to the garbage collector. With
   *   `precision`, what {@link quantizeVectors} makes of it.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async embed(texts: readonly string[], options: QuantizedEmbedOptions): Promise<QuantizedVectors>;
  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Tensor<'float32'>>;
  async embed(
    texts: readonly string[],
    options: EmbedOptions & Partial<QuantizedEmbedOptions> = {},
  ): Promise<Tensor<'float32'> | QuantizedVectors> {
    const { precision, ranges } = options;
    if (precision === undefined) return this.#embedTexts(texts, options);
    requirePrecision('embed', precision, ranges);
    using vectors = await this.#embedTexts(texts, options);
    return quantizeVectors(vectors, precision, { ranges });
  }

  async #embedTexts(texts: readonly string[], options: EmbedOptions): Promise<Tensor<'float32'>> {
    const own = copyTexts('embed', texts);
    const prompt = this.#promptText(options.prompt);
    const promptTokens = this.#config.pooling.includePrompt || prompt === '' ? 0 : this.#promptTokens(prompt);
    return this.#embed('embed', this.#job('embed', own, prompt, options), promptTokens, options);
  }

  /**
   * The vectors of texts that are tokens already. Nothing is added to them, neither a prompt nor the tokens that the model
   * wants around a text: `tokenizer.encode(text).ids` has the latter.
   *
   * @param sequences - the ids of each text's tokens, at least one; those beyond `maxTokens` are cut off.
   * @returns float32 `[sequences.length, dimensions]`.
   * @throws ArgumentError for an id that the model does not have; otherwise as {@link embed}.
   */
  async embedIds(
    sequences: readonly ArrayLike<number>[],
    options: Omit<EmbedOptions, 'prompt'> = {},
  ): Promise<Tensor<'float32'>> {
    const own = copySequences('embedIds', sequences, this.#model.encoder.config.vocabSize);
    const job = this.#encodedJob('embedIds', own.length, options, (index, maxTokens) => {
      const ids = own[index] as Int32Array;
      return { ids: ids.subarray(0, maxTokens), truncated: ids.length > maxTokens };
    });
    return this.#embed('embedIds', job, 0, options);
  }

  /**
   * A vector for every token, which depends on the tokens around it: the model's last hidden states.
   *
   * @returns one for each text, in order.
   */
  async embedTokens(texts: readonly string[], options: CallOptions = {}): Promise<TokenEmbeddings[]> {
    const own = copyTexts('embedTokens', texts);
    this.#requireAlive();
    const hidden = this.#model.encoder.config.hiddenSize;
    const results: TokenEmbeddings[] = [];
    const encodings: Encoding[] = [];
    const maxTokens = this.#limit('embedTokens', options);
    const job = this.#job('embedTokens', own, '', options);
    try {
      await this.#scheduler.submit({
        ...job,
        route: this.#model.tokens(),
        encode: (index) => {
          const sequence = job.encode(index);
          encodings[index] = this.tokenizer.encode(this.#prepare(own[index] as string), { maxTokens });
          return sequence;
        },
        accept: (index, { numbers, begin, end }) => {
          const data = allocateStorage('float32', (end - begin) * hidden);
          data.set(numbers.subarray(begin * hidden, end * hidden));
          const dims = [end - begin, hidden];
          const vectors = Tensor.fromView({ dtype: 'float32', dims, strides: [hidden, 1], offset: 0, data });
          const { ids, tokens, offsets } = encodings[index] as Encoding;
          results[index] = { ids, tokens, offsets, vectors };
        },
      });
    } catch (error) {
      for (const result of results) result?.vectors.dispose();
      throw error;
    }
    return results;
  }

  /**
   * What every token of a text attends to, in each layer and head.
   *
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async attention(
    text: string,
    options: Pick<CallOptions, 'maxTokens' | 'truncate' | 'signal'> = {},
  ): Promise<AttentionMaps> {
    requireText('attention', text);
    this.#requireAlive();
    options.signal?.throwIfAborted();
    const maxTokens = this.#limit('attention', options);
    const { ids, tokens, offsets, truncated } = this.tokenizer.encode(this.#prepare(text), { maxTokens });
    if (truncated && options.truncate === false) throw truncatedText('attention', 0, maxTokens);
    const { numHeads } = this.#model.encoder.config;
    const count = ids.length;
    const { layers } = await this.#model.attention(ids, options.signal);
    const dims = [numHeads, count, count];
    const strides = [count * count, count, 1];
    return {
      tokens,
      offsets,
      layers: layers.map((data) => Tensor.fromView({ dtype: 'float32', dims, strides, offset: 0, data })),
    };
  }

  /**
   * The vectors of the tokens of a text in every layer of the model, to see how context forms them.
   *
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async hiddenStates(
    text: string,
    options: Pick<CallOptions, 'maxTokens' | 'truncate' | 'signal'> = {},
  ): Promise<TokenLayers> {
    requireText('hiddenStates', text);
    this.#requireAlive();
    options.signal?.throwIfAborted();
    const maxTokens = this.#limit('hiddenStates', options);
    const { ids, tokens, offsets, truncated } = this.tokenizer.encode(this.#prepare(text), { maxTokens });
    if (truncated && options.truncate === false) throw truncatedText('hiddenStates', 0, maxTokens);
    const { layers } = await this.#model.hiddenStates(ids, options.signal);
    const dims = [ids.length, this.#model.encoder.config.hiddenSize];
    return {
      ids,
      tokens,
      offsets,
      layers: layers.map((data) => Tensor.fromView({ dtype: 'float32', dims, strides: [dims[1], 1], offset: 0, data })),
    };
  }

  /**
   * The similarity of every vector of `a` with every vector of `b`, by the measure that the model was made for (mostly the
   * cosine).
   *
   * @returns float32 `[n, m]`, larger for what is more alike.
   */
  similarity(a: Tensor, b: Tensor): Tensor<'float32'> {
    return similarity(a, b, this.#config.similarity);
  }

  /** What this embedder is made of. */
  describe(): ModelSummary {
    const { config } = this.#model.encoder;
    return {
      name: this.#name,
      folder: this.#folder.path,
      type: config.modelType,
      layers: config.numLayers,
      heads: config.numHeads,
      hiddenSize: config.hiddenSize,
      dimension: this.dimension,
      maxTokens: this.maxTokens,
      vocabulary: this.tokenizer.vocabSize,
      pooling: this.#config.pooling.modes.join('+'),
      normalized: this.#config.normalize,
      weights: this.#weights,
    };
  }

  /** For consoles: what {@link describe} says. */
  [INSPECT](depth: number | null, options: InspectOptions, inspect: Inspect): string {
    return inspectFacts('TextEmbedder', { ...this.describe(), disposed: this.#disposed }, depth, options, inspect);
  }

  /** Rejects what is still being embedded and frees the model's Programs. Disposing twice does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#scheduler.dispose(() => this.#model.dispose());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs a job that fills rows of numbers, and makes a tensor of them. */
  async #collect(rows: number, columns: number, makeJob: (result: Float32Array) => Job): Promise<Tensor<'float32'>> {
    this.#requireAlive();
    const data = allocateStorage('float32', rows * columns);
    try {
      await this.#scheduler.submit(makeJob(data));
    } catch (error) {
      releaseStorage(data);
      throw error;
    }
    const view = { dtype: 'float32', dims: [rows, columns], strides: [columns, 1], offset: 0, data } as const;
    return Tensor.fromView<'float32'>(view);
  }

  /** Pools what a job encodes into one vector each. */
  #embed(
    operation: string,
    job: EncodedJob,
    promptTokens: number,
    options: Omit<EmbedOptions, 'prompt'>,
  ): Promise<Tensor<'float32'>> {
    const { dimensions = this.dimension, normalize = this.#config.normalize } = options;
    requireCount(operation, 'dimensions', dimensions, 1, this.dimension);
    const inEngine = normalize && this.#model.normalizesWhilePooling && dimensions === this.dimension;
    const width = this.dimension;
    return this.#collect(job.size, dimensions, (result) => ({
      ...job,
      route: this.#model.texts(inEngine, promptTokens),
      accept: (index, { numbers, sequence }) => {
        const vector = result.subarray(index * dimensions, (index + 1) * dimensions);
        vector.set(numbers.subarray(sequence * width, sequence * width + dimensions));
        if (normalize && !inEngine) normalizeInPlace(vector);
      },
    }));
  }

  /** What jobs on texts have in common. */
  #job(operation: string, texts: readonly string[], prompt: string, options: CallOptions): EncodedJob {
    return this.#encodedJob(operation, texts.length, options, (index, maxTokens) =>
      this.tokenizer.encodeIds(this.#prepare(prompt + texts[index]), { maxTokens }),
    );
  }

  /** What jobs of all kinds have in common: cutting, progress, cancelling. */
  #encodedJob(
    operation: string,
    size: number,
    options: CallOptions,
    encode: (index: number, maxTokens: number) => EncodedIds,
  ): EncodedJob {
    const { signal, onProgress, truncate = true } = options;
    const maxTokens = this.#limit(operation, options);
    const counts = new ReadCounts();
    return {
      size,
      signal,
      encode: (index) => {
        const { ids, truncated } = encode(index, maxTokens);
        if (truncated && !truncate) throw truncatedText(operation, index, maxTokens);
        if (truncated) counts.truncated += 1;
        counts.tokens += ids.length;
        return { ids };
      },
      onProgress: onProgress && ((done) => onProgress({ done, total: size, ...counts })),
    };
  }

  #limit(operation: string, { maxTokens = this.maxTokens }: Pick<CallOptions, 'maxTokens'>): number {
    requireCount(operation, 'maxTokens', maxTokens, 1, this.#model.encoder.config.maxTokens);
    return maxTokens;
  }

  #prepare(text: string): string {
    return this.#config.lowerCase ? text.toLowerCase() : text;
  }

  #promptText(prompt: EmbedOptions['prompt']): string {
    const wanted = prompt === undefined ? this.#config.defaultPrompt : prompt;
    if (wanted === null) return '';
    if (typeof wanted === 'object' && typeof wanted.text === 'string') return wanted.text;
    const text = typeof wanted === 'string' ? this.#config.prompts.get(wanted) : undefined;
    if (text !== undefined) return text;
    const names = [...this.#config.prompts.keys()];
    throw new ArgumentError(
      `embed: this model has no prompt ${JSON.stringify(wanted)}; it has ${names.join(', ') || 'none'}. Pass { text } for one of your own`,
    );
  }

  /** Tokens at the beginning of a text that a prompt takes up, the model's own first ones included. */
  #promptTokens(prompt: string): number {
    const { ids, specialTokensMask } = this.tokenizer.encode(this.#prepare(prompt));
    return specialTokensMask.at(-1) === 1 ? ids.length - 1 : ids.length;
  }

  #requireAlive(): void {
    if (this.#disposed) throw new DisposedError('the embedder was disposed; load it again');
  }
}

function truncatedText(operation: string, index: number, maxTokens: number): TruncatedTextError {
  return new TruncatedTextError(
    `${operation}: texts[${index}] has more than ${maxTokens} tokens; shorten it, or leave out truncate: false to have it cut`,
  );
}
