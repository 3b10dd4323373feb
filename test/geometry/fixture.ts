import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { Tensor, tensor } from '../../src/index.js';

/* What scikit-learn, SciPy and NumPy have computed, as `test/fixtures/geometry/make.py` wrote it. */

export interface Matrix {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const file = path.resolve(import.meta.dirname, '../fixtures/geometry/geometry.json');

/** A part of the fixture file. */
export function fixture<T>(name: string): T {
  return (JSON.parse(readFileSync(file, 'utf8')) as Record<string, T>)[name] as T;
}

export function made<D extends 'float32' | 'float64' = 'float64'>(
  { shape, values }: Matrix,
  dtype: D = 'float64' as D,
): Tensor<D> {
  return tensor([...values], { dtype }).reshape(shape);
}

/** All numbers within an absolute tolerance of those expected, in the same shape where that is known. */
export function expectClose(
  actual: Tensor | ArrayLike<number>,
  expected: Tensor | Matrix | ArrayLike<number>,
  tolerance: number,
): void {
  const numbers = numbersOf(actual);
  const wanted = numbersOf(expected);
  if (actual instanceof Tensor && 'shape' in expected) expect(actual.shape).toEqual(expected.shape);
  expect(numbers.length).toBe(wanted.length);
  for (const [index, value] of wanted.entries()) {
    if (!(Math.abs(numbers[index] - value) <= tolerance)) {
      throw new Error(`element ${index}: ${numbers[index]}, expected ${value}, tolerance ${tolerance}`);
    }
  }
}

function numbersOf(from: Tensor | Matrix | ArrayLike<number>): number[] {
  if (from instanceof Tensor) return Array.from(from.toTypedArray() as Float64Array);
  return Array.from('length' in from ? from : from.values);
}
