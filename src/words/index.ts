export { BUNDLED_WORDS_NAME } from './bundled.js';
export type { AnalogyEvaluation, AnalogyOptions, AnalogySection } from './evaluate-analogies.js';
export type { SimilarityEvaluation, SimilarityOptions } from './evaluate-similarity.js';
export type { LoadWordsOptions, ReadProgress } from './load.js';
export type { Match } from './matches.js';
export type { LineProblem, LoadReport, WordFormat } from './report.js';
export type { SaveWordsOptions } from './save.js';
export { type SubwordSettings, Subwords, subwordBuckets } from './subwords.js';
export {
  type AnalogyMethod,
  type BatchOptions,
  type MostSimilarOptions,
  type SearchOptions,
  type SimilarQuery,
  type Term,
  WordVectors,
  type WordVectorsOptions,
} from './word-vectors.js';
