import { ArgumentError, ShapeError } from '../errors.js';
import { SparseMatrix } from '../linalg/sparse-matrix.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix } from './arguments.js';
import { unitRows } from './distances.js';
import { membersOf } from './k-means.js';
import { principalAxes } from './principal-axes.js';

/** How evenly vectors use the directions of their space. */
export interface Isotropy {
  /** The mean cosine of two different vectors: 0 in an isotropic space, near 1 in a narrow cone (Ethayarajh 2019). */
  readonly averageCosine: number;
  /** min Z / max Z over the directions of the scatter matrix: 1 in an isotropic space (Mu and Viswanath 2018). */
  readonly partition: number;
  /** 1 where all directions of the centred vectors have the same variance, 0 where one has all (Rudman et al. 2022). */
  readonly isoScore: number;
  /** (sum of variances)^2 / sum of their squares: about how many directions are used. */
  readonly participationRatio: number;
  /** The exponential of the entropy of the shares of variance (Roy and Vetterli 2007). */
  readonly effectiveRank: number;
  /** The share of the variance that lies along the first principal component. */
  readonly firstComponent: number;
  /** The length of the mean vector, as a share of the root mean square length: how far the cone is from the origin. */
  readonly offset: number;
}

/**
 * Measures of isotropy of a set of vectors, computed in float64.
 *
 * - Ethayarajh, "How contextual are contextualized word representations?", EMNLP 2019
 * - Mu and Viswanath, "All-but-the-top", ICLR 2018, after Arora et al., TACL 2016
 * - Rudman et al., "IsoScore: measuring the uniformity of embedding space utilization", Findings of ACL 2022
 * - Roy and Vetterli, "The effective rank", EUSIPCO 2007
 *
 * @param x - `[count, features]`, at least two vectors of at least two features.
 */
export function isotropy(x: Tensor): Isotropy {
  using real = realMatrix('isotropy', 'x', x, 2);
  const [count, features] = real.shape as [number, number];
  if (features < 2) throw new ShapeError('isotropy: vectors must have at least two features, got one');
  using vectors = real.to('float64');
  using mean = vectors.mean([0]);
  using centred = vectors.subtract(mean) as Tensor as Tensor<'float64'>;
  const { values: variances, vectors: axes } = scatterOf(centred, count);
  axes.dispose();
  const total = variances.reduce((a, b) => a + b, 0);
  const squares = variances.reduce((sum, value) => sum + value ** 2, 0);
  const entropy = variances.reduce(
    (sum, value) => (value > 0 ? sum - (value / total) * Math.log(value / total) : sum),
    0,
  );
  using meanLength = mean.norm();
  using squaredVectors = vectors.square();
  using squaredTotal = squaredVectors.sum();
  const meanSquare = (squaredTotal.item() as number) / count;
  return {
    averageCosine: averageCosine(vectors),
    partition: partition(vectors),
    isoScore: total === 0 ? 0 : isoScoreOf(variances, squares),
    participationRatio: total === 0 ? 0 : total ** 2 / squares,
    effectiveRank: total === 0 ? 0 : Math.exp(entropy),
    firstComponent: total === 0 ? 0 : variances[0] / total,
    offset: meanSquare === 0 ? 0 : (meanLength.item() as number) / Math.sqrt(meanSquare),
  };
}

/**
 * {@link isotropy} of every layer of a model, such as those of `TextEmbedder.hiddenStates`: contextual vectors mostly grow
 * narrower from layer to layer.
 *
 * @param layers - `[tokens, hidden]` each.
 */
export function isotropyByLayer(layers: readonly Tensor[]): Isotropy[] {
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new ArgumentError('isotropyByLayer: layers must be a list of at least one tensor [tokens, hidden]');
  }
  return layers.map((layer) => isotropy(layer));
}

/** How alike the vectors of one word are in all its contexts. */
export interface SelfSimilarity {
  /** The mean over all words that occur at least twice of the mean cosine of their vectors. */
  readonly mean: number;
  /** The same less the mean cosine of any two vectors, so that a narrow cone does not pass for likeness. */
  readonly adjusted: number;
  /** By word. */
  readonly words: ReadonlyMap<string, number>;
}

