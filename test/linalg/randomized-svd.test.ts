import { describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError, eye, Random, ShapeError, svd, type Tensor, tensor } from '../../src/index.js';
import {
  type BlockOperator,
  type PartialSvd,
  randomizedSvd,
  randomizedSvdAsync,
} from '../../src/linalg/randomized-svd.js';
import { type RealDType, SparseMatrix } from '../../src/linalg/sparse-matrix.js';
import { expectClose } from '../geometry/fixture.js';

const EPSILON = { float32: 2 ** -23, float64: 2 ** -52 };

/** A matrix with these singular values. */
function withSpectrum<D extends RealDType>(rows: number, columns: number, values: number[], dtype: D): Tensor<D> {
  const random = new Random(11);
  const left = svd(random.normal([rows, values.length], { dtype: 'float64' })).u;
  const right = svd(random.normal([columns, values.length], { dtype: 'float64' })).u;
  return left
    .multiply(tensor(values, { dtype: 'float64' }))
    .matmul(right.T)
    .to(dtype);
}

/** Columns of u and rows of vt orthonormal, within a bound that grows as the backward error of an orthogonalisation. */
function expectOrthonormal<D extends RealDType>({ u, s, vt }: PartialSvd<D>): void {
  const [rank] = s.shape as [number];
  const tolerance = 20 * rank * EPSILON[s.dtype];
  const identity = eye(rank, rank, { dtype: 'float64' }).toTypedArray();
  expectClose(u.T.matmul(u), identity, tolerance);
  expectClose(vt.matmul(vt.T), identity, tolerance);
}

const decaying = (count: number, ratio: number): number[] => Array.from({ length: count }, (_, n) => 10 * ratio ** n);

