import { type CallOptions, copyTexts, type LoadOptions } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { ArgumentError } from '../errors.js';
import { Weights } from '../models/weights.js';
import { Linear } from '../nn/linear.js';
import type { Encoding, Tokenizer } from '../tokenizers/tokenizer.js';
import { EncoderSession, type HeadForward } from './encoder-session.js';
import { AGGREGATIONS, type Aggregation, type Entity, entitiesOf, type ScoredPiece } from './entities.js';
import { readLabels, scoresOf } from './labels.js';
import { readPredictionHead, requireArchitecture } from './sequence-head.js';

/** Settings of `classify`. */
export interface TokenClassifyOptions extends CallOptions {
  /**
   * What becomes of neighbours: `none` gives every token by itself; `simple` (the default) joins neighbours with one label;
   * `first`, `average` and `max` first give each word the label of its first token, of the mean, or of its surest token.
   */
  readonly aggregation?: Aggregation | undefined;
  /** Labels to leave out; `O` by default. */
  readonly ignoreLabels?: readonly string[] | undefined;
}

/**
 * Labels of parts of a text, such as names of people and places: models saved by Hugging Face's transformers as
 * `...ForTokenClassification`, of the families that {@link loadModel} reads.
 *
 * @example
 * const classifier = await TokenClassifier.load('./bert-base-NER');
 * const [entities] = await classifier.classify(['Ada Lovelace lived in London.']);
 * // [{ label: 'PER', text: 'Ada Lovelace', start: 0, end: 12, score: ... }, { label: 'LOC', text: 'London', ... }]
 */
export class TokenClassifier {
  /** In the order of the model's outputs. */
  readonly labels: readonly string[];
  readonly #session: EncoderSession;
  readonly #route: Route;

  private constructor(session: EncoderSession) {
    requireArchitecture(session.config, 'ForTokenClassification', 'a head that classifies tokens');
    this.labels = readLabels(session.config);
    this.#session = session;
    this.#route = session.route(readTokenHead(session, this.labels.length));
  }

  /**
   * Loads a classifier of tokens.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: LoadOptions = {}): Promise<TokenClassifier> {
    return new TokenClassifier(await EncoderSession.load('TokenClassifier.load', nameOrFolder, options));
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** Texts are cut after so many tokens, special ones included. */
  get maxTokens(): number {
    return this.#session.maxTokens;
  }

  /**
   * The entities of texts. What is cut off has none.
   *
   * @returns for each text, in order, its entities as they follow each other.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async classify(texts: readonly string[], options: TokenClassifyOptions = {}): Promise<Entity[][]> {
    const own = copyTexts('classify', texts);
    const { aggregation = 'simple', ignoreLabels = ['O'] } = options;
    if (!AGGREGATIONS.includes(aggregation)) {
      throw new ArgumentError(
        `classify: aggregation must be one of ${AGGREGATIONS.join(', ')}, got ${String(aggregation)}`,
      );
    }
    const count = this.labels.length;
    const encodings: Encoding[] = new Array(own.length);
    const results: Entity[][] = new Array(own.length);
    await this.#session.run('classify', own, options, {
      route: this.#route,
      encode: (index, maxTokens) => {
        const encoding = this.tokenizer.encode(own[index] as string, { maxTokens });
        encodings[index] = encoding;
        return { ids: encoding.ids, truncated: encoding.truncated };
      },
      accept: (index, { numbers, begin, end }) => {
        const text = own[index] as string;
        const logits = numbers.subarray(begin * count, end * count);
        const pieces = this.#piecesOf(text, encodings[index] as Encoding, logits);
        delete encodings[index];
        results[index] = entitiesOf(text, pieces, this.labels, aggregation).filter(
          ({ label }) => !ignoreLabels.includes(label),
        );
      },
    });
    return results;
  }

  #piecesOf(text: string, { ids, tokens, offsets, specialTokensMask }: Encoding, logits: Float32Array): ScoredPiece[] {
    const count = this.labels.length;
    const prefix = this.tokenizer.continuingPrefix;
    const unknown = this.tokenizer.unknownId;
    const pieces: ScoredPiece[] = [];
    for (const [token, [start, end]] of offsets.entries()) {
      if (specialTokensMask[token] === 1) continue;
      // Where tokens do not tell, words end at spaces.
      const continues =
        prefix === null
          ? start > 0 && !text.slice(start - 1, start + 1).includes(' ')
          : (tokens[token] as string).startsWith(prefix);
      pieces.push({
        scores: Float64Array.from(scoresOf(logits.subarray(token * count, (token + 1) * count), 'softmax')),
        start,
        end,
        isContinuation: continues && ids[token] !== unknown,
      });
    }
    return pieces;
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** From hidden states to the logits of every token, float32 `[tokens, labels]`. */
function readTokenHead({ config, source, encoder }: EncoderSession, labels: number): HeadForward {
  const hidden = encoder.config.hiddenSize;
  const weights = Weights.locate(source, 'classifier.weight', '');
  const output = new Linear(weights.linear('classifier', labels, hidden), { backend: encoder.backend });
  if (encoder.config.modelType !== 'modernbert') return (states) => output.forward(states);
  const { dense, activation, norm } = readPredictionHead(config, weights, hidden);
  const denseLayer = new Linear(dense, { backend: encoder.backend });
  return (states) => output.forward(norm.forward(denseLayer.forward(states, { activation })));
}
