import { requireCount } from '../arguments.js';
import { ArgumentError } from '../errors.js';
import { fromTypedArray } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix, requireNotNegative } from './arguments.js';
import { centred, DistancePoints, unitRows } from './distances.js';

export interface HubnessOptions {
  /** How many nearest neighbours each vector names. Default 10. */
  readonly neighbours?: number;
  /** Default cosine. */
  readonly metric?: 'cosine' | 'euclidean';
  /** A hub is named at least so many times as often as it would be on average. Default 2. */
  readonly hubSize?: number;
}

export interface Hubness {
  /** How often every vector is among the neighbours of others, int32 `[count]`; `neighbours` on average. */
  readonly occurrences: Tensor<'int32'>;
  /** The skewness of that distribution: 0 without hubs, above 1 with marked ones. */
  readonly skewness: number;
  /** Vectors that are hubs, those named most often first. */
  readonly hubs: readonly number[];
  /** The share of all namings that go to hubs. */
  readonly hubOccurrence: number;
  /** The share of vectors that nobody names. */
  readonly antihubs: number;
  /** The share of namings that would have to go elsewhere for all to be equal (Robin Hood or Hoover index), from 0 to 1. */
  readonly robinHood: number;
}

/**
 * Hubs: vectors that turn up among the nearest neighbours of very many others, as happens in spaces of many dimensions
 * (Radovanovic, Nanopoulos and Ivanovic, "Hubs in space", JMLR 11, 2010). Neighbours are found by matrix products, in blocks.
 *
 * @param x - `[count, features]`, more vectors than neighbours.
 */
export function hubness(x: Tensor, options: HubnessOptions = {}): Hubness {
  const { neighbours = 10, metric = 'cosine', hubSize = 2 } = options;
  if (metric !== 'cosine' && metric !== 'euclidean') {
    throw new ArgumentError(`hubness: metric must be cosine or euclidean, got ${String(metric)}`);
  }
  requireNotNegative('hubness', 'hubSize', hubSize);
  using vectors = realMatrix('hubness', 'x', x, 2);
  const [count] = vectors.shape as [number];
  requireCount('hubness', 'neighbours', neighbours, 1, count - 1);
  using placed = metric === 'cosine' ? unitRows(vectors) : centred(vectors);
  using points = new DistancePoints(placed);
  const occurrences = new Int32Array(count);
  const step = DistancePoints.blockOf(count);
  for (let begin = 0; begin < count; begin += step) {
    const end = Math.min(begin + step, count);
    using distances = points.squaredDistances(begin, end, points);
    const numbers = distances.toTypedArray() as Float32Array;
    for (let n = begin; n < end; n++) numbers[(n - begin) * count + n] = Infinity;
    const { values, indices } = distances.topk(neighbours, 1, { largest: false });
    values.dispose();
    using nearest = indices;
    for (const index of nearest.toTypedArray()) occurrences[index]++;
  }
  const hubs = Array.from(occurrences.keys())
    .filter((n) => occurrences[n] >= hubSize * neighbours)
    .sort((a, b) => occurrences[b] - occurrences[a] || a - b);
  const total = count * neighbours;
  const deviation = occurrences.reduce((sum, times) => sum + Math.abs(times - neighbours), 0);
  return {
    occurrences: fromTypedArray<'int32'>(occurrences),
    skewness: skewnessOf(occurrences),
    hubs,
    hubOccurrence: hubs.reduce((sum, n) => sum + occurrences[n], 0) / total,
    antihubs: occurrences.filter((times) => times === 0).length / count,
    robinHood: deviation / (2 * total),
  };
}

/** The third central moment over the variance to the power of 3/2; 0 of equal numbers. */
function skewnessOf(numbers: Int32Array): number {
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  let second = 0;
  let third = 0;
  for (const number of numbers) {
    second += (number - mean) ** 2;
    third += (number - mean) ** 3;
  }
  return second === 0 ? 0 : third / numbers.length / (second / numbers.length) ** 1.5;
}
