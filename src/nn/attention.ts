import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type AttentionBatch,
  type AttentionOptions,
  attention,
  attentionWeights,
  columnsOf,
  rotary,
  splitColumns,
} from './functional.js';
import { Linear, type LinearParameters, type WeightOptions } from './linear.js';

/** The layers that give query, key and value: three, `[hidden, hidden]` each, or one `[3 * hidden, hidden]` for all. */
export type AttentionProjections =
  | { readonly query: LinearParameters; readonly key: LinearParameters; readonly value: LinearParameters }
  | { readonly qkv: LinearParameters };

/** The numbers of multi-head attention. */
export type MultiHeadAttentionParameters = AttentionOptions &
  AttentionProjections & {
    readonly output: LinearParameters;
    /** Turns queries and keys by their position: a table from {@link rotaryTable}; none by default. */
    readonly rotaryTable?: View | null | undefined;
  };

/** The layers that read what attention reads. */
export function projectionsOf(
  parameters: AttentionProjections,
): readonly [LinearParameters, ...(readonly LinearParameters[])] {
  if ('qkv' in parameters) return [parameters.qkv];
  return [parameters.query, parameters.key, parameters.value];
}

/** What a forward pass is asked for besides its result. */
export interface AttentionProbe {
  /** Called with the weights `[numHeads * tokens, tokens]` of the batch's only sequence. */
  readonly onWeights?: ((weights: Tensor<'float32'>) => void) | undefined;
}

/**
 * Multi-head self-attention (Vaswani et al., arXiv:1706.03762) over a packed batch. Query, key and value come from one fused
 * product, and attention reads its three parts in place. With a rotary table, queries and keys are turned first (Su et al.,
 * arXiv:2104.09864).
 */
export class MultiHeadAttention {
  readonly #qkv: Linear;
  readonly #output: Linear;
  readonly #rotaryTable: View | null;
  readonly #options: AttentionOptions;

  constructor(parameters: MultiHeadAttentionParameters, options: WeightOptions = {}) {
    const { numHeads, scale, causal, window, relativeBias } = parameters;
    const attentionOptions = { numHeads, scale, causal, window, relativeBias };
    const [first, ...others] = projectionsOf(parameters);
    this.#qkv = others.length === 0 ? new Linear(first, options) : Linear.fused([first, ...others], options);
    this.#output = new Linear(parameters.output, options);
    this.#rotaryTable = parameters.rotaryTable ?? null;
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
   * @param options.positions - int32 `[tokens]`: where in its sequence each token stands; needed with a rotary table.
   * @param options.keyCounts - int32 `[sequences]`: how many tokens of each sequence, counted from its first, may be seen; all
   *   by default.
   * @param options.residual - float32 `[tokens, hidden]`, added to the result; none by default.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(
    x: View,
    cuSeqlens: View,
    options: AttentionProbe &
      AttentionBatch & { readonly positions?: View | undefined; readonly residual?: View | undefined } = {},
  ): Tensor<'float32'> {
    const qkv = withScope('qkv', () => this.#qkv.forward(x));
    const [query, key, value] = this.#turned(qkv, options.positions);
    options.onWeights?.(attentionWeights(query, key, this.#options));
    const attended = attention(query, key, value, cuSeqlens, {
      ...this.#options,
      keyCounts: options.keyCounts,
    });
    const { residual } = options;
    return withScope('output', () => this.#output.forward(attended, residual === undefined ? {} : { residual }));
  }

  /** Query, key and value, the first two turned by their positions where the model does that. */
  #turned(qkv: View, positions: View | undefined): readonly View[] {
    const parts = splitColumns(qkv, 3);
    if (this.#rotaryTable === null) return parts;
    if (positions === undefined) {
      throw new ShapeError('MultiHeadAttention: with a rotary table, forward needs options.positions');
    }
    const { numHeads } = this.#options;
    const queriesAndKeys = columnsOf(qkv, 0, 2 * this.#qkv.inFeatures);
    const turned = rotary(queriesAndKeys, positions, this.#rotaryTable, { numHeads: 2 * numHeads });
    return [...splitColumns(turned, 2), parts[2] as View];
  }
}
