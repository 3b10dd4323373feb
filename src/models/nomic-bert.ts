import { ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import type { Activation } from '../nn/functional.js';
import { rotaryTable } from '../nn/positions.js';
import { readActivation } from './activations.js';
import { requireDivisible } from './bert.js';
import type { EncoderModelParameters } from './encoder-model.js';
import { readRopeTheta } from './modernbert.js';
import { Weights } from './weights.js';

/** Gated activations by the names of the authors' configs. */
const GATED_ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ['swiglu', 'silu'],
  ['geglu', 'gelu'],
]);

/** What both forms of the config say. */
interface Shape {
  readonly hidden: number;
  readonly numHeads: number;
  readonly intermediate: number;
  readonly numLayers: number;
  readonly positions: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly theta: number;
  /** How many numbers of a head are turned by position. */
  readonly rotaryWidth: number;
}

/**
 * The numbers of a model of type `nomic_bert` (Nussbaum et al., arXiv:2402.01613): BERT with rotary positions and SwiGLU, and
 * without most biases. Reads the config of the authors' own code, which names things as GPT-2's does, and that of Hugging
 * Face's transformers from version 5 on; weights have the same names in both.
 */
export function readNomicBert(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  const shape = config.has('n_embd') ? authorsShape(config) : transformersShape(config);
  const { hidden, numHeads, intermediate, numLayers, positions, epsilon, activation } = shape;
  requireDivisible(config, hidden, numHeads);
  const vocabSize = config.integer('vocab_size', { fallback: 30_528 });
  const types = config.integer('type_vocab_size', { least: 0, fallback: 2 });
  const table = rotaryTable(positions, shape.rotaryWidth, shape.theta);
  const optionalBias = { bias: 'optional' } as const;

  const weights = Weights.locate(source, 'embeddings.word_embeddings.weight', 'nomic_bert.');
  const readLayer = (index: number): EncoderLayerParameters => {
    const layer = weights.at(`encoder.layers.${index}`);
    return {
      attention: {
        numHeads,
        rotaryTable: table,
        qkv: layer.linear('attn.Wqkv', 3 * hidden, hidden, optionalBias),
        output: layer.linear('attn.out_proj', hidden, hidden, optionalBias),
      },
      attentionNorm: layer.norm('norm1', hidden, epsilon),
      feedForward: {
        gate: layer.linear('mlp.fc12', intermediate, hidden, optionalBias),
        up: layer.linear('mlp.fc11', intermediate, hidden, optionalBias),
        down: layer.linear('mlp.fc2', hidden, intermediate, optionalBias),
        activation,
      },
      outputNorm: layer.norm('norm2', hidden, epsilon),
    };
  };
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
    wordTable: weights.read('embeddings.word_embeddings.weight', [vocabSize, hidden]),
    typeTable: types === 0 ? null : weights.read('embeddings.token_type_embeddings.weight', [types, hidden]),
    positionTable: null,
    embeddingNorm: weights.norm('emb_ln', hidden, epsilon),
    layers: Array.from({ length: numLayers }, (_, index) => readLayer(index)),
  };
}

function transformersShape(config: ConfigReader): Shape {
  const hidden = config.integer('hidden_size', { fallback: 768 });
  const numHeads = config.integer('num_attention_heads', { fallback: 12 });
  const headDim = config.integer('head_dim', { fallback: hidden / numHeads });
  if (headDim * numHeads !== hidden) {
    throw new ModelError(
      `${config.path}: ${numHeads} heads of head_dim ${headDim} do not make a hidden size of ${hidden}`,
    );
  }
  return {
    hidden,
    numHeads,
    intermediate: config.integer('intermediate_size', { fallback: 3072 }),
    numLayers: config.integer('num_hidden_layers', { least: 0, fallback: 12 }),
    positions: config.integer('max_position_embeddings', { fallback: 2048 }),
    epsilon: config.number('layer_norm_eps', { fallback: 1e-12 }),
    activation: config.has('hidden_act') ? readActivation(config, 'hidden_act') : 'silu',
    theta: readRopeTheta(config.section('rope_parameters') ?? new ConfigReader(config.path, {}), 1000),
    rotaryWidth: headDim,
  };
}

function authorsShape(config: ConfigReader): Shape {
  const refuse = (field: string, reason: string): never => {
    throw new ModelError(`${config.path}: ${field}: ${reason}; this model cannot be run`);
  };
  if (config.flag('prenorm', { fallback: false })) refuse('prenorm', 'gemmule normalises after each block only');
  if (config.flag('parallel_block', { fallback: false }))
    refuse('parallel_block', 'gemmule runs blocks one after another');
  if (config.flag('rotary_emb_interleaved', { fallback: false })) {
    refuse('rotary_emb_interleaved', 'gemmule pairs the numbers of a head half a width apart');
  }
  if (config.has('rotary_emb_scale_base')) refuse('rotary_emb_scale_base', 'gemmule does not scale rotary positions');
  if (config.number('num_experts', { fallback: 0 }) > 0) refuse('num_experts', 'gemmule has no mixture of experts');
  const activationName = config.text('activation_function', { fallback: 'swiglu' });
  const activation = GATED_ACTIVATIONS.get(activationName);
  if (activation === undefined) {
    return refuse(
      'activation_function',
      `gemmule knows ${[...GATED_ACTIVATIONS.keys()].join(', ')} here, got "${activationName}"`,
    );
  }
  const hidden = config.integer('n_embd');
  const numHeads = config.integer('n_head');
  const positions = config.integer('n_positions');
  const fraction = config.number('rotary_emb_fraction', { fallback: 1 });
  const rotaryWidth = Math.floor((hidden / numHeads) * fraction);
  if (rotaryWidth < 2 || rotaryWidth % 2 !== 0 || fraction > 1) {
    refuse('rotary_emb_fraction', `${fraction} of a head's ${hidden / numHeads} numbers is no even number of them`);
  }
  return {
    hidden,
    numHeads,
    intermediate: config.integer('n_inner', { fallback: 4 * hidden }),
    numLayers: config.integer('n_layer', { least: 0 }),
    // Beyond the lengths it was trained for, such a model would scale its positions by the length of each text.
    positions: config.has('rotary_scaling_factor')
      ? Math.min(positions, config.integer('max_trained_positions', { fallback: 2048 }))
      : positions,
    epsilon: config.number('layer_norm_epsilon', { fallback: 1e-5 }),
    activation,
    theta: config.number('rotary_emb_base', { fallback: 10_000 }),
    rotaryWidth,
  };
}
