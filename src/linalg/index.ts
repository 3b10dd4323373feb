/** `gemmule/linalg`: linear algebra of dense and sparse matrices. */
export type { QrMode } from '../backend/primitives/decomposition.js';
export {
  type CholeskyOptions,
  type ComplexSchurResult,
  type ComplexTensor,
  cholesky,
  choleskyAsync,
  type EighResult,
  type EigResult,
  eig,
  eigAsync,
  eigh,
  eighAsync,
  eigvals,
  eigvalsAsync,
  eigvalsh,
  eigvalshAsync,
  type LuResult,
  lu,
  luAsync,
  type OutputOptions,
  type QrOptions,
  type QrResult,
  qr,
  qrAsync,
  type SchurResult,
  type SvdOptions,
  type SvdResult,
  schur,
  schurAsync,
  svd,
  svdAsync,
  svdvals,
  svdvalsAsync,
} from './decompositions.js';
export { expm, expmAsync } from './exponential.js';
export * from './least-squares.js';
export { matrixPower, matrixPowerAsync, sqrtm, sqrtmAsync } from './matrix-functions.js';
export {
  type CondOptions,
  cond,
  condAsync,
  det,
  detAsync,
  type MatrixNormKind,
  type MatrixNormOptions,
  matrixRank,
  matrixRankAsync,
  norm,
  normAsync,
  type SlogdetResult,
  slogdet,
  slogdetAsync,
  type ToleranceOptions,
} from './norms.js';
export {
  type BlockOperator,
  type PartialSvd,
  type RandomizedSvdOptions,
  randomizedSvd,
  randomizedSvdAsync,
} from './randomized-svd.js';
export {
  type Common,
  inv,
  invAsync,
  type SolveTriangularOptions,
  solve,
  solveAsync,
  solveTriangular,
  solveTriangularAsync,
} from './solvers.js';
export { type CompressedRows, type RealDType, SparseMatrix, type Triplets } from './sparse-matrix.js';
export type { AsyncOptions } from './steps.js';
export { kron, outer, trace, tril, triu } from './structure.js';
