import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { Activation } from '../nn/functional.js';

/** Hugging Face's names of activations (transformers, activations.py), as far as the engine has them. */
const ACTIVATION_NAMES: ReadonlyMap<string, Activation> = new Map([
  ['gelu', 'gelu'],
  ['gelu_python', 'gelu'],
  ['gelu_new', 'geluTanh'],
  ['gelu_fast', 'geluTanh'],
  ['gelu_pytorch_tanh', 'geluTanh'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['tanh', 'tanh'],
  ['linear', 'none'],
]);

/** The activation that a field of a config names. */
export function readActivation(config: ConfigReader, field: string): Activation {
  const name = config.text(field, { fallback: 'gelu' });
  const activation = ACTIVATION_NAMES.get(name);
  if (activation === undefined) {
    throw new ModelError(
      `${config.path}: ${field} is "${name}"; gemmule knows ${[...ACTIVATION_NAMES.keys()].join(', ')}`,
    );
  }
  return activation;
}