describe.each(['float32', 'float64'] as const)('randomizedSvd in %s', (dtype) => {
  it.each([
    [120, 40],
    [40, 120],
    [60, 60],
  ])('finds the largest singular values of %i x %i', (rows, columns) => {
    const values = decaying(40, 0.8);
    const a = withSpectrum(rows, columns, values, dtype);
    const found = randomizedSvd(a, 8);
    expect(found.u.shape).toEqual([rows, 8]);
    expect(found.vt.shape).toEqual([8, columns]);
    expect([found.u.dtype, found.s.dtype, found.vt.dtype]).toEqual([dtype, dtype, dtype]);
    // What is left out beyond the oversampling falls by 0.8^18 to 2 % of what is kept at least, to the power of 5.
    expectClose(found.s, values.slice(0, 8), 10 * Math.max(1e-6, 100 * EPSILON[dtype]));
    expectOrthonormal(found);
    const exact = svd(a);
    const rest = a.subtract(found.u.multiply(found.s).matmul(found.vt)) as Tensor<D>;
    type D = typeof dtype;
    // The best approximation of rank 8 misses by the ninth singular value in the 2-norm.
    expect(svd(rest as Tensor<'float64'>).s.at(0)).toBeLessThan(1.01 * exact.s.at(8));
  });

  it('is exact where the rank is at most that of the sample', () => {
    const a = withSpectrum(50, 30, [5, 3, 1], dtype);
    const found = randomizedSvd(a, 6, { powerIterations: 1 });
    expectClose(found.s, [5, 3, 1, 0, 0, 0], 100 * EPSILON[dtype]);
    expectOrthonormal(found);
    expectClose(found.u.multiply(found.s).matmul(found.vt), a.toTypedArray(), 100 * EPSILON[dtype]);
  });

  it('decomposes matrices of zeros, of one element, and to full rank', () => {
    expectClose(randomizedSvd(eye(5, 4, { dtype }).multiply(0) as Tensor<typeof dtype>, 2).s, [0, 0], 0);
    expectClose(randomizedSvd(tensor([[-3]], { dtype }), 1).s, [3], 3 * EPSILON[dtype]);
    const a = new Random(5).normal([7, 5], { dtype });
    expectClose(randomizedSvd(a, 5).s, svd(a as Tensor<'float64'>).s.toTypedArray(), 100 * EPSILON[dtype]);
  });

  it('leaves to QR what Cholesky cannot make orthonormal', () => {
    // The first sample has a condition of 1e12.
    const values = [1, 1e-3, 1e-6, 1e-9, 1e-12];
    const found = randomizedSvd(withSpectrum(60, 30, values, dtype), 5, { powerIterations: 1, oversampling: 0 });
    expectOrthonormal(found);
    expectClose(found.s, values, 20 * EPSILON[dtype]);
  });

  it('finds values that fall off slowly from few products', () => {
    const values = Array.from({ length: 200 }, (_, n) => 1 / (n + 1));
    const a = withSpectrum(260, 200, values, dtype);
    const relativeError = ({ s }: PartialSvd) =>
      Math.max(...values.slice(0, 20).map((value, n) => Math.abs(s.at(n) / value - 1)));
    for (const matrix of [a, a.T as typeof a]) {
      const found = randomizedSvd(matrix, 20, { powerIterations: 3, oversampling: 2 });
      // The last block alone, by NumPy on 20 such samples, is 8e-3 to 6e-2 away; all blocks together at most 8e-4.
      expect(relativeError(found)).toBeLessThan(2e-3);
      expectOrthonormal(found);
    }
    // Blocks are put together when there are three.
    const more = randomizedSvd(a, 20, { powerIterations: 9, oversampling: 2 });
    expect(relativeError(more)).toBeLessThan(5e-4);
    expectOrthonormal(more);
  });

  it('takes no direction twice where nothing is left of later blocks', () => {
    const values = [5, 3, 1];
    const diagonal = new Float64Array(100 * 90);
    for (const [n, value] of values.entries()) diagonal[n * 90 + n] = value;
    for (const a of [
      withSpectrum(100, 90, values, dtype),
      tensor([...diagonal], { dtype: 'float64' })
        .reshape([100, 90])
        .to(dtype) as Tensor<typeof dtype>,
    ]) {
      for (const powerIterations of [2, 3, 5]) {
        const found = randomizedSvd(a, 6, { powerIterations, oversampling: 2 });
        expectClose(found.s, [...values, 0, 0, 0], 100 * EPSILON[dtype]);
        expectOrthonormal(found);
      }
    }
  });

  it('finds values of any magnitude', () => {
    const values = decaying(40, 0.5);
    for (const scale of [1e-25, 1e-15, 1e15]) {
      const a = withSpectrum(90, 80, values, 'float64').multiply(scale).to(dtype) as Tensor<typeof dtype>;
      const { s } = randomizedSvd(a, 5, { powerIterations: 2 });
      expectClose(s.to('float64').divide(scale), values.slice(0, 5), 10 * Math.max(1e-10, 100 * EPSILON[dtype]));
    }
  });

  it('gives the same off the event loop', async () => {
    const random = new Random(3);
    const a = random.normal([90, 40], { dtype });
    const sparse = SparseMatrix.fromDense<typeof dtype>(
      a.multiply(random.uniform([90, 40]).less(0.3)) as Tensor<typeof dtype>,
    );
    for (const matrix of [a, a.T, sparse]) {
      const [now, later] = [randomizedSvd(matrix, 4), await randomizedSvdAsync(matrix, 4)];
      for (const part of ['u', 's', 'vt'] as const) {
        expect(later[part].shape).toEqual(now[part].shape);
        expect(later[part].toTypedArray()).toEqual(now[part].toTypedArray());
      }
    }
  });

  it('finds the same of a sparse matrix and of an operator', () => {
    const random = new Random(7);
    const a = random.normal([80, 30], { dtype }).multiply(random.uniform([80, 30]).less(0.2).to(dtype)) as Tensor<
      typeof dtype
    >;
    const expected = randomizedSvd(a, 5, { powerIterations: 6 });
    const sparse = randomizedSvd(SparseMatrix.fromDense(a), 5, { powerIterations: 6 });
    expectClose(sparse.s as Tensor, expected.s.toTypedArray(), 200 * EPSILON[dtype]);
    const operator: BlockOperator<typeof dtype> = {
      shape: [80, 30],
      dtype,
      matmul: (block) => a.matmul(block) as Tensor as Tensor<typeof dtype>,
      transposeMatmul: (block) => a.T.matmul(block) as Tensor as Tensor<typeof dtype>,
    };
    expectClose(randomizedSvd(operator, 5, { powerIterations: 6 }).s, expected.s.toTypedArray(), 200 * EPSILON[dtype]);
  });
});

