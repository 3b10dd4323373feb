import type { Backend } from '../backend/index.js';
import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { TensorSource } from '../io/safetensors.js';
import { readActivation } from '../models/activations.js';
import type { EncoderConfig } from '../models/encoder-model.js';
import { Weights } from '../models/weights.js';
import { type Activation, type PoolingMode, pool } from '../nn/functional.js';
import { LayerNorm } from '../nn/layer-norm.js';
import { Linear, type LinearParameters } from '../nn/linear.js';
import type { HeadForward } from './encoder-session.js';

/** What stands between a sequence's hidden states and its logits. */
interface SequenceHead {
  readonly pooling: PoolingMode;
  readonly dense: LinearParameters;
  readonly activation: Activation;
  /** Behind the activation; null for none. */
  readonly norm: LayerNorm | null;
  readonly output: LinearParameters;
}

type HeadReader = (config: ConfigReader, source: TensorSource, hidden: number, labels: number) => SequenceHead;

/** BERT's: the pooler that it was trained with, then one layer. */
const readPooledHead: HeadReader = (_config, source, hidden, labels) => ({
  pooling: 'cls',
  dense: Weights.locate(source, 'pooler.dense.weight', 'bert.').linear('pooler.dense', hidden, hidden),
  activation: 'tanh',
  norm: null,
  output: Weights.locate(source, 'classifier.weight', '').linear('classifier', labels, hidden),
});

/** RoBERTa's and MPNet's: a head of two layers on the first token. */
const readRobertaHead: HeadReader = (_config, source, hidden, labels) => {
  const weights = Weights.locate(source, 'classifier.dense.weight', '').at('classifier');
  return {
    pooling: 'cls',
    dense: weights.linear('dense', hidden, hidden),
    activation: 'tanh',
    norm: null,
    output: weights.linear('out_proj', labels, hidden),
  };
};

const readDistilBertHead: HeadReader = (_config, source, hidden, labels) => {
  const weights = Weights.locate(source, 'pre_classifier.weight', '');
  return {
    pooling: 'cls',
    dense: weights.linear('pre_classifier', hidden, hidden),
    activation: 'relu',
    norm: null,
    output: weights.linear('classifier', labels, hidden),
  };
};

const readModernBertHead: HeadReader = (config, source, hidden, labels) => {
  const weights = Weights.locate(source, 'classifier.weight', '');
  const pooling = config.text('classifier_pooling', { fallback: 'cls' });
  if (pooling !== 'cls' && pooling !== 'mean') {
    throw new ModelError(`${config.path}: classifier_pooling is "${pooling}"; gemmule knows cls, mean`);
  }
  return {
    pooling,
    ...readPredictionHead(config, weights, hidden),
    output: weights.linear('classifier', labels, hidden),
  };
};

/** What ModernBERT puts in front of every head's last layer. */
export function readPredictionHead(
  config: ConfigReader,
  weights: Weights,
  hidden: number,
): Pick<SequenceHead, 'dense' | 'activation'> & { readonly norm: LayerNorm } {
  const epsilon = config.number('norm_eps', { fallback: 1e-5 });
  const normBias = { bias: config.flag('norm_bias', { fallback: false }) };
  return {
    dense: weights.linear('head.dense', hidden, hidden, { bias: config.flag('classifier_bias', { fallback: false }) }),
    activation: readActivation(config, 'classifier_activation'),
    norm: new LayerNorm(weights.norm('head.norm', hidden, epsilon, normBias)),
  };
}

const READERS: Readonly<Record<string, HeadReader>> = {
  bert: readPooledHead,
  distilbert: readDistilBertHead,
  modernbert: readModernBertHead,
  mpnet: readRobertaHead,
  nomic_bert: readPooledHead,
  roberta: readRobertaHead,
  'xlm-roberta': readRobertaHead,
};

/**
 * The head of a model `...ForSequenceClassification` as Hugging Face's transformers has it.
 *
 * @returns from hidden states to logits, float32 `[sequences, labels]`.
 * @throws ModelError when the folder has no such head.
 */
export function readSequenceHead(
  config: ConfigReader,
  source: TensorSource,
  encoder: EncoderConfig,
  labels: number,
  backend: Backend,
): HeadForward {
  requireSequenceHead(config);
  const read = READERS[encoder.modelType] as HeadReader;
  const { pooling, dense, activation, norm, output } = read(config, source, encoder.hiddenSize, labels);
  // A few rows, on which all depends: always exact.
  const denseLayer = new Linear(dense, { backend });
  const outputLayer = new Linear(output, { backend });
  return (hidden, cuSeqlens) => {
    const pooled = denseLayer.forward(pool(hidden, cuSeqlens, { mode: pooling }), { activation });
    return outputLayer.forward(norm === null ? pooled : norm.forward(pooled));
  };
}

/** Refuses a model without a head that {@link readSequenceHead} reads. */
export function requireSequenceHead(config: ConfigReader): void {
  requireArchitecture(config, 'ForSequenceClassification', 'a head that classifies texts');
}

/** Refuses a model whose config says that it was saved with another head, or none. */
export function requireArchitecture(config: ConfigReader, suffix: string, what: string): void {
  if (!config.has('architectures')) return;
  const names = config.words('architectures');
  if (names.some((name) => name.endsWith(suffix))) return;
  throw new ModelError(
    `${config.path}: this is a ${names.join(', ') || 'model without a name'}, which has not ${what}; a model saved as ...${suffix} has one`,
  );
}
