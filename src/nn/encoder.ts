import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import type { Tensor } from '../tensor/tensor.js';
import { type AttentionProbe, MultiHeadAttention, type MultiHeadAttentionParameters } from './attention.js';
import { FeedForward, type FeedForwardParameters } from './feed-forward.js';
import type { AttentionBatch } from './functional.js';
import { LayerNorm, type LayerNormParameters } from './layer-norm.js';
import type { WeightOptions } from './linear.js';

/** The numbers of an encoder layer. */
export interface EncoderLayerParameters {
  readonly attention: MultiHeadAttentionParameters;
  /** Null for none: the first layer of a ModernBERT. */
  readonly attentionNorm: LayerNormParameters | null;
  readonly feedForward: FeedForwardParameters;
  readonly outputNorm: LayerNormParameters;
  /** Whether blocks normalise what they give (`after`, the default), or what they read (`before`). */
  readonly normalizes?: 'after' | 'before' | undefined;
}

/** What the two blocks of a layer read, `[tokens, hidden]` each. */
export interface BlockInputs {
  readonly attention: Tensor<'float32'>;
  readonly feedForward: Tensor<'float32'>;
}

/** What a layer is asked for besides its result. */
export interface EncoderLayerProbe extends AttentionProbe {
  readonly onBlocks?: ((inputs: BlockInputs) => void) | undefined;
}

/** What layers are told of a batch besides where its sequences begin. */
export interface EncoderOptions extends AttentionBatch {
  /** int32 `[tokens]`: where in its sequence each token stands; needed where attention turns by position. */
  readonly positions?: View | undefined;
}

/**
 * A transformer encoder layer. It normalises after each block, as the paper and BERT do (Devlin et al., arXiv:1810.04805):
 * `h = norm(x + attention(x))`, then `norm(h + feedForward(h))`; or before each (Xiong et al., arXiv:2002.04745):
 * `h = x + attention(norm(x))`, then `h + feedForward(norm(h))`.
 */
export class EncoderLayer {
  readonly #attention: MultiHeadAttention;
  readonly #attentionNorm: LayerNorm | null;
  readonly #feedForward: FeedForward;
  readonly #outputNorm: LayerNorm;
  readonly #normalizesBefore: boolean;

  constructor(parameters: EncoderLayerParameters, options: WeightOptions = {}) {
    this.#attention = new MultiHeadAttention(parameters.attention, options);
    this.#attentionNorm = parameters.attentionNorm && new LayerNorm(parameters.attentionNorm);
    this.#feedForward = new FeedForward(parameters.feedForward, options);
    this.#outputNorm = new LayerNorm(parameters.outputNorm);
    this.#normalizesBefore = parameters.normalizes === 'before';
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param cuSeqlens - int32 `[sequences + 1]`.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: Tensor<'float32'>, cuSeqlens: View, options: EncoderLayerProbe & EncoderOptions = {}): Tensor<'float32'> {
    return this.#normalizesBefore
      ? this.#forwardPreNorm(x, cuSeqlens, options)
      : this.#forwardPostNorm(x, cuSeqlens, options);
  }

  #forwardPreNorm(
    x: Tensor<'float32'>,
    cuSeqlens: View,
    options: EncoderLayerProbe & EncoderOptions,
  ): Tensor<'float32'> {
    const attentionInput = withScope('attention.norm', () => this.#attentionNorm?.forward(x) ?? x);
    const attended = withScope('attention', () =>
      this.#attention.forward(attentionInput, cuSeqlens, { ...options, residual: x }),
    );
    const feedForwardInput = withScope('feedForward.norm', () => this.#outputNorm.forward(attended));
    options.onBlocks?.({ attention: attentionInput, feedForward: feedForwardInput });
    return withScope('feedForward', () => this.#feedForward.forward(feedForwardInput, { residual: attended }));
  }

  #forwardPostNorm(
    x: Tensor<'float32'>,
    cuSeqlens: View,
    options: EncoderLayerProbe & EncoderOptions,
  ): Tensor<'float32'> {
    const attended = withScope('attention', () => {
      const sum = this.#attention.forward(x, cuSeqlens, { ...options, residual: x });
      return withScope('norm', () => this.#attentionNorm?.forward(sum) ?? sum);
    });
    options.onBlocks?.({ attention: x, feedForward: attended });
    return withScope('feedForward', () => {
      const sum = this.#feedForward.forward(attended, { residual: attended });
      return withScope('norm', () => this.#outputNorm.forward(sum));
    });
  }
}

/** What a stack is asked for besides its result. */
export interface EncoderProbe {
  /** Called with what the first layer reads, `[tokens, hidden]`. */
  readonly onEmbeddings?: ((hidden: Tensor<'float32'>) => void) | undefined;
  /** Called with the output `[tokens, hidden]` of each layer. */
  readonly onLayer?: ((hidden: Tensor<'float32'>, layer: number) => void) | undefined;
  /** Called with the attention weights `[numHeads * tokens, tokens]` of each layer; needs a batch of one sequence. */
  readonly onWeights?: ((weights: Tensor<'float32'>, layer: number) => void) | undefined;
  /** Called with what the blocks of each layer read. */
  readonly onBlocks?: ((inputs: BlockInputs, layer: number) => void) | undefined;
}

/** Encoder layers one after another. */
export class Encoder {
  /** @param layers - in order; none is the identity. */
  constructor(readonly layers: readonly EncoderLayer[]) {}

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param cuSeqlens - int32 `[sequences + 1]`.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: Tensor<'float32'>, cuSeqlens: View, options: EncoderProbe & EncoderOptions = {}): Tensor<'float32'> {
    const { onEmbeddings, onLayer, onWeights, onBlocks, positions, keyCounts } = options;
    let hidden = x;
    onEmbeddings?.(hidden);
    for (const [index, layer] of this.layers.entries()) {
      hidden = withScope(`layer.${index}`, () =>
        layer.forward(hidden, cuSeqlens, {
          positions,
          keyCounts,
          onWeights: onWeights && ((weights) => onWeights(weights, index)),
          onBlocks: onBlocks && ((inputs) => onBlocks(inputs, index)),
        }),
      );
      onLayer?.(hidden, index);
    }
    return hidden;
  }
}
