import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import * as linalg from '../../src/linalg/index.js';
import { tensor } from '../../src/tensor/creation.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { EPSILON } from './matrices.js';

/* Against NumPy and SciPy: what does not depend on signs or order. `test/fixtures/linalg/make.py` wrote the numbers. */

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly string[];
}

interface GeneralCase {
  readonly name: string;
  readonly a: Numbers;
  readonly svdvals: Numbers;
  readonly rank: number;
  readonly pinv: Numbers;
  readonly norms: Readonly<Record<string, number>>;
  readonly r: Numbers;
  readonly cond: string;
  readonly cond1?: string;
  readonly lstsq: { readonly b: Numbers; readonly x: Numbers };
  readonly det?: string;
  readonly slogdet?: readonly [number, string];
  readonly eigenvalues?: { readonly real: Numbers; readonly imaginary: Numbers };
  readonly symmetricEigenvalues?: Numbers;
  readonly l?: Numbers;
  readonly u?: Numbers;
  readonly expm?: Numbers;
  readonly power?: Numbers;
  readonly inv?: Numbers;
}

interface Fixture {
  readonly general: readonly GeneralCase[];
  readonly definite: Readonly<Record<'a' | 'b' | 'cholesky' | 'solve' | 'upper' | 'lowerTransposedUnit', Numbers>>;
  readonly exponentials: readonly { readonly a: Numbers; readonly expm: Numbers }[];
  readonly squareRoots: readonly { readonly a: Numbers; readonly sqrtm: Numbers }[];
  readonly products: Readonly<
    Record<'a' | 'b' | 'kron' | 'kronVector' | 'outer' | 'triu' | 'tril', Numbers> & { trace: string }
  >;
}

const file = path.resolve(import.meta.dirname, '../fixtures/linalg/linalg.json');
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

const SQUARE = fixture.general.filter(({ a }) => a.shape[0] === a.shape[1]);

const made = ({ shape, values }: Numbers): Tensor<'float64'> =>
  tensor(values.map(Number), { dtype: 'float64' }).reshape(shape);
const numbers = ({ values }: Numbers): number[] => values.map(Number);
const scaleOf = (values: readonly number[]): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** All elements within `units` units of rounding of the largest expected one. */
function expectNear(actual: Tensor, expected: Numbers, units: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const truth = numbers(expected);
  const tolerance = units * EPSILON.float64 * scaleOf(truth);
  for (const [index, value] of [...actual.to('float64').toTypedArray()].entries()) {
    const distance = Math.abs(value - (truth[index] as number));
    if (!(distance <= tolerance)) expect.fail(`element ${index}: ${value}, expected ${truth[index]} (+- ${tolerance})`);
  }
}

function expectRelative(actual: number, expected: number, units: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(units * EPSILON.float64 * Math.abs(expected));
}

