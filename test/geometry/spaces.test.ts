import { describe, expect, it } from 'vitest';
import {
  hubness,
  isotropy,
  isotropyByLayer,
  kMeans,
  nearestCentroids,
  selfSimilarity,
  silhouette,
} from '../../src/geometry/index.js';
import { ArgumentError, full, Random, ShapeError, tensor } from '../../src/index.js';
import { expectClose, fixture, type Matrix, made } from './fixture.js';

interface Clusters {
  readonly x: Matrix;
  readonly initial: Matrix;
  readonly centroids: Matrix;
  readonly labels: number[];
  readonly inertia: number;
  readonly silhouetteLabels: number[];
  readonly euclidean: number[];
  readonly cosine: number[];
}

const sklearn = fixture<Clusters>('clusters');
const x = made(sklearn.x);

describe('kMeans', () => {
  it("has scikit-learn's clusters from the same beginning", () => {
    const found = kMeans(x, 4, { initial: made(sklearn.initial) });
    expect([...found.labels.toTypedArray()]).toEqual(sklearn.labels);
    expectClose(found.centroids, sklearn.centroids, 1e-12);
    expect(found.inertia).toBeCloseTo(sklearn.inertia, 9);
    expect(found.converged).toBe(true);
  });

  it.each(['k-means++', 'random'] as const)('finds clusters that lie apart, by %s', (initial) => {
    const random = new Random(1);
    const centres = random.normal([6, 10]).multiply(20);
    const places = random
      .permutation(300)
      .toTypedArray()
      .map((n) => n % 6);
    const points = centres.take([...places]).add(random.normal([300, 10]));
    const found = kMeans(points, 6, { initial, restarts: initial === 'random' ? 20 : 1 });
    // Two points have one label where they come from one centre.
    const labels = found.labels.toTypedArray();
    const pairs = new Set(Array.from(labels, (label, n) => `${label} ${places[n]}`));
    expect(pairs.size).toBe(6);
    expect(found.centroids.dtype).toBe('float32');
    const { labels: again, distances } = nearestCentroids(points, found.centroids);
    expect([...again.toTypedArray()]).toEqual([...labels]);
    const inertia = (distances.toTypedArray() as Float32Array).reduce((sum, distance) => sum + distance ** 2, 0);
    // 300 squares of about 10, each off by some 1e-3 since lengths of 60 are squared in float32.
    expect(Math.abs(inertia - found.inertia) / inertia).toBeLessThan(1e-3);
  });

  it('is the same for the same seed, and not worse with restarts', () => {
    const points = new Random(3).normal([200, 5]);
    const [first, again] = [kMeans(points, 12, { seed: 4 }), kMeans(points, 12, { seed: 4 })];
    expect(again.labels.toTypedArray()).toEqual(first.labels.toTypedArray());
    expect(kMeans(points, 12, { seed: 4, restarts: 8 }).inertia).toBeLessThanOrEqual(first.inertia);
  });

  it('has a centroid at every vector, also where some are equal', () => {
    expect(kMeans(x, 60).inertia).toBeCloseTo(0, 9);
    const equal = kMeans(full([5, 2], 3), 3);
    expectClose(equal.centroids, full([3, 2], 3), 0);
    expect(equal.inertia).toBe(0);
    expect(kMeans(x, 1).centroids.shape).toEqual([1, 3]);
    expectClose(kMeans(x, 1).centroids, x.mean([0], { keepdims: true }), 1e-12);
  });

  it('goes on with the farthest vector where a cluster is empty', () => {
    const points = tensor([[0], [0.1], [10], [10.1], [50]], { dtype: 'float64' });
    const initial = tensor([[5], [1000], [2000]], { dtype: 'float64' });
    const found = kMeans(points, 3, { initial });
    expect(new Set(found.labels.toTypedArray()).size).toBe(3);
    expect(found.inertia).toBeCloseTo(0.01, 9);
  });

  it('stops after the iterations allowed', () => {
    const points = new Random(3).normal([500, 5]);
    const found = kMeans(points, 20, { maxIterations: 1 });
    expect([found.iterations, found.converged]).toEqual([1, false]);
  });

  it('refuses wrong arguments', () => {
    expect(() => kMeans(x, 61)).toThrow(/clusters must be a whole number from 1 to 60/);
    expect(() => kMeans(x, 2, { initial: 'far' as 'random' })).toThrow(ArgumentError);
    expect(() => kMeans(x, 2, { initial: tensor([[1, 2, 3]]) })).toThrow(ShapeError);
    expect(() => kMeans(x, 2, { tolerance: -1 })).toThrow(ArgumentError);
    expect(() => kMeans(tensor([[Number.NaN]]), 1)).toThrow(/NaN/);
    expect(() => kMeans(tensor([1]), 1)).toThrow(ShapeError);
    expect(() => nearestCentroids(x, tensor([[1]]))).toThrow(ShapeError);
  });
});

