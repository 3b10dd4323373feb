import { requireCount } from '../arguments.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { type RealDType, SparseMatrix } from '../linalg/sparse-matrix.js';
import { fromTypedArray } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { arrayConstructor } from '../tensor/dtype.js';
import { Random } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { realMatrix, requireFeatures, requireNotNegative } from './arguments.js';
import { DistancePoints } from './distances.js';

export interface KMeansOptions {
  /** The first centroids: by k-means++ (default), rows drawn at random, or given, `[clusters, features]`. */
  readonly initial?: 'k-means++' | 'random' | Tensor;
  /** How often to begin anew; the best run counts. Default 1. */
  readonly restarts?: number;
  /** Default 300. */
  readonly maxIterations?: number;
  /** Stops when centroids move less: the squared distance of all, as a share of the mean variance of a feature. Default 1e-4. */
  readonly tolerance?: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface Clustering {
  /** `[clusters, features]`. */
  readonly centroids: Tensor<RealDType>;
  /** The cluster of every vector, int32 `[count]`. */
  readonly labels: Tensor<'int32'>;
  /** The sum of the squared distances to the nearest centroids. */
  readonly inertia: number;
  /** Iterations of the best run. */
  readonly iterations: number;
  /** Whether it came to rest before `maxIterations`. */
  readonly converged: boolean;
}

interface Points {
  /** `[count, features]`, less their mean. */
  readonly x: Tensor<RealDType>;
  readonly distances: DistancePoints;
  readonly count: number;
}

interface Assignment {
  readonly labels: Int32Array;
  /** Squared distances to the nearest centroid. */
  readonly squares: Float32Array | Float64Array;
}

/**
 * Clusters of vectors around `clusters` centroids (Lloyd 1982), which begin far apart by greedy k-means++ (Arthur and
 * Vassilvitskii 2007): each next one is the best of a few drawn with probabilities as their squared distances to the nearest
 * yet. Distances are matrix products. A cluster that loses all its vectors goes on at the one farthest from its centroid. As
 * `sklearn.cluster.KMeans`.
 *
 * @param x - `[count, features]`; float64 is computed in float64, all else in float32.
 * @param clusters - from 1 to count.
 * @throws ArgumentError for NaN or infinite elements and options out of range.
 */
export function kMeans(x: Tensor, clusters: number, options: KMeansOptions = {}): Clustering {
  const { initial = 'k-means++', restarts = 1, maxIterations = 300, tolerance = 1e-4, seed = 0 } = options;
  using vectors = realMatrix('kMeans', 'x', x);
  const [count, features] = vectors.shape as [number, number];
  requireCount('kMeans', 'clusters', clusters, 1, count);
  requireCount('kMeans', 'restarts', restarts, 1);
  requireCount('kMeans', 'maxIterations', maxIterations, 1);
  requireNotNegative('kMeans', 'tolerance', tolerance);
  using given = initial instanceof Tensor ? initialCentroids(initial, clusters, features, vectors.dtype) : null;
  if (given === null && initial !== 'k-means++' && initial !== 'random') {
    throw new ArgumentError(`kMeans: initial must be k-means++, random or a Tensor, got ${String(initial)}`);
  }
  using mean = vectors.mean([0]) as Tensor as Tensor<RealDType>;
  using centredX = vectors.subtract(mean) as Tensor as Tensor<RealDType>;
  using distances = new DistancePoints(centredX);
  const points: Points = { x: centredX, distances, count };
  using squares = centredX.square();
  using totalSquares = squares.sum();
  const leastShift = (tolerance * (totalSquares.item() as number)) / (count * features);

  const random = new Random(seed);
  let best: Clustering | null = null;
  for (let run = 0; run < restarts; run++) {
    using start = given
      ? (given.subtract(mean) as Tensor as Tensor<RealDType>)
      : initial === 'random'
        ? rowsOf(points, random.permutation(count).toTypedArray().subarray(0, clusters))
        : spreadOut(points, clusters, random);
    const found = lloyd(points, start, maxIterations, leastShift);
    if (best !== null && best.inertia <= found.inertia) {
      found.centroids.dispose();
      continue;
    }
    best?.centroids.dispose();
    best = found;
  }
  const { centroids, ...rest } = best as Clustering;
  using around = centroids;
  return { ...rest, centroids: around.add(mean) as Tensor as Tensor<RealDType> };
}

/**
 * The nearest centroid of every vector.
 *
 * @param x - `[count, features]`.
 * @param centroids - `[clusters, features]`.
 * @returns int32 labels `[count]` and the distances to those centroids `[count]`.
 */
export function nearestCentroids(
  x: Tensor,
  centroids: Tensor,
): { readonly labels: Tensor<'int32'>; readonly distances: Tensor<RealDType> } {
  using vectors = realMatrix('nearestCentroids', 'x', x);
  using real = realMatrix('nearestCentroids', 'centroids', centroids);
  requireFeatures('nearestCentroids', 'centroids', real, vectors.shape[1]);
  using centres = real.to(vectors.dtype) as Tensor<RealDType>;
  using mean = vectors.mean([0]);
  using centredX = vectors.subtract(mean) as Tensor as Tensor<RealDType>;
  using centredC = centres.subtract(mean) as Tensor as Tensor<RealDType>;
  using points = new DistancePoints(centredX);
  const { labels, squares } = assign({ x: centredX, distances: points, count: vectors.shape[0] }, centredC);
  return { labels: fromTypedArray<'int32'>(labels), distances: fromTypedArray<RealDType>(squares.map(Math.sqrt)) };
}

function initialCentroids(initial: Tensor, clusters: number, features: number, dtype: RealDType): Tensor<RealDType> {
  using real = realMatrix('kMeans', 'initial', initial);
  if (real.shape[0] !== clusters || real.shape[1] !== features) {
    throw new ShapeError(`kMeans: initial must be [${clusters}, ${features}], got ${formatShape(initial.dims)}`);
  }
  return real.to(dtype) as Tensor<RealDType>;
}

function rowsOf({ x }: Points, indices: ArrayLike<number>): Tensor<RealDType> {
  return x.take(Array.from(indices));
}

/** Centroids by greedy k-means++. */
function spreadOut(points: Points, clusters: number, random: Random): Tensor<RealDType> {
  const { count, distances: all } = points;
  const trials = 2 + Math.floor(Math.log(clusters));
  using draws = random.uniform([clusters, trials], { dtype: 'float64' });
  const uniform = draws.toTypedArray();
  const chosen = [Math.min(count - 1, Math.floor(uniform[0] * count))];
  const distancesTo = (indices: readonly number[]): Tensor<RealDType> => {
    using rows = rowsOf(points, indices);
    using candidates = new DistancePoints(rows);
    using squares = candidates.squaredDistances(0, indices.length, all);
    return squares.maximum(0) as Tensor as Tensor<RealDType>;
  };
  const numbersOf = (squares: Tensor<RealDType>) => squares.toTypedArray() as Float32Array | Float64Array;
  using first = distancesTo(chosen);
  const nearest = numbersOf(first).slice();
  const cumulative = new Float64Array(count);
  for (let cluster = 1; cluster < clusters; cluster++) {
    let total = 0;
    for (let n = 0; n < count; n++) {
      total += nearest[n];
      cumulative[n] = total;
    }
    const candidates = Array.from({ length: trials }, (_, trial) =>
      firstAbove(cumulative, uniform[cluster * trials + trial] * total),
    );
    using tried = distancesTo(candidates);
    const distances = numbersOf(tried);
    let best = { potential: Infinity, trial: 0 };
    for (let trial = 0; trial < trials; trial++) {
      const offset = trial * count;
      let potential = 0;
      for (let n = 0; n < count; n++) {
        potential += distances[offset + n] < nearest[n] ? distances[offset + n] : nearest[n];
      }
      if (potential < best.potential) best = { potential, trial };
    }
    const offset = best.trial * count;
    for (let n = 0; n < count; n++) if (distances[offset + n] < nearest[n]) nearest[n] = distances[offset + n];
    chosen.push(candidates[best.trial]);
  }
  return rowsOf(points, chosen);
}

/** The first index whose running sum is above a value. */
function firstAbove(cumulative: Float64Array, value: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function lloyd(points: Points, start: Tensor<RealDType>, maxIterations: number, leastShift: number): Clustering {
  let centroids = start.clone();
  let assignment = assign(points, centroids);
  for (let iteration = 1; ; iteration++) {
    const next = meansOf(points, assignment, centroids.shape[0]);
    using difference = next.subtract(centroids);
    using squares = difference.square();
    using total = squares.sum();
    const shift = total.item() as number;
    centroids.dispose();
    centroids = next;
    const previous = assignment.labels;
    assignment = assign(points, centroids);
    const settled = shift <= leastShift || assignment.labels.every((label, n) => label === previous[n]);
    if (settled || iteration === maxIterations) {
      return {
        centroids,
        labels: fromTypedArray<'int32'>(assignment.labels),
        inertia: sumOf(assignment.squares),
        iterations: iteration,
        converged: settled,
      };
    }
  }
}

function sumOf(numbers: Float32Array | Float64Array): number {
  let sum = 0;
  for (let n = 0; n < numbers.length; n++) sum += numbers[n];
  return sum;
}

function assign({ x, distances, count }: Points, centroids: Tensor<RealDType>): Assignment {
  const labels = new Int32Array(count);
  const squares = new (arrayConstructor(x.dtype))(count) as Float32Array | Float64Array;
  using centres = new DistancePoints(centroids);
  const step = DistancePoints.blockOf(centres.count);
  for (let begin = 0; begin < count; begin += step) {
    const end = Math.min(begin + step, count);
    using all = distances.squaredDistances(begin, end, centres);
    using nearest = all.argmin([1]);
    using least = all.min([1]);
    using positive = least.maximum(0);
    labels.set(nearest.toTypedArray(), begin);
    squares.set(positive.toTypedArray() as Float32Array, begin);
  }
  return { labels, squares };
}

/** The mean of every cluster's vectors; one without any takes the vector farthest from its own centroid. */
function meansOf({ x, count }: Points, { labels, squares }: Assignment, clusters: number): Tensor<RealDType> {
  const sizes = new Int32Array(clusters);
  for (let n = 0; n < count; n++) sizes[labels[n]]++;
  if (sizes.includes(0)) {
    const farthest = Array.from(squares.keys()).sort((a, b) => squares[b] - squares[a]);
    let taken = 0;
    for (let cluster = 0; cluster < clusters; cluster++) {
      if (sizes[cluster] > 0) continue;
      // There is one, since there are no fewer vectors than clusters.
      while (sizes[labels[farthest[taken]]] === 1) taken++;
      const point = farthest[taken++];
      sizes[labels[point]]--;
      labels[point] = cluster;
      sizes[cluster] = 1;
    }
  }
  const { offsets, members } = membersOf(labels, clusters);
  const values = new (arrayConstructor(x.dtype))(count) as Float32Array | Float64Array;
  for (let cluster = 0; cluster < clusters; cluster++) {
    values.fill(1 / sizes[cluster], offsets[cluster], offsets[cluster + 1]);
  }
  const averaging = SparseMatrix.fromCompressedRows<RealDType>(
    { values, columnIndices: members, rowOffsets: offsets },
    [clusters, count],
  );
  return averaging.matmul(x);
}

/** The vectors of every label from 0 to count - 1, one label after the other, in order. */
export function membersOf(
  labels: Int32Array,
  count: number,
): { readonly offsets: Int32Array; readonly members: Int32Array } {
  const offsets = new Int32Array(count + 1);
  for (const label of labels) offsets[label + 1]++;
  for (let label = 0; label < count; label++) offsets[label + 1] += offsets[label];
  const next = offsets.slice(0, count);
  const members = new Int32Array(labels.length);
  for (let n = 0; n < labels.length; n++) members[next[labels[n]]++] = n;
  return { offsets, members };
}
