import { describe, expect, it } from 'vitest';
import { ALS, lowRankApproximation, PCA, procrustes, TfIdf, TruncatedSVD } from '../../src/geometry/index.js';
import { ArgumentError, eye, NumericalError, Random, ShapeError, svd, type Tensor, tensor } from '../../src/index.js';
import { SparseMatrix } from '../../src/linalg/sparse-matrix.js';
import { expectClose, fixture, type Matrix, made } from './fixture.js';

/** What is left of 15 digits after a decomposition of numbers up to 100. */
const TOLERANCE = 1e-10;

describe('PCA', () => {
  const sklearn = fixture<{
    x: Matrix;
    mean: number[];
    components: Matrix;
    explainedVariance: number[];
    explainedVarianceRatio: number[];
    singularValues: number[];
    noiseVariance: number;
    transformed: Matrix;
    restored: Matrix;
    whitened: Matrix;
    shares: Record<string, number>;
  }>('pca');
  const x = made(sklearn.x);

  it.each(['auto', 'covariance', 'svd', 'randomized'] as const)("has scikit-learn's numbers by solver %s", (solver) => {
    const pca = new PCA({ components: 3, solver }).fit(x);
    expectClose(pca.mean, sklearn.mean, TOLERANCE);
    expectClose(pca.components, sklearn.components, TOLERANCE);
    expectClose(pca.explainedVariance, sklearn.explainedVariance, TOLERANCE);
    expectClose(pca.explainedVarianceRatio, sklearn.explainedVarianceRatio, TOLERANCE);
    expectClose(pca.singularValues, sklearn.singularValues, TOLERANCE);
    expect(pca.noiseVariance).toBeCloseTo(sklearn.noiseVariance, 10);
    const transformed = pca.transform(x);
    expectClose(transformed, sklearn.transformed, TOLERANCE);
    expectClose(pca.inverseTransform(transformed), sklearn.restored, TOLERANCE);
  });

  it('whitens', () => {
    const pca = new PCA({ components: 3, whiten: true });
    const whitened = pca.fitTransform(x);
    expectClose(whitened, sklearn.whitened, TOLERANCE);
    expectClose(whitened.var([0], { ddof: 1 }), [1, 1, 1], TOLERANCE);
    expectClose(pca.inverseTransform(whitened), sklearn.restored, TOLERANCE);
  });

  it('takes as many components as a share of the variance needs', () => {
    for (const [share, count] of Object.entries(sklearn.shares)) {
      expect(new PCA({ components: Number(share) }).fit(x).components.shape[0], share).toBe(count);
    }
  });

  it('keeps everything by default', () => {
    const pca = new PCA().fit(x);
    expect(pca.components.shape).toEqual([5, 5]);
    expect(pca.noiseVariance).toBe(0);
    expectClose(pca.inverseTransform(pca.transform(x)), x, TOLERANCE);
  });

  it('finds a few components of a wide matrix in float32', () => {
    const random = new Random(2);
    const latent = random.normal([60, 4]).multiply(tensor([40, 20, 10, 5]));
    const wide = latent.matmul(random.normal([4, 700])).add(random.normal([60, 700])) as Tensor<'float32'>;
    const pca = new PCA({ components: 4 }).fit(wide);
    const exact = new PCA({ components: 4, solver: 'svd' }).fit(wide);
    expect(pca.components.dtype).toBe('float32');
    expectClose(pca.explainedVarianceRatio, exact.explainedVarianceRatio, 1e-5);
    expectClose(pca.components.matmul(pca.components.T), eye(4), 1e-5);
  });

  it('has no variance in equal samples', () => {
    const pca = new PCA({ whiten: true }).fit(
      tensor([
        [1, 2],
        [1, 2],
        [1, 2],
      ]),
    );
    expectClose(pca.explainedVarianceRatio, [0, 0], 0);
    expectClose(pca.transform(tensor([[1, 2]])), [0, 0], 0);
  });

  it('refuses wrong arguments', () => {
    expect(() => new PCA({ components: 1.5 })).toThrow(ArgumentError);
    expect(() => new PCA({ components: 0 })).toThrow(ArgumentError);
    expect(() => new PCA(2 as never)).toThrow(/options must be an object such as \{ components: 2 \}, got 2/);
    expect(() => new PCA({ solver: 'magic' as 'svd' })).toThrow(/solver must be one of/);
    expect(() => new PCA({ solver: 'randomized', components: 0.5 })).toThrow(ArgumentError);
    expect(() => new PCA().transform(x)).toThrow(/call fit\(\) first/);
    expect(() => new PCA({ components: 6 }).fit(x)).toThrow(/from 1 to 5, got 6/);
    expect(() => new PCA().fit(tensor([[1, 2]]))).toThrow(ShapeError);
    expect(() =>
      new PCA().fit(
        tensor([
          [1, Number.NaN],
          [1, 2],
        ]),
      ),
    ).toThrow(/NaN/);
    expect(() => new PCA().fit(x).transform(tensor([[1, 2]]))).toThrow(/must be \[count, 5\]/);
  });
});

