export type { TextInput } from './encoder-session.js';
export type { Aggregation, Entity } from './entities.js';
export type { ScoreFunction } from './labels.js';
export { type RankedDocument, Reranker, type RerankOptions, type ScoreOptions } from './reranker.js';
export { type Classification, type ClassifyOptions, TextClassifier } from './text-classifier.js';
export { TokenClassifier, type TokenClassifyOptions } from './token-classifier.js';
