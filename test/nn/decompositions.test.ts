import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { ACTIVATIONS, POOLING_MODES } from '../../src/backend/primitives/transformer.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import type { View } from '../../src/backend/view.js';
import {
  decomposedAttention,
  decomposedAttentionWeights,
  decomposedEmbeddingSum,
  decomposedGatedActivation,
  decomposedLayerNorm,
  decomposedLinear,
  decomposedPool,
  decomposedRotary,
} from '../../src/nn/decompositions.js';
import {
  attention,
  attentionWeights,
  embeddingSum,
  gatedActivation,
  layerNorm,
  linear,
  pool,
  rotary,
  splitColumns,
} from '../../src/nn/functional.js';
import { rotaryTable } from '../../src/nn/positions.js';
import { contiguousView } from '../../src/tensor/execute.js';
import { offsets, random, worst } from './views.js';

/*
 * Each fused operation of the reference against the plain operations that define it. Both round to float32, the fused one
 * once at the end, the plain ones after every step, so they may differ by (steps + length of the sum) * 2^-24 relative to
 * the largest intermediate value. Inputs lie in [-2, 2].
 */
const UNIT = 2 ** -24;

let before: ReturnType<typeof setDefaultBackend>;
beforeEach(() => {
  before = setDefaultBackend(referenceBackend);
});
afterEach(() => void setDefaultBackend(before));

const seeds = fc.nat(1e9);

describe('linear', () => {
  it('is its decomposition, with every activation', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.nat(5),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(9),
        fc.constantFrom(...ACTIVATIONS),
        fc.boolean(),
        fc.boolean(),
        (seed, tokens, inside, outside, activation, hasBias, hasResidual) => {
          const x = random([tokens, inside], seed);
          const weight = random([outside, inside], seed + 1);
          const options = {
            activation,
            ...(hasBias ? { bias: random([outside], seed + 2) } : {}),
            ...(hasResidual ? { residual: random([tokens, outside], seed + 3) } : {}),
          };
          const fused = linear(x, referenceBackend.pack(weight, 'float32'), options);
          // Values reach 4 * inside + 4; activations have slopes below 1.13.
          const limit = (inside + 6) * UNIT * (4 * inside + 6) * 1.13;
          expect(worst(fused, decomposedLinear(x, weight, options))).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

describe('layerNorm', () => {
  it('is its decomposition, also of constant rows', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.nat(4),
        fc.integer({ min: 2, max: 50 }),
        fc.boolean(),
        fc.boolean(),
        (seed, tokens, hidden, affine, hasResidual) => {
          const x = random([tokens, hidden], seed);
          const options = {
            epsilon: 1e-5,
            ...(affine ? { weight: random([hidden], seed + 1), bias: random([hidden], seed + 2) } : {}),
            ...(hasResidual ? { residual: random([tokens, hidden], seed + 3) } : {}),
          };
          // Rows of at least two random numbers: centring loses what the mean and the deviation differ by in magnitude,
          // at most 4 / sqrt(epsilon), and leaves values up to 2 * sqrt(hidden) + 2.
          const limit = (hidden + 8) * UNIT * Math.min(4 / Math.sqrt(1e-5), 4000) * (2 * Math.sqrt(hidden) + 2);
          expect(worst(layerNorm(x, options), decomposedLayerNorm(x, options))).toBeLessThanOrEqual(limit);
        },
      ),
    );
    const constant = random([1, 1], 5);
    const row: View = { ...constant, dims: [1, 7], strides: [7, 0] };
    const dense = contiguousView(row) as View<'float32'>;
    expect(worst(layerNorm(dense), decomposedLayerNorm(dense))).toBeLessThanOrEqual(1e-4);
  });
});

describe('embeddingSum', () => {
  it('is its decomposition, with one to three tables of every dtype', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.nat(6),
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('float32' as const, 'float16' as const, 'bfloat16' as const),
        fc.boolean(),
        (seed, tokens, hidden, tables, dtype, normed) => {
          const lookups = Array.from({ length: tables }, (_, index) => {
            const rows = index + 2;
            const ids = Int32Array.from({ length: tokens }, (__, token) => (seed + token * 7 + index) % rows);
            return {
              ids: { dtype: 'int32', dims: [tokens], strides: [1], offset: 0, data: ids } satisfies View,
              table: random([rows, hidden], seed + index, dtype),
            };
          });
          const norm = normed
            ? { weight: random([hidden], seed + 8), bias: random([hidden], seed + 9), epsilon: 1e-2 }
            : {};
          // Sums of three numbers, then a normalisation whose deviation is at least sqrt(0.01).
          const limit = (hidden + 12) * UNIT * 12 * (normed ? 10 * (2 * Math.sqrt(hidden) + 2) : 1);
          expect(worst(embeddingSum(lookups, norm), decomposedEmbeddingSum(lookups, norm))).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

describe('rotary', () => {
  it('is its decomposition, on columns of a wider matrix, for whole heads and parts of them', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.nat(5),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(3),
        (seed, tokens, numHeads, half, rest) => {
          const hidden = numHeads * (2 * half + rest);
          const [x] = splitColumns(random([tokens, 2 * hidden], seed), 2);
          const table = random([7, 2 * half], seed + 1);
          const positions = Int32Array.from({ length: tokens }, (_, token) => (seed + 3 * token) % 7);
          const ids: View = { dtype: 'int32', dims: [tokens], strides: [1], offset: 0, data: positions };
          const fused = rotary(x, ids, table, { numHeads });
          // Two products of at most 4 and their sum, each rounded.
          expect(worst(fused, decomposedRotary(x, ids, table, { numHeads }))).toBeLessThanOrEqual(4 * 8 * UNIT);
        },
      ),
    );
  });

  it('keeps lengths, and makes products depend on distance alone', () => {
    const table = rotaryTable(40, 8);
    const x = random([1, 8], 1);
    const y = random([1, 8], 2);
    const at = (vector: View, position: number): Float32Array => {
      const positions: View = { dtype: 'int32', dims: [1], strides: [1], offset: 0, data: Int32Array.of(position) };
      return rotary(vector, positions, table, { numHeads: 1 }).data as Float32Array;
    };
    const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, n) => sum + value * b[n], 0);
    expect(dot(at(x, 30), at(y, 33))).toBeCloseTo(dot(at(x, 2), at(y, 5)), 4);
    expect(dot(at(x, 30), at(x, 30))).toBeCloseTo(dot(at(x, 0), at(x, 0)), 4);
    expect([...at(x, 0)]).toEqual([...(x.data as Float32Array)]);
  });

  it('refuses positions outside the table, and shapes that do not fit', () => {
    const x = random([2, 8], 1);
    const positions = (...values: number[]): View => ({
      ...offsets([]),
      dims: [values.length],
      data: Int32Array.from(values),
    });
    expect(() => rotary(x, positions(0, 4), random([4, 4], 1), { numHeads: 2 })).toThrow(/position 4 of token 1/);
    expect(() => rotary(x, positions(0, -1), random([4, 4], 1), { numHeads: 2 })).toThrow(/position -1/);
    expect(() => rotary(x, positions(0), random([4, 4], 1), { numHeads: 2 })).toThrow(
      /positions must have shape \[2\]/,
    );
    expect(() => rotary(x, positions(0, 1), random([4, 6], 1), { numHeads: 2 })).toThrow(/table must have shape/);
    expect(() => rotary(x, positions(0, 1), random([4, 3], 1), { numHeads: 2 })).toThrow(/table must have shape/);
    expect(() => rotary(x, positions(0, 1), random([4, 2], 1), { numHeads: 3 })).toThrow(/not a multiple/);
    expect(() => rotaryTable(3, 5)).toThrow(/even width/);
  });
});

