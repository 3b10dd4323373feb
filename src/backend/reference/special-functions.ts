/*
 * Functions that JavaScript's Math lacks, to a few units in the last place of float64.
 * Formulas are those of Abramowitz and Stegun, "Handbook of Mathematical Functions", chapter 7.
 */

const SQRT_PI = Math.sqrt(Math.PI);

/** 2 / sqrt(pi), rounded once. */
const TWO_OVER_SQRT_PI = 1.1283791670955126;

/**
 * The error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`.
 *
 * Below 1 by the series 7.1.5, `erf x = 2/sqrt(pi) sum of (-1)^n x^(2n+1) / (n! (2n+1))`, which hardly cancels there; from 1
 * on as `1 - erfc x`, where erfc is below 0.16 and its error weighs little.
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 1) return erfSeries(x);
  return x < 0 ? complement(magnitude) - 1 : 1 - complement(magnitude);
}

/** `1 - erf(x)`, accurate also where it is tiny. */
export function erfc(x: number): number {
  return x < 0.5 ? 1 - erf(x) : complement(x);
}

/** The series from its end, `S(n) = 1/(2n+1) - x^2/(n+1) S(n+1)`: 20 terms leave less than 2^-60 at x = 1. */
function erfSeries(x: number): number {
  let sum = 0;
  for (let n = 20; n >= 0; n--) sum = 1 / (2 * n + 1) - ((x * x) / (n + 1)) * sum;
  return TWO_OVER_SQRT_PI * x * sum;
}

/**
 * `erfc x` for x >= 0.5 by the continued fraction 7.1.14,
 * `erfc x = exp(-x^2)/sqrt(pi) * 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + 2/(x + ...)))))`, evaluated from its end.
 */
function complement(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 28) return 0;
  // The error after n levels falls as exp(-2 x sqrt(2 n)): this many bring it below 2^-56.
  const levels = Math.ceil((20 / x) ** 2 / 2) + 8;
  let denominator = x;
  for (let n = levels; n >= 1; n--) denominator = x + n / 2 / denominator;
  return expOfMinusSquare(x) / SQRT_PI / denominator;
}

/**
 * `exp(-x^2)`. Rounding x^2 would cost x^2 units in the last place of the result; so x is split into a `high` part whose
 * square is exact and the rest: `x^2 = high^2 + (x - high) (x + high)`.
 */
function expOfMinusSquare(x: number): number {
  const high = Math.trunc(x * 2 ** 20) / 2 ** 20;
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** `1 / (1 + exp(-x))`; for negative x as `exp(x) / (1 + exp(x))`, where exp(-x) might overflow. */
export function sigmoid(x: number): number {
  if (x < 0) {
    const exponential = Math.exp(x);
    return exponential / (1 + exponential);
  }
  return 1 / (1 + Math.exp(-x));
}

/**
 * `x * (1 + erf(x / sqrt 2)) / 2`, Hendrycks and Gimpel, arXiv:1606.08415. For negative x `1 + erf` would cancel, so it is
 * taken as the complement.
 */
export function gelu(x: number): number {
  const z = x * Math.SQRT1_2;
  return x * 0.5 * (x < 0 ? erfc(-z) : 1 + erf(z));
}

/** `x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2`, with `(1 + tanh z) / 2 = sigmoid(2 z)`, which does not cancel. */
export function geluTanh(x: number): number {
  return x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
}

/** `x * sigmoid(x)`. */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** `x` with the sign of `y`, also where x or y is a zero. */
export function copySign(x: number, y: number): number {
  const negative = y < 0 || Object.is(y, -0);
  return negative ? -Math.abs(x) : Math.abs(x);
}
