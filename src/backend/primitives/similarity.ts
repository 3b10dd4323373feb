import { ShapeError } from '../../errors.js';
import { equalDims, formatShape } from '../../tensor/dim.js';
import { definePrimitive, optionalView, requireDType, requireRank, viewOperand } from '../primitive.js';

/**
 * For each of `queries [q, d]` the `k` of `vectors [n, d]` with the greatest `dot(query, vector) * scale + offset`, best first,
 * ties by lower index; `scales [n]` and `offsets [n]` may be left out, and are then ones and zeros. All are float32, of any
 * strides. Results: scores `[q, k]`, int32 indices `[q, k]`. NaN counts as the largest score. With the vectors' inverse lengths
 * as scales, scores are cosines times the query's length; an offset of minus infinity puts a vector last.
 */
export const topSimilar = definePrimitive<{ k: number }>({
  name: 'topSimilar',
  infer(operands, { k }) {
    const queries = viewOperand('topSimilar', operands, 0, 'queries');
    const vectors = viewOperand('topSimilar', operands, 1, 'vectors');
    const scales = optionalView('topSimilar', operands, 2, 'scales');
    const offsets = optionalView('topSimilar', operands, 3, 'offsets');
    for (const [argument, view] of Object.entries({ queries, vectors })) {
      requireDType('topSimilar', argument, view, ['float32']);
      requireRank('topSimilar', argument, view, 2);
    }
    if (!equalDims(queries.dims[1], vectors.dims[1])) {
      throw new ShapeError(
        `topSimilar: queries ${formatShape(queries.dims)} and vectors ${formatShape(vectors.dims)} do not fit; expected [q, d] and [n, d]`,
      );
    }
    const count = vectors.dims[0];
    for (const [argument, numbers] of Object.entries({ scales, offsets })) {
      if (numbers === null) continue;
      requireDType('topSimilar', argument, numbers, ['float32']);
      requireRank('topSimilar', argument, numbers, 1);
      if (!equalDims(numbers.dims[0], count)) {
        throw new ShapeError(
          `topSimilar: ${argument} ${formatShape(numbers.dims)} must have one number for each of the vectors ${formatShape(vectors.dims)}`,
        );
      }
    }
    if (!Number.isInteger(k) || k < 0 || (typeof count === 'number' && k > count)) {
      throw new ShapeError(`topSimilar: k must be an integer from 0 to ${count}, the number of vectors, got ${k}`);
    }
    const dims = [queries.dims[0], k];
    return [
      { dtype: 'float32', dims },
      { dtype: 'int32', dims },
    ];
  },
  encode: ({ k }) => [k],
});
