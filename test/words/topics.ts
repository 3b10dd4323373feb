import { expect } from 'vitest';
import { Generator } from '../../src/backend/reference/generator.js';
import type { WordVectors } from '../../src/words/word-vectors.js';

const THEMES = [
  ['cat', 'dog', 'fur', 'paw', 'tail', 'bark'],
  ['stock', 'bond', 'price', 'trade', 'bank', 'share'],
];

/** Sentences of words about one of two things, and a common one: what any training can learn. */
export function topicSentences(count: number): string[][] {
  const generator = new Generator(1);
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: 6 }, (_, k) => (k === 3 ? 'the' : THEMES[n % 2][generator.below(6)])),
  );
}

/** Holds that words of one theme are alike and others are not, apart from the direction that all words have in common. */
export function expectTopics(vectors: WordVectors): void {
  const all = THEMES.flat().map((word) => vectors.vector(word));
  const mean = all[0].map((_, d) => all.reduce((sum, vector) => sum + vector[d] / all.length, 0));
  const centred = (word: string) => vectors.vector(word).map((value, d) => value - mean[d]);
  const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d], 0);
  const cosine = (a: string, b: string) => {
    const [x, y] = [centred(a), centred(b)];
    return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
  };
  for (const [word, friend, stranger] of [
    ['cat', 'dog', 'bank'],
    ['paw', 'tail', 'stock'],
    ['price', 'trade', 'fur'],
    ['bond', 'share', 'bark'],
  ] as const) {
    expect(cosine(word, friend), `${word} and ${friend}`).toBeGreaterThan(cosine(word, stranger) + 0.3);
  }
}
