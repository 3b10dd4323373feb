import { requireCount } from '../arguments.js';
import { ArgumentError, NumericalError, ShapeError } from '../errors.js';
import { solve } from '../linalg/solvers.js';
import { type RealDType, SparseMatrix } from '../linalg/sparse-matrix.js';
import { eye, fromTypedArray, full } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { arrayConstructor } from '../tensor/dtype.js';
import { Random } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { requireFitted, requireNotNegative } from './arguments.js';

export interface AlsOptions {
  /** Numbers that describe each user and each item. Default 32. */
  readonly factors?: number;
  /**
   * How strongly factors are held small. Default 0.1 of ratings, where it counts once for each of a user's or item's ratings, and
   * 0.01 of implicit ones.
   */
  readonly regularization?: number;
  /** Default 15. */
  readonly iterations?: number;
  /**
   * False (default): values are ratings, and what is not stored is unknown. True: values count how often something was done, and
   * what is not stored was not done.
   */
  readonly implicit?: boolean;
  /** Of implicit values: confidence is 1 + alpha * value. Default 40. */
  readonly alpha?: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface AlsFitOptions {
  /** Item factors to begin with, `[items, factors]`, such as those of an earlier fit; random ones without. */
  readonly itemFactors?: Tensor;
  /** Called after every iteration with the loss; without it no loss is computed. */
  readonly onIteration?: (iteration: number, loss: number) => void;
}

export interface Recommendation {
  readonly item: number;
  /** The predicted rating; of implicit values the preference, mostly from 0 to 1. */
  readonly score: number;
}

interface Fitted {
  readonly ratings: SparseMatrix<RealDType>;
  readonly mean: number;
  readonly users: Tensor<RealDType>;
  readonly items: Tensor<RealDType>;
}

/** Elements of left sides that are held at once: few enough to stay in a cache. */
const BLOCK_ELEMENTS = 1 << 19;

/**
 * A recommender: a matrix of users by items as the product of two thin ones, found by alternating least squares.
 *
 * - Explicit (Zhou et al., "Large-scale parallel collaborative filtering for the Netflix prize", AAIM 2008): the squared error of
 *   the ratings less their mean, plus regularization * (number of ratings) * (squared length) of every user and item.
 * - Implicit (Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008): the error of
 *   preferences (1 where there is a value, else 0) of all pairs, weighted by their confidence.
 *
 *     const als = new ALS({ factors: 16 }).fit(ratings);
 *     als.recommend(user, 10);
 */
export class ALS {
  readonly #factors: number;
  readonly #regularization: number;
  readonly #iterations: number;
  readonly #implicit: boolean;
  readonly #alpha: number;
  readonly #seed: number;
  #fitted: Fitted | undefined;

  constructor(options: AlsOptions = {}) {
    const { factors = 32, iterations = 15, implicit = false, alpha = 40, seed = 0 } = options;
    const { regularization = implicit ? 0.01 : 0.1 } = options;
    requireCount('ALS', 'factors', factors, 1);
    requireCount('ALS', 'iterations', iterations, 1);
    requireNotNegative('ALS', 'regularization', regularization);
    requireNotNegative('ALS', 'alpha', alpha);
    this.#factors = factors;
    this.#regularization = regularization;
    this.#iterations = iterations;
    this.#implicit = implicit;
    this.#alpha = alpha;
    this.#seed = seed;
  }

  /** `[users, factors]`. */
  get userFactors(): Tensor<RealDType> {
    return this.#require('userFactors').users;
  }
  /** `[items, factors]`. */
  get itemFactors(): Tensor<RealDType> {
    return this.#require('itemFactors').items;
  }

