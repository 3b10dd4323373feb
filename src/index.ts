export { type Backend, type BackendName, defaultBackend, getBackend, setDefaultBackend } from './backend/index.js';
export type { CallOptions, EmbedOptions, EmbedProgress, LoadOptions } from './embeddings/options.js';
export { type SimilarityName, similarity } from './embeddings/similarity.js';
export {
  type AttentionMaps,
  type ModelSummary,
  TextEmbedder,
  type TokenEmbeddings,
} from './embeddings/text-embedder.js';
export { type EngineSummary, engineInfo, type MemoryUsage, memory, setThreads } from './engine.js';
export * from './errors.js';
export * from './tensor/creation.js';
export type { DType } from './tensor/dtype.js';
export type { PrintOptions } from './tensor/printing.js';
export { Random, type RandomOptions } from './tensor/random.js';
export type { NormOptions, ReduceOptions, SpreadOptions } from './tensor/reductions.js';
export type { SliceSpec } from './tensor/strided.js';
export { type NestedArray, Tensor, type TensorOrScalar } from './tensor/tensor.js';
export { type EncodedIds, type EncodeOptions, type Encoding, Tokenizer } from './tokenizers/tokenizer.js';
export { VERSION } from './version.js';
