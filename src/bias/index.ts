/** `gemmule/bias`: what a space of vectors associates with what, by the field's usual tests. */
export {
  axisBetween,
  type BiasSubspace,
  biasSubspace,
  type DebiasOptions,
  debias,
  directBias,
  GENDER_PAIRS,
  type Projection,
  projectWords,
} from './direction.js';
export {
  negativeSentiment,
  type RelativeDistance,
  relativeNormDistance,
  type SentimentBias,
  type SentimentOptions,
} from './group-measures.js';
export { embedSource, orLowerCase, sourceOf, type VectorSource } from './vector-source.js';
export {
  type AssociationSets,
  SEAT_TEMPLATES,
  type SeatOptions,
  seat,
  type WeatOptions,
  type WeatResult,
  weat,
} from './weat.js';
export { type AssociationTest, CALISKAN_TESTS } from './word-sets.js';
