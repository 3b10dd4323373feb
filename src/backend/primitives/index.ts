import type { Primitive } from '../primitive.js';
import { cholesky, eig, eigh, inv, lu, qr, schur, schurRoot, solve, solveTriangular, svd } from './decomposition.js';
import { binaryPrimitives, cast, unaryPrimitives, where } from './elementwise.js';
import { concat, random, take, takeAlongAxis } from './indexing.js';
import { matmul } from './matrix.js';
import { reductionPrimitives, scanPrimitives, sort, topk } from './reduction.js';
import { codeProducts, hammingDistances } from './search.js';
import { topSimilar } from './similarity.js';
import { sparseGram, sparseMatmul } from './sparse.js';
import {
  attention,
  attentionWeights,
  embedding,
  gatedActivation,
  layerNorm,
  linear,
  pool,
  rotary,
} from './transformer.js';

/** Every primitive by name: the whole of what a backend must implement. */
export const PRIMITIVES = {
  ...unaryPrimitives,
  ...binaryPrimitives,
  where,
  cast,
  ...reductionPrimitives,
  ...scanPrimitives,
  sort,
  topk,
  concat,
  take,
  takeAlongAxis,
  random,
  matmul,
  svd,
  sparseMatmul,
  sparseGram,
  topSimilar,
  qr,
  cholesky,
  lu,
  solve,
  solveTriangular,
  inv,
  eigh,
  eig,
  schur,
  schurRoot,
  linear,
  layerNorm,
  embedding,
  rotary,
  gatedActivation,
  attention,
  attentionWeights,
  pool,
  codeProducts,
  hammingDistances,
} as const;

export type PrimitiveName = keyof typeof PRIMITIVES;

/** The attributes of a primitive. */
export type AttributesOf<P extends PrimitiveName> = (typeof PRIMITIVES)[P] extends Primitive<infer A> ? A : never;