describe('TfIdf', () => {
  const sklearn = fixture<{
    documents: string[];
    cases: { options: object; terms: string[]; idf: number[] | null; matrix: Matrix; other: Matrix }[];
  }>('tfidf');

  it.each(sklearn.cases)("has scikit-learn's numbers with $options", ({ options, terms, idf, matrix, other }) => {
    const vectorizer = new TfIdf(options);
    const found = vectorizer.fitTransform(sklearn.documents);
    expect(vectorizer.terms).toEqual(terms);
    expect([...vectorizer.vocabulary]).toEqual(terms.map((term, column) => [term, column]));
    if (idf) expectClose(vectorizer.idf, idf, 1e-14);
    expectClose(found.toDense(), matrix, 1e-14);
    expectClose(vectorizer.transform(['the cat and the bank', 'nothing zzz']).toDense(), other, 1e-14);
  });

  it('takes terms from a function', () => {
    const vectorizer = new TfIdf({ terms: (text) => [...text], norm: 'none', idf: false });
    expectClose(vectorizer.fitTransform(['Abba', 'b']).toDense(), [2, 2, 0, 1], 0);
    expect(vectorizer.terms).toEqual(['a', 'b']);
  });

  it('refuses texts and options that leave nothing', () => {
    expect(() => new TfIdf().fit(['', '!?'])).toThrow(/no term is left/);
    expect(() => new TfIdf().fit([])).toThrow(ArgumentError);
    expect(() => new TfIdf({ minDocuments: 3 }).fit(['aa bb', 'bb cc'])).toThrow(ArgumentError);
    expect(() => new TfIdf().fit('a text' as unknown as string[])).toThrow(/list of texts/);
    expect(() => new TfIdf().fit([1] as unknown as string[])).toThrow(/documents\[0\] must be a text/);
    expect(() => new TfIdf({ terms: /\w+/ })).toThrow(/flag g/);
    expect(() => new TfIdf({ ngrams: [2, 1] })).toThrow(ArgumentError);
    expect(() => new TfIdf({ maxDocuments: 1.5 })).toThrow(ArgumentError);
    expect(() => new TfIdf().transform(['aa'])).toThrow(/call fit/);
  });
});

