import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/errors.js';
import { readNpy } from '../../src/io/npy.js';
import { nameGroups } from '../../src/pictures/group-names.js';
import { describeHead, headKind } from '../../src/pictures/head-kinds.js';
import { type MapOptions, mapTexts } from '../../src/pictures/index.js';
import { nearestNeighbours } from '../../src/pictures/neighbours.js';
import { groupColours, oklchToHex } from '../../src/pictures/palette.js';
import { QuadTree } from '../../src/pictures/quad-tree.js';
import { tsne } from '../../src/pictures/tsne.js';
import { tensor } from '../../src/tensor/creation.js';
import { Random } from '../../src/tensor/random.js';
import type { Tensor } from '../../src/tensor/tensor.js';

const FOLDER = 'test/fixtures/pictures';
const golden = JSON.parse(readFileSync(`${FOLDER}/tsne.json`, 'utf8')) as {
  perplexity: number;
  iterations: number;
  divergence: number;
  trustworthiness: number;
};
const vectors = readNpy(`${FOLDER}/tsne.npy`) as Tensor<'float32'>;
const texts = Array.from({ length: 300 }, (_, index) => `text ${index}`);

/** Venna and Kaski's trustworthiness: 1 when all near neighbours on the map are near in the space. */
function trustworthiness(points: ArrayLike<number>, k: number): number {
  const count = points.length / 2;
  const rows = vectors.toArray() as number[][];
  const ranked = (distance: (j: number) => number): number[] =>
    [...Array(count).keys()].sort((a, b) => distance(a) - distance(b));
  let penalty = 0;
  for (let i = 0; i < count; i++) {
    const others = ranked((j) =>
      j === i ? -1 : (rows[i] as number[]).reduce((sum, v, d) => sum + (v - rows[j][d]) ** 2, 0),
    );
    const rank = new Map(others.map((j, place) => [j, place]));
    const near = ranked((j) =>
      j === i ? -1 : Math.hypot(points[2 * i] - points[2 * j], points[2 * i + 1] - points[2 * j + 1]),
    );
    for (const j of near.slice(1, k + 1)) penalty += Math.max(0, (rank.get(j) as number) - k);
  }
  return 1 - (2 / (count * k * (2 * count - 3 * k - 1))) * penalty;
}

describe('nearestNeighbours', () => {
  it('agrees with a search by hand, and never names a point its own neighbour', async () => {
    const { indices, distances, k } = await nearestNeighbours(vectors, 7, {});
    const rows = vectors.toArray() as number[][];
    for (let i = 0; i < 300; i += 17) {
      const all = rows.map((row) => Math.sqrt(row.reduce((sum, value, d) => sum + (value - rows[i][d]) ** 2, 0)));
      const expected = [...all.keys()].filter((j) => j !== i).sort((a, b) => all[a] - all[b]);
      expect([...indices.subarray(i * k, (i + 1) * k)]).toEqual(expected.slice(0, k));
      for (let n = 0; n < k; n++) expect(distances[i * k + n]).toBeCloseTo(all[expected[n]], 5);
    }
  });

  it('takes vectors that are all equal', async () => {
    const { indices } = await nearestNeighbours(tensor(Array.from({ length: 9 }, () => [0.6, 0.8])), 3, {});
    for (let i = 0; i < 9; i++) {
      const row = [...indices.subarray(3 * i, 3 * i + 3)];
      expect(row).not.toContain(i);
      expect(new Set(row).size).toBe(3);
    }
  });
});

describe('QuadTree', () => {
  it('sums over all points exactly where cells may not act as one, and nearly where they may', () => {
    const points = Float64Array.from(new Random(3).normal([200, 2], { dtype: 'float64' }).toTypedArray());
    points.set(points.subarray(0, 20), 20); // ten points twice
    const tree = new QuadTree(4);
    tree.build(points);
    const force = new Float64Array(400);
    // With theta 0.5 the errors of far cells are some percent of the sum at most.
    for (const [theta, tolerance] of [
      [0, 1e-9],
      [0.5, 0.03],
    ] as const) {
      for (let i = 0; i < 200; i += 7) {
        let [sum, x, y] = [0, 0, 0];
        for (let j = 0; j < 200; j++) {
          if (j === i) continue;
          const [dx, dy] = [points[2 * i] - points[2 * j], points[2 * i + 1] - points[2 * j + 1]];
          const weight = 1 / (1 + dx * dx + dy * dy);
          sum += weight;
          x += weight * weight * dx;
          y += weight * weight * dy;
        }
        expect(Math.abs(tree.repulsion(i, points, force, theta) - sum)).toBeLessThan(tolerance * sum);
        expect(Math.hypot(force[2 * i] - x, force[2 * i + 1] - y)).toBeLessThan(tolerance * sum);
      }
    }
  });
});