  /**
   * Finds the factors. Users and items without any value get zeros: predicted is then the mean.
   *
   * @param ratings - `[users, items]`; of implicit values none may be negative.
   */
  fit(ratings: SparseMatrix, options: AlsFitOptions = {}): this {
    if (!(ratings instanceof SparseMatrix)) {
      throw new ArgumentError('ALS.fit: ratings must be a SparseMatrix; make one with SparseMatrix.fromTriplets()');
    }
    const [, itemCount] = ratings.shape;
    if (ratings.entries === 0) throw new ArgumentError('ALS.fit: there are no ratings');
    this.#checkValues('fit', ratings);
    let sum = 0;
    for (const value of ratings.values) sum += value;
    const mean = this.#implicit ? 0 : sum / ratings.entries;
    const { dtype } = ratings;
    let items = this.#initialItems(options.itemFactors, itemCount, dtype);
    let users: Tensor<RealDType> | null = null;
    for (let iteration = 1; iteration <= this.#iterations; iteration++) {
      users?.dispose();
      users = this.#halfStep(ratings, items, mean);
      items.dispose();
      items = this.#halfStep(ratings.T, users, mean);
      if (options.onIteration) options.onIteration(iteration, this.#loss(ratings, mean, users, items));
    }
    this.#fitted = { ratings, mean, users: users as Tensor<RealDType>, items };
    return this;
  }

  /** The rating that a user would give an item; of implicit values how much the item suits the user. */
  predict(user: number, item: number): number {
    const { ratings, mean, users, items } = this.#require('predict');
    requireCount('ALS.predict', 'user', user, 0, ratings.shape[0] - 1);
    requireCount('ALS.predict', 'item', item, 0, ratings.shape[1] - 1);
    return mean + dotRows(numbersOf(users), user, numbersOf(items), item, this.#factors);
  }

  /**
   * The items with the highest predictions for a user, best first.
   *
   * @param count - how many; fewer come where there are no more.
   * @param options.includeKnown - items that the user has rated as well. Default false.
   */
  recommend(user: number, count = 10, options: { readonly includeKnown?: boolean } = {}): Recommendation[] {
    const { ratings, users } = this.#require('recommend');
    requireCount('ALS.recommend', 'user', user, 0, ratings.shape[0] - 1);
    using factors = users.select(0, user);
    return this.#best('recommend', factors, ratings.sliceRows(user, user + 1), count, options.includeKnown ?? false);
  }

  /**
   * Recommendations for somebody who was not there when fitting, from a few ratings of theirs.
   *
   * @param ratings - `[1, items]`.
   */
  recommendFor(ratings: SparseMatrix, count = 10, options: { readonly includeKnown?: boolean } = {}): Recommendation[] {
    if (ratings.shape[0] !== 1) {
      throw new ShapeError(`ALS.recommendFor: ratings must be [1, items], got ${formatShape(ratings.shape)}`);
    }
    using folded = this.foldIn(ratings);
    using factors = folded.select(0, 0);
    return this.#best('recommendFor', factors, ratings, count, options.includeKnown ?? false);
  }

  /**
   * Factors of users who were not there when fitting, `[users, factors]`.
   *
   * @param ratings - `[users, items]`.
   */
  foldIn(ratings: SparseMatrix): Tensor<RealDType> {
    const { mean, items, ratings: known } = this.#require('foldIn');
    if (ratings.shape[1] !== known.shape[1]) {
      throw new ShapeError(
        `ALS.foldIn: ratings must be [users, ${known.shape[1]}] as what was fitted, got ${formatShape(ratings.shape)}`,
      );
    }
    this.#checkValues('foldIn', ratings);
    if (ratings.dtype === items.dtype) return this.#halfStep(ratings, items, mean);
    const values = arrayConstructor(items.dtype).from(ratings.values) as Float32Array | Float64Array;
    const { columnIndices, rowOffsets } = ratings;
    const cast = SparseMatrix.fromCompressedRows({ values, columnIndices, rowOffsets }, ratings.shape);
    return this.#halfStep(cast, items, mean);
  }

  #require(operation: string): Fitted {
    return requireFitted(`ALS.${operation}`, this.#fitted);
  }

  #checkValues(operation: string, ratings: SparseMatrix): void {
    const wrong = ratings.values.findIndex((value: number) => !Number.isFinite(value) || (this.#implicit && value < 0));
    if (wrong >= 0) {
      const expected = this.#implicit ? 'finite and not negative' : 'finite';
      throw new ArgumentError(`ALS.${operation}: ratings must be ${expected}, got ${ratings.values[wrong]}`);
    }
  }

  #initialItems(given: Tensor | undefined, items: number, dtype: RealDType): Tensor<RealDType> {
    if (given === undefined) {
      const deviation = 1 / Math.sqrt(this.#factors);
      return new Random(this.#seed).normal([items, this.#factors], { dtype, deviation });
    }
    if (formatShape(given.dims) !== formatShape([items, this.#factors])) {
      throw new ShapeError(
        `ALS.fit: itemFactors must be [${items}, ${this.#factors}], got shape ${formatShape(given.dims)}`,
      );
    }
    using real = given.to(dtype);
    return real.clone();
  }

  /** The best factors of the rows of `ratings [rows, columns]` given those of the columns. */
  #halfStep(ratings: SparseMatrix<RealDType>, fixed: Tensor<RealDType>, mean: number): Tensor<RealDType> {
    const width = this.#factors;
    const [rows] = ratings.shape;
    const { dtype } = ratings;
    const solutions = new (arrayConstructor(dtype))(rows * width) as Float32Array | Float64Array;
    const alpha = this.#alpha;
    const weights = this.#implicit ? ratings.map((value) => alpha * value) : ratings.map(() => 1);
    const targets = this.#implicit ? ratings.map((value) => 1 + alpha * value) : ratings.map((value) => value - mean);
    using columns = fixed.transpose();
    using ofAll = this.#implicit ? columns.matmul(fixed) : full([width, width], 0, { dtype });
    using identity = eye(width, width, { dtype: 'float64' });
    const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / width ** 2));
    for (let begin = 0; begin < rows; begin += step) {
      const end = Math.min(begin + step, rows);
      using grams = weights.sliceRows(begin, end).rowGrams(fixed);
      using rights = targets.sliceRows(begin, end).matmul(fixed);
      // Where there are no ratings any penalty gives zeros.
      const penalties = Float64Array.from({ length: end - begin }, (_, row) => {
        const count = ratings.rowOffsets[begin + row + 1] - ratings.rowOffsets[begin + row];
        if (count === 0) return 1;
        if (this.#regularization === 0 && !this.#implicit && count < width) {
          throw new NumericalError(
            `ALS: ${count} ratings do not determine ${width} factors; use a regularization above 0 or fewer factors`,
          );
        }
        return this.#regularization * (this.#implicit ? 1 : count);
      });
      using diagonals = fromTypedArray<'float64'>(penalties, [end - begin, 1, 1]);
      using ridges = diagonals.multiply(identity);
      using known = grams.add(ofAll);
      using lefts = known.add(ridges) as Tensor as Tensor<'float64'>;
      using vectors = rights.unsqueeze(2);
      using solved = solve(lefts, vectors);
      solutions.set(solved.toTypedArray(), begin * width);
    }
    return fromTypedArray<RealDType>(solutions, [rows, width]);
  }

  #loss(ratings: SparseMatrix, mean: number, users: Tensor<RealDType>, items: Tensor<RealDType>): number {
    const width = this.#factors;
    const [left, right] = [numbersOf(users), numbersOf(items)];
    let loss = this.#implicit ? allPairs(users, items) : 0;
    for (let user = 0; user < ratings.shape[0]; user++) {
      for (let entry = ratings.rowOffsets[user]; entry < ratings.rowOffsets[user + 1]; entry++) {
        const value = ratings.values[entry];
        const score = mean + dotRows(left, user, right, ratings.columnIndices[entry], width);
        // Of implicit values the square of the score is among all pairs already.
        loss += this.#implicit ? (1 + this.#alpha * value) * (1 - score) ** 2 - score ** 2 : (value - score) ** 2;
      }
    }
    const penalty = (matrix: SparseMatrix, factors: Float32Array | Float64Array): number => {
      let sum = 0;
      for (let row = 0; row < matrix.shape[0]; row++) {
        const count = this.#implicit ? 1 : matrix.rowOffsets[row + 1] - matrix.rowOffsets[row];
        sum += count * dotRows(factors, row, factors, row, width);
      }
      return sum;
    };
    return loss + this.#regularization * (penalty(ratings, left) + penalty(ratings.T, right));
  }

  #best(
    operation: string,
    factors: Tensor<RealDType>,
    known: SparseMatrix,
    count: number,
    includeKnown: boolean,
  ): Recommendation[] {
    const { mean, items } = this.#require(operation);
    requireCount(`ALS.${operation}`, 'count', count, 1);
    using scores = items.matmul(factors) as Tensor as Tensor<RealDType>;
    const numbers = scores.toTypedArray() as Float32Array;
    const left = includeKnown ? 0 : known.entries;
    if (!includeKnown) for (const item of known.columnIndices) numbers[item] = Number.NEGATIVE_INFINITY;
    const { values, indices } = scores.topk(Math.min(count, numbers.length - left));
    using best = values;
    using places = indices;
    const found = best.toTypedArray();
    return Array.from(places.toTypedArray(), (item, n) => ({ item, score: mean + found[n] }));
  }
}

function numbersOf(factors: Tensor<RealDType>): Float32Array | Float64Array {
  return factors.toTypedArray() as Float32Array | Float64Array;
}

function dotRows(
  a: Float32Array | Float64Array,
  rowA: number,
  b: Float32Array | Float64Array,
  rowB: number,
  width: number,
): number {
  let sum = 0;
  for (let n = 0; n < width; n++) sum += a[rowA * width + n] * b[rowB * width + n];
  return sum;
}

/** The sum of the squared products of all pairs, as the trace of (a^T a)(b^T b). */
function allPairs(a: Tensor<RealDType>, b: Tensor<RealDType>): number {
  using columnsA = a.transpose();
  using columnsB = b.transpose();
  using left = columnsA.matmul(a);
  using right = columnsB.matmul(b);
  using products = left.multiply(right);
  using sum = products.sum();
  return sum.item() as number;
}
