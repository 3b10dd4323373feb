import { requireCount } from '../arguments.js';
import { type CallOptions, copyTexts, type LoadOptions, requireText } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { ModelFolder } from '../io/model-folder.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { EncoderSession } from './encoder-session.js';
import { readLabels, requireScoreFunction, type ScoreFunction, scoresOf } from './labels.js';
import { readSequenceHead, requireSequenceHead } from './sequence-head.js';
import { copyPairs } from './text-session.js';

/** A document with how well it answers the query. */
export interface RankedDocument {
  /** Its place in the list that was given. */
  readonly index: number;
  readonly score: number;
  readonly document: string;
}

/** Settings of `score`. */
export interface ScoreOptions extends CallOptions {
  /** `sigmoid` gives scores from 0 to 1, `none` the model's own numbers; by default what the model's files say. */
  readonly scoreFunction?: 'sigmoid' | 'none' | undefined;
}

/** Settings of `rerank`. */
export interface RerankOptions extends ScoreOptions {
  /** Only the best so many documents; all by default. */
  readonly topK?: number | undefined;
}

/**
 * A cross-encoder: reads a query and a document together, and says how well the one answers the other. Slower than comparing
 * vectors, and better: let an embedder find a few dozen candidates, and a reranker put them in order.
 *
 * Models saved as `...ForSequenceClassification` with one label, of the families that {@link loadModel} reads, such as
 * `cross-encoder/ms-marco-MiniLM-L6-v2` (BERT) and `BAAI/bge-reranker-v2-m3` (XLM-RoBERTa).
 *
 * @example
 * const reranker = await Reranker.load('./ms-marco-MiniLM-L6-v2');
 * const [best] = await reranker.rerank('warm food', ['Tax returns', 'Lentil soup'], { topK: 1 }); // index 1
 */
export class Reranker {
  readonly #session: EncoderSession;
  readonly #scoreFunction: ScoreFunction;
  readonly #route: Route;

  private constructor(session: EncoderSession) {
    const { config, source, encoder, folder } = session;
    requireSequenceHead(config);
    const labels = readLabels(config).length;
    if (labels !== 1) {
      throw new ModelError(
        `${config.path}: a reranker has one label, this model has ${labels}; load it with TextClassifier`,
      );
    }
    this.#session = session;
    this.#scoreFunction = crossEncoderActivation(folder, config);
    this.#route = session.route(readSequenceHead(config, source, encoder.config, labels, encoder.backend));
  }

  /**
   * Loads a reranker.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: LoadOptions = {}): Promise<Reranker> {
    return new Reranker(await EncoderSession.load('Reranker.load', nameOrFolder, options));
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** A query and a document together are cut after so many tokens, special ones included: the longer of the two first. */
  get maxTokens(): number {
    return this.#session.maxTokens;
  }

  /**
   * How well each document answers a query.
   *
   * @returns one score a document, in their order.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async score(query: string, documents: readonly string[], options: ScoreOptions = {}): Promise<Float32Array> {
    requireText('score', query);
    return this.scorePairs(
      copyTexts('score', documents).map((document) => [query, document]),
      options,
    );
  }

  /**
   * How well the second text of each pair answers the first.
   *
   * @returns one score a pair, in their order.
   * @throws as {@link score}.
   */
  async scorePairs(pairs: readonly (readonly [string, string])[], options: ScoreOptions = {}): Promise<Float32Array> {
    const { scoreFunction = this.#scoreFunction } = options;
    requireScoreFunction('score', scoreFunction);
    const own = copyPairs('scorePairs', pairs);
    const scores = new Float32Array(own.length);
    await this.#session.run('score', own, options, {
      route: this.#route,
      accept: (index, { numbers, sequence }) => {
        scores[index] = numbers[sequence] as number;
      },
    });
    return scoreFunction === 'sigmoid' ? Float32Array.from(scoresOf(scores, 'sigmoid')) : scores;
  }

  /**
   * Documents by how well they answer a query, the best first; those with the same score in the order given.
   *
   * @throws as {@link score}.
   */
  async rerank(query: string, documents: readonly string[], options: RerankOptions = {}): Promise<RankedDocument[]> {
    const own = copyTexts('rerank', documents);
    const { topK = own.length } = options;
    requireCount('rerank', 'topK', topK, Math.min(1, own.length), own.length);
    const scores = await this.score(query, own, options);
    return own
      .map((document, index) => ({ index, score: scores[index] as number, document }))
      .sort((a, b) => b.score - a.score)
      .slice(0, topK);
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Activations by the last part of the Python class that the files name. */
const ACTIVATION_CLASSES: ReadonlyMap<string, ScoreFunction> = new Map([
  ['Sigmoid', 'sigmoid'],
  ['Identity', 'none'],
]);

/**
 * What sentence-transformers makes of the only logit: a sigmoid, unless a file names another activation. Three generations
 * of it named it in three places.
 */
function crossEncoderActivation(folder: ModelFolder, config: ConfigReader): ScoreFunction {
  const places: [ConfigReader | null, string][] = [
    [folder.optionalConfig('config_sentence_transformers.json'), 'activation_fn'],
    [config.section('sentence_transformers'), 'activation_fn'],
    [config, 'sbert_ce_default_activation_function'],
  ];
  for (const [reader, field] of places) {
    if (!reader?.has(field)) continue;
    const name = reader.text(field);
    const found = ACTIVATION_CLASSES.get(name.split('.').at(-1) as string);
    if (found !== undefined) return found;
    throw new ModelError(
      `${reader.path}: ${field} is "${name}"; gemmule knows ${[...ACTIVATION_CLASSES.keys()].join(', ')}`,
    );
  }
  return 'sigmoid';
}
