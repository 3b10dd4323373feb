/*
 * The two 16-bit storage types, from and to numbers.
 *
 * float16 is IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction, subnormals below 2^-14.
 * bfloat16 is the upper half of a float32: sign, 8 bits of exponent, 7 bits of fraction.
 */

const float64 = new Float64Array(1);
const float64Bits = new BigUint64Array(float64.buffer);
const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** The nearest integer, halves to even. `x` must be finite. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const fraction = x - below;
  if (fraction < 0.5) return below;
  if (fraction > 0.5) return below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * The number nearest to `x >= 0` that has `precision` bits of significand and no bit below `2^leastExponent`, halves to even.
 * Rounding is done once, from float64. The result may exceed the format's largest number.
 */
function roundToPrecision(x: number, precision: number, leastExponent: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  float64[0] = x;
  const exponent = Number((float64Bits[0] >> 52n) & 0x7ffn) - 1023;
  // Scaling by a power of two is exact here: everything below float64's normal range rounds to zero or `unit` anyway.
  const unit = 2 ** Math.max(exponent - precision + 1, leastExponent);
  return roundHalfToEven(x / unit) * unit;
}

/** The bits of the float16 nearest to `x`, ties to even; too large numbers become infinite. */
export function toFloat16Bits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const magnitude = roundToPrecision(Math.abs(x), 11, -24);
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude > 65504) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  float64[0] = magnitude;
  const exponent = Number(float64Bits[0] >> 52n) - 1023;
  const fraction = (magnitude / 2 ** exponent - 1) * 1024;
  return sign | ((exponent + 15) << 10) | fraction;
}

/** The number that the bits of a float16 stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the bfloat16 nearest to `x`, ties to even; too large numbers become infinite. */
export function toBfloat16Bits(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  // Every bfloat16 is a float32, so storing the rounded number as one is exact, or overflows to infinity as it should.
  float32[0] = roundToPrecision(Math.abs(x), 8, -133);
  return sign | (float32Bits[0] >>> 16);
}

/** The number that the bits of a bfloat16 stand for. */
export function fromBfloat16Bits(bits: number): number {
  float32Bits[0] = bits << 16;
  return float32[0];
}
