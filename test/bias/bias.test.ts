import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  axisBetween,
  biasSubspace,
  CALISKAN_TESTS,
  debias,
  directBias,
  embedSource,
  negativeSentiment,
  projectWords,
  relativeNormDistance,
  SEAT_TEMPLATES,
  seat,
  sourceOf,
  type VectorSource,
  weat,
} from '../../src/bias/index.js';
import { fitLogistic } from '../../src/bias/logistic-regression.js';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { ArgumentError, ShapeError } from '../../src/errors.js';
import { tensor } from '../../src/tensor/creation.js';
import { WordVectors } from '../../src/words/index.js';

const golden = JSON.parse(readFileSync('test/fixtures/bias/bias.json', 'utf8')) as {
  vectors: Record<string, number[]>;
  pairs: [string, string][];
  sets: Record<'x' | 'y' | 'a' | 'b' | 'positive' | 'negative' | 'people', string[]>;
  weat: { effectSize: number; statistic: number; pValue: number; associations: Record<string, number> };
  direction: number[];
  explained: number[];
  directBias: Record<string, number>;
  neutralized: Record<string, number[]>;
  equalized: Record<string, number[]>;
  relativeNormDistance: { score: number; words: Record<string, number> };
  negativeSentiment: { divergence: number; negative: Record<string, number>; accuracy: number };
};
const { sets, pairs } = golden;
const source = sourceOf(new Map(Object.entries(golden.vectors)));

/** Sums of a few dozen products in float64 agree with NumPy's to this. */
const EXACT = 12;
/** After vectors were kept in float32. */
const SINGLE = 6;

describe('weat', () => {
  it('agrees with the definition, computed by NumPy', () => {
    const result = weat(source, sets);
    expect(result.effectSize).toBeCloseTo(golden.weat.effectSize, EXACT);
    expect(result.statistic).toBeCloseTo(golden.weat.statistic, EXACT);
    expect(result.pValue).toBeCloseTo(golden.weat.pValue, EXACT);
    expect(result).toMatchObject({ exact: true, permutations: 252, missing: { x: [], y: [], a: [], b: [] } });
    for (const [word, value] of Object.entries(golden.weat.associations)) {
      expect(result.associations.get(word)).toBeCloseTo(value, EXACT);
    }
  });

  it('takes random divisions where there are too many, with a p-value near the exact one, the same for one seed', () => {
    const options = { exactUpTo: 10, permutations: 20_000, seed: 5 };
    const result = weat(source, sets, options);
    expect(result).toMatchObject({ exact: false, permutations: 20_000 });
    const { pValue } = golden.weat;
    // Five standard errors of a share of 20,000 draws.
    expect(Math.abs(result.pValue - pValue)).toBeLessThan(5 * Math.sqrt((pValue * (1 - pValue)) / 20_000) + 1e-4);
    expect(weat(source, sets, options).pValue).toBe(result.pValue);
  });

  it('turns its sign with either pair of sets, and adds up to 1 with the opposite p-value but for the ties', () => {
    const { x, y, a, b } = sets;
    const there = weat(source, sets);
    const back = weat(source, { x: y, y: x, a, b });
    expect(back.effectSize).toBeCloseTo(-there.effectSize, EXACT);
    expect(weat(source, { x, y, a: b, b: a }).effectSize).toBeCloseTo(-there.effectSize, EXACT);
    expect(there.pValue + back.pValue).toBeCloseTo(1 + 1 / 252, EXACT);
  });

  it('leaves out words without a vector, up to a share', () => {
    const more = { ...sets, x: [...sets.x, 'unheard-of'] };
    const result = weat(source, more);
    expect(result.missing.x).toEqual(['unheard-of']);
    expect(result.effectSize).toBeCloseTo(golden.weat.effectSize, EXACT);
    expect(() => weat(source, more, { mostMissing: 0.1 })).toThrow(
      /of the 6 words of x, 1 have no vector \(unheard-of\)/,
    );
  });

  it('says what is wrong', () => {
    expect(() => weat(source, { ...sets, a: [] })).toThrow(ArgumentError);
    expect(() => weat(source, { ...sets, a: 'she' as unknown as string[] })).toThrow(/a must be an array of strings/);
    expect(() => weat(source, sets, { permutations: 0 })).toThrow(/permutations must be a whole number from 1 up/);
    expect(() => weat(source, sets, { mostMissing: 2 })).toThrow(/mostMissing must be a number from 0 to 1/);
    const zero: VectorSource = { has: () => true, vector: (word) => (word === 'math' ? [0, 0] : [1, 2]) };
    expect(() => weat(zero, sets)).toThrow(/the vector of "math" is zero/);
    const broken: VectorSource = { has: () => true, vector: (word) => (word === 'math' ? [Number.NaN, 0] : [1, 2]) };
    expect(() => weat(broken, sets)).toThrow(/the vector of "math" is not finite/);
    const uneven: VectorSource = { has: () => true, vector: (word) => (word === 'math' ? [1, 2, 3] : [1, 2]) };
    expect(() => weat(uneven, sets)).toThrow(/different lengths/);
    const same: VectorSource = { has: () => true, vector: () => [1, 2] };
    expect(weat(same, sets)).toMatchObject({ effectSize: 0, pValue: 1 });
  });
});

