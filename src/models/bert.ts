import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderLayerParameters } from '../nn/encoder.js';
import { readActivation } from './activations.js';
import type { EncoderModelParameters } from './encoder-model.js';
import { Weights } from './weights.js';

/**
 * What BERT (Devlin et al., arXiv:1810.04805) and RoBERTa (Liu et al., arXiv:1907.11692; XLM-R: Conneau et al.,
 * arXiv:1911.02116) have in common: the names of all weights, and all of the config but how positions are numbered.
 * After modeling_bert.py and modeling_roberta.py of Hugging Face's transformers. The pooler, which embeddings do not use, is
 * not read and may be missing.
 */
function readBertLike(
  config: ConfigReader,
  source: TensorSource,
  family: { readonly prefix: string; readonly paddingIndex: number | null },
): EncoderModelParameters {
  refuse(config, 'is_decoder', config.flag('is_decoder', { fallback: false }), 'a decoder sees only what comes before');
  const positionType = config.text('position_embedding_type', { fallback: 'absolute' });
  refuse(config, 'position_embedding_type', positionType !== 'absolute', `gemmule has no "${positionType}" positions`);

  const hidden = config.integer('hidden_size');
  const numHeads = config.integer('num_attention_heads');
  requireDivisible(config, hidden, numHeads);
  const intermediate = config.integer('intermediate_size');
  const numLayers = config.integer('num_hidden_layers', { least: 0 });
  const positions = config.integer('max_position_embeddings');
  const vocabSize = config.integer('vocab_size');
  const epsilon = config.number('layer_norm_eps', { fallback: 1e-12 });
  const activation = readActivation(config, 'hidden_act');
  const types = config.integer('type_vocab_size', { fallback: 2 });
  const { paddingIndex } = family;

  const weights = Weights.locate(source, 'embeddings.word_embeddings.weight', family.prefix);
  const embeddings = weights.at('embeddings');
  const readLayer = (index: number): EncoderLayerParameters => {
    const layer = weights.at(`encoder.layer.${index}`);
    const attention = layer.at('attention');
    return {
      attention: {
        numHeads,
        query: attention.linear('self.query', hidden, hidden),
        key: attention.linear('self.key', hidden, hidden),
        value: attention.linear('self.value', hidden, hidden),
        output: attention.linear('output.dense', hidden, hidden),
      },
      attentionNorm: attention.norm('output.LayerNorm', hidden, epsilon),
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
      maxTokens: maxTokensOf(config, positions, paddingIndex),
      paddingIndex,
    },
    wordTable: embeddings.read('word_embeddings.weight', [vocabSize, hidden]),
    typeTable: embeddings.read('token_type_embeddings.weight', [types, hidden]),
    positionTable: embeddings.read('position_embeddings.weight', [positions, hidden]),
    embeddingNorm: embeddings.norm('LayerNorm', hidden, epsilon),
    layers: Array.from({ length: numLayers }, (_, index) => readLayer(index)),
  };
}

/** Refuses a model that asks for what would silently give other numbers. */
function refuse(config: ConfigReader, field: string, isWrong: boolean, reason: string): void {
  if (isWrong) throw new ModelError(`${config.path}: ${field}: ${reason}; this model cannot be run`);
}

/** Checks that attention can divide the hidden size between its heads. */
export function requireDivisible(config: ConfigReader, hidden: number, numHeads: number): void {
  if (hidden % numHeads !== 0) {
    throw new ModelError(`${config.path}: a hidden size of ${hidden} cannot be divided between ${numHeads} heads`);
  }
}

/** How many tokens fit a table of positions, of which padding takes the first few. */
export function maxTokensOf(config: ConfigReader, positions: number, paddingIndex: number | null): number {
  const maxTokens = paddingIndex === null ? positions : positions - paddingIndex - 1;
  if (maxTokens < 1) {
    throw new ModelError(`${config.path}: ${positions} positions leave none for a token after padding ${paddingIndex}`);
  }
  return maxTokens;
}

/** The numbers of a model of type `bert`. */
export function readBert(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  return readBertLike(config, source, { prefix: 'bert.', paddingIndex: null });
}

/** The numbers of a model of type `roberta` or `xlm-roberta`, which number positions from behind the padding index on. */
export function readRoberta(config: ConfigReader, source: TensorSource): EncoderModelParameters {
  const paddingIndex = config.integer('pad_token_id', { least: 0, fallback: 1 });
  return readBertLike(config, source, { prefix: 'roberta.', paddingIndex });
}
