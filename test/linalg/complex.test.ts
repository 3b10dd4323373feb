import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { ArgumentError, eye, NumericalError, Random, stack, type Tensor, tensor } from '../../src/index.js';
import { type ComplexTensor, schur, schurAsync, sqrtm, sqrtmAsync } from '../../src/linalg/index.js';
import type { RealDType } from '../../src/linalg/sparse-matrix.js';
import { EPSILON } from './matrices.js';

/* Complex Schur forms and square roots: by what defines them, and against SciPy (`test/fixtures/linalg/make_complex.py`). */

interface Pair<Values> {
  readonly real: Values;
  readonly imaginary: Values;
}

interface Case {
  readonly name: string;
  readonly a: number[][];
  readonly sqrtm: Pair<number[][]>;
  readonly eigenvalues: Pair<number[]>;
  readonly aboveDiagonal: number;
}

const file = path.resolve(import.meta.dirname, '../fixtures/linalg/complex.json');
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] };

function product<D extends RealDType>(a: ComplexTensor<D>, b: ComplexTensor<D>): ComplexTensor<D> {
  const times = (x: Tensor<D>, y: Tensor<D>) => x.matmul(y) as Tensor;
  return {
    real: times(a.real, b.real).subtract(times(a.imaginary, b.imaginary)) as Tensor as Tensor<D>,
    imaginary: times(a.real, b.imaginary).add(times(a.imaginary, b.real)) as Tensor as Tensor<D>,
  };
}

function adjoint<D extends RealDType>({ real, imaginary }: ComplexTensor<D>): ComplexTensor<D> {
  return { real: real.transpose(), imaginary: imaginary.transpose().negative() as Tensor as Tensor<D> };
}

/** The largest distance of an element from a matrix, real unless an imaginary part is given. */
function worst({ real, imaginary }: ComplexTensor<RealDType>, expected: Tensor, expectedImaginary?: Tensor): number {
  const distances = [
    real.subtract(expected),
    expectedImaginary === undefined ? imaginary : imaginary.subtract(expectedImaginary),
  ];
  return Math.max(
    ...distances.map((difference) => (difference.size === 0 ? 0 : (difference.absolute().max().item() as number))),
  );
}

describe.each(['native', 'reference'] as const)('complex results of the %s backend', (backend) => {
  beforeAll(() => setDefaultBackend(backend));
  afterAll(() => setDefaultBackend('native'));

  describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
    it.each(cases.map((one) => [one.name, one] as const))('are as those of SciPy: %s', (_name, one) => {
      const a = tensor(one.a, { dtype });
      const n = one.a.length;
      // Forward errors grow with the condition of the root, some 100 here at most.
      const tolerance = 2000 * n * EPSILON[dtype];
      const root = sqrtm(a, { output: 'complex' });
      expect([root.real.dtype, root.imaginary.dtype]).toEqual([dtype, dtype]);
      expect(worst(root, tensor(one.sqrtm.real, { dtype }), tensor(one.sqrtm.imaginary, { dtype }))).toBeLessThan(
        tolerance,
      );
      expect(worst(product(root, root), a)).toBeLessThan(tolerance);
      const { t } = schur(a, { output: 'complex' });
      const values = Array.from({ length: n }, (_, i) => [t.real.at(i, i), t.imaginary.at(i, i)] as [number, number]);
      const found = values.sort(([a, b], [c, d]) => (Math.abs(a - c) < 1e-4 ? b - d : a - c));
      for (const [i, [real, imaginary]] of found.entries()) {
        expect(Math.hypot(real - one.eigenvalues.real[i], imaginary - one.eigenvalues.imaginary[i])).toBeLessThan(
          tolerance,
        );
      }
      const squares = (half: Tensor) => half.square().sum().item() as number;
      const onDiagonal = values.reduce((sum, [real, imaginary]) => sum + real ** 2 + imaginary ** 2, 0);
      const above = squares(t.real) + squares(t.imaginary) - onDiagonal;
      expect(Math.abs(above - one.aboveDiagonal ** 2)).toBeLessThan(tolerance * (1 + onDiagonal));
    });

    it.each(backend === 'native' ? [0, 1, 2, 3, 20, 100] : [0, 1, 2, 3, 20])(
      'fulfil their definitions with %i rows',
      (n) => {
        const a = new Random(n).normal([n, n], { dtype });
        const tolerance = 100 * Math.max(1, n) * EPSILON[dtype];
        const { t, z } = schur(a, { output: 'complex' });
        for (let row = 1; row < n; row++) {
          for (let column = 0; column < row; column++) {
            expect(Math.hypot(t.real.at(row, column), t.imaginary.at(row, column))).toBe(0);
          }
        }
        const norm = Math.sqrt(n) + 1;
        expect(worst(product(product(z, t), adjoint(z)), a)).toBeLessThan(tolerance * norm);
        expect(worst(product(z, adjoint(z)), eye(n, n, { dtype }))).toBeLessThan(tolerance);
        const root = sqrtm(a, { output: 'complex' });
        expect(root.real.shape).toEqual([n, n]);
        // The root of an eigenvalue near zero makes the others' sum with it small: 10 units more.
        expect(worst(product(root, root), a)).toBeLessThan(100 * tolerance * norm);
      },
    );

    it('come in batches, and off the event loop', async () => {
      const batch = new Random(4).normal([2, 3, 5, 5], { dtype });
      const root = sqrtm(batch, { output: 'complex' });
      const { t, z } = schur(batch, { output: 'complex' });
      expect([root.real.shape, t.imaginary.shape, z.real.shape]).toEqual([batch.shape, batch.shape, batch.shape]);
      const last = batch.slice(1, 2).contiguous() as Tensor<typeof dtype>;
      expect(worst(product(root, root), batch)).toBeLessThan(1000 * EPSILON[dtype]);
      const one = sqrtm(last, { output: 'complex' });
      expect(root.imaginary.slice(1, 2).toArray()).toEqual(one.imaginary.toArray());
      const laterRoot = await sqrtmAsync(batch, { output: 'complex' });
      expect(laterRoot.real.toArray()).toEqual(root.real.toArray());
      const later = await schurAsync(batch, { output: 'complex' });
      expect(later.z.imaginary.toArray()).toEqual(z.imaginary.toArray());
      expect((await schurAsync(batch)).t.toArray()).toEqual(schur(batch).t.toArray());
    });
  });

  it('are refused where there is no root, and asked for in words that are known', () => {
    const nilpotent = tensor([[0, 1], [0, 0]], { dtype: 'float64' }); // biome-ignore format: a matrix
    const batch = stack([eye(2, 2, { dtype: 'float64' }), nilpotent]) as Tensor<'float64'>;
    expect(() => sqrtm(batch, { output: 'complex' })).toThrow(NumericalError);
    expect(() => sqrtm(batch, { output: 'complex' })).toThrow(/^sqrtm: matrix a\[1\] has no square root/);
    expect(() => sqrtm(tensor([[-1]]))).toThrow(/is negative; ask for a complex one by \{ output: 'complex' \}$/);
    expect(() => sqrtm(eye(2), { output: 'imaginary' as 'real' })).toThrow(ArgumentError);
    expect(() => schur(eye(2), { output: 'both' as 'real' })).toThrow(
      'schur: argument output must be real or complex, got both',
    );
    expect(() => schur(tensor([[1, 2]]), { output: 'complex' })).toThrow(/schur: argument a must be square/);
    expect(() => sqrtm(tensor([[Number.NaN]]), { output: 'complex' })).toThrow(/NaN/);
  });
});
