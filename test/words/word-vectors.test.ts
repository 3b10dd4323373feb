import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memory } from '../../src/engine.js';
import { tensor, zeros } from '../../src/tensor/creation.js';
import { type Match, type SimilarQuery, Subwords, WordVectors } from '../../src/words/index.js';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/words');

type Found = readonly (readonly [word: string, score: number])[];
interface Expected {
  readonly mostSimilar: readonly (SimilarQuery & { readonly found: Found })[];
  readonly restricted: SimilarQuery & { readonly found: Found };
  readonly cosMul: readonly (SimilarQuery & { readonly found: Found })[];
  readonly doesntMatch: readonly { readonly words: readonly string[]; readonly answer: string }[];
  readonly similarity: readonly (readonly [string, string, number])[];
  readonly analogies: {
    readonly total: number;
    readonly sections: readonly (readonly [name: string, correct: number, total: number])[];
  };
  readonly pairs: { readonly pearson: number; readonly spearman: number; readonly unknownPercent: number };
}

/** What gensim finds in the vectors that come with gemmule; make_fixtures.py wrote it. */
const expected = JSON.parse(readFileSync(path.join(fixtures, 'glove.json'), 'utf8')) as Expected;

/**
 * gensim normalises with float32 lengths and sums 50 products in float32: a few units of 2^-24 a step, of which the cosine to a
 * sum of three vectors has a hundred or so.
 */
const TOLERANCE = 100 * 2 ** -24;

function expectFound(matches: readonly Match[], found: Found): void {
  expect(matches.map(({ word }) => word)).toEqual(found.map(([word]) => word));
  for (const [n, [, score]] of found.entries())
    expect(Math.abs((matches[n]?.score ?? 9) - score)).toBeLessThan(TOLERANCE);
}

let words: WordVectors;
beforeAll(async () => {
  words = await WordVectors.load();
});
afterAll(() => words.dispose());

describe('the bundled words, beside gensim', () => {
  it('are the 8,000 most frequent of GloVe', () => {
    expect([words.size, words.dimension]).toEqual([8000, 50]);
    expect([words.word(0), words.word(691), words.indexOf('queen')]).toEqual(['the', 'king', 2060]);
    expect([...words].length).toBe(8000);
    expect(words.has('zyx')).toBe(false);
  });

  it('are fewer with a limit', async () => {
    using few = await WordVectors.load(undefined, { limit: 1000 });
    expect([few.size, few.word(999), few.has('queen'), few.has('king')]).toEqual([1000, words.word(999), false, true]);
    expect(() => few.word(1000)).toThrow(/from 0 to 999/);
    const restricted = words.analogy('king', 'man', 'woman', { restrictVocab: 1000 });
    expect(few.analogy('king', 'man', 'woman')).toEqual(restricted);
  });

  it('king - man + woman = queen', () => {
    const [best] = words.analogy('king', 'man', 'woman');
    expect(best).toMatchObject({ word: 'queen', index: 2060 });
    expect(best?.score.toFixed(4)).toBe('0.8524');
    expect(words.analogy('berlin', 'germany', 'france')[0]?.score.toFixed(4)).toBe('0.9169');
  });

  it('finds what gensim finds, by sums and by products', () => {
    for (const { found, ...query } of expected.mostSimilar) expectFound(words.mostSimilar(query, { topN: 5 }), found);
    for (const { found, ...query } of expected.cosMul) {
      expectFound(words.mostSimilar(query, { topN: 5, method: '3CosMul' }), found);
    }
    const { found, ...query } = expected.restricted;
    expectFound(words.mostSimilar(query, { topN: 3, restrictVocab: 3000 }), found);
  });

  it('finds the same in batches', async () => {
    const queries = [...expected.mostSimilar, ...expected.mostSimilar, { positive: ['war'] }];
    const sums = await words.mostSimilarAll(queries, { topN: 5 });
    for (const [n, query] of queries.entries()) expect(sums[n]).toEqual(words.mostSimilar(query, { topN: 5 }));
    // Products of a few rows go through BLAS, which sums in another order.
    const products = await words.mostSimilarAll(queries, { topN: 5, method: '3CosMul' });
    for (const [n, query] of queries.entries()) {
      const single = words.mostSimilar(query, { topN: 5, method: '3CosMul' });
      expectFound(
        products[n] ?? [],
        single.map(({ word, score }) => [word, score] as const),
      );
    }
    expect(await words.mostSimilarAll([])).toEqual([]);
  });

  it('knows what does not match, and how alike two words are', () => {
    for (const { words: given, answer } of expected.doesntMatch) expect(words.doesntMatch(given)).toBe(answer);
    for (const [a, b, score] of expected.similarity) {
      expect(Math.abs(words.similarity(a, b) - score)).toBeLessThan(TOLERANCE);
      expect(words.distance(a, b)).toBe(1 - words.similarity(a, b));
    }
    const cohesion = words.cohesion(['paris', 'london', 'orange', 'berlin']);
    expect(cohesion.map(({ score }) => score)).toEqual(cohesion.map(({ score }) => score).sort((a, b) => a - b));
    expect(cohesion).toHaveLength(4);
  });

  it('answers analogies by section', async () => {
    let done = 0;
    const { sections, total, malformed } = await words.evaluateAnalogies(path.join(fixtures, 'questions.txt'), {
      onProgress: (answered) => {
        done = answered;
      },
    });
    const { analogies } = expected;
    const ours = sections.map(({ name, correct, total: asked }) => [name, correct, asked] as const);
    expect([...ours, ['Total accuracy', total.correct, total.total]]).toEqual(analogies.sections);
    expect(total.accuracy).toBe(analogies.total);
    expect([total.unknown, done, malformed]).toEqual([1, total.total, []]);
  });

  it('agrees with people about pairs as far as gensim says', () => {
    const { pearson, spearman, pairs, unknown } = words.evaluateSimilarity(path.join(fixtures, 'pairs.tsv'));
    expect(pearson).toBeCloseTo(expected.pairs.pearson, 5);
    expect(spearman).toBeCloseTo(expected.pairs.spearman, 12);
    expect((unknown / (pairs + unknown)) * 100).toBeCloseTo(expected.pairs.unknownPercent, 10);
  });
});

