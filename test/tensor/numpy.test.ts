import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { concat, type DType, einsum, stack, Tensor, tensor } from '../../src/index.js';
import { number } from '../backend/reference/fixture.js';

/*
 * Tensor against NumPy, whose semantics it promises: values, shapes and dtypes, as `test/fixtures/tensor/make.py` wrote
 * them. Whether the backends compute alike is tested elsewhere; this is about the layer above them.
 */

interface Described {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}

interface Case {
  readonly method: string;
  readonly operands: readonly (Described | number | boolean)[];
  readonly arguments: readonly unknown[];
  readonly result: Described | readonly Described[];
}

const file = path.resolve(import.meta.dirname, '../fixtures/tensor/numpy.json');
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];

const numbersOf = ({ values }: Described): number[] =>
  values.map((value) => (typeof value === 'string' ? number(value) : value));

function made(described: Described): Tensor {
  return tensor(numbersOf(described), { dtype: described.dtype }).reshape(described.shape);
}

type Method = (...values: unknown[]) => unknown;

const FUNCTIONS: Record<string, (operands: readonly unknown[], settings: readonly unknown[]) => unknown> = {
  concat: (operands, [axis]) => concat(operands as Tensor[], axis as number),
  stack: (operands, [axis]) => stack(operands as Tensor[], axis as number),
  einsum: (operands, [equation]) => einsum(equation as string, ...(operands as Tensor[])),
  where: ([condition, a, b]) => (a as Tensor).where(condition as Tensor, b as Tensor),
};

function call({ method, operands, arguments: settings }: Case): unknown {
  const values = operands.map((operand) => (typeof operand === 'object' ? made(operand) : operand));
  const apply = FUNCTIONS[method];
  if (apply !== undefined) return apply(values, settings);
  const [self, ...others] = values as [Tensor & Record<string, Method>, ...unknown[]];
  return (self[method] as Method).call(self, ...others, ...settings);
}

/** Sums of float32 differ from NumPy's by their order; functions by an ulp or two. Everything is at most 24 terms long. */
const TOLERANCE: Partial<Record<DType, number>> = { float32: 24 * 2 ** -24, float64: 24 * 2 ** -53 };

function check(actual: unknown, expected: Described): void {
  expect(actual).toBeInstanceOf(Tensor);
  const result = actual as Tensor;
  expect({ dtype: result.dtype, shape: result.shape }).toEqual({ dtype: expected.dtype, shape: expected.shape });
  const [numbers, wanted] = [[...result.toTypedArray()], numbersOf(expected)];
  expect(numbers.length).toBe(wanted.length);
  const tolerance = TOLERANCE[result.dtype] ?? 0;
  const scale = Math.max(1, ...wanted.filter(Number.isFinite).map(Math.abs));
  for (const [index, value] of numbers.entries()) {
    const target = wanted[index] as number;
    if (Object.is(value, target) || Math.abs(value - target) <= tolerance * scale) continue;
    expect.fail(`element ${index} is ${value}, expected ${target}`);
  }
}

const methods = [...new Set(cases.map(({ method }) => method))];

describe('like NumPy', () => {
  it.each(methods)('%s', (method) => {
    for (const one of cases.filter((candidate) => candidate.method === method)) {
      const what = JSON.stringify({ ...one, result: undefined });
      try {
        const actual = call(one);
        const expected = Array.isArray(one.result) ? one.result : [one.result];
        const results = Array.isArray(actual) ? actual : [actual];
        expect(results.length).toBe(expected.length);
        for (const [index, part] of expected.entries()) check(results[index], part);
      } catch (error) {
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
    }
  });

  it('is tested at all', () => {
    expect(cases.length).toBeGreaterThan(1500);
    expect(methods.length).toBeGreaterThan(70);
  });
});
