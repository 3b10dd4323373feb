import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import type { Tensor } from '../tensor/tensor.js';
import { type AttentionProbe, MultiHeadAttention, type MultiHeadAttentionParameters } from './attention.js';
import { FeedForward, type FeedForwardParameters } from './feed-forward.js';
import { LayerNorm, type LayerNormParameters } from './layer-norm.js';
import type { WeightOptions } from './linear.js';

/** The numbers of an encoder layer. */
export interface EncoderLayerParameters {
  readonly attention: MultiHeadAttentionParameters;
  readonly attentionNorm: LayerNormParameters;
  readonly feedForward: FeedForwardParameters;
  readonly outputNorm: LayerNormParameters;
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

/**
 * A transformer encoder layer that normalises after each block, as the paper and BERT do (Devlin et al., arXiv:1810.04805):
 * `h = norm(x + attention(x))`, then `norm(h + feedForward(h))`.
 */
export class EncoderLayer {
  readonly #attention: MultiHeadAttention;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForward: FeedForward;
  readonly #outputNorm: LayerNorm;

  constructor(parameters: EncoderLayerParameters, options: WeightOptions = {}) {
    this.#attention = new MultiHeadAttention(parameters.attention, options);
    this.#attentionNorm = new LayerNorm(parameters.attentionNorm);
    this.#feedForward = new FeedForward(parameters.feedForward, options);
    this.#outputNorm = new LayerNorm(parameters.outputNorm);
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param cuSeqlens - int32 `[sequences + 1]`.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: Tensor<'float32'>, cuSeqlens: View, probe: EncoderLayerProbe = {}): Tensor<'float32'> {
    const attended = withScope('attention', () => {
      const sum = this.#attention.forward(x, cuSeqlens, { ...probe, residual: x });
      return withScope('norm', () => this.#attentionNorm.forward(sum));
    });
    probe.onBlocks?.({ attention: x, feedForward: attended });
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
  forward(x: Tensor<'float32'>, cuSeqlens: View, probe: EncoderProbe = {}): Tensor<'float32'> {
    const { onEmbeddings, onLayer, onWeights, onBlocks } = probe;
    let hidden = x;
    onEmbeddings?.(hidden);
    for (const [index, layer] of this.layers.entries()) {
      hidden = withScope(`layer.${index}`, () =>
        layer.forward(hidden, cuSeqlens, {
          onWeights: onWeights && ((weights) => onWeights(weights, index)),
          onBlocks: onBlocks && ((inputs) => onBlocks(inputs, index)),
        }),
      );
      onLayer?.(hidden, index);
    }
    return hidden;
  }
}