describe('TruncatedSVD', () => {
  const sklearn = fixture<{
    components: Matrix;
    singularValues: number[];
    explainedVariance: number[];
    explainedVarianceRatio: number[];
    transformed: Matrix;
  }>('truncated');
  const { documents } = fixture<{ documents: string[] }>('tfidf');
  const matrix = new TfIdf().fitTransform(documents);

  it.each([
    ['sparse', matrix],
    ['dense', matrix.toDense()],
  ] as const)("has scikit-learn's numbers of a %s matrix", (_, x) => {
    const lsa = new TruncatedSVD({ components: 3 });
    const transformed = lsa.fitTransform(x);
    expectClose(lsa.singularValues, sklearn.singularValues, TOLERANCE);
    expectClose(lsa.components, sklearn.components, TOLERANCE);
    expectClose(lsa.explainedVariance, sklearn.explainedVariance, TOLERANCE);
    expectClose(lsa.explainedVarianceRatio, sklearn.explainedVarianceRatio, TOLERANCE);
    expectClose(transformed, sklearn.transformed, TOLERANCE);
    expectClose(lsa.transform(x), sklearn.transformed, TOLERANCE);
  });

  it('gives everything back where nothing is left out', () => {
    const lsa = new TruncatedSVD({ components: documents.length }).fit(matrix);
    expectClose(lsa.inverseTransform(lsa.transform(matrix)), matrix.toDense(), TOLERANCE);
  });

  it('refuses more components than there can be, and other features', () => {
    expect(() => new TruncatedSVD().fit(matrix)).toThrow(/components must be a whole number from 1 to 8, got 100/);
    const lsa = new TruncatedSVD({ components: 2 }).fit(matrix);
    expect(() => lsa.transform(matrix.T)).toThrow(ShapeError);
    expect(() => lsa.transform(eye(3))).toThrow(ShapeError);
    expect(() => lsa.inverseTransform(eye(3))).toThrow(ShapeError);
  });
});

describe('lowRankApproximation', () => {
  const weight = new Random(4).normal([12, 20], { dtype: 'float64' });
  const { s } = svd(weight);
  const values = s.toTypedArray();

  it.each(['svd', 'randomized'] as const)('misses by what Eckart and Young say, by %s', (solver) => {
    const found = lowRankApproximation(weight, { rank: 5, solver, powerIterations: 30 });
    const tail = values.subarray(5).reduce((sum, value) => sum + value ** 2, 0);
    const whole = values.reduce((sum, value) => sum + value ** 2, 0);
    expect(found.relativeError).toBeCloseTo(Math.sqrt(tail / whole), 6);
    expect(found.spectralError).toBeCloseTo(values[5] / values[0], 3);
    expect([found.left.shape, found.right.shape, found.rank]).toEqual([[12, 5], [5, 20], 5]);
    expect(found.size).toBe((5 * 32) / 240);
    const rest = weight.subtract(found.left.matmul(found.right)).norm().item() as number;
    expect(rest / (weight.norm().item() as number)).toBeCloseTo(found.relativeError, 12);
  });

  it('takes the smallest rank that keeps an error', () => {
    for (const relativeError of [0.1, 0.3, 0.6, 0.99]) {
      const found = lowRankApproximation(weight, { relativeError });
      expect(found.relativeError).toBeLessThanOrEqual(relativeError);
      if (found.rank > 1) {
        expect(lowRankApproximation(weight, { rank: found.rank - 1 }).relativeError).toBeGreaterThan(relativeError);
      }
    }
    const thin = new Random(1).normal([9, 2]).matmul(new Random(2).normal([2, 8]));
    expect(lowRankApproximation(thin, { relativeError: 1e-4 }).rank).toBe(2);
    expect(lowRankApproximation(eye(3).multiply(0), { relativeError: 0 })).toMatchObject({
      rank: 1,
      relativeError: 0,
      spectralError: 0,
    });
  });

  it('refuses contradictory options', () => {
    expect(() => lowRankApproximation(weight, {})).toThrow(/either rank or relativeError/);
    expect(() => lowRankApproximation(weight, { rank: 2, relativeError: 0.1 })).toThrow(ArgumentError);
    expect(() => lowRankApproximation(weight, { rank: 13 })).toThrow(ArgumentError);
    expect(() => lowRankApproximation(weight, { relativeError: 1 })).toThrow(ArgumentError);
    expect(() => lowRankApproximation(weight, { relativeError: 0.1, solver: 'randomized' })).toThrow(ArgumentError);
  });
});

