import type { View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import { readActivation } from '../models/activations.js';
import { Weights } from '../models/weights.js';
import { type Activation, pool } from '../nn/functional.js';
import { LayerNorm, type LayerNormParameters } from '../nn/layer-norm.js';
import { Linear, type LinearParameters } from '../nn/linear.js';
import { multiplyDims } from '../tensor/dim.js';
import { unary } from '../tensor/elementwise.js';
import { execute } from '../tensor/execute.js';
import type { EncoderSession, HeadForward } from './encoder-session.js';
import { readPredictionHead, requireArchitecture } from './sequence-head.js';

/** How the logits of a text's tokens become one vector. */
export interface SparsePooling {
  readonly strategy: 'max' | 'sum';
  /** Whether the logarithm is taken twice. */
  readonly isTwice: boolean;
}

/** What predicts tokens from hidden states. */
interface VocabularyHead {
  readonly dense: LinearParameters;
  readonly activation: Activation;
  readonly norm: LayerNormParameters | LayerNorm;
  /** `[vocabulary, hidden]`. */
  readonly decoder: View;
  /** `[vocabulary]`; null for none. */
  readonly bias: View | null;
}

/**
 * Columns of logits that are held at once: what is there of a run of two thousand tokens stays below 32 MB, and is pooled
 * before the next are computed.
 */
const CHUNK = 4096;

/** The names of a head's parts in each family, with how its last layer, which mostly shares the table of embeddings, is called. */
function readParts(session: EncoderSession): VocabularyHead {
  const { config, source, encoder } = session;
  const { hiddenSize: hidden, vocabSize, modelType } = encoder.config;
  const decoderOf = (weights: Weights, name: string, table: string, usualPrefix: string): View =>
    weights.has(name)
      ? weights.read(name, [vocabSize, hidden])
      : Weights.locate(source, table, usualPrefix).read(table, [vocabSize, hidden]);
  const words = 'embeddings.word_embeddings.weight';
  const biasOf = (weights: Weights, ...names: readonly string[]): View => {
    const name = names.find((candidate) => weights.has(candidate)) ?? (names[0] as string);
    return weights.read(name, [vocabSize]);
  };
  switch (modelType) {
    case 'bert':
    case 'nomic_bert': {
      const weights = Weights.locate(source, 'cls.predictions.transform.dense.weight', '').at('cls.predictions');
      const epsilon = config.number('layer_norm_eps', { fallback: 1e-12 });
      // The name of the normalisation in NomicBERT's head.
      const normName = weights.has('transform.layer_norm.weight') ? 'transform.layer_norm' : 'transform.LayerNorm';
      return {
        dense: weights.linear('transform.dense', hidden, hidden),
        activation: readActivation(config, 'hidden_act'),
        norm: weights.norm(normName, hidden, epsilon),
        decoder: decoderOf(weights, 'decoder.weight', words, `${modelType}.`),
        bias: biasOf(weights, 'bias', 'decoder.bias'),
      };
    }
    case 'distilbert': {
      const weights = Weights.locate(source, 'vocab_transform.weight', '');
      return {
        dense: weights.linear('vocab_transform', hidden, hidden),
        activation: readActivation(config, 'activation'),
        norm: weights.norm('vocab_layer_norm', hidden, 1e-12),
        decoder: decoderOf(weights, 'vocab_projector.weight', words, 'distilbert.'),
        bias: biasOf(weights, 'vocab_projector.bias'),
      };
    }
    case 'modernbert': {
      const weights = Weights.locate(source, 'head.dense.weight', '');
      return {
        ...readPredictionHead(config, weights, hidden),
        decoder: decoderOf(weights, 'decoder.weight', 'embeddings.tok_embeddings.weight', 'model.'),
        bias: config.flag('decoder_bias', { fallback: true }) ? biasOf(weights, 'decoder.bias') : null,
      };
    }
    case 'roberta':
    case 'xlm-roberta':
    case 'mpnet': {
      const weights = Weights.locate(source, 'lm_head.dense.weight', '').at('lm_head');
      return {
        dense: weights.linear('dense', hidden, hidden),
        activation: 'gelu',
        norm: weights.norm('layer_norm', hidden, config.number('layer_norm_eps', { fallback: 1e-12 })),
        decoder: decoderOf(weights, 'decoder.weight', words, modelType === 'mpnet' ? 'mpnet.' : 'roberta.'),
        bias: biasOf(weights, 'bias', 'decoder.bias'),
      };
    }
    default:
      throw new ModelError(
        `${config.path}: gemmule knows no head that predicts tokens for models of type "${modelType}"`,
      );
  }
}

/**
 * The head of a model `...ForMaskedLM`, pooled over the tokens of each text: float32 `[sequences, vocabulary]`. With `max`
 * the greatest logit, with `sum` the mean of what the logits become.
 */
export function readVocabularyHead(session: EncoderSession, { strategy, isTwice }: SparsePooling): HeadForward {
  requireArchitecture(session.config, 'ForMaskedLM', 'a head that predicts tokens');
  const { backend, weightFormat } = session.encoder;
  const { vocabSize } = session.encoder.config;
  const { dense, activation, norm, decoder, bias } = readParts(session);
  const denseLayer = new Linear(dense, { backend });
  const normLayer = norm instanceof LayerNorm ? norm : new LayerNorm(norm);
  const chunks: Linear[] = [];
  for (let begin = 0; begin < vocabSize; begin += CHUNK) {
    const end = Math.min(begin + CHUNK, vocabSize);
    const weight = rowsOf(decoder, begin, end);
    chunks.push(new Linear({ weight, bias: bias && rowsOf(bias, begin, end) }, { backend, weightFormat }));
  }
  const poolChunk = (logits: View, cuSeqlens: View): View => {
    if (strategy === 'max') return pool(logits, cuSeqlens, { mode: 'max' });
    const once = unary('log1p', unary('relu', logits));
    return pool(isTwice ? unary('log1p', once) : once, cuSeqlens, { mode: 'mean' });
  };
  return (states, cuSeqlens) => {
    const transformed = normLayer.forward(denseLayer.forward(states, { activation }));
    const pooled = chunks.map((chunk) => poolChunk(chunk.forward(transformed), cuSeqlens));
    return pooled.length === 1 ? (pooled[0] as View) : (execute('concat', pooled, { axis: 1 })[0] as View);
  };
}

/** Rows `begin` to `end` of a tensor, in place. */
function rowsOf(view: View, begin: number, end: number): View {
  const [, ...rest] = view.dims;
  const offset = (view.offset as number) + (multiplyDims(view.strides[0] as number, begin) as number);
  return { ...view, dims: [end - begin, ...rest], offset };
}
