import { type Backend, defaultBackend } from '../backend/index.js';
import { releaseStorage } from '../backend/storage.js';
import type { PackedWeight, PackFormat, PackScales, View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import type { StorageArray } from '../tensor/dtype.js';
import { castView, execute } from '../tensor/execute.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Activation, linear } from './functional.js';

/** How a module keeps its weights. */
export interface WeightOptions {
  /** The backend that the weights are packed for, and that `forward` must run on; the default one by default. */
  readonly backend?: Backend | undefined;
  /** The form that weights are kept in; `float32` by default. Activations are float32 in any case. */
  readonly weightFormat?: PackFormat | undefined;
}

/** The numbers of a linear layer. */
export interface LinearParameters extends PackScales {
  /** `[out, in]`, any floating dtype; or uint8 with `groupScale`, as {@link PackScales} describes it. */
  readonly weight: View;
  /** `[out]`, any floating dtype; none by default. */
  readonly bias?: View | null | undefined;
  /** What a file calls the layer; its weight is `<name>.weight` there. */
  readonly name?: string | undefined;
}

/** A vector of parameters as float32, which is what fused operations read. */
export function float32Vector(view: View | null | undefined): View | null {
  return view ? castView(view, 'float32') : null;
}

/**
 * A linear layer with bias, activation and residual in one operation: `activation(x * weight^T + bias) + residual`.
 *
 * The weight is packed into the backend's own layout once, when the layer is made.
 *
 * @example
 * const layer = new Linear({ weight: tensor([[1, 2], [3, 4]]) });
 * layer.forward(tensor([[1, 1]])).toArray(); // [[3, 7]]
 */
export class Linear {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly #weight: PackedWeight;
  readonly #bias: View | null;

  constructor({ weight, bias, inputScale, groupScale }: LinearParameters, options: WeightOptions = {}) {
    const { backend = defaultBackend(), weightFormat = 'float32' } = options;
    this.#weight = backend.pack(
      weight.dtype === 'float64' ? castView(weight, 'float32') : weight,
      weightFormat,
      weightFormat === 'int8' ? { inputScale, groupScale } : {},
    );
    this.inFeatures = this.#weight.inFeatures;
    this.outFeatures = this.#weight.outFeatures;
    this.#bias = float32Vector(bias);
    if (this.#bias !== null && (this.#bias.dims.length !== 1 || this.#bias.dims[0] !== this.outFeatures)) {
      throw new ShapeError(
        `Linear: expected bias [${this.outFeatures}] for weight ${formatShape(weight.dims)}, got ${formatShape(this.#bias.dims)}`,
      );
    }
  }

  /**
   * Several layers that read the same input as one, with their outputs side by side. They must agree in `in`, in dtype, in
   * whether they have a bias, and in their `inputScale`.
   */
  static fused(parts: readonly LinearParameters[], options: WeightOptions = {}): Linear {
    const [weight] = execute(
      'concat',
      parts.map((part) => part.weight),
      { axis: 0 },
    );
    const biases = parts.flatMap(({ bias }) => float32Vector(bias) ?? []);
    if (biases.length !== 0 && biases.length !== parts.length) {
      throw new ShapeError('Linear.fused: either all parts have a bias or none has');
    }
    const bias = biases.length === 0 ? null : (execute('concat', biases, { axis: 0 })[0] as View);
    const groupScales = parts.flatMap(({ groupScale }) => groupScale ?? []);
    const groupScale = groupScales.length === 0 ? null : (execute('concat', groupScales, { axis: 0 })[0] as View);
    const layer = new Linear({ weight, bias, inputScale: parts[0]?.inputScale, groupScale }, options);
    releaseStorage(weight.data as StorageArray);
    return layer;
  }

  /**
   * @param x - float32 `[tokens, in]`.
   * @param options.activation - applied after the bias; `none` by default.
   * @param options.residual - float32 `[tokens, out]`, added after the activation; none by default.
   * @returns float32 `[tokens, out]`.
   */
  forward(x: View, options: { readonly activation?: Activation; readonly residual?: View } = {}): Tensor<'float32'> {
    return linear(x, this.#weight, { bias: this.#bias, ...options });
  }
}