describe('CALISKAN_TESTS', () => {
  it('are ten, with sets of equal sizes that do not share words', () => {
    expect(CALISKAN_TESTS).toHaveLength(10);
    const sizes = CALISKAN_TESTS.map(({ x, a }) => [x.length, a.length]);
    expect(sizes).toEqual([
      [25, 25],
      [25, 25],
      [32, 25],
      [18, 25],
      [18, 8],
      [8, 8],
      [8, 8],
      [8, 8],
      [6, 7],
      [8, 8],
    ]);
    for (const { name, x, y, a, b, labels } of CALISKAN_TESTS) {
      expect([y.length, b.length], name).toEqual([x.length, a.length]);
      expect(new Set([...x, ...y]).size, name).toBe(2 * x.length);
      expect(new Set([...a, ...b]).size, name).toBe(2 * a.length);
      expect(labels).toHaveLength(4);
    }
  });
});

/*
 * The effect sizes that the paper gives for word2vec, on a file of its vectors for the tests' words: set GEMMULE_WEAT_VECTORS
 * to a file of word2vec's text format that has them.
 */
const word2vecFile = process.env.GEMMULE_WEAT_VECTORS;
if (word2vecFile !== undefined) {
  describe('on word2vec vectors', () => {
    it.each([
      ['flowers-insects', 1.54],
      ['instruments-weapons', 1.63],
      ['career-family', 1.89],
      ['math-arts', 0.97],
      ['science-arts', 1.24],
    ])('finds the effect size that Caliskan et al. give: %s %f', async (name, effectSize) => {
      using words = await WordVectors.load(word2vecFile);
      const result = weat(words, CALISKAN_TESTS.find((test) => test.name === name)!);
      expect(result.effectSize.toFixed(2)).toBe(effectSize.toFixed(2));
      expect(result.pValue).toBeLessThan(0.05);
    });
  });
}

describe('biasSubspace', () => {
  it('agrees with scikit-learn on the centred pairs', () => {
    const { directions, explained } = biasSubspace(source, pairs, 2);
    for (const [index, value] of golden.direction.entries())
      expect(directions[0]?.[index]).toBeCloseTo(value, EXACT - 2);
    expect(explained[0]).toBeCloseTo(golden.explained[0]!, EXACT - 2);
    expect(explained[1]).toBeCloseTo(golden.explained[1]!, EXACT - 2);
    const [first, second] = directions as [Float64Array, Float64Array];
    expect(first.reduce((sum, value, index) => sum + value * second[index]!, 0)).toBeCloseTo(0, EXACT);
  });

  it('says what is wrong', () => {
    expect(() => biasSubspace(source, [])).toThrow(/at least one pair/);
    expect(() => biasSubspace(source, [['she', 'nobody']])).toThrow(/words without a vector: nobody/);
    expect(() => biasSubspace(source, [['she', 'she']])).toThrow(/have the same vector/);
    expect(() => biasSubspace(source, pairs, 5)).toThrow(/components must be a whole number from 1 to 4, got 5/);
    expect(() => biasSubspace(source, [['she'] as unknown as [string, string]])).toThrow(/must be pairs of words/);
  });
});

