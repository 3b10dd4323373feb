import type { View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { rotaryTable } from '../nn/positions.js';
import { readActivation } from './activations.js';
import { requireDivisible } from './bert.js';
import type { EncoderModelParameters } from './encoder-model.js';
import { Weights } from './weights.js';

/** The kinds of a layer's attention, with what the angles of its positions are by default and in configs of older versions. */
const ATTENTION_KINDS = {
  full_attention: { theta: 160_000, olderField: 'global_rope_theta' },
  sliding_attention: { theta: 10_000, olderField: 'local_rope_theta' },
} as const;
type AttentionKind = keyof typeof ATTENTION_KINDS;

/**
 * The numbers of a model of type `modernbert` (Warner et al., arXiv:2412.13663): rotary positions, GeGLU, normalisation before
 * each block, and attention that is local in most layers. After modeling_modernbert.py of Hugging Face's transformers; configs
 * of its versions 4 and 5 are read.
 */
export function readModernBert(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  const hidden = config.integer('hidden_size', { fallback: 768 });
  const numHeads = config.integer('num_attention_heads', { fallback: 12 });
  requireDivisible(config, hidden, numHeads);
  const intermediate = config.integer('intermediate_size', { fallback: 1152 });
  const numLayers = config.integer('num_hidden_layers', { least: 0, fallback: 22 });
  const positions = config.integer('max_position_embeddings', { fallback: 8192 });
  const vocabSize = config.integer('vocab_size', { fallback: 50_368 });
  const epsilon = config.number('norm_eps', { fallback: 1e-5 });
  const activation = readActivation(config, 'hidden_activation');
  const window = Math.floor(config.integer('local_attention', { least: 2, fallback: 128 }) / 2);
  const normBias = { bias: config.flag('norm_bias', { fallback: false }) };
  const attentionBias = { bias: config.flag('attention_bias', { fallback: false }) };
  const mlpBias = { bias: config.flag('mlp_bias', { fallback: false }) };
  const kinds = attentionKinds(config, numLayers);
  const headDim = hidden / numHeads;
  const tables = new Map<AttentionKind, View>();
  for (const kind of new Set(kinds)) tables.set(kind, rotaryTable(positions, headDim, thetaOf(config, kind)));

  const weights = Weights.locate(source, 'embeddings.tok_embeddings.weight', 'model.');
  const readLayer = (kind: AttentionKind, index: number): EncoderLayerParameters => {
    const layer = weights.at(`layers.${index}`);
    return {
      normalizes: 'before',
      attention: {
        numHeads,
        window: kind === 'sliding_attention' ? window : 0,
        rotaryTable: tables.get(kind),
        qkv: layer.linear('attn.Wqkv', 3 * hidden, hidden, attentionBias),
        output: layer.linear('attn.Wo', hidden, hidden, attentionBias),
      },
      // The embeddings have been normalised when they come to the first layer.
      attentionNorm: index === 0 ? null : layer.norm('attn_norm', hidden, epsilon, normBias),
      feedForward: {
        up: layer.linear('mlp.Wi', 2 * intermediate, hidden, mlpBias),
        gate: 'fused',
        down: layer.linear('mlp.Wo', hidden, intermediate, mlpBias),
        activation,
      },
      outputNorm: layer.norm('mlp_norm', hidden, epsilon, normBias),
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
    wordTable: weights.read('embeddings.tok_embeddings.weight', [vocabSize, hidden]),
    typeTable: null,
    positionTable: null,
    embeddingNorm: weights.norm('embeddings.norm', hidden, epsilon, normBias),
    layers: kinds.map(readLayer),
    finalNorm: weights.norm('final_norm', hidden, epsilon, normBias),
  };
}

/** The kind of each layer: `layer_types`, or, in older configs, full attention in every n-th from the first on. */
function attentionKinds(config: ConfigReader, numLayers: number): AttentionKind[] {
  if (!config.has('layer_types')) {
    const step = config.integer('global_attn_every_n_layers', { fallback: 3 });
    return Array.from({ length: numLayers }, (_, layer) =>
      layer % step === 0 ? 'full_attention' : 'sliding_attention',
    );
  }
  const kinds = config.words('layer_types');
  if (kinds.length !== numLayers) {
    throw new ModelError(`${config.path}: layer_types has ${kinds.length} entries for ${numLayers} layers`);
  }
  return kinds.map((kind) => {
    if (kind === 'full_attention' || kind === 'sliding_attention') return kind;
    throw new ModelError(
      `${config.path}: layer_types has "${kind}"; gemmule knows ${Object.keys(ATTENTION_KINDS).join(', ')}`,
    );
  });
}

function thetaOf(config: ConfigReader, kind: AttentionKind): number {
  const { theta, olderField } = ATTENTION_KINDS[kind];
  const fallback = config.number(olderField, { fallback: theta });
  const parameters = config.section('rope_parameters')?.section(kind);
  return readRopeTheta(parameters ?? new ConfigReader(config.path, {}), fallback);
}

/** The base of rotary positions from a config's `rope_parameters`; other kinds of scaling than none are refused. */
export function readRopeTheta(parameters: ConfigReader, fallback: number): number {
  const kind = parameters.text('rope_type', { fallback: 'default' });
  if (kind !== 'default') {
    throw new ModelError(`${parameters.path}: rope_type is "${kind}"; gemmule has only "default" rotary positions`);
  }
  const theta = parameters.number('rope_theta', { fallback });
  if (!(theta > 0)) throw new ModelError(`${parameters.path}: rope_theta must be positive, got ${theta}`);
  return theta;
}
