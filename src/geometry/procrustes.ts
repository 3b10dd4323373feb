import { ShapeError } from '../errors.js';
import { svd } from '../linalg/decompositions.js';
import type { RealDType } from '../linalg/sparse-matrix.js';
import { fromTypedArray } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import type { Tensor } from '../tensor/tensor.js';
import { realMatrix, requireFeatures } from './arguments.js';

export interface ProcrustesOptions {
  /** Move both spaces' means to the origin first, and back afterwards. Default false. */
  readonly centre?: boolean;
  /** Let the whole space grow or shrink as well. Default false. */
  readonly scale?: boolean;
}

/** How one space lies in another. */
export class ProcrustesAlignment {
  /** `[source features, target features]`, with orthonormal columns or rows. */
  readonly rotation: Tensor<RealDType>;
  /** 1 unless asked for. */
  readonly scale: number;
  /** What is left of the target after the alignment, as a share of it (both centred if asked for); by Frobenius norms. */
  readonly relativeError: number;
  readonly #sourceMean: Tensor<RealDType>;
  readonly #targetMean: Tensor<RealDType>;

  /** @internal */
  constructor(parts: {
    rotation: Tensor<RealDType>;
    scale: number;
    relativeError: number;
    sourceMean: Tensor<RealDType>;
    targetMean: Tensor<RealDType>;
  }) {
    this.rotation = parts.rotation;
    this.scale = parts.scale;
    this.relativeError = parts.relativeError;
    this.#sourceMean = parts.sourceMean;
    this.#targetMean = parts.targetMean;
  }

  /** Vectors of the source space `[count, features]` in the target space. */
  transform(x: Tensor): Tensor<RealDType> {
    using vectors = realMatrix('ProcrustesAlignment.transform', 'x', x, 0);
    requireFeatures('ProcrustesAlignment.transform', 'x', vectors, this.rotation.shape[0]);
    using shifted = vectors.subtract(this.#sourceMean);
    using turned = shifted.matmul(this.rotation);
    using scaled = turned.multiply(this.scale);
    return scaled.add(this.#targetMean) as Tensor as Tensor<RealDType>;
  }
}

/**
 * The rotation (or reflection) that brings vectors of one space nearest to those of another: R = U V^T of the singular value
 * decomposition of source^T target (Schönemann 1966). Rows that belong together, such as a word and its translation, stand at
 * the same place of both; everything else in the source space then follows by `transform`. As
 * `scipy.linalg.orthogonal_procrustes`.
 *
 * @param source - `[pairs, features]`.
 * @param target - `[pairs, features]`; may have another number of features.
 */
export function procrustes(source: Tensor, target: Tensor, options: ProcrustesOptions = {}): ProcrustesAlignment {
  const { centre = false, scale: scales = false } = options;
  using realSource = realMatrix('procrustes', 'source', source);
  using realTarget = realMatrix('procrustes', 'target', target);
  if (realSource.shape[0] !== realTarget.shape[0]) {
    throw new ShapeError(
      `procrustes: source ${formatShape(source.dims)} and target ${formatShape(target.dims)} must have equally many rows`,
    );
  }
  const dtype: RealDType = realSource.dtype === 'float64' || realTarget.dtype === 'float64' ? 'float64' : 'float32';
  using a = realSource.to(dtype) as Tensor<RealDType>;
  using b = realTarget.to(dtype) as Tensor<RealDType>;
  const sourceMean = centre ? (a.mean([0]) as Tensor<RealDType>) : zeroVector(a.shape[1], dtype);
  const targetMean = centre ? (b.mean([0]) as Tensor<RealDType>) : zeroVector(b.shape[1], dtype);
  using from = a.subtract(sourceMean) as Tensor as Tensor<RealDType>;
  using to = b.subtract(targetMean) as Tensor as Tensor<RealDType>;
  using columns = from.transpose();
  using products = columns.matmul(to) as Tensor as Tensor<RealDType>;
  const { u, s, vt } = svd(products);
  using left = u;
  using values = s;
  using right = vt;
  const rotation = left.matmul(right) as Tensor as Tensor<RealDType>;
  using sum = values.sum();
  const squares = squaredNorm(from);
  const scale = scales && squares > 0 ? (sum.item() as number) / squares : 1;
  using turned = from.matmul(rotation);
  using scaled = turned.multiply(scale);
  using rest = to.subtract(scaled) as Tensor as Tensor<RealDType>;
  const whole = squaredNorm(to);
  const relativeError = whole === 0 ? 0 : Math.sqrt(squaredNorm(rest) / whole);
  return new ProcrustesAlignment({ rotation, scale, relativeError, sourceMean, targetMean });
}

function zeroVector(length: number, dtype: RealDType): Tensor<RealDType> {
  return fromTypedArray<RealDType>(dtype === 'float64' ? new Float64Array(length) : new Float32Array(length));
}

function squaredNorm(matrix: Tensor<RealDType>): number {
  using squares = matrix.square();
  using sum = squares.sum();
  return sum.item() as number;
}
