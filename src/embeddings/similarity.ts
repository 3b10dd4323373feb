import { ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { requireView } from '../tensor/execute.js';
import { Tensor } from '../tensor/tensor.js';

/** The measures that sentence-transformers knows. All grow with likeness: distances are negative. */
export const SIMILARITY_NAMES = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export type SimilarityName = (typeof SIMILARITY_NAMES)[number];

/** Vectors are divided by this at least, so that one of zeros is like nothing. */
const LEAST_LENGTH = 1e-12;

/** Rows of differences that are held at once. */
const DIFFERENCE_ELEMENTS = 1 << 22;

/**
 * The similarity of every row of `a` with every row of `b`.
 *
 * @param a - `[n, dimension]`, or one vector `[dimension]`.
 * @param b - `[m, dimension]`, or one vector.
 * @returns float32 `[n, m]`.
 */
export function similarity(a: Tensor, b: Tensor, name: SimilarityName = 'cosine'): Tensor<'float32'> {
  using left = rows('a', a);
  using right = rows('b', b);
  if (left.dims[1] !== right.dims[1]) {
    throw new ShapeError(
      `similarity: a ${formatShape(a.dims)} and b ${formatShape(b.dims)} must have vectors of one length`,
    );
  }
  if (name === 'dot') return product(left, right);
  if (name === 'cosine') {
    using leftUnits = units(left);
    using rightUnits = units(right);
    return product(leftUnits, rightUnits);
  }
  return distances(left, right, name);
}

function rows(argument: string, vectors: Tensor): Tensor<'float32'> {
  requireView('similarity', argument, vectors);
  if (vectors.rank !== 1 && vectors.rank !== 2) {
    throw new ShapeError(
      `similarity: argument ${argument} must be [n, dimension], got shape ${formatShape(vectors.dims)}`,
    );
  }
  using matrix = vectors.rank === 1 ? vectors.unsqueeze(0) : vectors.slice();
  return matrix.to('float32');
}

function product(a: Tensor<'float32'>, b: Tensor<'float32'>): Tensor<'float32'> {
  using columns = b.transpose();
  return a.matmul(columns);
}

function units(vectors: Tensor<'float32'>): Tensor<'float32'> {
  using lengths = vectors.norm([1], { keepdims: true });
  using divisors = lengths.maximum(LEAST_LENGTH);
  return vectors.divide(divisors) as Tensor<'float32'>;
}

/** Minus the distances, from the differences themselves: the short cut over products loses what is close. */
function distances(a: Tensor<'float32'>, b: Tensor<'float32'>, name: 'euclidean' | 'manhattan'): Tensor<'float32'> {
  const [n, dimension] = a.shape as [number, number];
  const [m] = b.shape as [number];
  const result = new Float32Array(n * m);
  const step = Math.max(1, Math.floor(DIFFERENCE_ELEMENTS / Math.max(1, m * dimension)));
  for (let begin = 0; begin < n; begin += step) {
    using part = a.slice([begin, begin + step]);
    using raised = part.unsqueeze(1);
    using differences = raised.subtract(b);
    using lengths = differences.norm([2], { order: name === 'euclidean' ? 2 : 1 });
    using negative = lengths.negative();
    result.set(negative.toTypedArray() as Float32Array, begin * m);
  }
  return Tensor.fromView({ dtype: 'float32', dims: [n, m], strides: [m, 1], offset: 0, data: result });
}
