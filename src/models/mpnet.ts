import type { View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { contiguousStrides } from '../tensor/dim.js';
import type { StorageArray } from '../tensor/dtype.js';
import { castView } from '../tensor/execute.js';
import { readActivation } from './activations.js';
import { maxTokensOf, requireDivisible } from './bert.js';
import type { EncoderModelParameters } from './encoder-model.js';
import { Weights } from './weights.js';

/** The family's positions count from behind this index, whatever the config calls padding. */
const PADDING_INDEX = 1;

/** Half of the buckets are for keys before the query, half for those behind it. */
const NUM_BUCKETS = 32;
/** From this distance on, all share one bucket. */
const MAX_DISTANCE = 128;

/**
 * The bucket of a relative position (T5: Raffel et al., arXiv:1910.10683, section 2.1): one each for small distances,
 * logarithmically wider ones up to {@link MAX_DISTANCE}. In float32 steps, as Hugging Face's code computes it.
 *
 * @param relative - position of the key minus position of the query.
 * @returns 0 to 31.
 */
export function relativePositionBucket(relative: number): number {
  const half = NUM_BUCKETS / 2;
  const exact = half / 2;
  const side = relative > 0 ? half : 0;
  const distance = Math.abs(relative);
  if (distance < exact) return side + distance;
  const logarithm = Math.fround(Math.log(distance / exact));
  const share = Math.fround(logarithm / Math.fround(Math.log(MAX_DISTANCE / exact)));
  return side + Math.min(half - 1, exact + Math.trunc(Math.fround(share * (half - exact))));
}

/** Biases by bucket `[buckets, heads]` as biases by relative position `[heads, 2 * MAX_DISTANCE + 1]`. */
function relativeBiasOf(byBucket: View, numHeads: number): View<'float32'> {
  const { data, offset } = castView(byBucket, 'float32');
  const width = 2 * MAX_DISTANCE + 1;
  const bias = new Float32Array(numHeads * width);
  for (let head = 0; head < numHeads; head++) {
    for (let column = 0; column < width; column++) {
      const bucket = relativePositionBucket(column - MAX_DISTANCE);
      bias[head * width + column] = (data as StorageArray)[(offset as number) + bucket * numHeads + head];
    }
  }
  const dims = [numHeads, width];
  return { dtype: 'float32', dims, strides: contiguousStrides(dims), offset: 0, data: bias };
}

/**
 * The numbers of a model of type `mpnet` (Song et al., arXiv:2004.09297): RoBERTa without token types, with one table of
 * relative positions for all layers. After modeling_mpnet.py of Hugging Face's transformers.
 */
export function readMpnet(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  const hidden = config.integer('hidden_size');
  const numHeads = config.integer('num_attention_heads');
  requireDivisible(config, hidden, numHeads);
  const intermediate = config.integer('intermediate_size');
  const numLayers = config.integer('num_hidden_layers', { least: 0 });
  const positions = config.integer('max_position_embeddings');
  const vocabSize = config.integer('vocab_size');
  const epsilon = config.number('layer_norm_eps', { fallback: 1e-12 });
  const activation = readActivation(config, 'hidden_act');
  const buckets = config.integer('relative_attention_num_buckets', { fallback: NUM_BUCKETS });
  if (buckets < NUM_BUCKETS) {
    throw new ModelError(`${config.path}: relative_attention_num_buckets is ${buckets}; MPNet needs ${NUM_BUCKETS}`);
  }

  const weights = Weights.locate(source, 'embeddings.word_embeddings.weight', 'mpnet.');
  const embeddings = weights.at('embeddings');
  const relativeBias = relativeBiasOf(
    weights.read('encoder.relative_attention_bias.weight', [buckets, numHeads]),
    numHeads,
  );
  const readLayer = (index: number): EncoderLayerParameters => {
    const layer = weights.at(`encoder.layer.${index}`);
    const attention = layer.at('attention');
    return {
      attention: {
        numHeads,
        relativeBias,
        query: attention.linear('attn.q', hidden, hidden),
        key: attention.linear('attn.k', hidden, hidden),
        value: attention.linear('attn.v', hidden, hidden),
        output: attention.linear('attn.o', hidden, hidden),
      },
      attentionNorm: attention.norm('LayerNorm', hidden, epsilon),
      feedForward: {
        up: layer.linear('intermediate.dense', intermediate, hidden),
        down: layer.linear('output.dense', hidden, intermediate),
        activation,
      },
      outputNorm: layer.norm('output.LayerNorm', hidden, epsilon),
    };
  };
  return {
    config: {
      modelType: config.text('model_type'),
      vocabSize,
      hiddenSize: hidden,
      numLayers,
      numHeads,
      maxTokens: maxTokensOf(config, positions, PADDING_INDEX),
      paddingIndex: PADDING_INDEX,
    },
    wordTable: embeddings.read('word_embeddings.weight', [vocabSize, hidden]),
    typeTable: null,
    positionTable: embeddings.read('position_embeddings.weight', [positions, hidden]),
    embeddingNorm: embeddings.norm('LayerNorm', hidden, epsilon),
    layers: Array.from({ length: numLayers }, (_, index) => readLayer(index)),
  };
}
