import { requireCount, requireOptions } from '../arguments.js';
import { ArgumentError } from '../errors.js';
import { svd } from '../linalg/decompositions.js';
import { MACHINE_EPSILON } from '../linalg/machine-epsilon.js';
import { type BlockOperator, randomizedSvd } from '../linalg/randomized-svd.js';
import type { RealDType } from '../linalg/sparse-matrix.js';
import { fromTypedArray } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix, requireFeatures, requireFitted } from './arguments.js';
import { principalAxes } from './principal-axes.js';
import { fixSigns } from './signs.js';

/** How components are found. */
export type PcaSolver = 'auto' | 'covariance' | 'svd' | 'randomized';

export interface PcaOptions {
  /**
   * How many components: a whole number; or a number between 0 and 1, for as many as explain more than that share of the
   * variance; by default as many as there can be, min(samples, features).
   */
  readonly components?: number;
  /** Divide by each component's standard deviation when transforming, so that all have variance 1. Default false. */
  readonly whiten?: boolean;
  /**
   * `covariance`: eigenvectors of the covariance matrix, computed in float64, best for many samples of few features; `svd`: of
   * the centred samples, exact to the last digit; `randomized`: a few components of a large matrix. `auto` (default) takes
   * `covariance` up to 1,000 features where there are ten times as many samples, else `svd` up to 500 of either or where
   * nearly all components are wanted, else `randomized`.
   */
  readonly solver?: PcaSolver;
  /** Of the randomized solver: default 4. */
  readonly powerIterations?: number;
  /** Of the randomized solver: default 0. */
  readonly seed?: number;
}

interface Fitted {
  readonly mean: Tensor<RealDType>;
  readonly components: Tensor<RealDType>;
  readonly explainedVariance: Tensor<RealDType>;
  readonly explainedVarianceRatio: Tensor<RealDType>;
  readonly singularValues: Tensor<RealDType>;
  readonly noiseVariance: number;
}

const SOLVERS: readonly string[] = ['auto', 'covariance', 'svd', 'randomized'];

/** Elements of samples that are held in float64 at once. */
const BLOCK_ELEMENTS = 1 << 22;

/** Directions `[count, features]` by falling variance, and the singular values of the centred samples. */
interface Directions {
  readonly directions: Tensor<RealDType>;
  readonly singularValues: Float64Array;
}

/**
 * Principal component analysis: the directions in which vectors vary most, and the vectors' coordinates along them.
 *
 * As `sklearn.decomposition.PCA`: samples are centred, not scaled; variances are those of a sample (divided by n - 1);
 * directions are turned so that their largest element is positive.
 *
 *     const pca = new PCA({ components: 2 });
 *     const points = pca.fitTransform(vectors);   // [count, 2]
 */
export class PCA {
  readonly #options: Required<Omit<PcaOptions, 'components'>> & Pick<PcaOptions, 'components'>;
  #fitted: Fitted | undefined;

  constructor(options: PcaOptions = {}) {
    requireOptions('PCA', options, '{ components: 2 }');
    const { components, whiten = false, solver = 'auto', powerIterations = 4, seed = 0 } = options;
    if (components !== undefined && !(components > 0 && (components < 1 || Number.isInteger(components)))) {
      throw new ArgumentError(
        `PCA: components must be a whole number from 1 up, or a share between 0 and 1, got ${String(components)}`,
      );
    }
    if (!SOLVERS.includes(solver)) {
      throw new ArgumentError(`PCA: solver must be one of ${SOLVERS.join(', ')}, got ${JSON.stringify(solver)}`);
    }
    if (solver === 'randomized' && components !== undefined && components < 1) {
      throw new ArgumentError('PCA: the randomized solver needs a whole number of components, got a share of variance');
    }
    this.#options = { ...(components === undefined ? {} : { components }), whiten, solver, powerIterations, seed };
  }

  /** `[features]`, what is subtracted from every vector. */
  get mean(): Tensor<RealDType> {
    return this.#require('mean').mean;
  }
  /** `[components, features]`, orthonormal rows by falling variance. */
  get components(): Tensor<RealDType> {
    return this.#require('components').components;
  }
  /** `[components]`, the variance of the samples along each component. */
  get explainedVariance(): Tensor<RealDType> {
    return this.#require('explainedVariance').explainedVariance;
  }
  /** `[components]`, the same as shares of the whole variance. */
  get explainedVarianceRatio(): Tensor<RealDType> {
    return this.#require('explainedVarianceRatio').explainedVarianceRatio;
  }
  /** `[components]`, of the centred samples. */
  get singularValues(): Tensor<RealDType> {
    return this.#require('singularValues').singularValues;
  }
  /** The mean variance along the directions left out (Tipping and Bishop 1999); 0 if there are none. */
  get noiseVariance(): number {
    return this.#require('noiseVariance').noiseVariance;
  }