describe('gatedActivation', () => {
  it.each(ACTIVATIONS)('is its decomposition: %s', (activation) => {
    fc.assert(
      fc.property(seeds, fc.nat(5), fc.nat(40), (seed, tokens, width) => {
        const [x] = splitColumns(random([tokens, 4 * width], seed), 2);
        // Products of at most 2, of an activation that is rounded by itself in the decomposition.
        const limit = 4 * 2 * UNIT;
        expect(worst(gatedActivation(x, activation), decomposedGatedActivation(x, activation))).toBeLessThanOrEqual(
          limit * 2,
        );
      }),
    );
  });

  it('refuses an odd number of columns', () => {
    expect(() => gatedActivation(random([2, 3], 1), 'silu')).toThrow(/an even number/);
  });
});

const attentionCase = fc.record({
  seed: seeds,
  lengths: fc.array(fc.nat(7), { maxLength: 4 }),
  numHeads: fc.integer({ min: 1, max: 3 }),
  headWidth: fc.integer({ min: 1, max: 6 }),
  causal: fc.boolean(),
  window: fc.nat(3),
  range: fc.option(fc.nat(3), { nil: null }),
});

/** Weights are relative to exp of scores up to 4 * width + 2, so a rounding of a score shows multiplied. */
const attentionLimit = (width: number, length: number): number => (width + length + 10) * UNIT * (8 * width + 8);

