import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Activation, gatedActivation } from './functional.js';
import { Linear, type LinearParameters, type WeightOptions } from './linear.js';

/** The numbers of a feed-forward block. */
export interface FeedForwardParameters {
  /** `[intermediate, hidden]`; with `gate: 'fused'` `[2 * intermediate, hidden]`. */
  readonly up: LinearParameters;
  /**
   * Makes the block a gated one: `down(activation(gate(x)) * up(x))`. `[intermediate, hidden]`; or `fused`, when the gate is
   * the first half of `up`. None by default.
   */
  readonly gate?: LinearParameters | 'fused' | undefined;
  /** `[hidden, intermediate]`. */
  readonly down: LinearParameters;
  /** Between the two; `gelu` is the exact one, with erf. */
  readonly activation: Activation;
}

/** The layers that read what a feed-forward block reads: the gate, where it is one of its own, and `up`. */
export function raisingLayersOf({
  gate,
  up,
}: FeedForwardParameters): readonly [LinearParameters, ...(readonly LinearParameters[])] {
  return typeof gate === 'object' ? [gate, up] : [up];
}

/**
 * Two linear layers with an activation between them (Vaswani et al., arXiv:1706.03762, section 3.3), or with a gated one
 * (GeGLU and SwiGLU: Shazeer, arXiv:2002.05202).
 */
export class FeedForward {
  readonly #up: Linear;
  readonly #down: Linear;
  readonly #activation: Activation;
  readonly #isGated: boolean;

  constructor(parameters: FeedForwardParameters, options: WeightOptions = {}) {
    const [first, ...others] = raisingLayersOf(parameters);
    this.#up = others.length === 0 ? new Linear(first, options) : Linear.fused([first, ...others], options);
    this.#down = new Linear(parameters.down, options);
    this.#activation = parameters.activation;
    this.#isGated = parameters.gate !== undefined;
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param options.residual - float32 `[tokens, hidden]`, added to the result; none by default.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: View, options: { readonly residual?: View } = {}): Tensor<'float32'> {
    const raised = withScope('up', () =>
      this.#isGated
        ? gatedActivation(this.#up.forward(x), this.#activation)
        : this.#up.forward(x, { activation: this.#activation }),
    );
    return withScope('down', () => this.#down.forward(raised, options));
  }
}