describe('directBias', () => {
  it('agrees with NumPy for any strictness', () => {
    const neutral = [...sets.x, ...sets.y];
    for (const [strictness, value] of Object.entries(golden.directBias)) {
      expect(directBias(source, neutral, golden.direction, Number(strictness))).toBeCloseTo(value, EXACT);
    }
    expect(() => directBias(source, ['nobody'], golden.direction)).toThrow(/none of neutralWords/);
    expect(() => directBias(source, neutral, [1, 2])).toThrow(ShapeError);
    expect(() => directBias(source, neutral, golden.direction, 0)).toThrow(/strictness must be/);
  });
});

describe('projectWords', () => {
  it('orders words along the axis between others', () => {
    const axis = axisBetween(source, sets.a, sets.b);
    const positions = projectWords(source, ['she', 'he', 'baker', 'nobody'], axis);
    expect(positions.map(({ word }) => word)).toEqual(['she', 'baker', 'he']);
    for (const { position } of positions) expect(Math.abs(position)).toBeLessThanOrEqual(1);
    expect(() => axisBetween(source, ['she'], ['she'])).toThrow(/no axis/);
    expect(() => axisBetween(source, [], ['she'])).toThrow(/must have words in them/);
    expect(() => projectWords(source, ['she'], [0, 0, 0])).toThrow(/not all zero/);
  });
});

describe('debias', () => {
  const words = Object.keys(golden.vectors);
  const vectors = tensor(words.map((word) => golden.vectors[word]!));
  const subspace = { directions: [Float64Array.from(golden.direction)], explained: [1] };
  const equalize = pairs.slice(0, 2);

  it('neutralises and equalises as the paper says', () => {
    const kept = ['mother', 'father'];
    using result = debias(words, vectors, subspace, { specific: kept, equalize });
    const after = sourceOf(new Map(words.map((word, row) => [word, result.select(0, row).toTypedArray()])));
    const near = (word: string, expected: readonly number[]) => {
      const vector = after.vector(word);
      for (const [index, value] of expected.entries()) expect(vector[index], word).toBeCloseTo(value, SINGLE);
    };
    for (const [word, expected] of Object.entries(golden.neutralized)) near(word, expected);
    for (const [word, expected] of Object.entries(golden.equalized)) near(word, expected);
    for (const word of kept) {
      const length = Math.hypot(...golden.vectors[word]!);
      near(
        word,
        golden.vectors[word]!.map((value) => value / length),
      );
    }
    // Neutral words have no bias left, and are as far from one of a pair as from the other.
    expect(directBias(after, [...sets.x, ...sets.y], golden.direction)).toBeLessThan(1e-6);
    const distance = relativeNormDistance(after, sets.x, ['she'], ['he']);
    for (const { score } of distance.words) expect(Math.abs(score)).toBeLessThan(1e-6);
    // What was given is as it was.
    expect(vectors.at(0, 0)).toBeCloseTo(golden.vectors[words[0]!]![0]!, SINGLE);
  });

  it('says what is wrong', () => {
    expect(() => debias(words.slice(1), vectors, subspace)).toThrow(ShapeError);
    expect(() => debias(words, vectors, { directions: [Float64Array.of(1, 0)], explained: [1] })).toThrow(ShapeError);
    expect(() => debias(words, vectors, subspace, { equalize: [['she', 'nobody']] })).toThrow(
      /"nobody", which words has not/,
    );
    expect(() => debias(words, vectors, subspace, { equalize: [['she']] })).toThrow(/at least two words/);
  });
});

