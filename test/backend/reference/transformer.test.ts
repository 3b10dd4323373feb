import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../src/backend/reference/index.js';
import { fusedMultiplyAdd } from '../../../src/backend/reference/quantized.js';
import { BackendError, IndexOutOfRangeError } from '../../../src/errors.js';
import { host, run } from './host.js';

const pack = referenceBackend.pack;

describe('linear', () => {
  const x = host([1, 2, 3, 4], [2, 2]);

  it('is activation(x * weight^T + bias) + residual', () => {
    const weight = pack(host([1, 0, 0, 1, -1, -1], [3, 2]), 'float32');
    const bias = host([10, 20, 0], [3]);
    const residual = host([100, 100, 100, 0, 0, 0], [2, 3]);
    expect(run('linear', [x, weight, null, null], { activation: 'none' })[0]).toEqual([1, 2, -3, 3, 4, -7]);
    expect(run('linear', [x, weight, bias, residual], { activation: 'relu' })[0]).toEqual([111, 122, 100, 13, 24, 0]);
    const [tanh] = run('linear', [x, weight, null, null], { activation: 'tanh' });
    expect(tanh).toEqual([1, 2, -3, 3, 4, -7].map((value) => Math.fround(Math.tanh(value))));
  });

  it('rounds a bfloat16 weight to bfloat16', () => {
    const weight = pack(host([1 + 2 ** -8, 1 + 3 * 2 ** -8], [2, 1]), 'bfloat16');
    expect(run('linear', [host([1], [1, 1]), weight, null, null], { activation: 'none' })[0]).toEqual([1, 1 + 2 ** -6]);
  });

  it('quantises int8 by hand-computed numbers', () => {
    // Weight row 127, 1, -64.5 has scale 1 and becomes 127, 1, -64 (half to even); x = 2, 254, -1 has scale 2 and becomes
    // 1, 127, -0.5 -> 0 (half to even): (127 * 1 + 1 * 127 - 64 * 0) * 2.
    const weight = pack(host([127, 1, -64.5], [1, 3]), 'int8');
    expect(weight.bytes).toBe(3 + 4);
    expect(run('linear', [host([2, 254, -1], [1, 3]), weight, null, null], { activation: 'none' })[0]).toEqual([508]);
  });

  it('quantises int8 group by group, close to the float32 product', () => {
    const inFeatures = 150;
    const wave = (n: number) => Math.sin(n * 12.9898) * (n % 64 === 3 ? 10 : 1);
    const weight = host(
      Array.from({ length: 2 * inFeatures }, (_, n) => wave(n)),
      [2, inFeatures],
    );
    const input = host(
      Array.from({ length: inFeatures }, (_, n) => wave(n + 1000)),
      [1, inFeatures],
    );
    const [exact] = run('linear', [input, pack(weight, 'float32'), null, null], { activation: 'none' });
    const [quantised] = run('linear', [input, pack(weight, 'int8'), null, null], { activation: 'none' });
    // Each factor is off by at most half a step of its group's scale (at most 10 / 127), relative to terms of 10 at most.
    const step = 10 / 127 / 2;
    for (const n of [0, 1])
      expect(Math.abs(quantised[n] - exact[n])).toBeLessThan(inFeatures * (2 * step + step * step));
    expect(quantised).not.toEqual(exact);
  });

  it('keeps zero groups zero and lets NaN and infinity through int8', () => {
    const weight = pack(host([0, 0, 1, 1], [2, 2]), 'int8');
    const input = host([0, 0, 1, Number.POSITIVE_INFINITY, Number.NaN, 1], [3, 2]);
    const [y] = run('linear', [input, weight, null, null], { activation: 'none' });
    expect(y).toEqual([0, 0, Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  it('refuses a weight of another backend', () => {
    const weight = {
      packed: true,
      backend: 'native',
      format: 'float32',
      outFeatures: 1,
      inFeatures: 2,
      bytes: 0,
    } as const;
    expect(() => run('linear', [x, weight, null, null], { activation: 'none' })).toThrow(BackendError);
  });
});

it('fusedMultiplyAdd rounds once where float64 would round twice', () => {
  const ulp = 2 ** -23;
  // 1 + 2^-24 is half way between two float32 numbers; the last term decides, and float64 cannot hold it.
  expect(fusedMultiplyAdd(2 ** -12, 2 ** -12, 1)).toBe(1);
  expect(fusedMultiplyAdd(2 ** -24 + 2 ** -47, 1, 1)).toBe(1 + ulp);
  expect(fusedMultiplyAdd(1 + ulp, 2 ** -24 * (1 + ulp), 1)).toBe(1 + ulp);
  expect(fusedMultiplyAdd(-(1 + ulp), 2 ** -24 * (1 + ulp), -1)).toBe(-1 - ulp);
  // Exactly 1 + 3/2 ulp - 2^-70, which float64 rounds to the half way point, and float32 from there up instead of down.
  expect(fusedMultiplyAdd(2 ** -12 * (1 + ulp), 2 ** -12 * (1 - ulp), 1 + ulp)).toBe(1 + ulp);
  expect(Math.fround(2 ** -12 * (1 + ulp) * (2 ** -12 * (1 - ulp)) + 1 + ulp)).toBe(1 + 2 * ulp);
  expect(fusedMultiplyAdd(3, 5, 7)).toBe(22);
  expect(fusedMultiplyAdd(Number.POSITIVE_INFINITY, 1, 1)).toBe(Number.POSITIVE_INFINITY);
});

it('layerNorm has mean 0 and variance 1 before weight and bias', () => {
  const x = host([1, 2, 3, 4, 100, 100, 100, 100], [2, 4]);
  const [y] = run('layerNorm', [x, null, null, null], { epsilon: 0.75 });
  // Variance of the first row is 1.25, so the deviation is sqrt 2.
  expect(y.slice(0, 4)).toEqual([-1.5, -0.5, 0.5, 1.5].map((value) => Math.fround(value / Math.SQRT2)));
  expect(y.slice(4)).toEqual([0, 0, 0, 0]);
  const residual = host([0, 0, 0, 0, -3, -1, 1, 3], [2, 4]);
  const [z] = run('layerNorm', [x, residual, host([2, 2, 2, 2], [4]), host([0, 0, 0, 9], [4])], { epsilon: 0 });
  expect(z.slice(4)).toEqual([-6, -2, 2, 6].map((value, n) => Math.fround(value / Math.sqrt(5) + (n === 3 ? 9 : 0))));
});

describe('embedding', () => {
  const words = host([0, 0, 1, 2, 3, 5], [3, 2]);
  const half = host([0x3c00, 0x4000], [1, 2], 'float16');

  it('sums rows of tables of several dtypes, and normalises when there is a weight', () => {
    const ids = host([2, 0, 1], [3], 'int32');
    const zeros = host([0, 0, 0], [3], 'int32');
    expect(run('embedding', [null, null, ids, words, zeros, half], { epsilon: 0 })[0]).toEqual([4, 7, 1, 2, 2, 4]);
    const [normalised] = run('embedding', [host([1, 3], [2]), host([0, 1], [2]), ids, words], { epsilon: 0 });
    expect(normalised.slice(0, 2)).toEqual([-1, 4]);
  });

  it('refuses ids outside the table', () => {
    for (const id of [-1, 3]) {
      const ids = host([id], [1], 'int32');
      expect(() => run('embedding', [null, null, ids, words], { epsilon: 0 })).toThrow(IndexOutOfRangeError);
    }
  });
});

describe('attention', () => {
  const settings = { numHeads: 2, scale: 1, causal: false, window: 0 };
  const zeros = host(new Array<number>(10).fill(0), [5, 2]);
  const value = host([1, 10, 3, 30, 5, 50, 7, 70, 9, 90], [5, 2]);
  const cuSeqlens = host([0, 2, 2, 5], [4], 'int32');

  it('averages within each sequence when all scores are equal', () => {
    const [y] = run('attention', [zeros, zeros, value, cuSeqlens, null], settings);
    expect(y).toEqual([2, 20, 2, 20, 7, 70, 7, 70, 7, 70]);
  });

  it('looks only back when causal, and only as far as the window', () => {
    const causal = run('attention', [zeros, zeros, value, cuSeqlens, null], { ...settings, causal: true })[0];
    expect(causal).toEqual([1, 10, 2, 20, 5, 50, 6, 60, 7, 70]);
    const near = run('attention', [zeros, zeros, value, cuSeqlens, null], { ...settings, window: 1 })[0];
    expect(near).toEqual([2, 20, 2, 20, 6, 60, 7, 70, 8, 80]);
  });

  it('adds the bias of the relative position, clamped, head by head', () => {
    // Head 0 puts all weight on the tokens that follow, head 1 on those before; where there are none, all are equal.
    const far = -1e9;
    const bias = host([far, far, 0, 0, far, far], [2, 3]);
    const [y] = run('attention', [zeros, zeros, value, host([0, 3, 5], [3], 'int32'), bias], settings);
    expect(y).toEqual([4, 30, 5, 10, 3, 20, 9, 80, 8, 70]);
  });

  it('weighs by the softmax of scaled products', () => {
    const query = host([1, 0, 0, 0], [2, 2]);
    const key = host([Math.log(3), 0, 0, 0], [2, 2]);
    const [weights] = run('attentionWeights', [query, key, null], { ...settings, scale: 1 });
    expect(weights.map((weight) => Number(weight.toFixed(6)))).toEqual([0.75, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  });

  it('refuses offsets that do not fit the tokens', () => {
    for (const ends of [[0, 4], [1, 5], [0, 6, 5], []]) {
      const bad = host(ends, [ends.length], 'int32');
      expect(() => run('attention', [zeros, zeros, value, bad, null], settings)).toThrow(BackendError);
    }
  });
});

describe('pool', () => {
  const x = host([1, 2, 3, 4, 5, -6], [3, 2]);
  const cuSeqlens = host([0, 0, 1, 3], [4], 'int32');

  it.each([
    ['mean', [0, 0, 1, 2, 4, -1]],
    ['cls', [0, 0, 1, 2, 3, 4]],
    ['max', [0, 0, 1, 2, 5, 4]],
    ['weightedMean', [0, 0, 1, 2, 13 / 3, -8 / 3]],
    ['lastToken', [0, 0, 1, 2, 5, -6]],
    ['meanSqrtLength', [0, 0, 1, 2, 8 / Math.SQRT2, -2 / Math.SQRT2]],
  ] as const)('%s', (mode, expected) => {
    expect(run('pool', [x, cuSeqlens], { mode, normalize: false })[0]).toEqual(expected.map(Math.fround));
    const [unit] = run('pool', [x, cuSeqlens], { mode, normalize: true });
    expect(unit.slice(0, 2)).toEqual([0, 0]);
    expect(Math.hypot(unit[4], unit[5])).toBeCloseTo(1, 6);
    expect(Math.sign(unit[5])).toBe(Math.sign(expected[5]));
  });
});
