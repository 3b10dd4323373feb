import path from 'node:path';
import { requireCount } from '../arguments.js';
import { type Backend, defaultBackend } from '../backend/index.js';
import { recordProgram } from '../backend/recorder/recorder.js';
import { allocateStorage, releaseStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { type CallOptions, copySequences, copyTexts, type LoadOptions } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { normalizeInPlace } from '../embeddings/vectors.js';
import { ModelError } from '../errors.js';
import type { ModelFolder } from '../io/model-folder.js';
import { Embedding } from '../nn/embedding.js';
import { pool } from '../nn/functional.js';
import { addDims, SEQUENCES, TOKENS } from '../tensor/dim.js';
import type { StorageArray } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import { Tokenizer } from '../tokenizers/tokenizer.js';
import { openFolder } from './encoder-session.js';
import { type EncodedInput, TextSession } from './text-session.js';

/** Settings of `embed`. */
export interface StaticEmbedOptions extends CallOptions {
  /** Only the first so many numbers of each vector, normalised again where vectors are; all by default. */
  readonly dimensions?: number | undefined;
  /** Whether vectors are divided by their length; by default what the model's files say. */
  readonly normalize?: boolean | undefined;
}

/** Texts are cut after so many tokens where the files say nothing, as Model2Vec does it. */
const MAX_TOKENS = 512;

/** Reading more would hold up other calls; no text needs it. */
const MOST_TOKENS = 1 << 20;

/** What a static model is made of. */
interface StaticModel {
  /** `[rows, dimension]`. */
  readonly table: View;
  /** The row of each token; null where that is the token's id. */
  readonly rowOf: Int32Array | null;
  /** A token that takes no part; null for none. */
  readonly ignoredId: number | null;
  readonly normalize: boolean;
  readonly maxTokens: number;
  readonly tokenizer: Tokenizer;
}

/**
 * Texts to vectors without a transformer: the mean of a vector a token, looked up in a table. Hundreds of times as fast as an
 * encoder, and less exact: word order does not count.
 *
 * Reads folders of Model2Vec (Tulkens & van Dongen, 2024: `minishlab/potion-base-8M`) and of sentence-transformers'
 * `StaticEmbedding` (`sentence-transformers/static-retrieval-mrl-en-v1`).
 *
 * @example
 * const embedder = await StaticEmbedder.load('./potion-base-8M');
 * const vectors = await embedder.embed(['a dog in the park', 'a puppy on the grass']); // [2, 256]
 */
export class StaticEmbedder {
  /** The length of a vector. */
  readonly dimension: number;
  readonly #model: StaticModel;
  readonly #session: StaticSession;
  readonly #route: Route;

  private constructor(model: StaticModel, backend: Backend, onRun: LoadOptions['onRun']) {
    this.#model = model;
    this.dimension = model.table.dims[1] as number;
    this.#session = new StaticSession(model.tokenizer, model.maxTokens, MOST_TOKENS, onRun);
    this.#route = this.#session.route(model.table, backend);
  }

  /**
   * Loads a static model.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: Omit<LoadOptions, 'dtype'> = {}): Promise<StaticEmbedder> {
    const { backend = defaultBackend() } = options;
    const model = readStaticModel(await openFolder('StaticEmbedder.load', nameOrFolder, options));
    const maxTokens = options.maxTokens ?? model.maxTokens;
    requireCount('StaticEmbedder.load', 'maxTokens', maxTokens, 1, MOST_TOKENS);
    return new StaticEmbedder({ ...model, maxTokens }, backend, options.onRun);
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** Texts are cut after so many tokens. */
  get maxTokens(): number {
    return this.#session.maxTokens;
  }

  /**
   * The vectors of texts, in their order. One without any known token has a vector of zeros.
   *
   * @returns float32 `[texts.length, dimensions]`; dispose it when done, or leave it to the garbage collector.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async embed(texts: readonly string[], options: StaticEmbedOptions = {}): Promise<Tensor<'float32'>> {
    const own = copyTexts('embed', texts);
    return this.#embed('embed', own, options, (index, maxTokens) => {
      const { ids, truncated } = this.tokenizer.encodeIds(own[index] as string, {
        maxTokens,
        addSpecialTokens: false,
      });
      return { ids, truncated };
    });
  }

  /**
   * The vectors of texts that are tokens already.
   *
   * @param sequences - the token ids of each text, by the model's own tokenizer.
   * @returns as {@link embed}.
   * @throws as {@link embed}.
   */
  async embedIds(
    sequences: readonly ArrayLike<number>[],
    options: StaticEmbedOptions = {},
  ): Promise<Tensor<'float32'>> {
    const { rowOf, table } = this.#model;
    const own = copySequences('embedIds', sequences, rowOf?.length ?? (table.dims[0] as number));
    // Texts are only counted, since `encode` has their tokens.
    const texts = new Array<string>(own.length).fill('');
    return this.#embed('embedIds', texts, options, (index, maxTokens) => {
      const ids = own[index] as Int32Array;
      return { ids: ids.subarray(0, maxTokens), truncated: ids.length > maxTokens };
    });
  }

  async #embed(
    operation: string,
    texts: readonly string[],
    options: StaticEmbedOptions,
    encode: (index: number, maxTokens: number) => EncodedInput,
  ): Promise<Tensor<'float32'>> {
    const { dimensions = this.dimension, normalize = this.#model.normalize } = options;
    requireCount(operation, 'dimensions', dimensions, 1, this.dimension);
    const width = this.dimension;
    const data = allocateStorage('float32', texts.length * dimensions);
    try {
      await this.#session.run(operation, texts, options, {
        route: this.#route,
        encode: (index, maxTokens) => {
          const { ids, truncated } = encode(index, maxTokens);
          return { ids: this.#rowsOf(ids), truncated };
        },
        accept: (index, { numbers, sequence }) => {
          const vector = data.subarray(index * dimensions, (index + 1) * dimensions) as Float32Array;
          vector.set(numbers.subarray(sequence * width, sequence * width + dimensions));
          if (normalize) normalizeInPlace(vector);
        },
      });
    } catch (error) {
      releaseStorage(data);
      throw error;
    }
    const dims = [texts.length, dimensions];
    return Tensor.fromView<'float32'>({ dtype: 'float32', dims, strides: [dimensions, 1], offset: 0, data });
  }

  /** The rows of the table that tokens stand for. */
  #rowsOf(ids: Int32Array): Int32Array {
    const { ignoredId, rowOf } = this.#model;
    const known = ignoredId === null ? ids : ids.filter((id) => id !== ignoredId);
    return rowOf === null ? known : known.map((id) => rowOf[id] as number);
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

