import { describe, expect, it } from 'vitest';
import type { StorageArray } from '../../../src/tensor/dtype.js';
import { addon, opcode } from './addon.js';

const FLOAT32 = 0;

/** `[2, 2] * [2, 2]` with arguments 0, 1 and result 2. */
const product = () => [
  ...[opcode('matmul'), 2, 0, 1],
  ...[2, 0, FLOAT32, 2, 0, 2, 2, 2, 1],
  ...[2, 1, FLOAT32, 2, 0, 2, 2, 2, 1],
  ...[2, FLOAT32, 2, 2, 2],
];

function run(words: readonly number[], args: readonly StorageArray[]): void {
  addon.setCommandBuffer(Float64Array.from(words));
  addon.execute(...args);
}

const operands = () => [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8), new Float32Array(4)];

/** Reproducible numbers below `limit` (a linear congruential generator). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describe('a command', () => {
  it('computes, whether its arguments come one by one or in an array', () => {
    const args = operands();
    run(product(), args);
    expect(args[2]).toEqual(Float32Array.of(19, 22, 43, 50));
    args[2]?.fill(0);
    addon.execute(args);
    expect(args[2]).toEqual(Float32Array.of(19, 22, 43, 50));
  });

  it('is refused when it ends early', () => {
    const words = product();
    for (let length = 0; length < words.length; length++) {
      expect(() => run(words.slice(0, length), operands()), `${length} words`).toThrow();
    }
  });

  it('is refused when an array is too small, of another type, detached, missing or the result itself', () => {
    const [a, b, c] = operands() as [Float32Array, Float32Array, Float32Array];
    const detached = new Float32Array(4);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    const wrong: StorageArray[][] = [
      [a, b, new Float32Array(3)],
      [a, new Float32Array(3), c],
      [new Float64Array(4), b, c],
      [a, b, new Uint8Array(16)],
      [detached, b, c],
      [a, b, detached],
      [a, b],
      [a],
      [],
      [a, b, a],
      [a, b, b.subarray(0)],
    ];
    for (const args of wrong)
      expect(() => run(product(), args)).toThrow(expect.objectContaining({ code: 'ERR_BACKEND' }));
  });

  it('is refused when an argument is not an array', () => {
    for (const wrong of [null, undefined, 1, 'text', {}, [], new DataView(new ArrayBuffer(16)), new ArrayBuffer(16)]) {
      const args = [wrong, ...operands().slice(1)] as StorageArray[];
      expect(() => run(product(), args)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    for (const wrong of [null, {}, 3]) {
      expect(() => addon.execute(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
  });

  it('is read from private memory only', () => {
    for (const wrong of [new Float64Array(new SharedArrayBuffer(64)), new Float32Array(8), {}, undefined]) {
      expect(() => addon.setCommandBuffer(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    const words = new Float64Array(product());
    addon.setCommandBuffer(words);
    structuredClone(words.buffer, { transfer: [words.buffer] });
    expect(() => addon.execute(...operands())).toThrow();
  });

  it('passes on what a getter throws', () => {
    const args = operands();
    Object.defineProperty(args, 1, {
      get() {
        throw new RangeError('from the getter');
      },
    });
    addon.setCommandBuffer(Float64Array.from(product()));
    expect(() => addon.execute(args)).toThrow(RangeError);
  });

  it('never writes outside its result, whatever its words say', () => {
    const pick = generator(20_261_124);
    const wild = [-1, 0, 1, 2, 3, 4, 7, 0.5, 2 ** 31, 2 ** 47, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY];
    let accepted = 0;
    for (let round = 0; round < 20_000; round++) {
      const words = product();
      // Sizes and strides of the operands stay: a zero stride makes any size legal, and long.
      for (let change = 0; change <= pick(2); change++) words[pick(words.length)] = wild[pick(7)] as number;
      if (round % 2 === 0) words[pick(words.length)] = wild[pick(wild.length)] as number;
      const guarded = new Float32Array(12).fill(-7);
      try {
        run(words, [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8), guarded.subarray(4, 8)]);
        accepted++;
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^ERR_(BACKEND|INDEX|OUT_OF_MEMORY|NUMERICAL)$/);
      }
      for (const index of [0, 1, 2, 3, 8, 9, 10, 11]) {
        if (guarded[index] !== -7) expect.fail(`element ${index} was written by ${words.join(' ')}`);
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });
});

describe('threads', () => {
  it('can be set, and absurd numbers are refused', () => {
    const { threads } = addon.info();
    addon.setThreads(3);
    expect(addon.info().threads).toBe(3);
    addon.setThreads(threads);
    for (const wrong of [0, -1, 1.5, Number.NaN, 1e9]) {
      expect(() => addon.setThreads(wrong)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
  });
});
