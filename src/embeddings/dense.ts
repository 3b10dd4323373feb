import type { View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import { Weights } from '../models/weights.js';
import type { Activation } from '../nn/functional.js';
import { Linear, type WeightOptions } from '../nn/linear.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DenseModule } from './sentence-config.js';

/** Activations by the last part of the Python class that a dense module's config names. */
const ACTIVATION_CLASSES: ReadonlyMap<string, Activation> = new Map([
  ['Tanh', 'tanh'],
  ['Identity', 'none'],
  ['ReLU', 'relu'],
  ['GELU', 'gelu'],
  ['SiLU', 'silu'],
]);

/** A linear layer with an activation behind the pooling, as sentence-transformers' `Dense`. */
export class Dense {
  readonly outFeatures: number;
  readonly #linear: Linear;
  readonly #activation: Activation;

  /** @throws ModelError, FormatError when the module's files are not as they should be. */
  constructor({ folder, config }: DenseModule, options: WeightOptions) {
    const name = config.text('activation_function', { fallback: 'torch.nn.modules.activation.Tanh' });
    const activation = ACTIVATION_CLASSES.get(name.split('.').at(-1) as string);
    if (activation === undefined) {
      throw new ModelError(
        `${config.path}: activation_function is "${name}"; gemmule knows ${[...ACTIVATION_CLASSES.keys()].join(', ')}`,
      );
    }
    const inFeatures = config.integer('in_features');
    this.outFeatures = config.integer('out_features');
    const weights = Weights.locate(folder.weights(), 'linear.weight', '');
    this.#linear = new Linear(
      {
        weight: weights.read('linear.weight', [this.outFeatures, inFeatures]),
        bias: config.flag('bias', { fallback: true }) ? weights.read('linear.bias', [this.outFeatures]) : null,
      },
      options,
    );
    this.#activation = activation;
  }

  get inFeatures(): number {
    return this.#linear.inFeatures;
  }

  /** @param x - float32 `[sequences, in]`. @returns float32 `[sequences, out]`. */
  forward(x: View): Tensor<'float32'> {
    return this.#linear.forward(x, { activation: this.#activation });
  }
}
