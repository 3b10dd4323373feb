import type { Backend } from '../backend/index.js';
import { withScope } from '../backend/scope.js';
import type { PackFormat, View } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import { Embedding } from '../nn/embedding.js';
import { Encoder, EncoderLayer, type EncoderLayerParameters, type EncoderProbe } from '../nn/encoder.js';
import { embeddingSum } from '../nn/functional.js';
import { LayerNorm, type LayerNormParameters } from '../nn/layer-norm.js';
import type { WeightOptions } from '../nn/linear.js';
import type { Tensor } from '../tensor/tensor.js';

/** The shape of a model, as its config gives it. */
export interface EncoderConfig {
  /** The family: `bert`, `distilbert`, `roberta`, `xlm-roberta`, `mpnet`, `modernbert` or `nomic_bert`. */
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** The most tokens that a text may have, special ones included. */
  readonly maxTokens: number;
  /**
   * How positions are numbered. null: 0, 1, 2, ... A number p: from p + 1 on, and every token whose id is p itself has
   * position p and is not counted, as in RoBERTa.
   */
  readonly paddingIndex: number | null;
}

/** The numbers of a model. */
export interface EncoderModelParameters {
  readonly config: EncoderConfig;
  /** `[vocabSize, hidden]`. */
  readonly wordTable: View;
  /** `[types, hidden]`, or null for a family without. */
  readonly typeTable: View | null;
  /** `[positions, hidden]`, or null for a family whose attention turns by position instead. */
  readonly positionTable: View | null;
  readonly embeddingNorm: LayerNormParameters;
  readonly layers: readonly EncoderLayerParameters[];
  /** Behind the last layer; none by default. */
  readonly finalNorm?: LayerNormParameters | undefined;
}

/** A batch of sequences, unpadded: the tokens of all of them, one after another. */
export interface EncoderInputs {
  /** int32 `[tokens]`. */
  readonly ids: View;
  /** int32 `[tokens]`, from {@link EncoderModel.positions}. */
  readonly positions: View;
  /** int32 `[sequences + 1]`: where each sequence begins, from 0 to tokens. */
  readonly cuSeqlens: View;
  /** int32 `[tokens]`: which of two texts of a pair a token is of; all 0 by default. */
  readonly typeIds?: View | undefined;
  /** int32 `[sequences]`: how many tokens of each sequence, counted from its first, may be seen; all by default. */
  readonly keyCounts?: View | undefined;
}

/** An encoder of the BERT family: token ids in, one contextual vector a token out. */
export class EncoderModel {
  readonly config: EncoderConfig;
  /** How many token types there are; 0 for a family without. */
  readonly tokenTypes: number;
  /** What the weights are packed for, and `forward` has to run on. */
  readonly backend: Backend;
  /** The form that the weights of linear layers are kept in. */
  readonly weightFormat: PackFormat;
  readonly #words: Embedding;
  readonly #types: Embedding | null;
  readonly #positions: Embedding | null;
  readonly #embeddingNorm: LayerNorm;
  readonly #encoder: Encoder;
  readonly #finalNorm: LayerNorm | null;

  constructor(parameters: EncoderModelParameters, options: WeightOptions & { readonly backend: Backend }) {
    this.config = parameters.config;
    this.tokenTypes = parameters.typeTable === null ? 0 : (parameters.typeTable.dims[0] as number);
    this.backend = options.backend;
    this.weightFormat = options.weightFormat ?? 'float32';
    this.#words = new Embedding(parameters.wordTable);
    this.#types = parameters.typeTable && new Embedding(parameters.typeTable);
    this.#positions = parameters.positionTable && new Embedding(parameters.positionTable);
    this.#embeddingNorm = new LayerNorm(parameters.embeddingNorm);
    this.#encoder = new Encoder(parameters.layers.map((layer) => new EncoderLayer(layer, options)));
    this.#finalNorm = parameters.finalNorm === undefined ? null : new LayerNorm(parameters.finalNorm);
  }

  /**
   * The hidden states of the last layer. Runs eagerly, or while a Program is being recorded.
   *
   * @param probe - `onLayer` and `onWeights` are called with what happens in between; layer 0 is the first after the
   *   embeddings.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(inputs: EncoderInputs, probe: EncoderProbe = {}): Tensor<'float32'> {
    const embedded = withScope('embeddings', () => this.#embed(inputs));
    const { positions, cuSeqlens, keyCounts } = inputs;
    const encoded = withScope('encoder', () =>
      this.#encoder.forward(embedded, cuSeqlens, { ...probe, positions, keyCounts }),
    );
    return withScope('norm', () => this.#finalNorm?.forward(encoded) ?? encoded);
  }

  /** The hidden states before the first layer, float32 `[tokens, hidden]`. */
  #embed({ ids, positions, typeIds }: EncoderInputs): Tensor<'float32'> {
    const lookups = [{ ids, table: this.#words.table }];
    // In the order in which Hugging Face's code adds them, so that sums round alike.
    if (this.#types !== null) lookups.push({ ids: typeIds ?? zerosLike(ids), table: this.#types.table });
    if (this.#positions !== null) lookups.push({ ids: positions, table: this.#positions.table });
    return embeddingSum(lookups, this.#embeddingNorm);
  }

  /**
   * The position of every token of a batch, for {@link forward}.
   *
   * @param ids - the token ids of all sequences, one after another.
   * @param cuSeqlens - where each sequence begins, from 0 to `ids.length`.
   * @throws ArgumentError when a sequence has more than `config.maxTokens` tokens.
   */
  positions(ids: Int32Array, cuSeqlens: Int32Array): Int32Array {
    const { paddingIndex, maxTokens } = this.config;
    const positions = new Int32Array(ids.length);
    for (let sequence = 0; sequence + 1 < cuSeqlens.length; sequence++) {
      const [begin, end] = [cuSeqlens[sequence], cuSeqlens[sequence + 1]];
      if (end - begin > maxTokens) {
        throw new ArgumentError(
          `positions: sequence ${sequence} has ${end - begin} tokens, the model reads at most ${maxTokens}; cut it`,
        );
      }
      let position = paddingIndex === null ? 0 : paddingIndex + 1;
      for (let token = begin; token < end; token++) {
        positions[token] = ids[token] === paddingIndex ? paddingIndex : position++;
      }
    }
    return positions;
  }
}

/** A vector of zeros as long as `ids` that takes no memory, also while recording, when the length is not known yet. */
function zerosLike(ids: View): View {
  return { dtype: 'int32', dims: ids.dims, strides: [0], offset: 0, data: new Int32Array(1) };
}