/**
 * The self-similarity of words (Ethayarajh 2019): the mean cosine of the vectors of one word in different contexts. 1 where
 * context changes nothing; the lower, the more contextual the layer.
 *
 * @param x - `[count, features]`.
 * @param words - the word of every vector; at least one must occur twice.
 */
export function selfSimilarity(x: Tensor, words: readonly string[]): SelfSimilarity {
  using real = realMatrix('selfSimilarity', 'x', x, 2);
  const [count] = real.shape as [number];
  if (!Array.isArray(words) || words.length !== count) {
    throw new ShapeError(`selfSimilarity: expected ${count} words, one a vector, got ${words?.length}`);
  }
  const names = [...new Set(words)];
  const index = new Map(names.map((name, n) => [name, n]));
  const { offsets, members } = membersOf(
    Int32Array.from(words, (word) => index.get(word) as number),
    names.length,
  );
  using vectors = real.to('float64');
  using units = unitRows(vectors);
  const membership = SparseMatrix.fromCompressedRows<'float64'>(
    { values: new Float64Array(count).fill(1), columnIndices: members, rowOffsets: offsets },
    [names.length, count],
  );
  using sums = membership.matmul(units);
  using squares = sums.square();
  using lengths = squares.sum([1]);
  const numbers = lengths.toTypedArray() as Float64Array;
  const found = new Map<string, number>();
  for (const [n, name] of names.entries()) {
    const times = offsets[n + 1] - offsets[n];
    if (times > 1) found.set(name, (numbers[n] - times) / (times * (times - 1)));
  }
  if (found.size === 0)
    throw new ArgumentError('selfSimilarity: no word occurs twice, so that there is nothing to compare');
  const mean = [...found.values()].reduce((a, b) => a + b, 0) / found.size;
  return { mean, adjusted: mean - averageCosine(vectors), words: found };
}

/** The mean cosine of all pairs of different vectors, from the length of the sum of unit vectors. */
function averageCosine(vectors: Tensor<'float64'>): number {
  const [count] = vectors.shape as [number];
  using units = unitRows(vectors);
  using sum = units.sum([0]);
  using squares = sum.square();
  using total = squares.sum();
  using ownSquares = units.square();
  using own = ownSquares.sum();
  return ((total.item() as number) - (own.item() as number)) / (count * (count - 1));
}

/** Variances along the principal axes of x^T x / count, descending, and those axes by rows. */
function scatterOf(x: Tensor<'float64'>, count: number): { values: Float64Array; vectors: Tensor<'float64'> } {
  using columns = x.transpose();
  using products = columns.matmul(x);
  const { values, vectors } = principalAxes(products as Tensor as Tensor<'float64'>);
  return { values: values.map((value) => value / count), vectors };
}

function isoScoreOf(variances: Float64Array, squares: number): number {
  const n = variances.length;
  const length = Math.sqrt(squares);
  const defect = Math.sqrt(
    variances.reduce((sum, value) => sum + ((Math.sqrt(n) * value) / length - 1) ** 2, 0) / (2 * (n - Math.sqrt(n))),
  );
  const used = (n - defect ** 2 * (n - Math.sqrt(n))) ** 2 / n ** 2;
  return (n * used - 1) / (n - 1);
}

/** The least of Z(c) = sum over vectors of exp(c x), over the greatest, c being the eigenvectors of x^T x, of either sign. */
function partition(vectors: Tensor<'float64'>): number {
  const [count] = vectors.shape as [number];
  const { vectors: eigenvectors } = scatterOf(vectors, count);
  using rows = eigenvectors;
  using columns = rows.transpose();
  using projected = vectors.matmul(columns);
  using negative = projected.negative();
  const logs = [projected, negative].flatMap((projections) => {
    // log Z, so that long vectors do not overflow.
    using greatest = projections.max([0], { keepdims: true });
    using differences = projections.subtract(greatest);
    using exponentials = differences.exp();
    using sums = exponentials.sum([0], { keepdims: true });
    using logarithms = sums.log();
    using total = logarithms.add(greatest);
    return Array.from(total.toTypedArray() as Float64Array);
  });
  return Math.exp(Math.min(...logs) - Math.max(...logs));
}
