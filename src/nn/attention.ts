import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { type AttentionOptions, attention, attentionWeights, splitColumns } from './functional.js';
import { Linear, type LinearParameters, type WeightOptions } from './linear.js';

/** The numbers of multi-head attention. Query, key and value are `[hidden, hidden]` each. */
export interface MultiHeadAttentionParameters extends AttentionOptions {
  readonly query: LinearParameters;
  readonly key: LinearParameters;
  readonly value: LinearParameters;
  readonly output: LinearParameters;
}

/** What a forward pass is asked for besides its result. */
export interface AttentionProbe {
  /** Called with the weights `[numHeads * tokens, tokens]` of the batch's only sequence. */
  readonly onWeights?: ((weights: Tensor<'float32'>) => void) | undefined;
}

/**
 * Multi-head self-attention (Vaswani et al., arXiv:1706.03762) over a packed batch. Query, key and value come from one fused
 * product, and attention reads its three parts in place.
 */
export class MultiHeadAttention {
  readonly #qkv: Linear;
  readonly #output: Linear;
  readonly #options: AttentionOptions;

  constructor(parameters: MultiHeadAttentionParameters, options: WeightOptions = {}) {
    const { query, key, value, output, ...attentionOptions } = parameters;
    this.#qkv = Linear.fused([query, key, value], options);
    this.#output = new Linear(output, options);
    this.#options = attentionOptions;
    const { inFeatures: hidden, outFeatures } = this.#qkv;
    if (outFeatures !== 3 * hidden || this.#output.inFeatures !== hidden || this.#output.outFeatures !== hidden) {
      throw new ShapeError(
        `MultiHeadAttention: query, key, value and output must be [hidden, hidden], got ${outFeatures} rows of query, key and value, and output [${this.#output.outFeatures}, ${this.#output.inFeatures}], for hidden ${hidden}`,
      );
    }
    if (hidden % attentionOptions.numHeads !== 0) {
      throw new ShapeError(
        `MultiHeadAttention: hidden size ${hidden} is not a multiple of numHeads ${attentionOptions.numHeads}`,
      );
    }
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param cuSeqlens - int32 `[sequences + 1]`.
   * @param options.residual - float32 `[tokens, hidden]`, added to the result; none by default.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(
    x: View,
    cuSeqlens: View,
    options: AttentionProbe & { readonly residual?: View | undefined } = {},
  ): Tensor<'float32'> {
    const qkv = withScope('qkv', () => this.#qkv.forward(x));
    const [query, key, value] = splitColumns(qkv, 3);
    options.onWeights?.(attentionWeights(query, key, this.#options));
    const attended = attention(query, key, value, cuSeqlens, this.#options);
    const { residual } = options;
    return withScope('output', () => this.#output.forward(attended, residual === undefined ? {} : { residual }));
  }
}
