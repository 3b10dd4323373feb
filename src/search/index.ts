export {
  defaultIndexFile,
  type IndexFolderOptions,
  type IndexFolderSummary,
  indexFolder,
  type PassageHit,
  PassageIndex,
  type PassageMetadata,
} from './folder-index.js';
export type { Filter, Metadata, MetadataFilter, Range } from './metadata.js';
export { type Passage, type PassageOptions, splitIntoPassages } from './passages.js';
export {
  type Hit,
  INDEX_METRICS,
  type IndexItem,
  type IndexMetric,
  type SearchOptions,
  VectorIndex,
  type VectorIndexOptions,
} from './vector-index.js';
export { VECTOR_STORAGES, type VectorStorage } from './vector-rows.js';