describe('procrustes', () => {
  const scipy = fixture<{ source: Matrix; target: Matrix; rotation: Matrix; scale: number; centredRotation: Matrix }>(
    'alignment',
  );
  const [source, target] = [made(scipy.source), made(scipy.target)];

  it("has SciPy's rotation and scale", () => {
    expectClose(procrustes(source, target).rotation, scipy.rotation, TOLERANCE);
    expect(procrustes(source, target).scale).toBe(1);
    expect(procrustes(source, target, { scale: true }).scale).toBeCloseTo(scipy.scale, 12);
    expectClose(procrustes(source, target, { centre: true }).rotation, scipy.centredRotation, TOLERANCE);
  });

  it('finds the turn, the shift and the scale that made one space of another', () => {
    const turn = svd(new Random(9).normal([4, 4], { dtype: 'float64' })).u;
    const shift = tensor([1, -2, 3, 4], { dtype: 'float64' });
    const moved = source.matmul(turn).multiply(2.5).add(shift);
    const aligned = procrustes(source, moved, { centre: true, scale: true });
    expectClose(aligned.rotation, turn, TOLERANCE);
    expect(aligned.scale).toBeCloseTo(2.5, 12);
    expect(aligned.relativeError).toBeLessThan(1e-13);
    const other = new Random(10).normal([3, 4], { dtype: 'float64' });
    expectClose(aligned.transform(other), other.matmul(turn).multiply(2.5).add(shift), TOLERANCE);
    expect(procrustes(source, moved).relativeError).toBeGreaterThan(0.1);
  });

  it('aligns spaces of different dimensions by orthonormal rows or columns', () => {
    const { rotation } = procrustes(source, target.slice(null, [0, 2]));
    expect(rotation.shape).toEqual([4, 2]);
    expectClose(rotation.T.matmul(rotation), eye(2), 1e-13);
    expect(() => procrustes(source, target.slice([0, 3]))).toThrow(/equally many rows/);
  });
});

