import path from 'node:path';
import { type Backend, defaultBackend } from '../backend/index.js';
import { INT8_GROUP_SIZE, type View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import type { ModelFolder } from '../io/model-folder.js';
import { writeSafetensors } from '../io/safetensors-writer.js';
import { projectionsOf } from '../nn/attention.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { raisingLayersOf } from '../nn/feed-forward.js';
import type { LinearParameters } from '../nn/linear.js';
import { concat, tensor } from '../tensor/creation.js';
import { Tensor } from '../tensor/tensor.js';
import { readModel } from './load.js';
import { isQuantized, saveInputScales, smoothed } from './smoothing.js';

/** What weights can be saved as. */
export const QUANTIZED_DTYPES = ['float16', 'bfloat16', 'int8'] as const;
export type QuantizedDType = (typeof QUANTIZED_DTYPES)[number];

/** What becomes of matrices that `int8` does not quantise: the tables of embeddings. */
const TABLE_DTYPE = 'float16';

/**
 * Writes the weights of a model in fewer bits.
 *
 * As `float16` or `bfloat16` all matrices are rounded; vectors (biases, normalisations) stay as they are. As `int8` the
 * linear layers become bytes (`<layer>.weight`, the quantised number plus 128) with scales (`<layer>.group_scale`,
 * `<layer>.input_scale`), the same numbers as loading the original with `int8` gives, and tables of embeddings float16.
 *
 * @param folder - a model that `loadModel` reads.
 * @param target - the folder to write in; with halves it also gets the scales that int8 will want, which are small.
 * @throws ModelError when the model was quantised before, and what `loadModel` throws.
 */
export async function writeQuantizedWeights(
  folder: ModelFolder,
  target: string,
  dtype: QuantizedDType,
  backend: Backend = defaultBackend(),
): Promise<void> {
  const { parameters, source } = readModel(folder);
  if (isQuantized(parameters)) {
    throw new ModelError(`${folder.path} was quantised already; start from the model that it was made from`);
  }
  const tensors: Record<string, View> = {};
  for (const name of source.names()) {
    const { dtype: stored, shape } = source.entry(name);
    // What no dtype of ours holds, position ids mostly, no model reads.
    if (stored === null) continue;
    const isTable = shape.length > 1 && (stored === 'float32' || stored === 'float64');
    tensors[name] = isTable ? source.tensor(name).to(dtype === 'int8' ? TABLE_DTYPE : dtype) : source.view(name);
  }
  if (dtype === 'int8') {
    const { layers } = await smoothed(parameters, folder, backend);
    for (const linear of layers.flatMap(linearsOf)) Object.assign(tensors, quantized(linear));
  } else {
    await saveInputScales(parameters, target, backend);
  }
  await writeSafetensors(path.join(target, 'model.safetensors'), tensors, { format: 'pt' });
}

function linearsOf({ attention, feedForward }: EncoderLayerParameters): LinearParameters[] {
  return [...projectionsOf(attention), attention.output, ...raisingLayersOf(feedForward), feedForward.down];
}

/** The tensors of a quantised linear layer by name: the very numbers that packing it as int8 computes. */
function quantized({ name, weight, inputScale }: LinearParameters): Record<string, Tensor> {
  const whole = Tensor.fromView(weight).to('float32');
  const scaled = inputScale ? whole.divide(Tensor.fromView(inputScale)) : whole;
  const [, inFeatures] = scaled.shape as [number, number];
  const greatestInteger = tensor(127);
  const numbers: Tensor[] = [];
  const scales: Tensor[] = [];
  for (let begin = 0; begin < inFeatures; begin += INT8_GROUP_SIZE) {
    const group = scaled.slice(null, [begin, begin + INT8_GROUP_SIZE]);
    const greatest = group.absolute().max(1, { keepdims: true });
    const inverse = greatestInteger.divide(greatest);
    const isUsable = inverse.isFinite().logicalAnd(greatest.isFinite());
    const otherwise = greatest.where(greatest.isNaN(), 0);
    scales.push(greatest.divide(greatestInteger).where(isUsable, otherwise));
    numbers.push(group.multiply(inverse).where(isUsable, 0).round().add(128).to('uint8'));
  }
  return {
    [`${name}.weight`]: concat(numbers, 1),
    [`${name}.group_scale`]: concat(scales, 1),
    ...(inputScale ? { [`${name}.input_scale`]: Tensor.fromView(inputScale) } : {}),
  };
}