describe('attention', () => {
  it('is its decomposition, on slices of one matrix, within each sequence', () => {
    fc.assert(
      fc.property(attentionCase, ({ seed, lengths, numHeads, headWidth, causal, window, range }) => {
        const tokens = lengths.reduce((sum, length) => sum + length, 0);
        const hidden = numHeads * headWidth;
        const [query, key, value] = splitColumns(random([tokens, 3 * hidden], seed), 3);
        const relativeBias = range === null ? null : random([numHeads, 2 * range + 1], seed + 1);
        const options = { numHeads, causal, window, relativeBias };
        const fused = attention(query, key, value, offsets(lengths), options);
        const plain = decomposedAttention(query, key, value, offsets(lengths), options);
        expect(worst(fused, plain)).toBeLessThanOrEqual(2 * attentionLimit(headWidth, 7));
      }),
    );
  });

  it('is its decomposition where only the first tokens may be seen', () => {
    fc.assert(
      fc.property(attentionCase, fc.nat(7), ({ seed, lengths, numHeads, headWidth, causal, window }, most) => {
        const tokens = lengths.reduce((sum, length) => sum + length, 0);
        const [query, key, value] = splitColumns(random([tokens, 3 * numHeads * headWidth], seed), 3);
        const keyCounts = lengths.map((length) => Math.min(length, most));
        const counts: View = { ...offsets([]), dims: [lengths.length], data: Int32Array.from(keyCounts) };
        const options = { numHeads, causal, window };
        const fused = attention(query, key, value, offsets(lengths), { ...options, keyCounts: counts });
        const plain = decomposedAttention(query, key, value, offsets(lengths), { ...options, keyCounts });
        expect(worst(fused, plain)).toBeLessThanOrEqual(2 * attentionLimit(headWidth, 7));
      }),
    );
  });

  it('refuses counts of keys that do not fit the sequences', () => {
    const [query, key, value] = splitColumns(random([5, 12], 1), 3);
    const attend = (...counts: number[]) =>
      attention(query, key, value, offsets([2, 3]), {
        numHeads: 2,
        keyCounts: { ...offsets([]), dims: [counts.length], data: Int32Array.from(counts) },
      });
    expect(attend(0, 3).dims).toEqual([5, 4]);
    expect(() => attend(2, 4)).toThrow(/4 keys for sequence 1 of 3 tokens/);
    expect(() => attend(-1, 3)).toThrow(/-1 keys for sequence 0/);
    expect(() => attend(2)).toThrow(/one element a sequence/);
  });

  it('gives the weights of its decomposition, and rows that add up to one', () => {
    fc.assert(
      fc.property(attentionCase, ({ seed, lengths, numHeads, headWidth, causal, window, range }) => {
        const [tokens = 1] = lengths;
        const [query, key] = splitColumns(random([tokens, 3 * numHeads * headWidth], seed), 3);
        const relativeBias = range === null ? null : random([numHeads, 2 * range + 1], seed + 1);
        const options = { numHeads, causal, window, relativeBias };
        const fused = attentionWeights(query, key, options);
        expect(worst(fused, decomposedAttentionWeights(query, key, options))).toBeLessThanOrEqual(
          attentionLimit(headWidth, tokens),
        );
        const numbers = fused.data as Float32Array;
        for (let row = 0; row < numHeads * tokens; row++) {
          const sum = numbers.subarray(row * tokens, (row + 1) * tokens).reduce((total, weight) => total + weight, 0);
          expect(Math.abs(sum - 1)).toBeLessThan((tokens + 2) * UNIT);
        }
      }),
    );
  });

  it('mixes nothing between sequences', () => {
    const [query, key, value] = splitColumns(random([5, 12], 1), 3);
    const both = attention(query, key, value, offsets([2, 3]), { numHeads: 2 }).data as Float32Array;
    const part = (x: View, begin: number, rows: number): View => ({
      ...x,
      dims: [rows, 4],
      offset: (x.offset as number) + begin * 12,
    });
    const alone = attention(part(query, 2, 3), part(key, 2, 3), part(value, 2, 3), offsets([3]), { numHeads: 2 });
    expect(Array.from(both.subarray(8))).toEqual(Array.from(alone.data as Float32Array));
  });
});

describe('pool', () => {
  it.each(POOLING_MODES)('is its decomposition: %s', (mode) => {
    fc.assert(
      fc.property(
        seeds,
        fc.array(fc.nat(5), { maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (seed, lengths, hidden, normalize) => {
          const tokens = lengths.reduce((sum, length) => sum + length, 0);
          const x = random([tokens, hidden], seed);
          const options = { mode, normalize };
          const fused = pool(x, offsets(lengths), options);
          // Sums of five numbers up to 2, divided by the length of the vector, which is near 0 for few of the seeds only.
          const limit = 12 * UNIT * 10 * (normalize ? 1e3 : 1);
          expect(worst(fused, decomposedPool(x, offsets(lengths), options))).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});
