import type { Tensor } from '../tensor/tensor.js';
import { type Found, matrixOf, type Space } from './search.js';

/** Keeps a division by the similarity to an opposite word from being one by zero, as in gensim. */
const EPSILON = 1e-6;

/** Vectors of length 1 of what a query is to be like and unlike, one after another. */
export interface Factors {
  readonly positive: readonly Float32Array[];
  readonly negative: readonly Float32Array[];
}

/**
 * The `k` vectors with the greatest 3CosMul scores (Levy and Goldberg, CoNLL 2014): the product of the similarities to all
 * positive vectors, over that of those to all negative ones, similarities being cosines brought into [0, 1].
 *
 * @param queries - all with the same numbers of positive and negative vectors.
 */
export function searchProducts(space: Space, queries: readonly Factors[], k: number): Found {
  const [first] = queries as [Factors, ...Factors[]];
  const slots = [
    ...first.positive.map((_, n) => queries.map(({ positive }) => positive[n] as Float32Array)),
    ...first.negative.map((_, n) => queries.map(({ negative }) => negative[n] as Float32Array)),
  ];
  let product: Tensor | null = null;
  let divisor: Tensor | null = null;
  for (const [slot, vectors] of slots.entries()) {
    const similarity = similarities(space, vectors);
    if (slot < first.positive.length) product = multiplied(product, similarity);
    else divisor = multiplied(divisor, similarity);
  }
  const scores = quotient(product, divisor);
  const { values, indices } = scores.topk(k, 1);
  scores.dispose();
  return { scores: (values as Tensor<'float32'>).toTypedArray(), indices: indices.toTypedArray() };
}

/** `[queries, n]`, from 0 for opposite to 1 for the same direction. */
function similarities({ vectors, inverseLengths }: Space, queries: readonly Float32Array[]): Tensor {
  const dimension = vectors.shape[1] as number;
  const data = new Float32Array(queries.length * dimension);
  for (const [row, query] of queries.entries()) data.set(query, row * dimension);
  using columns = vectors.T;
  using dots = matrixOf(data, queries.length, dimension).matmul(columns);
  using cosines = dots.multiply(inverseLengths);
  using shifted = cosines.add(1);
  return shifted.multiply(0.5);
}

function multiplied(product: Tensor | null, factor: Tensor): Tensor {
  if (product === null) return factor;
  const next = product.multiply(factor);
  product.dispose();
  factor.dispose();
  return next;
}

function quotient(product: Tensor | null, divisor: Tensor | null): Tensor {
  if (divisor === null) return product as Tensor;
  using kept = divisor.add(EPSILON);
  divisor.dispose();
  if (product === null) return kept.reciprocal();
  const result = product.divide(kept);
  product.dispose();
  return result;
}