describe('tsne', () => {
  it('reaches as low a divergence as scikit-learn', async () => {
    const neighbours = await nearestNeighbours(vectors, 3 * golden.perplexity, {});
    const points = Float64Array.from(
      new Random(1).normal([300, 2], { dtype: 'float64', deviation: 1e-4 }).toTypedArray(),
    );
    const reached = await tsne(points, neighbours, { perplexity: golden.perplexity, iterations: golden.iterations });
    // Both end in local minima, which differ by a few percent from one start to another.
    expect(reached).toBeLessThan(1.06 * golden.divergence);
    expect(reached).toBeGreaterThan(0.9 * golden.divergence);
    expect(trustworthiness(points, 10)).toBeGreaterThan(golden.trustworthiness - 0.015);
  });
});

describe('mapTexts', () => {
  it.each(['tsne', 'umap', 'pca'] as const)('keeps clusters together by %s, the same each time', async (method) => {
    const options: MapOptions = { method, clusters: 5, perplexity: 20, seed: 3 };
    const map = await mapTexts(texts, vectors, options);
    expect(map).toMatchObject({ method, dimension: 8, clustered: true, shortTexts: true });
    expect(map.groupNames).toHaveLength(5);
    const least = { tsne: golden.trustworthiness - 0.015, umap: golden.trustworthiness - 0.03, pca: 0.7 }[method];
    expect(trustworthiness(map.points, 10)).toBeGreaterThan(least);
    expect(Math.min(...map.points)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...map.points)).toBeLessThanOrEqual(1);
    expect(Math.max(...map.points) - Math.min(...map.points)).toBeGreaterThan(0.99);
    const [first, second] = [
      await mapTexts(texts, vectors, { ...options, iterations: 20 }),
      await mapTexts(texts, vectors, { ...options, iterations: 20 }),
    ];
    expect(second.points).toEqual(first.points);
  });

  it('lists neighbours of the full space and takes groups that are given', async () => {
    const groups = texts.map((_, index) => `group ${index % 2}`);
    const map = await mapTexts(texts, vectors, { method: 'pca', groups });
    expect(map.groupNames).toEqual(['group 0', 'group 1']);
    expect([...map.groupOf.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect(map.clustered).toBe(false);
    expect(map.neighbours.k).toBe(8);
    const { indices } = await nearestNeighbours(vectors, 8, {});
    expect(map.neighbours.indices).toEqual(indices);
  });

  it.each([1, 2, 3, 5, 8])('draws %i texts', async (count) => {
    for (const method of ['tsne', 'umap', 'pca'] as const) {
      const map = await mapTexts(texts.slice(0, count), vectors.slice([0, count]), { method, iterations: 20 });
      expect([...map.points].every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(map.neighbours.k).toBe(count === 1 ? 0 : Math.min(8, count - 1));
    }
  });

  it('draws texts that are all alike, and vectors of zeros', async () => {
    for (const same of [
      tensor(Array.from({ length: 40 }, () => [1, 2, 3])),
      tensor(Array.from({ length: 40 }, () => [0, 0])),
    ]) {
      for (const method of ['tsne', 'umap', 'pca'] as const) {
        const map = await mapTexts(texts.slice(0, 40), same, { method, iterations: 20 });
        expect(
          map.points.filter((value) => !(value >= 0 && value <= 1)),
          method,
        ).toEqual(new Float32Array(0));
      }
    }
  });

  it('reports what it does and stops when asked', async () => {
    const stages = new Set<string>();
    await mapTexts(texts, vectors, { iterations: 10, onProgress: ({ stage }) => stages.add(stage) });
    expect([...stages]).toEqual(['neighbours', 'clusters', 'layout']);
    const controller = new AbortController();
    const pending = mapTexts(texts, vectors, {
      signal: controller.signal,
      onProgress: ({ stage, fraction }) => {
        if (stage === 'layout' && fraction > 0.1) controller.abort(new Error('enough'));
      },
    });
    await expect(pending).rejects.toThrow('enough');
  });

  it('refuses what does not fit, and says why', async () => {
    const wrong: [MapOptions, RegExp][] = [
      [{ method: 'mds' as 'pca' }, /method must be one of tsne, umap, pca, got mds/],
      [{ clusters: 0 }, /clusters must be a whole number from 1 to 200, got 0/],
      [{ clusters: 2.5 }, /clusters must be a whole number/],
      [{ perplexity: 300 }, /perplexity must be a number from 1 to 299, got 300/],
      [{ minDistance: -1 }, /minDistance must be/],
      [{ iterations: Number.NaN }, /iterations must be/],
      [{ seed: -1 }, /seed must be/],
      [{ groups: ['a'] }, /groups must be 300 strings, one a text, got 1/],
      [{ groups: texts }, /200 different groups at most, got 300/],
    ];
    for (const [options, message] of wrong) {
      await expect(mapTexts(texts, vectors, options)).rejects.toThrow(ArgumentError);
      await expect(mapTexts(texts, vectors, options)).rejects.toThrow(message);
    }
    await expect(mapTexts([], vectors)).rejects.toThrow(/from 1 to 200000 texts, got 0/);
    await expect(mapTexts(texts.slice(1), vectors)).rejects.toThrow(ShapeError);
    await expect(mapTexts(['a'], tensor([[Number.NaN, 1]]))).rejects.toThrow(/NaN or infinite/);
    await expect(mapTexts('abc' as unknown as string[], vectors)).rejects.toThrow(/array of strings/);
  });
});

describe('nameGroups', () => {
  it('names words by those nearest to the middle', () => {
    const names = nameGroups(
      ['cat', 'dog', 'red', 'blue', 'dog'],
      Int32Array.of(0, 0, 1, 1, 0),
      [0.3, 0.1, 0.2, 0.1, 0.2],
      3,
    );
    expect(names).toEqual(['dog · cat', 'blue · red', 'group 3']);
  });

  it('names sentences by words that tell them from the others, not by those that are everywhere', () => {
    const about = (thing: string, verb: string) =>
      Array.from(
        { length: 8 },
        (_, index) => `The old ${thing} and the young one ${verb} in the house number ${index}`,
      );
    const sentences = [...about('cat', 'sleeps'), ...about('train', 'arrives')];
    const groupOf = Int32Array.from(sentences, (_, index) => (index < 8 ? 0 : 1));
    const [first, second] = nameGroups(sentences, groupOf, new Float32Array(16), 2);
    expect(first).toMatch(/^cat · sleeps · /);
    expect(second).toMatch(/^arrives · train · /);
  });
});

describe('groupColours', () => {
  it('are distinct, for any number of groups', () => {
    for (const theme of ['light', 'dark'] as const) {
      const colours = groupColours(40).map((colour) => colour[theme]);
      expect(new Set(colours).size).toBe(40);
      for (const colour of colours) expect(colour).toMatch(/^#[0-9a-f]{6}$/);
    }
  });

  it('come from OKLCH', () => {
    // Ottosson's own examples: white, black, and sRGB's pure red.
    expect(oklchToHex(1, 0, 0)).toBe('#ffffff');
    expect(oklchToHex(0, 0, 0)).toBe('#000000');
    expect(oklchToHex(0.627955, 0.25, 29.23)).toMatch(/^#f[0-9a-f]/);
  });
});

describe('headKind', () => {
  const at = (target: (query: number) => number) => {
    const weights = new Float32Array(16).fill(0.1);
    for (let query = 0; query < 4; query++) weights[4 * query + target(query)] = 0.7;
    return weights;
  };
  it.each([
    ['previous', (query: number) => Math.max(0, query - 1), 'mostly the token before (70%)'],
    ['next', (query: number) => Math.min(3, query + 1), 'mostly the token after (70%)'],
    ['same', (query: number) => query, 'mostly the token itself (70%)'],
    ['first', () => 0, 'mostly [CLS] (70%)'],
    ['last', () => 3, 'mostly [SEP] (70%)'],
  ] as const)('recognises %s', (kind, target, words) => {
    const found = headKind(at(target), 4);
    expect(found.kind).toBe(kind);
    expect(describeHead(found, ['[CLS]', 'a', 'b', '[SEP]'])).toBe(words);
  });

  it('calls even attention spread', () => {
    expect(headKind(new Float32Array(16).fill(0.25), 4)).toEqual({ kind: 'spread', share: expect.closeTo(1, 6) });
    expect(headKind(Float32Array.of(1), 1).kind).toBe('same');
  });
});