describe('queries', () => {
  it('take vectors and weights', () => {
    const king = words.vector('king');
    expect(words.nearest(king, { topN: 1 })).toEqual([{ word: 'king', index: 691, score: expect.closeTo(1, 6) }]);
    // A vector is not excluded, a word is.
    expect(words.mostSimilar({ positive: [king] }, { topN: 2 })[1]).toEqual(
      words.mostSimilar({ positive: ['king'] })[0],
    );
    const weighted = words.mostSimilar({
      positive: [
        ['king', 1],
        ['woman', 0.5],
      ],
      negative: [['man', 0.5]],
    });
    expect(weighted[0]?.word).toBe('queen');
    expect(words.mostSimilar({ positive: ['king', ['man', -1], 'woman'] })).toEqual(
      words.analogy('king', 'man', 'woman'),
    );
  });

  it('of many vectors are answered in their order', async () => {
    const names = ['king', 'cat', 'seven'];
    const found = await words.nearestAll(words.vectorsOf(names), { topN: 3 });
    expect(found.map((matches) => matches[0]?.word)).toEqual(names);
    expect(found[1]).toEqual(words.nearest(words.vector('cat'), { topN: 3 }));
  });

  it('give at most as many words as there are', () => {
    const few = WordVectors.from(
      ['a', 'b', 'c'],
      tensor([
        [1, 0],
        [0, 1],
        [0, 0],
      ]),
    );
    expect(few.mostSimilar({ positive: ['a'] })).toEqual([
      { word: 'b', index: 1, score: 0 },
      { word: 'c', index: 2, score: 0 },
    ]);
    expect(few.similarity('a', 'c')).toBe(0);
    expect(few.nearest([3, 3], { topN: 1, restrictVocab: 1 })).toEqual([
      { word: 'a', index: 0, score: expect.closeTo(Math.SQRT1_2, 6) },
    ]);
  });

  it('stop when they are told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(words.mostSimilarAll([{ positive: ['king'] }], { signal })).rejects.toThrow('enough');
    await expect(words.evaluateAnalogies(path.join(fixtures, 'questions.txt'), { signal })).rejects.toThrow('enough');
  });
});