describe('relativeNormDistance', () => {
  it('agrees with NumPy', () => {
    const result = relativeNormDistance(source, [...sets.people, 'nobody'], sets.a, sets.b);
    expect(result.score).toBeCloseTo(golden.relativeNormDistance.score, EXACT);
    expect(result.words).toHaveLength(4);
    for (const { word, score } of result.words)
      expect(score).toBeCloseTo(golden.relativeNormDistance.words[word]!, EXACT);
    expect(() => relativeNormDistance(source, ['nobody'], sets.a, sets.b)).toThrow(/none of words/);
    expect(() => relativeNormDistance(source, ['baker'], [], sets.b)).toThrow(/first must have words/);
    expect(() => relativeNormDistance(source, ['baker'], sets.a, sets.b, 'manhattan' as 'cosine')).toThrow(
      ArgumentError,
    );
  });
});

describe('negativeSentiment', () => {
  it('agrees with scikit-learn', () => {
    const { divergence, words, accuracy } = negativeSentiment(source, sets.people, sets.positive, sets.negative);
    expect(divergence).toBeCloseTo(golden.negativeSentiment.divergence, 6);
    expect(accuracy).toBe(golden.negativeSentiment.accuracy);
    for (const { word, negative } of words) expect(negative).toBeCloseTo(golden.negativeSentiment.negative[word]!, 6);
    expect(words.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, EXACT);
    expect(() => negativeSentiment(source, sets.people, [], sets.negative)).toThrow(/none of positive/);
    expect(() => negativeSentiment(source, sets.people, sets.positive, sets.negative, { regularization: 0 })).toThrow(
      /regularization must be/,
    );
  });

  it('ends on labels that a plane divides, however little is regularised', () => {
    const samples = [-2, -1, 1, 2].map((value) => Float64Array.of(value));
    const { weights, bias } = fitLogistic(samples, [0, 0, 1, 1], 1e-6);
    expect(weights[0]).toBeGreaterThan(5);
    expect(bias).toBeCloseTo(0, 6);
  });
});

describe('of an embedder', () => {
  let embedder: TextEmbedder;
  beforeAll(async () => {
    embedder = await TextEmbedder.load();
  });
  afterAll(() => embedder.dispose());

  it('finds flowers more pleasant than insects, in sentences and in words alone', async () => {
    const test = CALISKAN_TESTS[0]!;
    const some = { x: test.x.slice(0, 8), y: test.y.slice(0, 8), a: test.a.slice(0, 8), b: test.b.slice(0, 8) };
    const inSentences = await seat(embedder, some, { permutations: 1000 });
    expect(inSentences.effectSize).toBeGreaterThan(0.5);
    expect(inSentences.pValue).toBeLessThan(0.01);
    expect(inSentences.associations.size).toBe(16 * SEAT_TEMPLATES.length);
    expect([...inSentences.associations.keys()]).toContain('This is aster.');
    const alone = await embedSource(embedder, Object.values(some).flat());
    expect(weat(alone, some).effectSize).toBeGreaterThan(0.5);
  });

  it('wants templates with a place for the word', async () => {
    await expect(seat(embedder, sets, { templates: ['no place'] })).rejects.toThrow(/with \{\} where the word goes/);
    await expect(seat(embedder, { ...sets, x: 'a' as unknown as string[] })).rejects.toThrow(/x must be an array/);
    await expect(seat(embedder, sets, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('of word vectors', () => {
  it('takes them as they are', () => {
    const words = Object.keys(golden.vectors);
    using loaded = WordVectors.from(words, tensor(words.map((word) => golden.vectors[word]!)));
    expect(weat(loaded, sets).effectSize).toBeCloseTo(golden.weat.effectSize, SINGLE);
  });
});
