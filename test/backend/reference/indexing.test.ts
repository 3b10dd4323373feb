import { describe, expect, it } from 'vitest';
import { philox } from '../../../src/backend/reference/philox.js';
import { IndexOutOfRangeError } from '../../../src/errors.js';
import { host, run } from './host.js';

describe('Philox4x32-10', () => {
  // Known answers that the authors publish with their library Random123 (file kat_vectors).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [-1, -1, -1, -1],
      [-1, -1],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('of counter %j under key %j', (counter, key, expected) => {
    const unsigned = (words: number[]) => words.map((word) => word >>> 0);
    expect(philox(unsigned(counter), unsigned(key))).toEqual(expected);
  });
});

describe('random', () => {
  const seed = { seedLow: 7, seedHigh: 0, stream: 3 };

  it('makes uniforms of the words of the sequence', () => {
    const words = [philox([0, 0, 3, 0], [7, 0]), philox([1, 0, 3, 0], [7, 0])].flat();
    const [singles] = run('random', [], { distribution: 'uniform', ...seed, dtype: 'float32', dims: [7] });
    expect(singles).toEqual(words.slice(0, 7).map((word) => (word >>> 8) / 2 ** 24));
    const [doubles] = run('random', [], { distribution: 'uniform', ...seed, dtype: 'float64', dims: [2, 2] });
    const pair = (n: number) => ((words[2 * n] >>> 5) * 2 ** 26 + (words[2 * n + 1] >>> 6)) / 2 ** 53;
    expect(doubles).toEqual([0, 1, 2, 3].map(pair));
  });

  it.each(['float32', 'float64'] as const)('makes %s normals with the moments of a normal', (dtype) => {
    const count = 40_001;
    const [x] = run('random', [], { distribution: 'normal', ...seed, dtype, dims: [count] });
    const moment = (power: number) => x.reduce((sum, value) => sum + value ** power, 0) / count;
    // Variances of the first four moments of n samples are 1/n, 2/n, 15/n and 96/n; five standard deviations.
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
  });
});

describe('indexing', () => {
  const x = host([0, 1, 2, 3, 4, 5], [2, 3]);

  it('concat joins along any axis, empty parts too', () => {
    expect(run('concat', [x, host([6, 7], [2, 1]), host([], [2, 0])], { axis: 1 })[0]).toEqual([
      0, 1, 2, 6, 3, 4, 5, 7,
    ]);
    expect(run('concat', [x, host([6, 7, 8], [1, 3])], { axis: 0 })[0]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('take counts negative indices from the end', () => {
    expect(run('take', [x, host([2, 0, -1, -3], [2, 2], 'int32')], { axis: 1 })[0]).toEqual([2, 0, 2, 0, 5, 3, 5, 3]);
    expect(run('take', [x, host([-1], [], 'int32')], { axis: 0 })[0]).toEqual([3, 4, 5]);
    for (const index of [2, -3]) {
      expect(() => run('take', [x, host([index], [1], 'int32')], { axis: 0 })).toThrow(IndexOutOfRangeError);
    }
  });

  it('takeAlongAxis chooses one element a position', () => {
    expect(run('takeAlongAxis', [x, host([0, 2, 1, -1], [2, 2], 'int32')], { axis: 1 })[0]).toEqual([0, 2, 4, 5]);
    expect(run('takeAlongAxis', [x, host([1, 0, 1], [1, 3], 'int32')], { axis: 0 })[0]).toEqual([3, 1, 5]);
    expect(() => run('takeAlongAxis', [x, host([3, 0], [2, 1], 'int32')], { axis: 1 })).toThrow(IndexOutOfRangeError);
  });
});
