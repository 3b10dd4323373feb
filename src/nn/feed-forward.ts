import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Activation } from './functional.js';
import { Linear, type LinearParameters, type WeightOptions } from './linear.js';

/** The numbers of a feed-forward block. */
export interface FeedForwardParameters {
  /** `[intermediate, hidden]`. */
  readonly up: LinearParameters;
  /** `[hidden, intermediate]`. */
  readonly down: LinearParameters;
  /** Between the two; `gelu` is the exact one, with erf. */
  readonly activation: Activation;
}

/** Two linear layers with an activation between them (Vaswani et al., arXiv:1706.03762, section 3.3). */
export class FeedForward {
  readonly #up: Linear;
  readonly #down: Linear;
  readonly #activation: Activation;

  constructor({ up, down, activation }: FeedForwardParameters, options: WeightOptions = {}) {
    this.#up = new Linear(up, options);
    this.#down = new Linear(down, options);
    this.#activation = activation;
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param options.residual - float32 `[tokens, hidden]`, added to the result; none by default.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: View, options: { readonly residual?: View } = {}): Tensor<'float32'> {
    const raised = withScope('up', () => this.#up.forward(x, { activation: this.#activation }));
    return withScope('down', () => this.#down.forward(raised, options));
  }
}
