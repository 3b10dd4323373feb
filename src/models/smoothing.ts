import path from 'node:path';
import type { Backend } from '../backend/index.js';
import { recordProgram } from '../backend/recorder/recorder.js';
import { releaseStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import type { ModelFolder } from '../io/model-folder.js';
import { SafetensorsFile } from '../io/safetensors.js';
import { writeSafetensors } from '../io/safetensors-writer.js';
import { type MultiHeadAttentionParameters, projectionsOf } from '../nn/attention.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { type FeedForwardParameters, raisingLayersOf } from '../nn/feed-forward.js';
import type { LinearParameters } from '../nn/linear.js';
import { addDims, SEQUENCES, TOKENS } from '../tensor/dim.js';
import type { StorageArray } from '../tensor/dtype.js';
import { unary } from '../tensor/elementwise.js';
import { Random } from '../tensor/random.js';
import { reduce } from '../tensor/reductions.js';
import { EncoderModel, type EncoderModelParameters } from './encoder-model.js';

/*
 * Smoothing (SmoothQuant, Xiao et al., arXiv:2211.10438), which int8 needs: a few channels of a transformer's hidden states
 * are much larger than the others, and would set the scale of their whole group. Dividing the weights of every input channel
 * by a number, and multiplying the activations by it, moves part of that into the weights.
 *
 * What was measured on all-MiniLM-L6-v2, least and mean cosine to float64 over 63 texts, in groups of 64:
 *
 *     without                                               .9971  .99932
 *     all linear layers, ranges from 200 sentences          .9989  .99966
 *     query, key, value and up alone, the same              .9989  .99969
 *     these, ranges from 4 x 32 random tokens               .9990  .99970
 *     these, rounded to powers of two                       .9989  .99967
 *
 * So only what reads normalised hidden states is smoothed, which channels are large is a property of the model and not of
 * the text, and powers of two cost nothing: with them the division is exact, and all backends agree on it.
 */

/** Random tokens whose hidden states show which channels are large. */
const SAMPLE_SEQUENCES = 4;
const SAMPLE_LENGTH = 32;

/** No magnitude counts as less than this, so that channels without any have a scale. */
const LEAST_MAGNITUDE = 1e-5;

/** Where scales that were found before lie, beside the weights: `<layer>.input_scale`. */
const SCALES_FILE = 'input_scales.safetensors';

/**
 * A model's parameters with the input scales that int8 wants. They are read from the folder where they have been saved, else
 * found by running the model. Parameters that were quantised already are left as they are.
 *
 * @throws ModelError when the scales in the folder are not this model's.
 */
export async function smoothed(
  parameters: EncoderModelParameters,
  folder: ModelFolder,
  backend: Backend,
): Promise<EncoderModelParameters> {
  if (isQuantized(parameters)) return parameters;
  if (folder.has(SCALES_FILE)) return withSavedScales(parameters, SafetensorsFile.open(folder.file(SCALES_FILE)));
  const ranges = await blockRanges(parameters, backend);
  return withScales(parameters, (linears, index, block) =>
    smoothingScale(linears, (ranges[index] as LayerRanges)[block]),
  );
}

/** Finds the input scales of a model and saves them in a folder, from which {@link smoothed} reads them. */
export async function saveInputScales(
  parameters: EncoderModelParameters,
  folder: string,
  backend: Backend,
): Promise<void> {
  const ranges = await blockRanges(parameters, backend);
  const scales: Record<string, View> = {};
  withScales(parameters, (linears, index, block) => {
    const scale = smoothingScale(linears, (ranges[index] as LayerRanges)[block]);
    scales[`${linears[0].name}.input_scale`] = scale;
    return scale;
  });
  await writeSafetensors(path.join(folder, SCALES_FILE), scales);
}

function withSavedScales(parameters: EncoderModelParameters, file: SafetensorsFile): EncoderModelParameters {
  return withScales(parameters, ([{ name, weight }]) => {
    const key = `${name}.input_scale`;
    const scale = file.has(key) ? file.view(key) : null;
    if (scale?.dtype !== 'float32' || scale.dims.length !== 1 || scale.dims[0] !== weight.dims[1]) {
      throw new ModelError(
        `${file.path} has no float32 ${key} of ${weight.dims[1]} numbers; delete the file to find them anew`,
      );
    }
    return scale;
  });
}

type Linears = readonly [LinearParameters, ...(readonly LinearParameters[])];

/** The parameters with a scale for what each block reads: query, key and value share one, `up` and a gate another. */
function withScales(
  parameters: EncoderModelParameters,
  scaleOf: (linears: Linears, layer: number, block: keyof LayerRanges) => View,
): EncoderModelParameters {
  const layers = parameters.layers.map((layer, index): EncoderLayerParameters => {
    const { attention, feedForward } = layer;
    return {
      ...layer,
      attention: withAttentionScale(attention, scaleOf(projectionsOf(attention), index, 'attention')),
      feedForward: withFeedForwardScale(feedForward, scaleOf(raisingLayersOf(feedForward), index, 'feedForward')),
    };
  });
  return { ...parameters, layers };
}

function withAttentionScale(attention: MultiHeadAttentionParameters, inputScale: View): MultiHeadAttentionParameters {
  if ('qkv' in attention) return { ...attention, qkv: { ...attention.qkv, inputScale } };
  const { query, key, value } = attention;
  return {
    ...attention,
    query: { ...query, inputScale },
    key: { ...key, inputScale },
    value: { ...value, inputScale },
  };
}

function withFeedForwardScale(feedForward: FeedForwardParameters, inputScale: View): FeedForwardParameters {
  const { up, gate } = feedForward;
  return {
    ...feedForward,
    up: { ...up, inputScale },
    gate: typeof gate === 'object' ? { ...gate, inputScale } : gate,
  };
}

/** Whether the linear layers of a model come as bytes with scales. */
export function isQuantized({ layers }: EncoderModelParameters): boolean {
  return layers.some(
    ({ attention, feedForward }) => projectionsOf(attention)[0].groupScale || feedForward.up.groupScale,
  );
}

/** The largest magnitude of every channel, `[hidden]`, of what the blocks of a layer read. */
interface LayerRanges {
  readonly attention: Float32Array;
  readonly feedForward: Float32Array;
}

/** Runs the model in float32 on random tokens. */
async function blockRanges(parameters: EncoderModelParameters, backend: Backend): Promise<LayerRanges[]> {
  const model = new EncoderModel(parameters, { backend, weightFormat: 'float32' });
  const { vocabSize, hiddenSize, numLayers } = parameters.config;
  const length = Math.min(SAMPLE_LENGTH, parameters.config.maxTokens);
  const tokens = SAMPLE_SEQUENCES * length;
  const ids = new Random(0).integers(0, vocabSize, tokens).toTypedArray();
  const cuSeqlens = Int32Array.from({ length: SAMPLE_SEQUENCES + 1 }, (_, sequence) => sequence * length);
  const perToken = { dtype: 'int32', dims: [TOKENS] } as const;
  const program = recordProgram({
    backend,
    inputs: { ids: perToken, positions: perToken, cuSeqlens: { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] } },
    forward: ({ ids, positions, cuSeqlens }) => {
      const inputs: Record<string, View> = {};
      model.forward(
        { ids, positions, cuSeqlens },
        {
          onBlocks: ({ attention, feedForward }, layer) => {
            inputs[`attention ${layer}`] = attention;
            inputs[`feedForward ${layer}`] = feedForward;
          },
        },
      );
      return inputs;
    },
  });
  try {
    const positions = model.positions(ids, cuSeqlens);
    const states = await program.run({ ids, positions, cuSeqlens }, { tokens, sequences: SAMPLE_SEQUENCES });
    const rangeOf = (name: string): Float32Array => columnRange(states[name] as Float32Array, hiddenSize);
    return Array.from({ length: numLayers }, (_, layer) => ({
      attention: rangeOf(`attention ${layer}`),
      feedForward: rangeOf(`feedForward ${layer}`),
    }));
  } finally {
    program.dispose();
  }
}

