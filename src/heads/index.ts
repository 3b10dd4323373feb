export { AGGREGATIONS, type Aggregation, type Entity } from './entities.js';
export type { ScoreFunction } from './labels.js';
export { MultiVectorEmbedder, type MultiVectorOptions, maxSim } from './multi-vector-embedder.js';
export { type RankedDocument, Reranker, type RerankOptions, type ScoreOptions } from './reranker.js';
export {
  SparseEmbedder,
  type SparseEmbedOptions,
  type SparseVector,
  sparseDot,
  type WeightedToken,
} from './sparse-embedder.js';
export { StaticEmbedder, type StaticEmbedOptions } from './static-embedder.js';
export { type Classification, type ClassifyOptions, TextClassifier } from './text-classifier.js';
export type { TextInput } from './text-session.js';
export { TokenClassifier, type TokenClassifyOptions } from './token-classifier.js';
