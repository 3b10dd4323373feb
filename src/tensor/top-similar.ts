import { execute } from './execute.js';
import { Tensor } from './tensor.js';

/** The best of many vectors for each of several queries. */
export interface TopSimilar {
  /** `[q, k]`, greatest first. */
  readonly scores: Tensor<'float32'>;
  /** `[q, k]`: which vectors they belong to. */
  readonly indices: Tensor<'int32'>;
}

/**
 * For each of several queries the `k` vectors with the greatest dot products, best first, ties by lower index. The products
 * are made block by block and never kept: memory grows with `q * k`, not with the number of vectors.
 *
 * @param queries - float32 `[q, d]`.
 * @param vectors - float32 `[n, d]`.
 * @param k - from 0 to n.
 * @param scales - float32 `[n]`: every vector's products are multiplied by its scale; with the inverse lengths of the vectors,
 *     and queries of length 1, scores are cosines. Default: ones.
 * @param offsets - float32 `[n]`: added to every vector's scores then; minus infinity puts a vector last. Default: zeros.
 * @throws ShapeError, DTypeError
 */
export function topSimilar(
  queries: Tensor<'float32'>,
  vectors: Tensor<'float32'>,
  k: number,
  scales: Tensor<'float32'> | null = null,
  offsets: Tensor<'float32'> | null = null,
): TopSimilar {
  const [scores, indices] = execute('topSimilar', [queries, vectors, scales, offsets], { k });
  return {
    scores: Tensor.fromView(scores) as Tensor<'float32'>,
    indices: Tensor.fromView(indices) as Tensor<'int32'>,
  };
}