describe('silhouette', () => {
  it.each(['euclidean', 'cosine'] as const)("has scikit-learn's widths by %s", (metric) => {
    const found = silhouette(x, sklearn.silhouetteLabels, { metric });
    expectClose(found.samples, sklearn[metric], 1e-9);
    const mean = sklearn[metric].reduce((a, b) => a + b, 0) / 60;
    expect(found.score).toBeCloseTo(mean, 9);
    expect([...found.clusters.keys()]).toEqual([0, 1, 2, 3, 99]);
    expect(found.clusters.get(99)).toBe(0);
    const own = sklearn[metric].filter((_, n) => sklearn.silhouetteLabels[n] === 2);
    expect(found.clusters.get(2)).toBeCloseTo(own.reduce((a, b) => a + b, 0) / own.length, 9);
  });

  it('takes the labels of kMeans and prefers the right number of clusters', () => {
    const random = new Random(2);
    const corners = tensor([
      [0, 0],
      [10, 0],
      [0, 10],
      [10, 10],
    ]);
    const points = corners.take(Array.from({ length: 80 }, (_, n) => n % 4)).add(random.normal([80, 2]));
    const scores = [2, 4, 8].map(
      (clusters) => silhouette(points, kMeans(points, clusters, { restarts: 5 }).labels).score,
    );
    expect(scores[1]).toBeGreaterThan(0.75);
    expect(Math.max(...scores)).toBe(scores[1]);
  });

  it('refuses labels that make no clusters', () => {
    expect(() => silhouette(x, [1, 2])).toThrow(/expected 60 labels/);
    expect(() => silhouette(x, new Array(60).fill(1))).toThrow(/2 to 59 kinds/);
    expect(() =>
      silhouette(
        x,
        Array.from({ length: 60 }, (_, n) => n),
      ),
    ).toThrow(ArgumentError);
    expect(() =>
      silhouette(
        x,
        Array.from({ length: 60 }, (_, n) => (n % 2) + 0.5),
      ),
    ).toThrow(/whole numbers/);
    expect(() => silhouette(x, sklearn.labels, { metric: 'city' as 'cosine' })).toThrow(ArgumentError);
  });
});

describe('hubness', () => {
  const expected = fixture<{ x: Matrix } & Record<'cosine' | 'euclidean', { occurrences: number[]; skewness: number }>>(
    'hubs',
  );

  it.each(['cosine', 'euclidean'] as const)("counts scikit-learn's neighbours by %s", (metric) => {
    const { occurrences, skewness } = expected[metric];
    const found = hubness(made(expected.x), { neighbours: 5, metric });
    expect([...found.occurrences.toTypedArray()]).toEqual(occurrences);
    expect(found.skewness).toBeCloseTo(skewness, 12);
    expect(found.antihubs).toBe(occurrences.filter((times) => times === 0).length / 60);
    expect(found.hubs.length).toBe(occurrences.filter((times) => times >= 10).length);
    for (const [n, hub] of found.hubs.entries()) {
      expect(occurrences[hub]).toBeGreaterThanOrEqual(10);
      if (n > 0) expect(occurrences[hub]).toBeLessThanOrEqual(occurrences[found.hubs[n - 1]]);
    }
    expect(found.hubOccurrence).toBeCloseTo(found.hubs.reduce((sum, hub) => sum + occurrences[hub], 0) / 300, 12);
  });

  it('grows with the number of dimensions', () => {
    const skewness = [2, 20, 200].map((features) => {
      return hubness(new Random(6).normal([400, features]), { metric: 'euclidean' }).skewness;
    });
    expect(skewness).toEqual([...skewness].sort((a, b) => a - b));
    expect(skewness[2]).toBeGreaterThan(1);
  });

  it('has neither hubs nor antihubs where everybody is named alike', () => {
    // On a ring each is one of the two neighbours of both of its own.
    const ring = tensor(
      Array.from({ length: 12 }, (_, n) => [Math.cos((n * Math.PI) / 6), Math.sin((n * Math.PI) / 6)]),
      { dtype: 'float64' },
    );
    expect(hubness(ring, { neighbours: 2 })).toMatchObject({
      skewness: 0,
      hubs: [],
      hubOccurrence: 0,
      antihubs: 0,
      robinHood: 0,
    });
  });

  it('refuses wrong arguments', () => {
    expect(() => hubness(x, { neighbours: 60 })).toThrow(/from 1 to 59/);
    expect(() => hubness(x, { metric: 'city' as 'cosine' })).toThrow(ArgumentError);
    expect(() => hubness(tensor([[1, 2]]))).toThrow(ShapeError);
  });
});

