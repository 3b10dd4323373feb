import type { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { sinusoidalPositions } from '../nn/positions.js';
import { readActivation } from './activations.js';
import { requireDivisible } from './bert.js';
import type { EncoderModelParameters } from './encoder-model.js';
import { Weights } from './weights.js';

/** The epsilon of every normalisation; the family's config has none. */
const EPSILON = 1e-12;

/**
 * The numbers of a model of type `distilbert` (Sanh et al., arXiv:1910.01108): BERT without token types, under other names.
 * After modeling_distilbert.py of Hugging Face's transformers.
 */
export function readDistilBert(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  const hidden = config.integer('dim', { fallback: 768 });
  const numHeads = config.integer('n_heads', { fallback: 12 });
  requireDivisible(config, hidden, numHeads);
  const intermediate = config.integer('hidden_dim', { fallback: 4 * hidden });
  const numLayers = config.integer('n_layers', { least: 0, fallback: 6 });
  const positions = config.integer('max_position_embeddings', { fallback: 512 });
  const vocabSize = config.integer('vocab_size', { fallback: 30_522 });
  const activation = readActivation(config, 'activation');
  const sinusoidal = config.flag('sinusoidal_pos_embds', { fallback: false });

  const weights = Weights.locate(source, 'embeddings.word_embeddings.weight', 'distilbert.');
  const embeddings = weights.at('embeddings');
  const readLayer = (index: number): EncoderLayerParameters => {
    const layer = weights.at(`transformer.layer.${index}`);
    return {
      attention: {
        numHeads,
        query: layer.linear('attention.q_lin', hidden, hidden),
        key: layer.linear('attention.k_lin', hidden, hidden),
        value: layer.linear('attention.v_lin', hidden, hidden),
        output: layer.linear('attention.out_lin', hidden, hidden),
      },
      attentionNorm: layer.norm('sa_layer_norm', hidden, EPSILON),
      feedForward: {
        up: layer.linear('ffn.lin1', intermediate, hidden),
        down: layer.linear('ffn.lin2', hidden, intermediate),
        activation,
      },
      outputNorm: layer.norm('output_layer_norm', hidden, EPSILON),
    };
  };
  const positionName = 'position_embeddings.weight';
  return {
    config: {
      modelType: config.text('model_type'),
      vocabSize,
      hiddenSize: hidden,
      numLayers,
      numHeads,
      maxTokens: positions,
      paddingIndex: null,
    },
    wordTable: embeddings.read('word_embeddings.weight', [vocabSize, hidden]),
    typeTable: null,
    // Sinusoidal positions are usually stored all the same.
    positionTable:
      sinusoidal && !embeddings.has(positionName)
        ? sinusoidalPositions(positions, hidden)
        : embeddings.read(positionName, [positions, hidden]),
    embeddingNorm: embeddings.norm('LayerNorm', hidden, EPSILON),
    layers: Array.from({ length: numLayers }, (_, index) => readLayer(index)),
  };
}
