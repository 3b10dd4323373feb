import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Written by `test/fixtures/reference/make.py`; floats are strings as Python prints them. */
interface Fixture {
  readonly specialFunctions: Record<'x' | 'erf' | 'erfc' | 'gelu' | 'geluTanh' | 'sigmoid' | 'silu', readonly string[]>;
  readonly storageTypes: {
    readonly x: readonly string[];
    readonly float16: readonly number[];
    readonly single: readonly string[];
    readonly bfloat16: readonly number[];
  };
  readonly binary: {
    readonly float64: Record<'a' | 'b' | 'floorDivide' | 'remainder' | 'power' | 'arctan2', readonly string[]>;
    readonly int32: Record<
      'a' | 'b' | 'add' | 'subtract' | 'multiply' | 'floorDivide' | 'remainder',
      readonly number[]
    >;
  };
  readonly svd: readonly {
    readonly shape: readonly [number, number];
    readonly a: readonly string[];
    readonly s: readonly string[];
  }[];
}

const file = path.resolve(import.meta.dirname, '../../fixtures/reference/reference.json');

export const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

/** A float as Python prints it. */
export function number(text: string): number {
  return Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));
}