describe.each(['native', 'reference'] as const)('%s against NumPy and SciPy', (backend) => {
  let before: ReturnType<typeof setDefaultBackend>;
  beforeAll(() => {
    before = setDefaultBackend(backend);
  });
  afterAll(() => {
    setDefaultBackend(before);
  });

  describe.each(fixture.general.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const a = made(one.a);
    const s = numbers(one.svdvals);
    const [m, n] = a.shape;
    /** The condition of what is not negligible: by how much rounding errors of a grow in its inverse. */
    const condition = (s[0] as number) / (s[one.rank - 1] as number);
    const units = 8 * m * n;

    it('has these singular values, rank, norms and condition', () => {
      expectNear(linalg.svdvals(a), one.svdvals, units);
      expectNear(linalg.svd(a).s, one.svdvals, units);
      expect(linalg.matrixRank(a).item()).toBe(one.rank);
      for (const [name, value] of Object.entries(one.norms)) {
        const order = name === 'inf' ? Infinity : name === '-inf' ? -Infinity : name;
        const kind = order === 'fro' || order === 'nuc' ? order : Number(order);
        const error = Math.abs((linalg.norm(a, { order: kind }).item() as number) - value);
        // Of the smallest singular value only the absolute error is small.
        expect(error, name).toBeLessThanOrEqual(units * EPSILON.float64 * (s[0] as number) * Math.sqrt(m * n));
      }
      if (one.rank === Math.min(m, n)) {
        expectRelative(linalg.cond(a).item() as number, Number(one.cond), 4 * units * condition);
      } else {
        expect(linalg.cond(a).item()).toBeGreaterThan(1e14);
      }
      if (one.cond1)
        expectRelative(linalg.cond(a, { order: 1 }).item() as number, Number(one.cond1), units * condition);
    });

    it('has this triangle, pseudo-inverse and least squares solution', () => {
      const r = linalg.qr(a, { mode: 'r' }).r;
      // Rows below the rank are rounding noise, of which only the size is known.
      expectNear(r.absolute(), one.r, one.rank === Math.min(m, n) ? units * condition : units);
      expectNear(linalg.pinv(a), one.pinv, units * condition);
      const b = made(one.lstsq.b);
      const { x, rank, singularValues } = linalg.lstsq(a, b);
      const rightUnits =
        (units * condition ** 2 * scaleOf(numbers(one.pinv)) * scaleOf(numbers(one.lstsq.b))) /
        scaleOf(numbers(one.lstsq.x));
      expectNear(x, one.lstsq.x, Math.max(rightUnits, units * condition));
      expect(rank.item()).toBe(one.rank);
      expectNear(singularValues, one.svdvals, units);
      const vector = linalg.lstsq(a, b.select(1, 0));
      expect(vector.x.shape).toEqual([n]);
      expect(vector.residuals.shape).toEqual([]);
    });
  });

  describe.each(SQUARE.map((one) => [one.name, one] as const))('%s, which is square', (_name, one) => {
    const a = made(one.a);
    const s = numbers(one.svdvals);
    const n = a.shape[0];
    const condition = (s[0] as number) / (s[one.rank - 1] as number);
    const units = 8 * n * n;

    it('has this determinant, these eigenvalues and factors, and this exponential', () => {
      const product = s.reduce((left, right) => left * right, 1);
      const determinantError = units * EPSILON.float64 * condition * product;
      if (one.rank === n) {
        expect(Math.abs((linalg.det(a).item() as number) - Number(one.det))).toBeLessThanOrEqual(determinantError);
        const { sign, logAbsDet } = linalg.slogdet(a);
        expect(sign.item()).toBe(one.slogdet?.[0]);
        expect(Math.abs((logAbsDet.item() as number) - Number(one.slogdet?.[1]))).toBeLessThanOrEqual(
          units * EPSILON.float64 * condition,
        );
      }
      const values = linalg.eigvals(a);
      const found = [...values.real.toTypedArray()].map((re, i) => [re, values.imaginary.at(i) as number] as const);
      const truth = numbers(one.eigenvalues?.real as Numbers).map(
        (re, i) => [re, numbers(one.eigenvalues?.imaginary as Numbers)[i] as number] as const,
      );
      // Each eigenvalue has one near it; those of a defective matrix move by the root of the error.
      for (const [re, im] of truth) {
        const nearest = Math.min(...found.map(([x, y]) => Math.hypot(x - re, y - im)));
        expect(nearest).toBeLessThanOrEqual(1e-7 * (s[0] as number));
      }
      const symmetric = a.add(a.T).multiply(0.5) as Tensor<'float64'>;
      expectNear(linalg.eigvalsh(symmetric), one.symmetricEigenvalues as Numbers, units);
      expectNear(linalg.eigh(symmetric).values, one.symmetricEigenvalues as Numbers, units);
      if (one.rank === n) {
        const { l, u } = linalg.lu(a);
        expectNear(l, one.l as Numbers, units * condition);
        expectNear(u, one.u as Numbers, units * condition);
      }
      expectNear(linalg.expm(a), one.expm as Numbers, 100 * units * Math.max(1, s[0] as number));
      const power = one.power as Numbers;
      // Each of the factors adds its rounding, relative to the product of norms; tiny ones vanish, exactly.
      const growth = scaleOf(numbers(power)) === 0 ? 0 : (s[0] as number) ** 5 / scaleOf(numbers(power));
      expectNear(linalg.matrixPower(a, 5), power, 8 * units * growth);
      if (one.inv) {
        expectNear(linalg.inv(a), one.inv, units * condition);
        expectNear(linalg.matrixPower(a, -1), one.inv, units * condition);
      }
    });
  });

  it('solves what is definite and triangular', () => {
    const { definite } = fixture;
    const [a, b] = [made(definite.a), made(definite.b)];
    const condition = linalg.cond(a).item() as number;
    expectNear(linalg.cholesky(a), definite.cholesky, 200 * condition);
    expectNear(linalg.solve(a, b), definite.solve, 200 * condition);
    const upper = linalg.cond(linalg.triu(a)).item() as number;
    expectNear(linalg.solveTriangular(a, b), definite.upper, 200 * upper);
    expectNear(
      linalg.solveTriangular(a, b, { lower: true, transposed: true, unitDiagonal: true }),
      definite.lowerTransposedUnit,
      200 * 1e3,
    );
  });

  it('raises to powers of e with every degree of approximant', () => {
    for (const { a, expm } of fixture.exponentials) expectNear(linalg.expm(made(a)), expm, 2000);
    const a = made(fixture.exponentials[2].a);
    const single = linalg.expm(a.to('float32'));
    expect(single.dtype).toBe('float32');
    expect(single.subtract(linalg.expm(a)).absolute().max().item()).toBeLessThan(2 ** -20);
  });

  it('takes square roots', () => {
    for (const { a, sqrtm } of fixture.squareRoots) expectNear(linalg.sqrtm(made(a)), sqrtm, 5000);
  });

  it('multiplies and cuts out', () => {
    const { products } = fixture;
    const [a, b] = [made(products.a), made(products.b)];
    expectNear(linalg.kron(a, b), products.kron, 1);
    expectNear(linalg.kron(a.select(0, 0), b), products.kronVector, 1);
    expectNear(linalg.outer(a, b), products.outer, 1);
    expect(linalg.triu(a, 1).toArray()).toEqual(made(products.triu).toArray());
    expect(linalg.tril(b, -1).toArray()).toEqual(made(products.tril).toArray());
    expectRelative(linalg.trace(a, 1).item() as number, Number(products.trace), 2);
  });
});