class StaticSession extends TextSession {
  /** Looks up and pools: `[sequences, dimension]`. */
  route(table: View, backend: Backend): Route {
    const embedding = new Embedding(table);
    const program = recordProgram({
      backend,
      inputs: {
        ids: { dtype: 'int32', dims: [TOKENS] },
        cuSeqlens: { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] },
      },
      forward: ({ ids, cuSeqlens }) => ({ result: pool(embedding.forward(ids), cuSeqlens, { mode: 'mean' }) }),
    });
    this.own(program);
    return {
      run: async ({ ids, cuSeqlens }, signal) => {
        const sizes = { tokens: ids.length, sequences: cuSeqlens.length - 1, signal };
        const { result } = await program.run({ ids, cuSeqlens }, sizes);
        return result as Float32Array;
      },
    };
  }
}

/** Where the newer sentence-transformers put the module with the table, and Model2Vec, at the top. */
const MODULE_FOLDERS = ['', '0_StaticEmbedding'];

function readStaticModel(folder: ModelFolder): StaticModel {
  const config = folder.optionalConfig('config.json');
  for (const inside of MODULE_FOLDERS) {
    if (!folder.has(path.join(inside, 'model.safetensors'))) continue;
    const source = folder.weights(inside);
    const isModel2Vec = source.has('embeddings');
    const name = isModel2Vec ? 'embeddings' : 'embedding.weight';
    if (!source.has(name)) continue;
    const tokenizer = Tokenizer.fromFolder(folder.file(folder.has('tokenizer.json') ? '' : inside));
    const table = source.view(name);
    if (table.dims.length !== 2 || !/^b?float/.test(table.dtype)) {
      throw new ModelError(
        `${source.path}: tensor ${name} must be a matrix of F32, F16, BF16 or F64, got ${source.entry(name).storedDType} with ${table.dims.length} axes`,
      );
    }
    const rowOf = source.has('mapping') ? integersOf(source.view('mapping'), source.path) : null;
    const [rows] = table.dims as [number, number];
    const wrong = rowOf?.findIndex((row) => !(row >= 0 && row < rows)) ?? -1;
    const tokens = rowOf === null ? rows : rowOf.length;
    if (wrong >= 0 || tokens < tokenizer.vocabSize) {
      throw new ModelError(
        `${source.path}: the tokenizer has ${tokenizer.vocabSize} tokens, and the model vectors of ${wrong >= 0 ? wrong : tokens}; they do not belong together`,
      );
    }
    return {
      tokenizer,
      // With weights, tokens have rows of their own.
      rowOf: source.has('weights') ? null : rowOf,
      table: source.has('weights') ? weighted(table, source.view('weights'), rowOf, source.path) : table,
      // Model2Vec leaves out what it does not know; sentence-transformers counts it.
      ignoredId: isModel2Vec ? tokenizer.unknownId : null,
      normalize: config?.flag('normalize', { fallback: false }) || hasNormalizeModule(folder),
      maxTokens: config?.integer('max_length', { fallback: MAX_TOKENS }) ?? (isModel2Vec ? MAX_TOKENS : MOST_TOKENS),
    };
  }
  throw new ModelError(
    `${folder.path} has no static model: neither a tensor embeddings (Model2Vec) nor embedding.weight (StaticEmbedding) in model.safetensors; load encoders with TextEmbedder`,
  );
}

function hasNormalizeModule(folder: ModelFolder): boolean {
  if (!folder.has('modules.json')) return false;
  const modules = folder.json('modules.json');
  return Array.isArray(modules) && modules.some((module) => String(module?.type).endsWith('Normalize'));
}

function integersOf(view: View, file: string): Int32Array {
  if (view.dims.length !== 1 || view.dtype !== 'int32') {
    throw new ModelError(`${file}: tensor mapping must be I32 with one axis, got ${view.dtype}`);
  }
  return Tensor.fromView(view).toTypedArray() as Int32Array;
}

/** The table with every row multiplied by its token's weight; a row a token, where tokens share rows. */
function weighted(table: View, weights: View, rowOf: Int32Array | null, file: string): View {
  const count = weights.dims[0] as number;
  if (weights.dims.length !== 1 || count !== (rowOf?.length ?? table.dims[0])) {
    throw new ModelError(`${file}: there must be a weight a token, got ${count} of them`);
  }
  using rows = Tensor.fromView(table).to('float32');
  using column = Tensor.fromView(weights).to('float32').unsqueeze(1);
  if (rowOf === null) return rows.multiply(column);
  using index = Tensor.fromView<'int32'>({
    dtype: 'int32',
    dims: [rowOf.length],
    strides: [1],
    offset: 0,
    data: rowOf as StorageArray,
  });
  using all = rows.take(index, 0);
  return all.multiply(column);
}
