import { requireCount, requireOptions } from '../arguments.js';
import { ShapeError } from '../errors.js';
import { type BlockOperator, randomizedSvd } from '../linalg/randomized-svd.js';
import { type RealDType, SparseMatrix } from '../linalg/sparse-matrix.js';
import { full } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix, requireFeatures, requireFitted } from './arguments.js';
import { fixSigns } from './signs.js';

export interface TruncatedSvdOptions {
  /** How many components. Default 100, which latent semantic analysis is usually done with. */
  readonly components?: number;
  /** Default 5: spectra of term-document matrices fall off slowly. */
  readonly powerIterations?: number;
  /** Default half the components, 10 at least. */
  readonly oversampling?: number;
  /** Default 0. */
  readonly seed?: number;
}

interface Fitted {
  readonly components: Tensor<RealDType>;
  readonly singularValues: Tensor<RealDType>;
  readonly explainedVariance: Float64Array;
  readonly explainedVarianceRatio: Float64Array;
}

/**
 * Dimensions reduced by the largest singular vectors of a matrix that is not centred, so that it may stay sparse. On a TF-IDF
 * matrix this is latent semantic analysis (Deerwester et al. 1990): documents and terms as vectors in one space of topics.
 * As `sklearn.decomposition.TruncatedSVD` with the randomized algorithm.
 */
export class TruncatedSVD {
  readonly #options: Required<TruncatedSvdOptions>;
  #fitted: Fitted | undefined;

  constructor(options: TruncatedSvdOptions = {}) {
    requireOptions('TruncatedSVD', options, '{ components: 2 }');
    const { components = 100, powerIterations = 5, seed = 0 } = options;
    const { oversampling = Math.max(10, Math.ceil(components / 2)) } = options;
    requireCount('TruncatedSVD', 'components', components, 1);
    this.#options = { components, powerIterations, oversampling, seed };
  }

  /** `[components, features]`: what each component is made of, orthonormal rows. */
  get components(): Tensor<RealDType> {
    return this.#require('components').components;
  }
  /** `[components]`, descending. */
  get singularValues(): Tensor<RealDType> {
    return this.#require('singularValues').singularValues;
  }
  /** The variance of the samples along each component. */
  get explainedVariance(): Float64Array {
    return this.#require('explainedVariance').explainedVariance.slice();
  }
  /** The same as shares of the whole variance. */
  get explainedVarianceRatio(): Float64Array {
    return this.#require('explainedVarianceRatio').explainedVarianceRatio.slice();
  }

  /**
   * Finds the components.
   *
   * @param x - `[samples, features]`, sparse or dense.
   * @throws ArgumentError for more components than min(samples, features), and for NaN or infinite elements.
   */
  fit(x: SparseMatrix | Tensor): this {
    this.fitTransform(x).dispose();
    return this;
  }

  /** {@link fit}, then the coordinates of the same samples, `[samples, components]`. */
  fitTransform(x: SparseMatrix | Tensor): Tensor<RealDType> {
    const { components, ...settings } = this.#options;
    using dense = x instanceof SparseMatrix ? null : realMatrix('TruncatedSVD.fit', 'x', x);
    const matrix = dense ?? (x as SparseMatrix);
    requireCount('TruncatedSVD.fit', 'components', components, 1, Math.min(...matrix.shape));
    const { u, s, vt } = randomizedSvd<RealDType>(matrix as BlockOperator | Tensor<RealDType>, components, settings);
    u.dispose();
    using rows = vt;
    const directions = fixSigns(rows);
    const projected = project(matrix, directions);
    using spread = projected.to('float64');
    using variances = spread.var([0]);
    const explained = Float64Array.from(variances.toTypedArray() as Float64Array);
    const total = totalVariance(matrix);
    this.#fitted = {
      components: directions,
      singularValues: s,
      explainedVariance: explained,
      explainedVarianceRatio: explained.map((variance) => (total === 0 ? 0 : variance / total)),
    };
    return projected;
  }

  /**
   * Coordinates along the components.
   *
   * @param x - `[count, features]`, sparse or dense.
   * @returns `[count, components]`.
   */
  transform(x: SparseMatrix | Tensor): Tensor<RealDType> {
    const { components } = this.#require('transform');
    if (x instanceof SparseMatrix) {
      if (x.shape[1] !== components.shape[1]) {
        throw new ShapeError(
          `TruncatedSVD.transform: argument x must be [count, ${components.shape[1]}] as what was fitted, got ${formatShape(x.shape)}`,
        );
      }
      return project(x, components);
    }
    using dense = realMatrix('TruncatedSVD.transform', 'x', x, 0);
    requireFeatures('TruncatedSVD.transform', 'x', dense, components.shape[1]);
    return project(dense, components);
  }

  /**
   * Vectors from coordinates.
   *
   * @param z - `[count, components]`.
   * @returns `[count, features]`, dense.
   */
  inverseTransform(z: Tensor): Tensor<RealDType> {
    const { components } = this.#require('inverseTransform');
    using coordinates = realMatrix('TruncatedSVD.inverseTransform', 'z', z, 0);
    requireFeatures('TruncatedSVD.inverseTransform', 'z', coordinates, components.shape[0]);
    return coordinates.matmul(components) as Tensor as Tensor<RealDType>;
  }

  #require(operation: string): Fitted {
    return requireFitted(`TruncatedSVD.${operation}`, this.#fitted);
  }
}

function project(x: SparseMatrix | Tensor<RealDType>, components: Tensor<RealDType>): Tensor<RealDType> {
  using columns = components.transpose();
  return x.matmul(columns) as Tensor as Tensor<RealDType>;
}

/** The sum of the features' variances, of all samples. */
function totalVariance(x: SparseMatrix | Tensor<RealDType>): number {
  const count = x.shape[0];
  if (!(x instanceof SparseMatrix)) {
    using wide = x.to('float64');
    using variances = wide.var([0]);
    using total = variances.sum();
    return total.item() as number;
  }
  let squares = 0;
  for (const value of x.values) squares += value ** 2;
  using ones = full([count], 1, { dtype: 'float64' });
  using sums = x.transposeMatmul(ones);
  const means = (sums.toTypedArray() as Float64Array).reduce((total, sum) => total + (sum / count) ** 2, 0);
  return Math.max(0, squares / count - means);
}