describe('ALS', () => {
  interface Solution {
    readonly users: Matrix;
    readonly items: Matrix;
    readonly loss: number;
    readonly regularization: number;
    readonly alpha?: number;
    readonly mean?: number;
  }
  const numpy = fixture<{
    ratings: Matrix;
    start: Matrix;
    factors: number;
    iterations: number;
    explicit: Solution;
    implicit: Solution;
  }>('als');
  const ratings = SparseMatrix.fromDense<'float64'>(made(numpy.ratings));
  const { factors, iterations } = numpy;

  it.each(['explicit', 'implicit'] as const)('has the numbers of NumPy, %s', (kind) => {
    const { regularization, alpha = 40, users, items, loss } = numpy[kind];
    const als = new ALS({ factors, iterations, regularization, alpha, implicit: kind === 'implicit' });
    const losses: number[] = [];
    als.fit(ratings, { itemFactors: made(numpy.start), onIteration: (_, value) => losses.push(value) });
    expectClose(als.userFactors, users, TOLERANCE);
    expectClose(als.itemFactors, items, TOLERANCE);
    expect(losses.length).toBe(iterations);
    expect(losses.at(-1)).toBeCloseTo(loss, 8);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
  });

  /** Users of two tastes, who rate what they like 5 and what they do not 1. */
  const tastes = (share: number): { known: SparseMatrix<'float32'>; truth: (user: number, item: number) => number } => {
    const truth = (user: number, item: number): number => ((user + item) % 2 === 0 ? 5 : 1);
    const drawn = new Random(8).uniform([40, 30]).less(share).toTypedArray();
    const [rows, columns, values]: number[][] = [[], [], []];
    for (const [n, chosen] of drawn.entries()) {
      if (!chosen) continue;
      const [user, item] = [Math.floor(n / 30), n % 30];
      rows.push(user);
      columns.push(item);
      values.push(truth(user, item));
    }
    return { known: SparseMatrix.fromTriplets({ rows, columns, values }, [40, 30]), truth };
  };

  it('predicts ratings that it has not seen, and recommends what is liked', () => {
    const { known, truth } = tastes(0.4);
    const als = new ALS({ factors: 2, regularization: 0.02 }).fit(known);
    for (let user = 0; user < 40; user++) {
      for (let item = 0; item < 30; item++) {
        expect(Math.abs(als.predict(user, item) - truth(user, item))).toBeLessThan(0.5);
      }
      const recommended = als.recommend(user, 5);
      const seen = new Set(known.sliceRows(user, user + 1).columnIndices);
      expect(recommended.length).toBe(5);
      for (const { item, score } of recommended) {
        expect(seen.has(item)).toBe(false);
        expect(truth(user, item)).toBe(5);
        expect(score).toBeCloseTo(als.predict(user, item), 4);
      }
      expect(recommended.map(({ score }) => score)).toEqual(
        recommended.map(({ score }) => score).sort((a, b) => b - a),
      );
    }
    expect(als.recommend(0, 1000).length).toBe(30 - known.sliceRows(0, 1).entries);
    expect(als.recommend(0, 1000, { includeKnown: true }).length).toBe(30);
  });

  it('recommends by implicit counts', () => {
    const { known, truth } = tastes(0.4);
    const [rows, columns]: number[][] = [[], []];
    for (let user = 0; user < 40; user++) {
      for (const item of known.sliceRows(user, user + 1).columnIndices) {
        if (truth(user, item) < 5) continue;
        rows.push(user);
        columns.push(item);
      }
    }
    const clicks = SparseMatrix.fromTriplets({ rows, columns, values: rows.map((row) => 1 + (row % 3)) }, [40, 30]);
    const als = new ALS({ factors: 2, implicit: true, regularization: 0.1 }).fit(clicks);
    for (let user = 0; user < 40; user++) {
      for (const { item } of als.recommend(user, 5)) expect(truth(user, item)).toBe(5);
    }
  });

  it('folds in users who were not there', () => {
    const { known, truth } = tastes(0.4);
    const als = new ALS({ factors: 2, regularization: 0.02 }).fit(known);
    const newcomer = SparseMatrix.fromTriplets(
      { rows: [0, 0, 0, 0], columns: [0, 1, 2, 3], values: [5, 1, 5, 1] },
      [1, 30],
    );
    for (const { item } of als.recommendFor(newcomer, 8)) expect(truth(0, item)).toBe(5);
    // Folding in those who were there changes nothing once the iterations have settled.
    const settled = new ALS({ factors: 2, regularization: 0.02, iterations: 200 }).fit(known);
    expectClose(settled.foldIn(known), settled.userFactors, 1e-3);
    const wide = SparseMatrix.fromDense(newcomer.toDense().to('float64'));
    expectClose(als.foldIn(wide), als.foldIn(newcomer), 1e-6);
  });

  it('refuses wrong arguments', () => {
    const als = new ALS({ factors: 2 }).fit(ratings);
    expect(() => als.predict(12, 0)).toThrow(/user must be a whole number from 0 to 11/);
    expect(() => als.recommend(0, 0)).toThrow(ArgumentError);
    expect(() => als.recommendFor(ratings)).toThrow(ShapeError);
    expect(() => als.foldIn(ratings.T)).toThrow(ShapeError);
    expect(() => new ALS().predict(0, 0)).toThrow(/call fit/);
    expect(() => new ALS({ regularization: -1 })).toThrow(ArgumentError);
    expect(() => new ALS().fit(made(numpy.ratings) as unknown as SparseMatrix)).toThrow(/SparseMatrix/);
    expect(() => new ALS().fit(SparseMatrix.fromTriplets({ rows: [], columns: [], values: [] }, [3, 3]))).toThrow(
      /no ratings/,
    );
    expect(() => new ALS({ implicit: true }).fit(ratings.map((value) => -value))).toThrow(/not negative/);
    expect(() => new ALS().fit(ratings.map(() => Number.NaN))).toThrow(/finite/);
    expect(() => new ALS().fit(ratings, { itemFactors: eye(2) })).toThrow(ShapeError);
    // Three factors of a user with fewer ratings are not determined.
    expect(() => new ALS({ factors: 6, regularization: 0 }).fit(ratings)).toThrow(NumericalError);
  });
});
