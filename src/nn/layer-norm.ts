import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { concreteDim, formatShape } from '../tensor/dim.js';
import { castView } from '../tensor/execute.js';
import type { Tensor } from '../tensor/tensor.js';
import { layerNorm } from './functional.js';
import { float32Vector } from './linear.js';

/** The numbers of a layer normalisation. */
export interface LayerNormParameters {
  /** `[hidden]`, any floating dtype. */
  readonly weight: View;
  /** `[hidden]`, any floating dtype; none by default. */
  readonly bias?: View | null | undefined;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon?: number | undefined;
}

/**
 * Layer normalisation over the last axis, optionally of a sum (Ba, Kiros, Hinton, arXiv:1607.06450):
 * `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
 */
export class LayerNorm {
  readonly hidden: number;
  readonly weight: View;
  readonly bias: View | null;
  readonly epsilon: number;

  constructor({ weight, bias, epsilon = 1e-5 }: LayerNormParameters) {
    this.weight = castView(weight, 'float32');
    this.bias = float32Vector(bias);
    this.epsilon = epsilon;
    if (weight.dims.length !== 1 || (this.bias !== null && this.bias.dims[0] !== weight.dims[0])) {
      throw new ShapeError(
        `LayerNorm: expected weight and bias of one shape [hidden], got ${formatShape(weight.dims)} and ${formatShape(bias?.dims ?? [])}`,
      );
    }
    this.hidden = concreteDim(weight.dims[0], 'LayerNorm: the size of weight');
  }

  /**
   * @param x - float32 `[tokens, hidden]`.
   * @param options.residual - of x's shape, added to it first; none by default.
   * @returns float32 `[tokens, hidden]`.
   */
  forward(x: View, options: { readonly residual?: View } = {}): Tensor<'float32'> {
    return layerNorm(x, { weight: this.weight, bias: this.bias, epsilon: this.epsilon, ...options });
  }
}
