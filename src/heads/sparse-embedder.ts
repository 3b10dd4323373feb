import path from 'node:path';
import { requireCount } from '../arguments.js';
import { type CallOptions, copyTexts, type LoadOptions } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { ArgumentError, FormatError, ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import type { ModelFolder } from '../io/model-folder.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { EncoderSession, openFolder } from './encoder-session.js';
import { readVocabularyHead, type SparsePooling } from './vocabulary-head.js';

/** A vector of which most numbers are zero: the others, with where they stand. */
export interface SparseVector {
  /** Rising: the ids of tokens. */
  readonly indices: Int32Array;
  /** Above zero: how much each token matters. */
  readonly values: Float32Array;
}

/** A token with how much it matters. */
export interface WeightedToken {
  readonly token: string;
  readonly weight: number;
}

/** Settings of `embed`. */
export interface SparseEmbedOptions extends CallOptions {
  /** Only the greatest so many numbers of each vector; all by default. */
  readonly topK?: number | undefined;
}

/**
 * Texts to sparse vectors over the vocabulary (SPLADE: Formal et al., arXiv:2109.10086): each token of the vocabulary with how
 * much it matters to the text, whether it stands there or not. What inverted indexes search, and people can read.
 *
 * Models saved as `...ForMaskedLM`, of the families that {@link loadModel} reads, with what sentence-transformers' files say of
 * the pooling; such as `naver/splade-cocondenser-ensembledistil` and `prithivida/Splade_PP_en_v2`.
 *
 * @example
 * const embedder = await SparseEmbedder.load('./splade-v3');
 * const [vector] = await embedder.embed(['how to reset a password']);
 * embedder.tokens(vector); // [{ token: 'password', weight: 2.6 }, { token: 'reset', weight: 2.4 }, ...]
 */
export class SparseEmbedder {
  /** The length of a vector: the number of tokens in the vocabulary. */
  readonly dimension: number;
  readonly #session: EncoderSession;
  readonly #pooling: SparsePooling;
  readonly #route: Route;

  private constructor(session: EncoderSession, pooling: SparsePooling) {
    this.#session = session;
    this.#pooling = pooling;
    this.dimension = session.encoder.config.vocabSize;
    this.#route = session.route(readVocabularyHead(session, pooling));
  }

  /**
   * Loads a model.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: LoadOptions = {}): Promise<SparseEmbedder> {
    const operation = 'SparseEmbedder.load';
    const opened = await openFolder(operation, nameOrFolder, options);
    const pooling = readSparsePooling(opened);
    return new SparseEmbedder(await EncoderSession.open(operation, opened, options), pooling);
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** Texts are cut after so many tokens, special ones included. */
  get maxTokens(): number {
    return this.#session.maxTokens;
  }

  /**
   * The vectors of texts, in their order.
   *
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async embed(texts: readonly string[], options: SparseEmbedOptions = {}): Promise<SparseVector[]> {
    const own = copyTexts('embed', texts);
    const { topK = this.dimension } = options;
    requireCount('embed', 'topK', topK, 1, this.dimension);
    const results: SparseVector[] = new Array(own.length);
    await this.#session.run('embed', own, options, {
      route: this.#route,
      accept: (index, { numbers, sequence, begin, end }) => {
        const row = numbers.subarray(sequence * this.dimension, (sequence + 1) * this.dimension);
        results[index] = greatest(this.#sparse(row, end - begin), topK);
      },
    });
    return results;
  }

  /** What is above zero of a pooled row. */
  #sparse(row: Float32Array, tokens: number): SparseVector {
    const indices: number[] = [];
    const values: number[] = [];
    for (const [index, pooled] of row.entries()) {
      // NaN is kept, so that a broken model shows.
      if (pooled <= 0) continue;
      indices.push(index);
      values.push(this.#pooling.strategy === 'sum' ? pooled * tokens : saturated(pooled, this.#pooling));
    }
    return { indices: Int32Array.from(indices), values: Float32Array.from(values) };
  }

  /** The tokens of a vector, those that matter most first. */
  tokens(vector: SparseVector): WeightedToken[] {
    return Array.from(vector.indices, (id, place) => ({
      token: this.tokenizer.idToToken(id) ?? `#${id}`,
      weight: vector.values[place] as number,
    })).sort((a, b) => b.weight - a.weight);
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** What SPLADE makes of a logit: large ones count little more than others. */
function saturated(logit: number, { isTwice }: SparsePooling): number {
  const once = Math.log1p(logit);
  return isTwice ? Math.log1p(once) : once;
}

function greatest({ indices, values }: SparseVector, count: number): SparseVector {
  if (indices.length <= count) return { indices, values };
  const places = Array.from(values.keys())
    .sort((a, b) => (values[b] as number) - (values[a] as number) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
  return {
    indices: Int32Array.from(places, (place) => indices[place] as number),
    values: Float32Array.from(places, (place) => values[place] as number),
  };
}

/**
 * The similarity of two sparse vectors: the sum of products where both have a number.
 *
 * @throws ArgumentError when indices do not rise.
 */
export function sparseDot(a: SparseVector, b: SparseVector): number {
  for (const [name, { indices }] of [['a', a] as const, ['b', b] as const]) {
    const wrong = indices.findIndex((index, place) => place > 0 && index <= (indices[place - 1] as number));
    if (wrong >= 0) throw new ArgumentError(`sparseDot: the indices of ${name} must rise, but not at place ${wrong}`);
  }
  let [sum, left, right] = [0, 0, 0];
  while (left < a.indices.length && right < b.indices.length) {
    const difference = (a.indices[left] as number) - (b.indices[right] as number);
    if (difference === 0) sum += (a.values[left] as number) * (b.values[right] as number);
    if (difference <= 0) left += 1;
    if (difference >= 0) right += 1;
  }
  return sum;
}

/** What the modules of sentence-transformers say of pooling; a folder without them pools by maximum. */
function readSparsePooling(folder: ModelFolder): SparsePooling {
  const file = 'modules.json';
  if (!folder.has(file)) return { strategy: 'max', isTwice: false };
  const where = folder.file(file);
  const list = folder.json(file);
  if (!Array.isArray(list)) throw new FormatError(`${where} must hold an array of modules`);
  const modules = list.map((value, index) => new ConfigReader(`${where}: module ${index}`, value));
  const kinds = modules.map((module) => module.text('type').split('.').at(-1) as string);
  if (!/^(MLMTransformer|Transformer),SpladePooling$/.test(kinds.join(','))) {
    throw new ModelError(
      `${where} lists ${kinds.join(', ') || 'nothing'}; a sparse embedder has MLMTransformer and SpladePooling`,
    );
  }
  const inside = modules[1].text('path', { fallback: '' });
  if (path.isAbsolute(inside) || inside.split(/[\\/]/).includes('..')) {
    throw new FormatError(
      `${where}: the path of a module must lie in the model's folder, got ${JSON.stringify(inside)}`,
    );
  }
  const config = folder.config(path.join(inside, 'config.json'));
  const strategy = config.text('pooling_strategy', { fallback: 'max' });
  const activation = config.text('activation_function', { fallback: 'relu' });
  if ((strategy !== 'max' && strategy !== 'sum') || (activation !== 'relu' && activation !== 'log1p_relu')) {
    throw new ModelError(
      `${config.path}: gemmule pools by max or sum, of relu or log1p_relu; got "${strategy}" of "${activation}"`,
    );
  }
  return { strategy, isTwice: activation === 'log1p_relu' };
}
