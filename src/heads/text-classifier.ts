import { requireCount } from '../arguments.js';
import type { CallOptions, LoadOptions } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { EncoderSession } from './encoder-session.js';
import { defaultScoreFunction, readLabels, requireScoreFunction, type ScoreFunction, scoresOf } from './labels.js';
import { readSequenceHead } from './sequence-head.js';
import { copyInputs, type TextInput } from './text-session.js';

/** A label with how well it fits. */
export interface Classification {
  readonly label: string;
  readonly score: number;
}

/** Settings of `classify`. */
export interface ClassifyOptions extends CallOptions {
  /** Only the best so many labels; all by default. */
  readonly topK?: number | undefined;
  /** What becomes of the model's numbers; by default what its config says: `sigmoid` for several labels at once, else `softmax`. */
  readonly scoreFunction?: ScoreFunction | undefined;
}

/**
 * Texts, or pairs of texts, to labels: models saved by Hugging Face's transformers as `...ForSequenceClassification`, of the
 * families that {@link loadModel} reads.
 *
 * @example
 * const classifier = await TextClassifier.load('./distilbert-sst2');
 * const [best] = (await classifier.classify(['I love this'], { topK: 1 }))[0]; // { label: 'POSITIVE', score: 0.999 }
 */
export class TextClassifier {
  /** In the order of the model's outputs. */
  readonly labels: readonly string[];
  readonly #session: EncoderSession;
  readonly #scoreFunction: ScoreFunction;
  readonly #route: Route;

  private constructor(session: EncoderSession) {
    const { config, source, encoder } = session;
    this.labels = readLabels(config);
    this.#session = session;
    this.#scoreFunction = defaultScoreFunction(config, this.labels.length);
    this.#route = session.route(readSequenceHead(config, source, encoder.config, this.labels.length, encoder.backend));
  }

  /**
   * Loads a classifier.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: LoadOptions = {}): Promise<TextClassifier> {
    return new TextClassifier(await EncoderSession.load('TextClassifier.load', nameOrFolder, options));
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** Texts are cut after so many tokens, special ones included. */
  get maxTokens(): number {
    return this.#session.maxTokens;
  }

  /**
   * The labels of texts.
   *
   * @param inputs - texts, or pairs of texts that the model reads together.
   * @returns for each input, in order, its labels, the best first.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async classify(inputs: readonly TextInput[], options: ClassifyOptions = {}): Promise<Classification[][]> {
    const { topK = this.labels.length, scoreFunction = this.#scoreFunction } = options;
    requireCount('classify', 'topK', topK, 1, this.labels.length);
    requireScoreFunction('classify', scoreFunction);
    const logits = await this.logits(inputs, options);
    return logits.map((values) =>
      scoresOf(values, scoreFunction)
        .map((score, index) => ({ label: this.labels[index] as string, score }))
        .sort((a, b) => b.score - a.score)
        .slice(0, topK),
    );
  }

  /**
   * The numbers that scores are made of.
   *
   * @returns for each input, in order, one number a label.
   * @throws as {@link classify}.
   */
  async logits(inputs: readonly TextInput[], options: CallOptions = {}): Promise<Float32Array[]> {
    const own = copyInputs('classify', inputs);
    const count = this.labels.length;
    const results: Float32Array[] = new Array(own.length);
    await this.#session.run('classify', own, options, {
      route: this.#route,
      accept: (index, { numbers, sequence }) => {
        results[index] = numbers.slice(sequence * count, (sequence + 1) * count);
      },
    });
    return results;
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
