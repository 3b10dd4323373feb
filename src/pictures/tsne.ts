import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Neighbours } from './neighbours.js';
import { QuadTree } from './quad-tree.js';

export interface TsneOptions {
  /** About how many neighbours each point should have (the entropy of its neighbour distribution). */
  readonly perplexity: number;
  readonly iterations: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Similarities of points in compressed rows: row i's are `values[offsets[i]] ... values[offsets[i + 1] - 1]`. */
interface Similarities {
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/** In the first iterations attraction counts so many times, and steps have less momentum. */
const EXAGGERATION = 12;
const EXAGGERATED_ITERATIONS = 250;
const BISECTIONS = 64;
const ENTROPY_TOLERANCE = 1e-5;
/** Cells that look smaller than this from a point (size over distance) act as one. */
const THETA = 0.5;
const LEAST_GAIN = 0.01;

/**
 * t-SNE (van der Maaten and Hinton 2008) with Barnes and Hut's approximation of the repulsion (van der Maaten 2014): moves
 * points of the plane until near ones are those near in the space, minimising the Kullback-Leibler divergence of the
 * neighbour distributions. Settings as scikit-learn's: gains and momentum, a learning rate of count / 48, at least 50.
 *
 * @param points - `[count, 2]`, where to begin, changed in place: the first principal components, scaled down, keep the
 *     large shape (Kobak and Berens 2019).
 * @param neighbours - of every point, about three times as many as the perplexity.
 * @returns the divergence reached.
 */
export async function tsne(points: Float64Array, neighbours: Neighbours, options: TsneOptions): Promise<number> {
  const { iterations, perplexity, signal, onProgress } = options;
  const count = points.length / 2;
  const similarities = symmetric(neighbours, conditional(neighbours, perplexity));
  const rate = Math.max(count / EXAGGERATION / 4, 50);
  const velocity = new Float64Array(points.length);
  const gains = new Float64Array(points.length).fill(1);
  const gradient = new Float64Array(points.length);
  const tree = new QuadTree(count);
  let divergence = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const early = iteration < Math.min(EXAGGERATED_ITERATIONS, iterations / 2);
    divergence = descend(points, similarities, tree, gradient, early ? EXAGGERATION : 1);
    const momentum = early ? 0.5 : 0.8;
    for (let i = 0; i < points.length; i++) {
      const sameWay = gradient[i] * velocity[i] > 0;
      gains[i] = Math.max(LEAST_GAIN, sameWay ? gains[i] * 0.8 : gains[i] + 0.2);
      velocity[i] = momentum * velocity[i] - rate * gains[i] * gradient[i];
      points[i] += velocity[i];
    }
    signal?.throwIfAborted();
    onProgress?.((iteration + 1) / iterations);
    await nextTurn();
  }
  return divergence;
}

/** Fills the gradient; returns the divergence, without exaggeration, at these points. */
function descend(
  points: Float64Array,
  { offsets, columns, values }: Similarities,
  tree: QuadTree,
  gradient: Float64Array,
  exaggeration: number,
): number {
  tree.build(points);
  const count = points.length / 2;
  let total = 0;
  // The repulsion first, which lacks only the division by the sum of all.
  for (let i = 0; i < count; i++) total += tree.repulsion(i, points, gradient, THETA);
  let divergence = 0;
  for (let i = 0; i < count; i++) {
    const [x, y] = [points[2 * i], points[2 * i + 1]];
    let forceX = 0;
    let forceY = 0;
    for (let at = offsets[i]; at < offsets[i + 1]; at++) {
      const j = columns[at];
      const dx = x - points[2 * j];
      const dy = y - points[2 * j + 1];
      const weight = 1 / (1 + dx * dx + dy * dy);
      const similarity = values[at];
      forceX += similarity * weight * dx;
      forceY += similarity * weight * dy;
      divergence += similarity * Math.log((similarity * total) / weight);
    }
    gradient[2 * i] = 4 * (exaggeration * forceX - gradient[2 * i] / total);
    gradient[2 * i + 1] = 4 * (exaggeration * forceY - gradient[2 * i + 1] / total);
  }
  return divergence;
}

/** For every point, how likely each neighbour is picked: normal distributions, as wide as the perplexity asks for. */
function conditional({ distances, k }: Neighbours, perplexity: number): Float64Array {
  const count = distances.length / k;
  const result = new Float64Array(count * k);
  const entropyWanted = Math.log(Math.min(perplexity, k));
  for (let i = 0; i < count; i++) {
    const row = result.subarray(i * k, (i + 1) * k);
    const squares = Float64Array.from(distances.subarray(i * k, (i + 1) * k), (distance) => distance * distance);
    const [nearest] = squares;
    let [low, high, precision] = [0, Number.POSITIVE_INFINITY, 1];
    for (let step = 0; step < BISECTIONS; step++) {
      let sum = 0;
      let weighted = 0;
      for (let n = 0; n < k; n++) {
        row[n] = Math.exp(-precision * (squares[n] - nearest));
        sum += row[n];
        weighted += row[n] * (squares[n] - nearest);
      }
      for (let n = 0; n < k; n++) row[n] /= sum;
      const entropy = Math.log(sum) + (precision * weighted) / sum;
      if (Math.abs(entropy - entropyWanted) < ENTROPY_TOLERANCE) break;
      if (entropy > entropyWanted) low = precision;
      else high = precision;
      precision = high === Number.POSITIVE_INFINITY ? precision * 2 : (low + high) / 2;
    }
  }
  return result;
}

/** (p(j|i) + p(i|j)) / 2 count, for all pairs of which one is a neighbour of the other. */
function symmetric({ indices, k }: Neighbours, conditionals: Float64Array): Similarities {
  const count = indices.length / k;
  const starts = new Int32Array(count + 1);
  for (let at = 0; at < indices.length; at++) starts[indices[at] + 1] += 1;
  for (let i = 0; i < count; i++) starts[i + 1] += starts[i] + k;
  const columns = new Int32Array(indices.length * 2);
  const values = new Float64Array(indices.length * 2);
  const ends = starts.slice(0, count);
  const put = (row: number, column: number, value: number): void => {
    columns[ends[row]] = column;
    values[ends[row]++] = value / (2 * count);
  };
  for (let at = 0; at < indices.length; at++) {
    const i = Math.floor(at / k);
    put(i, indices[at], conditionals[at]);
    put(indices[at], i, conditionals[at]);
  }
  return withoutRepetition(starts, columns, values);
}

/** Adds up what stands in a row twice, in place. */
function withoutRepetition(starts: Int32Array, columns: Int32Array, values: Float64Array): Similarities {
  const count = starts.length - 1;
  const offsets = new Int32Array(count + 1);
  const place = new Int32Array(count).fill(-1);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const begin = end;
    for (let at = starts[i]; at < starts[i + 1]; at++) {
      const column = columns[at];
      if (place[column] >= begin) {
        values[place[column]] += values[at];
        continue;
      }
      place[column] = end;
      columns[end] = column;
      values[end++] = values[at];
    }
    offsets[i + 1] = end;
  }
  return { offsets, columns: columns.subarray(0, end), values: values.subarray(0, end) };
}
