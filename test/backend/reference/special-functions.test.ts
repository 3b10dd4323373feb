import { describe, expect, it } from 'vitest';
import { erf, erfc, gelu, geluTanh, sigmoid, silu } from '../../../src/backend/reference/special-functions.js';
import { fixture, number } from './fixture.js';

const functions = { erf, erfc, gelu, geluTanh, sigmoid, silu };

/** Units in the last place of float64 between two numbers, as a relative difference; subnormal results count absolutely. */
function ulps(actual: number, expected: number): number {
  if (Object.is(actual, expected)) return 0;
  return Math.abs(actual - expected) / Math.max(Math.abs(expected) * 2 ** -52, 2 ** -1074);
}

describe('special functions against mpmath with 60 digits', () => {
  const { x, ...expected } = fixture.specialFunctions;
  // A product of a few correctly rounded steps: erf's series and fraction have up to some tens of steps, each of which
  // contributes a falling fraction of a unit; exp and the constants add up to 4 units, and gelu(x) amplifies the rounding
  // of its argument z = x / sqrt 2 by z * erfc'(z) / erfc(z), about 2 z^2 (z is at most 26 / sqrt 2: 676), where it is not 0.
  const limits: Record<string, (x: number) => number> = {
    erf: () => 8,
    erfc: () => 8,
    gelu: (value) => 8 + value * value,
    geluTanh: (value) => 8 + 4 * Math.abs(value) ** 3,
    sigmoid: () => 4,
    silu: () => 4,
  };
  it.each(Object.keys(expected) as (keyof typeof expected)[])('%s', (name) => {
    for (const [index, value] of x.map(number).entries()) {
      const actual = functions[name](value);
      const truth = number(expected[name][index]);
      expect(ulps(actual, truth), `${name}(${value}) = ${actual}, expected ${truth}`).toBeLessThan(limits[name](value));
    }
  });

  it('take infinities and NaN as their formulas do', () => {
    expect([erf(Number.POSITIVE_INFINITY), erf(Number.NEGATIVE_INFINITY), erf(Number.NaN)]).toEqual([
      1,
      -1,
      Number.NaN,
    ]);
    expect([erfc(Number.POSITIVE_INFINITY), erfc(Number.NEGATIVE_INFINITY)]).toEqual([0, 2]);
    expect([sigmoid(Number.POSITIVE_INFINITY), sigmoid(Number.NEGATIVE_INFINITY)]).toEqual([1, 0]);
    expect([gelu(Number.POSITIVE_INFINITY), gelu(Number.NEGATIVE_INFINITY)]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    expect(Object.is(erf(-0), -0)).toBe(true);
  });
});
