import { ArgumentError, ShapeError } from '../errors.js';
import { type RealDType, SparseMatrix } from '../linalg/sparse-matrix.js';
import { fromTypedArray } from '../tensor/creation.js';
import { Tensor } from '../tensor/tensor.js';
import { realMatrix } from './arguments.js';
import { centred, DistancePoints, unitRows } from './distances.js';
import { membersOf } from './k-means.js';

export interface Silhouette {
  /** The mean over all vectors, from -1 to 1. */
  readonly score: number;
  /** The width of every vector, float64 `[count]`. */
  readonly samples: Tensor<'float64'>;
  /** The mean over the vectors of every label. */
  readonly clusters: ReadonlyMap<number, number>;
}

/**
 * How well vectors lie within their clusters (Rousseeuw 1987): (b - a) / max(a, b), with a the mean distance to the others of
 * one's own cluster and b that to the nearest other cluster; 0 for a cluster of one. Near 1 is well inside, near 0 between two,
 * below 0 in the wrong one. Computed in float64, in blocks: n^2 distances are never held at once. As
 * `sklearn.metrics.silhouette_samples`.
 *
 * @param x - `[count, features]`.
 * @param labels - whole numbers, one a vector, such as those of {@link kMeans}; at least two different ones, fewer than vectors.
 * @param options.metric - euclidean (default), or cosine: 1 less the cosine.
 */
export function silhouette(
  x: Tensor,
  labels: Tensor<'int32'> | readonly number[],
  options: { readonly metric?: 'euclidean' | 'cosine' } = {},
): Silhouette {
  const { metric = 'euclidean' } = options;
  if (metric !== 'euclidean' && metric !== 'cosine') {
    throw new ArgumentError(`silhouette: metric must be euclidean or cosine, got ${String(metric)}`);
  }
  using real: Tensor<RealDType> = realMatrix('silhouette', 'x', x);
  using wide = real.to('float64');
  const [count] = wide.shape as [number];
  const given = labels instanceof Tensor ? Array.from(labels.toTypedArray()) : labels;
  if (!Array.isArray(given) || given.length !== count) {
    throw new ShapeError(`silhouette: expected ${count} labels, one a vector, got ${given?.length}`);
  }
  const names = [...new Set(given)].sort((a, b) => a - b);
  if (names.some((name) => !Number.isInteger(name))) {
    throw new ArgumentError('silhouette: labels must be whole numbers');
  }
  if (names.length < 2 || names.length >= count) {
    throw new ArgumentError(
      `silhouette: labels must be of 2 to ${count - 1} kinds for ${count} vectors, got ${names.length}`,
    );
  }
  const index = new Map(names.map((name, n) => [name, n]));
  const own = Int32Array.from(given, (name) => index.get(name) as number);
  const { offsets, members } = membersOf(own, names.length);
  const sizes = names.map((_, cluster) => offsets[cluster + 1] - offsets[cluster]);
  const membership = SparseMatrix.fromCompressedRows<'float64'>(
    { values: new Float64Array(count).fill(1), columnIndices: members, rowOffsets: offsets },
    [names.length, count],
  );

  using placed = metric === 'cosine' ? unitRows(wide) : centred(wide);
  using points = new DistancePoints(placed);
  const samples = new Float64Array(count);
  const step = DistancePoints.blockOf(count);
  for (let begin = 0; begin < count; begin += step) {
    const end = Math.min(begin + step, count);
    const width = end - begin;
    using rows = points.squaredDistances(begin, end, points);
    using squares = rows.maximum(0) as Tensor as Tensor<'float64'>;
    // Half the squared distance of unit vectors is 1 less their cosine.
    using distances = metric === 'cosine' ? (squares.multiply(0.5) as Tensor<'float64'>) : squares.sqrt();
    const numbers = distances.toTypedArray() as Float64Array;
    for (let n = 0; n < width; n++) numbers[n * count + begin + n] = 0;
    using columns = distances.transpose();
    using sums = membership.matmul(columns);
    const toClusters = sums.toTypedArray();
    for (let n = 0; n < width; n++) {
      const cluster = own[begin + n];
      if (sizes[cluster] === 1) continue;
      const inside = toClusters[cluster * width + n] / (sizes[cluster] - 1);
      let outside = Infinity;
      for (let other = 0; other < names.length; other++) {
        if (other !== cluster) outside = Math.min(outside, toClusters[other * width + n] / sizes[other]);
      }
      const larger = Math.max(inside, outside);
      samples[begin + n] = larger === 0 ? 0 : (outside - inside) / larger;
    }
  }
  const totals = new Float64Array(names.length);
  for (let n = 0; n < count; n++) totals[own[n]] += samples[n];
  return {
    score: totals.reduce((a, b) => a + b, 0) / count,
    samples: fromTypedArray<'float64'>(samples),
    clusters: new Map(names.map((name, cluster) => [name, totals[cluster] / sizes[cluster]])),
  };
}