  /**
   * Finds the components.
   *
   * @param x - `[samples, features]`, at least two samples; float64 is computed in float64, all else in float32.
   * @throws ShapeError, ArgumentError for NaN or infinite elements and for more components than there can be.
   */
  fit(x: Tensor): this {
    using samples = realMatrix('PCA.fit', 'x', x, 2);
    const [count, features] = samples.shape as [number, number];
    const most = Math.min(count, features);
    const { components = most } = this.#options;
    if (components >= 1) requireCount('PCA.fit', 'components', components, 1, most);
    const centre = columnMeans(samples);
    using mean = centre.to(samples.dtype) as Tensor<RealDType>;
    const total = totalVariance(samples, mean);
    const solver = this.#solver(count, features, components);
    const { directions, singularValues } = this.#decompose(samples, centre, mean, solver, components);
    const variances = singularValues.map((value) => value ** 2 / (count - 1));
    const kept = components >= 1 ? components : countFor(components, variances, total);
    const real = (values: Float64Array): Tensor<RealDType> => {
      using wide = fromTypedArray<'float64'>(values);
      return wide.to(samples.dtype).clone() as Tensor<RealDType>;
    };
    using all = directions;
    using first = all.slice([0, kept]);
    const explained = variances.subarray(0, kept);
    const sum = explained.reduce((a, b) => a + b, 0);
    this.#fitted = {
      mean: mean.clone(),
      components: fixSigns(first),
      explainedVariance: real(explained.slice()),
      explainedVarianceRatio: real(explained.map((variance) => (total === 0 ? 0 : variance / total))),
      singularValues: real(singularValues.slice(0, kept)),
      noiseVariance: kept < most ? Math.max(0, (total - sum) / (most - kept)) : 0,
    };
    return this;
  }

  /**
   * Coordinates along the components.
   *
   * @param x - `[count, features]`.
   * @returns `[count, components]`.
   */
  transform(x: Tensor): Tensor<RealDType> {
    const { mean, components, explainedVariance } = this.#require('transform');
    using vectors = realMatrix('PCA.transform', 'x', x, 0);
    requireFeatures('PCA.transform', 'x', vectors, components.shape[1]);
    using centred = vectors.subtract(mean);
    using columns = components.transpose();
    const projected = centred.matmul(columns) as Tensor as Tensor<RealDType>;
    if (!this.#options.whiten) return projected;
    using owned = projected;
    using deviations = this.#deviations(explainedVariance);
    return owned.divide(deviations) as Tensor<RealDType>;
  }

  /** {@link fit}, then the coordinates of the same samples. */
  fitTransform(x: Tensor): Tensor<RealDType> {
    return this.fit(x).transform(x);
  }

  /**
   * Vectors from coordinates: what {@link transform} was given, but for the part that lies along no component.
   *
   * @param z - `[count, components]`.
   * @returns `[count, features]`.
   */
  inverseTransform(z: Tensor): Tensor<RealDType> {
    const { mean, components, explainedVariance } = this.#require('inverseTransform');
    using coordinates = realMatrix('PCA.inverseTransform', 'z', z, 0);
    requireFeatures('PCA.inverseTransform', 'z', coordinates, components.shape[0]);
    using deviations = this.#deviations(explainedVariance);
    using scaled = this.#options.whiten ? coordinates.multiply(deviations) : coordinates.slice();
    using sum = scaled.matmul(components);
    return sum.add(mean) as Tensor as Tensor<RealDType>;
  }

  /** Standard deviations to divide by; what does not vary is not blown up. */
  #deviations(variance: Tensor<RealDType>): Tensor<RealDType> {
    using roots = variance.sqrt();
    return roots.maximum(MACHINE_EPSILON[variance.dtype]) as Tensor as Tensor<RealDType>;
  }

  #require(operation: string): Fitted {
    return requireFitted(`PCA.${operation}`, this.#fitted);
  }

  #solver(count: number, features: number, components: number): Exclude<PcaSolver, 'auto'> {
    const { solver } = this.#options;
    if (solver !== 'auto') return solver;
    if (features <= 1000 && count >= 10 * features) return 'covariance';
    const small = Math.max(count, features) <= 500;
    return small || components < 1 || components >= 0.8 * Math.min(count, features) ? 'svd' : 'randomized';
  }

  #decompose(
    samples: Tensor<RealDType>,
    centre: Tensor<'float64'>,
    mean: Tensor<RealDType>,
    solver: Exclude<PcaSolver, 'auto'>,
    components: number,
  ): Directions {
    const { powerIterations, seed } = this.#options;
    if (solver === 'covariance') return byCovariance(samples, centre);
    if (solver === 'randomized') {
      const { u, s, vt } = randomizedSvd(centredOperator(samples, mean), components, { powerIterations, seed });
      u.dispose();
      return { directions: vt, singularValues: Float64Array.from(s.toTypedArray() as Float32Array) };
    }
    using centred = samples.subtract(mean) as Tensor as Tensor<RealDType>;
    const { u, s, vt } = svd(centred);
    u.dispose();
    return { directions: vt, singularValues: Float64Array.from(s.toTypedArray() as Float32Array) };
  }
}