describe('isotropy', () => {
  const numpy = fixture<
    { x: Matrix; words: string[]; selfSimilarity: Record<string, number> } & Record<string, number>
  >('isotropy');
  const vectors = made(numpy.x);

  it('has the numbers of the papers’ formulas', () => {
    for (const [name, value] of Object.entries(isotropy(vectors))) {
      expect(Math.abs(value - (numpy[name] as number)), name).toBeLessThan(1e-10);
    }
  });

  it('tells a ball from a cone and from a line', () => {
    const ball = new Random(5).normal([4000, 8], { dtype: 'float64' });
    const [even, cone] = isotropyByLayer([ball, ball.add(tensor([9, 0, 0, 0, 0, 0, 0, 0]))]);
    expect(Math.abs(even.averageCosine)).toBeLessThan(0.01);
    expect(even.isoScore).toBeGreaterThan(0.98);
    expect(even.participationRatio).toBeGreaterThan(7.8);
    expect(even.offset).toBeLessThan(0.05);
    expect(cone.averageCosine).toBeGreaterThan(0.8);
    expect(cone.partition).toBeLessThan(1e-3);
    expect(cone.offset).toBeGreaterThan(0.9);
    // What is centred does not see where the cone stands.
    expect(cone.isoScore).toBeCloseTo(even.isoScore, 9);
    const line = isotropy(new Random(5).normal([50, 1]).matmul(tensor([[1, 2, 3]])));
    expect(line.isoScore).toBeCloseTo(0, 5);
    expect(line.effectiveRank).toBeCloseTo(1, 5);
    expect(line.firstComponent).toBeCloseTo(1, 9);
  });

  it('is finite for long vectors and for equal ones', () => {
    const long = isotropy(new Random(5).normal([20, 3]).multiply(1e4));
    for (const value of Object.values(long)) expect(Number.isFinite(value)).toBe(true);
    expect(isotropy(full([4, 3], 2))).toMatchObject({ isoScore: 0, participationRatio: 0, effectiveRank: 0 });
    expect(isotropy(full([4, 3], 2)).averageCosine).toBeCloseTo(1, 12);
    for (const value of Object.values(isotropy(full([4, 3], 0)))) expect(Number.isFinite(value)).toBe(true);
  });

  it('finds how alike the vectors of one word are', () => {
    const found = selfSimilarity(vectors, numpy.words);
    for (const [word, value] of Object.entries(numpy.selfSimilarity)) {
      expect(found.words.get(word)).toBeCloseTo(value, 12);
    }
    const mean = Object.values(numpy.selfSimilarity).reduce((a, b) => a + b, 0) / 7;
    expect(found.mean).toBeCloseTo(mean, 12);
    expect(found.adjusted).toBeCloseTo(mean - (numpy.averageCosine as number), 12);
    expect([...selfSimilarity(vectors, numpy.words.with(0, 'once')).words.keys()]).not.toContain('once');
  });

  it('refuses wrong arguments', () => {
    expect(() => isotropy(tensor([[1], [2]]))).toThrow(/two features/);
    expect(() => isotropy(tensor([[1, 2]]))).toThrow(ShapeError);
    expect(() => isotropyByLayer([])).toThrow(ArgumentError);
    expect(() => selfSimilarity(vectors, ['a'])).toThrow(/expected 30 words/);
    expect(() =>
      selfSimilarity(
        vectors,
        numpy.words.map((_, n) => String(n)),
      ),
    ).toThrow(/no word occurs twice/);
  });
});