/** The largest magnitude in each column of a matrix. */
function columnRange(matrix: Float32Array, columns: number): Float32Array {
  const range = new Float32Array(columns);
  for (const [index, value] of matrix.entries()) {
    const column = index % columns;
    range[column] = Math.max(range[column] as number, Math.abs(value));
  }
  return range;
}

/**
 * What to multiply activations with: the root of the ratio of weights to activations in every channel, relative to its
 * geometric mean over all, to the nearest power of two.
 *
 * @param linears - those that read the activations, floating weights `[out, in]`.
 * @param range - the largest magnitude of the activations in every channel, `[in]`.
 */
function smoothingScale(linears: readonly LinearParameters[], range: Float32Array): View<'float32'> {
  const weightRange = new Float32Array(range.length);
  for (const { weight } of linears) {
    const magnitudes = unary('absolute', weight);
    const greatest = reduce('max', magnitudes, 0);
    for (const [column, value] of (greatest.data as StorageArray).entries()) {
      weightRange[column] = Math.max(weightRange[column] as number, value);
    }
    releaseStorage(magnitudes.data as StorageArray);
  }
  const exponents = range.map((activation, column) => {
    const weight = weightRange[column] as number;
    return Math.log2(Math.max(weight, LEAST_MAGNITUDE) / Math.max(activation, LEAST_MAGNITUDE)) / 2;
  });
  const mean = exponents.reduce((sum, exponent) => sum + exponent, 0) / exponents.length;
  const data = exponents.map((exponent) => 2 ** Math.round(exponent - mean));
  return { dtype: 'float32', dims: [data.length], strides: [1], offset: 0, data };
}