describe('mistakes', () => {
  const small = () =>
    WordVectors.from(
      ['a', 'B c'],
      tensor([
        [1, 0],
        [0, 1],
      ]),
    );
  it.each<[string, () => unknown, string, RegExp]>([
    ['an unknown word', () => words.vector('zyx'), 'ERR_ARGUMENT', /"zyx" is not among the 8,000 words$/],
    ['a word in another case', () => words.similarity('King', 'queen'), 'ERR_ARGUMENT', /"King" is not .*; "king" is$/],
    ['no word at all', () => words.mostSimilar({}), 'ERR_ARGUMENT', /at least one positive or negative word/],
    ['a number as a word', () => words.vector(3 as never), 'ERR_ARGUMENT', /a word must be a string, got number/],
    ['topN of 0', () => words.analogy('a', 'b', 'c', { topN: 0 }), 'ERR_ARGUMENT', /topN must be a whole number/],
    ['half a word', () => words.nearest(words.vector('a'), { restrictVocab: 0.5 }), 'ERR_ARGUMENT', /restrictVocab/],
    [
      'another method',
      () => words.mostSimilar({ positive: ['a'] }, { method: 'x' as never }),
      'ERR_ARGUMENT',
      /3CosAdd/,
    ],
    ['a short vector', () => words.nearest([1, 2]), 'ERR_SHAPE', /a vector of 50 numbers, got 2/],
    ['a short term', () => words.mostSimilar({ positive: [new Float32Array(3)] }), 'ERR_SHAPE', /50 numbers, got 3/],
    ['an infinite weight', () => words.mostSimilar({ positive: [['a', 1 / 0]] }), 'ERR_ARGUMENT', /a weight must be/],
    ['a word for a query', () => words.mostSimilar('king' as never), 'ERR_ARGUMENT', /an object of arrays.*got "king"/],
    ['words for a query', () => words.mostSimilar({ positive: 'king' as never }), 'ERR_ARGUMENT', /object of arrays/],
    [
      'two words of three',
      () => words.analogy('king', 'man', undefined as never),
      'ERR_ARGUMENT',
      /term .*got undefined/,
    ],
    [
      'a word for a vector',
      () => words.nearest('king' as never),
      'ERR_ARGUMENT',
      /got a string; mostSimilar takes words/,
    ],
    [
      'a matrix for a vector',
      () => words.nearest(zeros([1, 50])),
      'ERR_SHAPE',
      /a vector \[50\], got \[1,50\]; see nearestAll/,
    ],
    ['a text to match', () => words.doesntMatch('a b c' as never), 'ERR_ARGUMENT', /an array of words, got string/],
    ['one word to match', () => words.doesntMatch(['a']), 'ERR_ARGUMENT', /at least two words, got 1/],
    ['an index too far', () => words.word(8000), 'ERR_ARGUMENT', /from 0 to 7999, got 8000/],
    ['a word twice', () => WordVectors.from(['a', 'a'], tensor([[1], [2]])), 'ERR_ARGUMENT', /"a" comes twice/],
    [
      'too few vectors',
      () => WordVectors.from(['a', 'b'], tensor([[1]])),
      'ERR_SHAPE',
      /\[2, dimension\] .*got \[1, 1\]/,
    ],
    ['too few counts', () => WordVectors.from(['a'], tensor([[1]]), { counts: [] }), 'ERR_SHAPE', /1 counts/],
  ])('%s', (_, act, code, message) => {
    expect(act).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it('dispose gives all memory back at once', async () => {
    const before = memory().tensors;
    const source = zeros([5000, 40]);
    const many = WordVectors.from(
      Array.from({ length: 5000 }, (_, n) => `w${n}`),
      source,
    );
    // The storage is shared: it stays until both have let go.
    source.dispose();
    many.mostSimilar({ positive: ['w1'] }, { restrictVocab: 4000 });
    many.mostSimilar({ positive: ['w1'], negative: ['w2'] }, { method: '3CosMul' });
    using some = many.vectorsOf(['w1', 'w2']);
    await many.nearestAll(some);
    expect(memory().tensors - before).toBeGreaterThanOrEqual(5000 * 40 * 4);
    many.dispose();
    expect(memory().tensors).toBe(before);
  });

  it('use after dispose is an error', () => {
    const gone = small();
    gone.dispose();
    expect(() => gone.vectors).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(() => gone.nearest([1, 0])).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });
});

describe('WordVectors.from', () => {
  it('keeps counts, and gives unseen words the mean of their parts', () => {
    const parts = new Subwords({ minLength: 1, maxLength: 1 }, tensor([[1, 3]]));
    const own = WordVectors.from(
      ['a', 'b'],
      tensor([
        [1, 0],
        [0, 1],
      ]),
      { counts: [5, 2], subwords: parts },
    );
    expect([own.count('a'), own.count('b')]).toEqual([5, 2]);
    expect([...own.vector('unseen')]).toEqual([1, 3]);
    expect([...own.vector('a')]).toEqual([1, 0]);
    expect(own.mostSimilar({ positive: ['unseen'] }, { topN: 1 })[0]).toMatchObject({ word: 'b' });
    expect(words.count('king')).toBeNull();
  });
});
