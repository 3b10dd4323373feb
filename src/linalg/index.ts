/** `gemmule/linalg`: linear algebra of dense and sparse matrices. */
export {
  type BlockOperator,
  type PartialSvd,
  type RandomizedSvdOptions,
  randomizedSvd,
} from './randomized-svd.js';
export { type CompressedRows, type RealDType, SparseMatrix, type Triplets } from './sparse-matrix.js';
