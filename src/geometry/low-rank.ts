import { requireCount } from '../arguments.js';
import { ArgumentError } from '../errors.js';
import { svd } from '../linalg/decompositions.js';
import { randomizedSvd } from '../linalg/randomized-svd.js';
import type { RealDType } from '../linalg/sparse-matrix.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix } from './arguments.js';

export interface LowRankOptions {
  /** The rank wanted; or give `relativeError`. */
  readonly rank?: number;
  /** The greatest relative error allowed, between 0 and 1: the smallest rank that keeps it is taken. */
  readonly relativeError?: number;
  /** `svd` (default) is exact; `randomized` is faster for a small rank of a large matrix, and needs `rank`. */
  readonly solver?: 'svd' | 'randomized';
  /** Of the randomized solver: default 4. */
  readonly powerIterations?: number;
  /** Of the randomized solver: default 0. */
  readonly seed?: number;
}

/** A matrix `[rows, columns]` as the product `left * right` of two thin ones. */
export interface LowRankApproximation {
  readonly rank: number;
  /** `[rows, rank]`, the singular values divided equally between both factors. */
  readonly left: Tensor<RealDType>;
  /** `[rank, columns]`. */
  readonly right: Tensor<RealDType>;
  /** The kept singular values, `[rank]`. */
  readonly singularValues: Tensor<RealDType>;
  /** The Frobenius norm of what is lost, as a share of that of the matrix. Measured on the difference itself. */
  readonly relativeError: number;
  /** The largest singular value of what is lost, as a share of the matrix's largest: the worst that can befall one vector. */
  readonly spectralError: number;
  /** Numbers of both factors, as a share of those of the matrix; above 1 nothing is saved. */
  readonly size: number;
}

/**
 * The best approximation of a matrix by one of a lower rank (Eckart and Young 1936): what a layer's weight loses when it is
 * replaced by two thin ones.
 *
 * @param matrix - `[rows, columns]`; float64 is computed in float64, all else in float32.
 * @throws ArgumentError unless exactly one of rank and relativeError is given, and for NaN or infinite elements.
 */
export function lowRankApproximation(matrix: Tensor, options: LowRankOptions): LowRankApproximation {
  const operation = 'lowRankApproximation';
  const { rank, relativeError, solver = 'svd', powerIterations = 4, seed = 0 } = options ?? {};
  using weight = realMatrix(operation, 'matrix', matrix);
  const [rows, columns] = weight.shape as [number, number];
  const most = Math.min(rows, columns);
  if ((rank === undefined) === (relativeError === undefined)) {
    throw new ArgumentError(`${operation}: give either rank or relativeError`);
  }
  if (rank !== undefined) requireCount(operation, 'rank', rank, 1, most);
  if (relativeError !== undefined && !(relativeError >= 0 && relativeError < 1)) {
    throw new ArgumentError(`${operation}: relativeError must lie in [0, 1), got ${String(relativeError)}`);
  }
  if (solver !== 'svd' && (solver !== 'randomized' || rank === undefined)) {
    throw new ArgumentError(`${operation}: solver must be svd, or randomized with a rank, got ${String(solver)}`);
  }
  const parts =
    solver === 'randomized' ? randomizedSvd(weight, rank as number, { powerIterations, seed }) : svd(weight);
  using allU = parts.u;
  using allS = parts.s;
  using allVt = parts.vt;
  const values = Float64Array.from(allS.toTypedArray() as Float32Array);
  const kept = rank ?? rankFor(relativeError as number, values);
  using singularValues = allS.slice([0, kept]);
  using roots = singularValues.sqrt();
  using rootColumn = roots.unsqueeze(1);
  using u = allU.slice(null, [0, kept]);
  using vt = allVt.slice([0, kept]);
  const left = u.multiply(roots) as Tensor as Tensor<RealDType>;
  const right = vt.multiply(rootColumn) as Tensor as Tensor<RealDType>;

  using product = left.matmul(right);
  using lost = weight.subtract(product) as Tensor as Tensor<RealDType>;
  using lostNorm = lost.norm();
  using norm = weight.norm();
  const whole = norm.item() as number;
  const spectral = solver === 'svd' ? (values[kept] ?? 0) : largestSingularValue(lost);
  return {
    rank: kept,
    left,
    right,
    singularValues: singularValues.clone(),
    relativeError: whole === 0 ? 0 : (lostNorm.item() as number) / whole,
    spectralError: values[0] === 0 ? 0 : spectral / values[0],
    size: (kept * (rows + columns)) / (rows * columns),
  };
}

/** The smallest rank, 1 at least, whose tail is a share of the whole at most. */
function rankFor(relativeError: number, values: Float64Array): number {
  const whole = values.reduce((sum, value) => sum + value ** 2, 0);
  let tail = 0;
  for (let rank = values.length; rank > 1; rank--) {
    tail += values[rank - 1] ** 2;
    if (tail > relativeError ** 2 * whole) return rank;
  }
  return 1;
}

function largestSingularValue(matrix: Tensor<RealDType>): number {
  const { u, s, vt } = randomizedSvd(matrix, 1, { powerIterations: 6 });
  u.dispose();
  vt.dispose();
  using values = s;
  return values.at(0);
}
