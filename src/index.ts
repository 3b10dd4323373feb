export { type Backend, type BackendName, defaultBackend, getBackend, setDefaultBackend } from './backend/index.js';
export { type ConvertGgufOptions, convertGguf } from './embeddings/convert-gguf.js';
export type {
  CallOptions,
  EmbedOptions,
  EmbedProgress,
  LoadOptions,
  QuantizedEmbedOptions,
  RunReport,
} from './embeddings/options.js';
export { type QuantizeOptions, quantizeModel } from './embeddings/quantize.js';
export {
  type QuantizedVectors,
  type QuantizeVectorsOptions,
  quantizeVectors,
  type VectorPrecision,
  vectorRanges,
} from './embeddings/quantized-vectors.js';
export { type SimilarityName, similarity } from './embeddings/similarity.js';
export {
  type AttentionMaps,
  type ModelSummary,
  TextEmbedder,
  type TokenEmbeddings,
  type TokenLayers,
} from './embeddings/text-embedder.js';
export { type EngineSummary, engineInfo, type MemoryUsage, memory, setThreads } from './engine.js';
export * from './errors.js';
export { type DownloadOptions, type DownloadProgress, downloadModel, type HubOptions } from './hub/index.js';
export { readNpy, writeNpy } from './io/npy.js';
export { SafetensorsFile, type TensorSource } from './io/safetensors.js';
export type { SafetensorsEntry } from './io/safetensors-header.js';
export { writeSafetensors } from './io/safetensors-writer.js';
export { ShardedSafetensors } from './io/sharded-safetensors.js';
export { type SvdOptions, type SvdResult, svd } from './linalg/decompositions.js';
export { type EncoderConfig, type EncoderInputs, EncoderModel } from './models/encoder-model.js';
export { type LoadModelOptions, loadModel } from './models/load.js';
export { type AttentionProjections, MultiHeadAttention, type MultiHeadAttentionParameters } from './nn/attention.js';
export { Embedding } from './nn/embedding.js';
export {
  Encoder,
  EncoderLayer,
  type EncoderLayerParameters,
  type EncoderOptions,
  type EncoderProbe,
} from './nn/encoder.js';
export { FeedForward, type FeedForwardParameters } from './nn/feed-forward.js';
export type { Activation, AttentionOptions, PoolingMode } from './nn/functional.js';
export { LayerNorm, type LayerNormParameters } from './nn/layer-norm.js';
export { Linear, type LinearParameters, type WeightOptions } from './nn/linear.js';
export { rotaryTable, type SinusoidOptions, sinusoidalPositions } from './nn/positions.js';
export * from './tensor/creation.js';
export type { DType } from './tensor/dtype.js';
export type { PrintOptions } from './tensor/printing.js';
export { Random, type RandomOptions } from './tensor/random.js';
export type { NormOptions, ReduceOptions, SpreadOptions } from './tensor/reductions.js';
export type { SliceSpec } from './tensor/strided.js';
export { type NestedArray, Tensor, type TensorOrScalar } from './tensor/tensor.js';
export { type TopSimilar, topSimilar } from './tensor/top-similar.js';
export { type EncodedIds, type EncodeOptions, type Encoding, Tokenizer } from './tokenizers/tokenizer.js';
export { VERSION } from './version.js';
