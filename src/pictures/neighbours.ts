import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '../tensor/tensor.js';
import { topSimilar } from '../tensor/top-similar.js';

/** The nearest other points of every point. */
export interface Neighbours {
  /** How many each has. */
  readonly k: number;
  /** `[count, k]`, nearest first. */
  readonly indices: Int32Array;
  /** `[count, k]`. */
  readonly distances: Float32Array;
}

/** Queries that are answered in one call of the engine, between which others have their turn. */
const BLOCK = 1024;

/**
 * The `k` nearest other vectors of every vector, exactly, by matrix products.
 *
 * @param units - `[count, dimension]`, each of length 1; distances are those between them, the square root of 2 - 2 cos.
 * @param k - from 1 to count - 1.
 */
export async function nearestNeighbours(
  units: Tensor<'float32'>,
  k: number,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((fraction: number) => void) | undefined;
  },
): Promise<Neighbours> {
  const { signal, onProgress } = options;
  const [count] = units.shape;
  const indices = new Int32Array(count * k);
  const distances = new Float32Array(count * k);
  for (let begin = 0; begin < count; begin += BLOCK) {
    using block = units.slice([begin, Math.min(begin + BLOCK, count)]);
    const found = topSimilar(block, units, k + 1);
    using scores = found.scores;
    using places = found.indices;
    const [cosines, rows] = [scores.toTypedArray(), places.toTypedArray()];
    for (let query = 0; query * (k + 1) < rows.length; query++) {
      let to = (begin + query) * k;
      const end = to + k;
      for (let at = query * (k + 1); at < (query + 1) * (k + 1) && to < end; at++) {
        // Itself; where many are equal it may not be among them, and then the last is left out.
        if (rows[at] === begin + query) continue;
        indices[to] = rows[at];
        distances[to++] = Math.sqrt(Math.max(0, 2 - 2 * cosines[at]));
      }
    }
    signal?.throwIfAborted();
    onProgress?.(Math.min(1, (begin + BLOCK) / count));
    await nextTurn();
  }
  return { k, indices, distances };
}