/** Calls `visit` with the samples in float64, block by block. */
function forEachBlock(samples: Tensor<RealDType>, visit: (block: Tensor<'float64'>) => void): void {
  const [count, features] = samples.shape as [number, number];
  const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / features));
  for (let begin = 0; begin < count; begin += step) {
    using part = samples.slice([begin, Math.min(begin + step, count)]);
    using block = part.to('float64');
    visit(block);
  }
}

function columnMeans(samples: Tensor<RealDType>): Tensor<'float64'> {
  const [count, features] = samples.shape as [number, number];
  const means = new Float64Array(features);
  forEachBlock(samples, (block) => {
    using sums = block.sum([0]);
    for (const [n, sum] of (sums.toTypedArray() as Float64Array).entries()) means[n] += sum / count;
  });
  return fromTypedArray<'float64'>(means);
}

/** The sum of the variances of all features. */
function totalVariance(samples: Tensor<RealDType>, mean: Tensor<RealDType>): number {
  let sum = 0;
  forEachBlock(samples, (block) => {
    using centred = block.subtract(mean);
    using squares = centred.square();
    using total = squares.sum();
    sum += total.item() as number;
  });
  return sum / (samples.shape[0] - 1);
}

function byCovariance(samples: Tensor<RealDType>, centre: Tensor<'float64'>): Directions {
  const features = samples.shape[1];
  let scatter = fromTypedArray<'float64'>(new Float64Array(features ** 2), [features, features]);
  forEachBlock(samples, (block) => {
    using centred = block.subtract(centre);
    using columns = centred.transpose();
    using product = columns.matmul(centred);
    using previous = scatter;
    scatter = previous.add(product) as Tensor as Tensor<'float64'>;
  });
  using whole = scatter;
  const { values, vectors } = principalAxes(whole);
  using directions = vectors;
  const most = Math.min(...samples.shape);
  using first = directions.slice([0, most]);
  return {
    directions: first.to(samples.dtype).clone() as Tensor<RealDType>,
    singularValues: values.slice(0, most).map(Math.sqrt),
  };
}

/** The samples less their mean, without a copy of them. */
function centredOperator(samples: Tensor<RealDType>, mean: Tensor<RealDType>): BlockOperator {
  return {
    shape: samples.shape as [number, number],
    dtype: samples.dtype,
    matmul(block) {
      using whole = samples.matmul(block);
      using shift = mean.matmul(block);
      return whole.subtract(shift) as Tensor as Tensor<RealDType>;
    },
    transposeMatmul(block) {
      using left = block.transpose();
      using whole = left.matmul(samples);
      using sums = block.sum([0]);
      using column = sums.unsqueeze(1);
      using shift = column.multiply(mean);
      using product = whole.subtract(shift) as Tensor as Tensor<RealDType>;
      return product.transpose();
    },
  };
}

/** The fewest components that explain more than a share of the variance. */
function countFor(share: number, variances: Float64Array, total: number): number {
  let sum = 0;
  for (const [index, variance] of variances.entries()) {
    sum += variance;
    if (sum > share * total) return index + 1;
  }
  return variances.length;
}