describe('randomizedSvd', () => {
  const a = new Random(1).normal([20, 10], { dtype: 'float64' });

  it('gives the same for the same seed, and comes nearer with power iterations', () => {
    const slow = withSpectrum(100, 80, decaying(80, 0.97), 'float64');
    const [first, again] = [randomizedSvd(slow, 5), randomizedSvd(slow, 5)];
    expect(again.u.toTypedArray()).toEqual(first.u.toTypedArray());
    const errors = [0, 1, 3, 8].map((powerIterations) => {
      const { s } = randomizedSvd(slow, 5, { powerIterations, oversampling: 2 });
      return Math.max(...decaying(5, 0.97).map((value, n) => Math.abs(value - s.at(n)) / value));
    });
    expect(errors).toEqual([...errors].sort((x, y) => y - x));
    expect(errors[0] / errors[3]).toBeGreaterThan(10);
  });

  it('keeps its digits where one value is far above the others', () => {
    const values = [1e8, 1, 0.5, 0.25, ...decaying(20, 0.5).map((value) => value * 1e-3)];
    const { s } = randomizedSvd(withSpectrum(60, 40, values, 'float64'), 4);
    // Backward error: some units in the last place of the largest.
    expectClose(s, values.slice(0, 4), 100 * 1e8 * 2 ** -52);
  });

  it('refuses wrong arguments and matrices that are not finite', () => {
    expect(() => randomizedSvd(a, 11)).toThrow(/rank must be a whole number from 1 to 10, got 11/);
    expect(() => randomizedSvd(a, 0)).toThrow(ArgumentError);
    expect(() => randomizedSvd(a, 2, { oversampling: -1 })).toThrow(ArgumentError);
    expect(() => randomizedSvd(a, 2, { powerIterations: 0.5 })).toThrow(ArgumentError);
    expect(() => randomizedSvd(tensor([1, 2]), 1)).toThrow(ShapeError);
    expect(() => randomizedSvd(tensor([[1]], { dtype: 'int32' }) as unknown as Tensor<'float32'>, 1)).toThrow(
      DTypeError,
    );
    expect(() => randomizedSvd(null as unknown as Tensor<'float32'>, 1)).toThrow(ArgumentError);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const spoiled = a.clone();
      (spoiled.toTypedArray() as Float64Array)[37] = wrong;
      expect(() => randomizedSvd(spoiled, 2)).toThrow(/NaN or infinite/);
      expect(() => randomizedSvd(spoiled.T, 2)).toThrow(/NaN or infinite/);
    }
  });

  it('rejects with the reason of a signal, at once and in between', async () => {
    const reason = new Error('nobody waits any more');
    await expect(randomizedSvdAsync(a, 2, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = randomizedSvdAsync(new Random(1).normal([400, 300]), 50, {
      powerIterations: 100,
      signal: controller.signal,
    });
    setImmediate(() => controller.abort(reason));
    await expect(pending).rejects.toBe(reason);
    const spoiled = a.multiply(Number.NaN) as Tensor<'float64'>;
    await expect(randomizedSvdAsync(spoiled, 2)).rejects.toThrow(/NaN or infinite/);
    await expect(randomizedSvdAsync(a, 11)).rejects.toThrow(ArgumentError);
  });

  it('refuses an operator whose products have the wrong shape', () => {
    const operator: BlockOperator<'float64'> = {
      shape: [20, 10],
      dtype: 'float64',
      matmul: (block) => a.matmul(block) as Tensor as Tensor<'float64'>,
      transposeMatmul: (block) => a.matmul(block) as Tensor as Tensor<'float64'>,
    };
    expect(() => randomizedSvd({ ...operator, matmul: (block: Tensor<'float64'>) => block }, 2)).toThrow(
      /matmul must give float64/,
    );
  });
});
