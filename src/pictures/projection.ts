import { setImmediate as nextTurn } from 'node:timers/promises';
import { ArgumentError } from '../errors.js';
import { PCA } from '../geometry/index.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Neighbours } from './neighbours.js';
import { tsne } from './tsne.js';

export const PROJECTION_METHODS = ['tsne', 'umap', 'pca'] as const;
/** How vectors become points of the plane. */
export type ProjectionMethod = (typeof PROJECTION_METHODS)[number];

/** Settings of {@link project}, each of which has been checked. */
export interface ProjectionSettings {
  readonly method: ProjectionMethod;
  readonly perplexity: number;
  readonly minDistance: number;
  readonly iterations: number | undefined;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Neighbours that UMAP looks at, each point itself not counted. */
export const UMAP_NEIGHBOURS = 14;
const TSNE_ITERATIONS = 750;
/** With fewer points there are no neighbourhoods to keep. */
const LEAST_FOR_NEIGHBOURS = 5;
/** The standard deviation of the first coordinates that t-SNE begins with. */
const TSNE_START = 1e-4;
/** The farthest first coordinate that UMAP begins with. */
const UMAP_START = 10;

/**
 * Points of the plane, float64 `[count, 2]`, near where vectors are alike.
 *
 * @param units - `[count, dimension]`, each of length 1.
 * @param neighbours - for t-SNE and UMAP.
 */
export async function project(
  units: Tensor<'float32'>,
  neighbours: Neighbours | null,
  settings: ProjectionSettings,
): Promise<Float64Array> {
  const points = principal(units);
  if (settings.method === 'pca' || neighbours === null || points.length < 2 * LEAST_FOR_NEIGHBOURS) return points;
  if (settings.method === 'umap') return umap(points, neighbours, settings);
  const deviation = deviationOfFirst(points);
  for (let at = 0; at < points.length; at++) points[at] *= deviation > 0 ? TSNE_START / deviation : 0;
  jitter(points, TSNE_START * 1e-2, settings.seed);
  await tsne(points, neighbours, { ...settings, iterations: settings.iterations ?? TSNE_ITERATIONS });
  return points;
}

/** Coordinates along the first two principal components; zeros where there are fewer. */
function principal(units: Tensor<'float32'>): Float64Array {
  const [count, dimension] = units.shape as [number, number];
  const points = new Float64Array(count * 2);
  const components = Math.min(2, count - 1, dimension);
  if (components < 1) return points;
  using coordinates = new PCA({ components }).fitTransform(units);
  const numbers = coordinates.toTypedArray();
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < components; axis++) points[2 * i + axis] = numbers[i * components + axis];
  }
  return points;
}

function deviationOfFirst(points: Float64Array): number {
  let squares = 0;
  for (let at = 0; at < points.length; at += 2) squares += points[at] ** 2;
  return Math.sqrt(squares / (points.length / 2));
}

/** Uniform numbers in [0, 1) from a seed (mulberry32), for the many single draws of a layout. */
function uniformNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Moves every point a little, so that equal ones can part. */
function jitter(points: Float64Array, amount: number, seed: number): void {
  const uniform = uniformNumbers(seed);
  for (let at = 0; at < points.length; at++) points[at] += amount * (uniform() - 0.5);
}

async function loadUmap(): Promise<typeof import('umap-js')> {
  try {
    return await import('umap-js');
  } catch (cause) {
    throw new ArgumentError(
      'map: method umap needs the package umap-js, which is not installed; run npm install umap-js, or use method tsne',
      { cause },
    );
  }
}

/** UMAP (McInnes, Healy and Melville, arXiv:1802.03426) by umap-js, beginning at the principal components. */
async function umap(start: Float64Array, neighbours: Neighbours, settings: ProjectionSettings): Promise<Float64Array> {
  const { UMAP } = await loadUmap();
  const { minDistance, iterations, seed, signal, onProgress } = settings;
  const count = start.length / 2;
  // umap-js wants more points than neighbours, each point itself among them.
  const k = Math.min(neighbours.k, UMAP_NEIGHBOURS, count - 2);
  const layout = new UMAP({
    nNeighbors: k + 1,
    minDist: minDistance,
    random: uniformNumbers(seed),
    ...(iterations === undefined ? {} : { nEpochs: iterations }),
  });
  // umap-js counts every point as its own first neighbour.
  const rows = <T>(make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const slice = (numbers: ArrayLike<number>, i: number): number[] =>
    Array.prototype.slice.call(numbers, i * neighbours.k, i * neighbours.k + k);
  layout.setPrecomputedKNN(
    rows((i) => [i, ...slice(neighbours.indices, i)]),
    rows((i) => [0, ...slice(neighbours.distances, i)]),
  );
  const epochs = layout.initializeFit(rows((i) => [start[2 * i], start[2 * i + 1]]));
  const embedding = layout.getEmbedding();
  const farthest = start.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const spread = farthest > 0 ? UMAP_START / farthest : 0;
  const uniform = uniformNumbers(seed + 1);
  for (const [i, point] of embedding.entries()) {
    for (const axis of [0, 1]) point[axis] = spread * start[2 * i + axis] + 1e-2 * (uniform() - 0.5);
  }
  for (let epoch = 0; epoch < epochs; epoch++) {
    layout.step();
    signal?.throwIfAborted();
    onProgress?.((epoch + 1) / epochs);
    await nextTurn();
  }
  return Float64Array.from(layout.getEmbedding().flat());
}
