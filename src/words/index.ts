export { BUNDLED_WORDS_NAME } from './bundled.js';
export { type CooccurrenceOptions, countCooccurrences } from './cooccurrences.js';
export { Corpus, type CorpusOptions, type CorpusProgress } from './corpus.js';
export type { AnalogyEvaluation, AnalogyOptions, AnalogySection } from './evaluate-analogies.js';
export type { SimilarityEvaluation, SimilarityOptions } from './evaluate-similarity.js';
export { GloVe, type GloVeOptions } from './glove.js';
export type { LoadWordsOptions, ReadProgress } from './load.js';
export type { Match } from './matches.js';
export { type Phrase, type PhraseOptions, Phrases } from './phrases.js';
export {
  type InformationOptions,
  type InformationVectorsOptions,
  informationVectors,
  positivePointwiseMutualInformation,
} from './pointwise-mutual-information.js';
export type { LineProblem, LoadReport, WordFormat } from './report.js';
export type { SaveWordsOptions } from './save.js';
export { type CorpusSource, type Joiner, type SentenceOptions, sentencesOf } from './sentences.js';
export { type SubwordSettings, Subwords, subwordBuckets } from './subwords.js';
export type { TrainingProgress, TrainOptions } from './training-run.js';
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
export { Word2Vec, type Word2VecOptions, type Word2VecTrainOptions } from './word2vec.js';
