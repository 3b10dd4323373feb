import { roundHalfToEven } from './half.js';

/*
 * The meaning of the `int8` format of packed weights. Other backends must give these very numbers.
 *
 * Quantisation, of weights `[out, in]` once and of activations `[tokens, in]` in every call, row by row in groups of 64
 * consecutive elements along `in` (the last group may be shorter):
 *
 *     greatest = max |x| over the group                      float32
 *     scale    = greatest / 127                              rounded to float32
 *     inverse  = 127 / greatest                              rounded to float32
 *     q        = round_half_to_even(x * inverse)             the product rounded to float32; q is from -127 to 127
 *
 * A group whose inverse is not finite (all zeros, or nothing above 3.7e-37) has scale 0 and q = 0. A group that holds a NaN
 * or an infinity has scale NaN and q = 0, so that the results it takes part in are NaN.
 *
 * Product of a row of activations (scales a, numbers p) and a row of weights (scales b, numbers q):
 *
 *     sum = 0                                                float32
 *     for each group g, ascending:
 *       dot = sum of p[k] * q[k] over the group              exact, an integer of at most 21 bits
 *       sum = dot * (a[g] * b[g]) + sum                      scale product rounded to float32, then one fused
 *                                                            multiply-add, rounded once to float32
 *
 * Bias, activation and residual follow as for a float32 weight.
 */

/** Elements that share a scale. */
const GROUP_SIZE = 64;

/** Rows of 8-bit numbers `[rows, length]` with the scale of each group, `[rows, groups]`. */
export interface QuantizedRows {
  readonly quantized: Int8Array;
  readonly scales: Float32Array;
  readonly groups: number;
}

/** Quantises `values`, float32 numbers `[rows, length]`. */
export function quantizeRows(values: ArrayLike<number>, rows: number, length: number): QuantizedRows {
  const groups = Math.ceil(length / GROUP_SIZE);
  const quantized = new Int8Array(rows * length);
  const scales = new Float32Array(rows * groups);
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++) {
      const begin = row * length + group * GROUP_SIZE;
      const end = Math.min(begin + GROUP_SIZE, (row + 1) * length);
      let greatest = 0;
      for (let k = begin; k < end; k++) greatest = Math.max(greatest, Math.abs(values[k]));
      if (!Number.isFinite(greatest)) {
        scales[row * groups + group] = Number.NaN;
        continue;
      }
      const inverse = Math.fround(127 / greatest);
      if (!Number.isFinite(inverse)) continue;
      scales[row * groups + group] = greatest / 127;
      for (let k = begin; k < end; k++) quantized[k] = roundHalfToEven(Math.fround(values[k] * inverse));
    }
  }
  return { quantized, scales, groups };
}

/** The product of row `i` of `a` and row `j` of `b`, both of `length` elements: a float32 number. */
export function dotQuantized(a: QuantizedRows, i: number, b: QuantizedRows, j: number, length: number): number {
  let sum = 0;
  for (let group = 0; group < a.groups; group++) {
    const begin = group * GROUP_SIZE;
    const end = Math.min(begin + GROUP_SIZE, length);
    let dot = 0;
    for (let k = begin; k < end; k++) dot += a.quantized[i * length + k] * b.quantized[j * length + k];
    const scale = Math.fround(a.scales[i * a.groups + group] * b.scales[j * b.groups + group]);
    sum = fusedMultiplyAdd(dot, scale, sum);
  }
  return sum;
}

const float64 = new Float64Array(1);
const float64Bits = new BigUint64Array(float64.buffer);

/**
 * `a * b + c` of float32 numbers, rounded once to float32.
 *
 * The product of two float32 numbers is exact in float64; the sum may not be, and rounding it to float64 and then to float32
 * could differ from rounding once. So the float64 sum is rounded to odd, which keeps the second rounding right: Boldo and
 * Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008.
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  // Knuth's exact error of a sum.
  const part = sum - product;
  const error = product - (sum - part) + (c - part);
  if (error === 0) return Math.fround(sum);
  float64[0] = sum;
  // An inexact sum with an even last bit goes one unit towards the exact value, where the last bit is odd.
  if ((float64Bits[0] & 1n) === 0n) float64Bits[0] += error > 0 === sum > 0 ? 1n : -1n;
  return Math.fround(float64[0]);
}
