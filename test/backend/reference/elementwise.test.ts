import { describe, expect, it } from 'vitest';
import { fixture, number } from './fixture.js';
import { host, run } from './host.js';

describe('storage types', () => {
  const { x, float16, single, bfloat16 } = fixture.storageTypes;

  it('round float64 to float16 as NumPy does, once', () => {
    const values = x.map(number);
    expect(run('cast', [host(values, [values.length], 'float64')], { dtype: 'float16' })[0]).toEqual(float16);
  });

  it('round float32 to bfloat16 as ml_dtypes does', () => {
    const values = single.map(number);
    expect(run('cast', [host(values, [values.length])], { dtype: 'bfloat16' })[0]).toEqual(bfloat16);
  });

  it.each(['float16', 'bfloat16'] as const)('%s: every bit pattern comes back from float32', (dtype) => {
    const bits = Array.from({ length: 65536 }, (_, n) => n);
    const [numbers] = run('cast', [host(bits, [65536], dtype)], { dtype: 'float32' });
    const [back] = run('cast', [host(numbers, [65536])], { dtype });
    for (const pattern of bits) {
      if (Number.isNaN(numbers[pattern])) continue;
      if (back[pattern] !== pattern)
        expect.fail(`${dtype} ${pattern.toString(16)} became ${back[pattern].toString(16)}`);
    }
    // 0x7c00 and 0x7f80 are infinity; above lie the NaNs, below the finite numbers.
    const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80;
    expect(numbers[infinity]).toBe(Number.POSITIVE_INFINITY);
    expect(numbers.filter(Number.isNaN).length).toBe(2 * (0x7fff - infinity));
  });
});

describe('cast', () => {
  it('truncates and saturates floats to integers', () => {
    const x = host([1.9, -1.9, 3e9, -3e9, Number.NaN, 300, -5, Number.NEGATIVE_INFINITY], [8]);
    expect(run('cast', [x], { dtype: 'int32' })[0]).toEqual([1, -1, 2147483647, -2147483648, 0, 300, -5, -2147483648]);
    expect(run('cast', [x], { dtype: 'uint8' })[0]).toEqual([1, 0, 255, 0, 0, 255, 0, 0]);
    expect(run('cast', [x], { dtype: 'bool' })[0]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('wraps int32 to uint8', () => {
    expect(run('cast', [host([256, -1, 511], [3], 'int32')], { dtype: 'uint8' })[0]).toEqual([0, 255, 255]);
  });
});

describe('binary primitives against NumPy', () => {
  const { float64, int32 } = fixture.binary;

  it.each(['floorDivide', 'remainder', 'power', 'arctan2'] as const)('%s of float64', (name) => {
    const a = float64.a.map(number);
    const b = float64.b.map(number);
    const [actual] = run(name, [host(a, [a.length], 'float64'), host(b, [a.length], 'float64')], {});
    for (const [n, expected] of float64[name].map(number).entries()) {
      // Two units: what C libraries and V8 promise for pow and atan2. The others are exact, zeros with their sign.
      const exact = name === 'floorDivide' || name === 'remainder' || !Number.isFinite(expected) || expected === 0;
      const close = exact
        ? Object.is(actual[n], expected)
        : Math.abs(actual[n] - expected) <= Math.abs(expected) * 2 ** -51;
      expect(close, `${name}(${a[n]}, ${b[n]}) = ${actual[n]}, expected ${expected}`).toBe(true);
    }
  });

  it.each(['add', 'subtract', 'multiply', 'floorDivide', 'remainder'] as const)('%s of int32', (name) => {
    const a = host(int32.a, [int32.a.length], 'int32');
    const b = host(int32.b, [int32.b.length], 'int32');
    expect(run(name, [a, b], {})[0]).toEqual(int32[name]);
  });

  it('power of int32 wraps as repeated multiplication does', () => {
    const a = host([3, -3, 7, 2, 2, 0, 1, -1, 2], [9], 'int32');
    const b = host([20, 3, 0, 31, 40, 0, -2, -3, -1], [9], 'int32');
    expect(run('power', [a, b], {})[0]).toEqual([3486784401 | 0, -27, 1, -2147483648, 0, 1, 1, -1, 0]);
  });

  it('uint8 wraps', () => {
    const a = host([250, 3, 16, 2], [4], 'uint8');
    const b = host([10, 5, 17, 9], [4], 'uint8');
    expect(run('add', [a, b], {})[0]).toEqual([4, 8, 33, 11]);
    expect(run('subtract', [a, b], {})[0]).toEqual([240, 254, 255, 249]);
    expect(run('multiply', [a, b], {})[0]).toEqual([196, 15, 16, 18]);
    expect(run('power', [a, b], {})[0]).toEqual([0, 243, 0, 0]);
    expect(run('negative', [a], {})[0]).toEqual([6, 253, 240, 254]);
  });
});

it('round goes to even, and keeps the sign of zero', () => {
  const x = [0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, 2 ** 52 + 1, -0, Number.NEGATIVE_INFINITY];
  expect(run('round', [host(x, [9], 'float64')], {})[0]).toEqual([0, 2, 2, -0, -2, 0, 2 ** 52 + 1, -0, -Infinity]);
});

it('sign, relu, maximum and minimum keep NaN', () => {
  const x = host([Number.NaN, -2, 0, 3], [4]);
  const y = host([1, Number.NaN, 0, 4], [4]);
  expect(run('sign', [x], {})[0]).toEqual([Number.NaN, -1, 0, 1]);
  expect(run('relu', [x], {})[0]).toEqual([Number.NaN, 0, 0, 3]);
  expect(run('maximum', [x, y], {})[0]).toEqual([Number.NaN, Number.NaN, 0, 4]);
  expect(run('minimum', [x, y], {})[0]).toEqual([Number.NaN, Number.NaN, 0, 3]);
});

it('reads through strides: transposed, reversed, broadcast, offset', () => {
  const data = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const view = (dims: number[], strides: number[], offset: number) =>
    ({ dtype: 'float32', dims, strides, offset, data }) as const;
  expect(run('negative', [view([2, 3], [1, 2], 1)], {})[0]).toEqual([-1, -3, -5, -2, -4, -6]);
  expect(run('square', [view([2, 2], [-4, -1], 7)], {})[0]).toEqual([49, 36, 9, 4]);
  expect(run('add', [view([2, 3], [0, 1], 0), view([2, 3], [3, 0], 2)], {})[0]).toEqual([2, 3, 4, 5, 6, 7]);
  expect(run('negative', [view([2, 0, 3], [0, 3, 1], 0)], {})[0]).toEqual([]);
  expect(run('negative', [view([], [], 5)], {})[0]).toEqual([-5]);
});
