import { ArgumentError, ShapeError } from '../errors.js';
import { kMeans, nearestCentroids } from '../geometry/index.js';
import { formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';
import { areShort, nameGroups } from './group-names.js';
import { type Neighbours, nearestNeighbours } from './neighbours.js';
import { PROJECTION_METHODS, type ProjectionMethod, project, UMAP_NEIGHBOURS } from './projection.js';

/** Neighbours in the full space that a page lists for every point. */
const LISTED_NEIGHBOURS = 8;
const MOST_TEXTS = 200_000;
const MOST_GROUPS = 200;
const LEAST_LENGTH = 1e-12;

/** How far a map is: what is being done, and how much of that. */
export interface MapProgress {
  readonly stage: 'neighbours' | 'clusters' | 'layout';
  /** From 0 to 1. */
  readonly fraction: number;
}

export interface MapOptions {
  /**
   * `tsne` (default), which keeps neighbourhoods; `umap`, which needs the package umap-js; or `pca`, the two directions of
   * greatest variance.
   */
  readonly method?: ProjectionMethod | undefined;
  /** Clusters to colour by, found by k-means in the full space; by default more for more texts, from 1 to 18. */
  readonly clusters?: number | undefined;
  /** The name of every text's group, to colour by those instead of clusters. */
  readonly groups?: readonly string[] | undefined;
  /** Of t-SNE: about how many neighbours each point should have. Default 30, less for few texts. */
  readonly perplexity?: number | undefined;
  /** Of UMAP: how close points may come, from 0 to 1. Default 0.1. */
  readonly minDistance?: number | undefined;
  /** Steps of t-SNE (750) or UMAP (200 to 500, by the number of texts). */
  readonly iterations?: number | undefined;
  /** Of k-means, UMAP and t-SNE. Default 0: the same texts give the same map. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MapProgress) => void) | undefined;
}

/** Texts as points of the plane; {@link mapPage} and {@link mapSvg} draw it. */
export interface TextMap {
  readonly texts: readonly string[];
  readonly method: ProjectionMethod;
  /** Numbers of each vector that it was made of. */
  readonly dimension: number;
  /** `[count, 2]`, from 0 to 1 with the longer side filling that, y downwards. */
  readonly points: Float32Array;
  /** The group of every text, as an index into `groupNames`. */
  readonly groupOf: Int32Array;
  readonly groupNames: readonly string[];
  /** Whether groups are clusters that were found, rather than given. */
  readonly clustered: boolean;
  /** Whether most texts are words or short names. */
  readonly shortTexts: boolean;
  /** Neighbours of every text in the full space, `[count, k]`, nearest first. */
  readonly neighbours: { readonly k: number; readonly indices: Int32Array };
}

/**
 * Lays texts out on the plane so that those with like vectors lie together, and groups them. Vectors are compared by their
 * cosine.
 *
 * @param texts - words, sentences, anything; at most 200,000.
 * @param vectors - `[texts.length, dimension]`, such as `TextEmbedder.embed` gives.
 * @throws ArgumentError, ShapeError; the signal's reason when it aborts.
 */
export async function mapTexts(texts: readonly string[], vectors: Tensor, options: MapOptions = {}): Promise<TextMap> {
  const settings = checked(texts, vectors, options);
  const { signal, onProgress } = options;
  const report = (stage: MapProgress['stage']) => (fraction: number) => onProgress?.({ stage, fraction });
  const count = texts.length;
  using units = unitRows(vectors);
  const forLayout = { pca: 0, umap: UMAP_NEIGHBOURS, tsne: Math.ceil(3 * settings.perplexity) }[settings.method];
  const k = Math.min(count - 1, Math.max(LISTED_NEIGHBOURS, forLayout));
  const neighbours = k < 1 ? null : await nearestNeighbours(units, k, { signal, onProgress: report('neighbours') });
  report('clusters')(0);
  const groups = options.groups === undefined ? clustersOf(texts, units, settings) : givenGroups(options.groups);
  report('clusters')(1);
  signal?.throwIfAborted();
  const points = await project(units, neighbours, { ...settings, signal, onProgress: report('layout') });
  return {
    texts,
    method: settings.method,
    dimension: units.shape[1],
    points: fitted(points),
    ...groups,
    clustered: options.groups === undefined,
    shortTexts: areShort(texts),
    neighbours: firstNeighbours(neighbours, count),
  };
}

type Settings = Required<Pick<MapOptions, 'method' | 'perplexity' | 'minDistance' | 'seed'>> & {
  readonly clusters: number;
  readonly iterations: number | undefined;
  readonly method: ProjectionMethod;
  readonly perplexity: number;
  readonly minDistance: number;
  readonly seed: number;
};

function requireNumber(name: string, value: number, least: number, most: number, whole: boolean): void {
  if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return;
  throw new ArgumentError(
    `mapTexts: ${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, got ${String(value)}`,
  );
}

function checked(texts: readonly string[], vectors: Tensor, options: MapOptions): Settings {
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string')) {
    throw new ArgumentError('mapTexts: texts must be an array of strings');
  }
  const count = texts.length;
  if (count < 1 || count > MOST_TEXTS) {
    throw new ArgumentError(`mapTexts: expected from 1 to ${MOST_TEXTS} texts, got ${count}`);
  }
  if (!(vectors instanceof Tensor) || vectors.rank !== 2 || vectors.shape[0] !== count || vectors.shape[1] < 1) {
    const came = vectors instanceof Tensor ? formatShape(vectors.dims) : typeof vectors;
    throw new ShapeError(`mapTexts: vectors must be a Tensor [${count}, dimension], one row a text, got ${came}`);
  }
  const { method = 'tsne', minDistance = 0.1, iterations, seed = 0, groups } = options;
  if (!PROJECTION_METHODS.includes(method)) {
    throw new ArgumentError(`mapTexts: method must be one of ${PROJECTION_METHODS.join(', ')}, got ${String(method)}`);
  }
  if (groups !== undefined && (groups.length !== count || groups.some((name) => typeof name !== 'string'))) {
    throw new ArgumentError(`mapTexts: groups must be ${count} strings, one a text, got ${groups.length}`);
  }
  if (groups !== undefined && new Set(groups).size > MOST_GROUPS) {
    throw new ArgumentError(
      `mapTexts: there can be ${MOST_GROUPS} different groups at most, got ${new Set(groups).size}`,
    );
  }
  const perplexity = options.perplexity ?? Math.min(30, Math.max(1, (count - 1) / 3));
  const clusters = options.clusters ?? Math.max(1, Math.min(18, Math.round(Math.sqrt(count / 8))));
  requireNumber('clusters', clusters, 1, Math.min(count, MOST_GROUPS), true);
  requireNumber('perplexity', perplexity, 1, Math.max(1, count - 1), false);
  requireNumber('minDistance', minDistance, 0, 1, false);
  requireNumber('seed', seed, 0, Number.MAX_SAFE_INTEGER, true);
  if (iterations !== undefined) requireNumber('iterations', iterations, 1, 100_000, true);
  return { method, perplexity, minDistance, iterations, seed, clusters };
}

function unitRows(vectors: Tensor): Tensor<'float32'> {
  using single = vectors.to('float32');
  using finite = single.isFinite();
  using all = finite.all();
  if (!all.item()) throw new ArgumentError('mapTexts: vectors has NaN or infinite elements; leave those rows out');
  using lengths = single.norm([1], { keepdims: true });
  using divisors = lengths.maximum(LEAST_LENGTH);
  return single.divide(divisors) as Tensor<'float32'>;
}

type Groups = Pick<TextMap, 'groupOf' | 'groupNames'>;

function clustersOf(texts: readonly string[], units: Tensor<'float32'>, { clusters, seed }: Settings): Groups {
  const { centroids, labels } = kMeans(units, clusters, { seed });
  using middles = centroids;
  using places = labels;
  const nearest = nearestCentroids(units, middles);
  using distances = nearest.distances;
  nearest.labels.dispose();
  const groupOf = Int32Array.from(places.toTypedArray());
  return { groupOf, groupNames: nameGroups(texts, groupOf, distances.toTypedArray(), clusters) };
}

function givenGroups(groups: readonly string[]): Groups {
  const groupNames = [...new Set(groups)];
  const indices = new Map(groupNames.map((name, index) => [name, index]));
  return { groupOf: Int32Array.from(groups, (name) => indices.get(name) as number), groupNames };
}

/** Moved and scaled into the unit square; y turned to go downwards. */
function fitted(points: Float64Array): Float32Array {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [at, value] of points.entries()) {
    const axis = at % 2;
    box[axis] = Math.min(box[axis], value);
    box[2 + axis] = Math.max(box[2 + axis], value);
  }
  const [left, bottom, right, top] = box;
  const side = Math.max(right - left, top - bottom);
  const scale = side > 0 ? 1 / side : 0;
  return Float32Array.from(points, (value, at) =>
    at % 2 === 0 ? 0.5 + (value - (left + right) / 2) * scale : 0.5 - (value - (bottom + top) / 2) * scale,
  );
}

function firstNeighbours(neighbours: Neighbours | null, count: number): TextMap['neighbours'] {
  if (neighbours === null) return { k: 0, indices: new Int32Array(0) };
  const k = Math.min(LISTED_NEIGHBOURS, neighbours.k);
  const indices = new Int32Array(count * k);
  for (let i = 0; i < count; i++) {
    indices.set(neighbours.indices.subarray(i * neighbours.k, i * neighbours.k + k), i * k);
  }
  return { k, indices };
}
