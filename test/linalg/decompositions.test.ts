import { spawn } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { getBackend, setDefaultBackend } from '../../src/backend/index.js';
import { ArgumentError, DTypeError, NumericalError, ShapeError } from '../../src/errors.js';
import * as linalg from '../../src/linalg/index.js';
import { concat, eye, fromTypedArray, stack, tensor, zeros } from '../../src/tensor/creation.js';
import { Random } from '../../src/tensor/random.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  diagonal,
  EPSILON,
  type Matrix,
  matrixIn,
  matrixOf,
  multiply,
  normOf,
  orthogonalityError,
  subtract,
  transpose,
} from './matrices.js';

type Real = 'float32' | 'float64';

const random = new Random(11);
const previous = setDefaultBackend('native');
afterAll(() => void setDefaultBackend(previous));

const dense = ({ rows, columns, values }: Matrix, dtype: Real): Tensor<Real> =>
  fromTypedArray((dtype === 'float32' ? Float32Array : Float64Array).from(values), [rows, columns]) as Tensor<Real>;

/** Matrices that are hard in one way each. */
const HARD: readonly (readonly [name: string, of: (dtype: Real) => Tensor<Real>])[] = [
  ['random', (dtype) => random.normal([9, 9], { dtype })],
  ['of rank 2', (dtype) => random.normal([8, 2], { dtype }).matmul(random.normal([2, 8], { dtype })) as Tensor<Real>],
  [
    "Hilbert's, with a condition of 1e13",
    (dtype) =>
      dense(
        matrixOf(10, 10, (i, j) => 1 / (i + j + 1)),
        dtype,
      ),
  ],
  [
    'graded over 24 orders',
    (dtype) =>
      dense(
        matrixOf(7, 7, (i, j) => 10 ** (-2 * (i + j)) * (i + 2 * j + 1)),
        dtype,
      ),
  ],
  ['tiny', (dtype) => random.normal([6, 6], { dtype }).multiply(1e-30) as Tensor<Real>],
  ['huge', (dtype) => random.normal([6, 6], { dtype }).multiply(1e15) as Tensor<Real>],
  ['zero', (dtype) => zeros([5, 5], { dtype })],
  ['the identity', (dtype) => eye(4, 4, { dtype })],
  ['of one element', (dtype) => tensor([[-3]], { dtype })],
  ['empty', (dtype) => zeros([0, 0], { dtype })],
];

/** Units of rounding that the backward error of a decomposition may have; see test/parity/decompositions.ts. */
const boundOf = (a: Tensor<Real>): number => 8 * Math.max(a.size, 1) * EPSILON[a.dtype];

function expectProduct(a: Tensor<Real>, product: Matrix): void {
  expect(normOf(subtract(matrixIn(a), product))).toBeLessThanOrEqual(boundOf(a) * normOf(matrixIn(a)));
}

function expectOrthogonal(a: Tensor<Real>, q: Tensor): void {
  expect(orthogonalityError(matrixIn(q))).toBeLessThanOrEqual(boundOf(a));
}

const symmetric = (a: Tensor<Real>): Tensor<Real> => a.add(a.T).multiply(0.5) as Tensor<Real>;

describe.each(['native', 'reference'] as const)('on the %s backend', (backend) => {
  const use = <T>(body: () => T): T => {
    const before = setDefaultBackend(getBackend(backend));
    try {
      return body();
    } finally {
      setDefaultBackend(before);
    }
  };

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    describe.each(HARD)('a matrix that is %s', (_name, of) => {
      it('is the product of its factors, which are orthogonal where they should be', () =>
        use(() => {
          const a = of(dtype);
          const n = a.shape[0];

          const { u, s, vt } = linalg.svd(a);
          expectProduct(a, multiply(multiply(matrixIn(u), diagonal([...s.toTypedArray()])), matrixIn(vt)));
          expectOrthogonal(a, u);
          expectOrthogonal(a, vt.T);
          const values = linalg.svdvals(a);
          for (let i = 0; i < n; i++) {
            expect(Math.abs(values.at(i) - s.at(i))).toBeLessThanOrEqual(boundOf(a) * s.at(0));
          }

          const { q, r } = linalg.qr(a);
          expectProduct(a, multiply(matrixIn(q), matrixIn(r)));
          expectOrthogonal(a, q);

          const { permutation, l, u: upper } = linalg.lu(a);
          expectProduct(n === 0 ? a : a.take(permutation), multiply(matrixIn(l), matrixIn(upper)));

          const { t, z } = linalg.schur(a);
          expectProduct(a, multiply(multiply(matrixIn(z), matrixIn(t)), transpose(matrixIn(z))));
          expectOrthogonal(a, z);

          const even = symmetric(a);
          const eigen = linalg.eigh(even);
          const vectors = matrixIn(eigen.vectors);
          expectProduct(
            even,
            multiply(multiply(vectors, diagonal([...eigen.values.toTypedArray()])), transpose(vectors)),
          );
          expectOrthogonal(even, eigen.vectors);
        }));
    });

    it('pivots show the rank', () =>
      use(() => {
        const a = random.normal([9, 3], { dtype }).matmul(random.normal([3, 7], { dtype })) as Tensor<Real>;
        const { q, r, permutation } = linalg.qr(a, { pivoting: true });
        expectProduct(a.take(permutation, 1), multiply(matrixIn(q), matrixIn(r)));
        expect(Math.abs(r.at(2, 2))).toBeGreaterThan(0.01);
        expect(Math.abs(r.at(3, 3))).toBeLessThan(boundOf(a) * normOf(matrixIn(a)));
        expect([...permutation.toTypedArray()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
      }));

    it('solves systems, triangular ones too, and inverts', () =>
      use(() => {
        const a = (random.normal([2, 6, 6], { dtype }) as Tensor<Real>).add(
          eye(6, 6, { dtype }).multiply(6),
        ) as Tensor<Real>;
        const x = random.normal([6, 3], { dtype }) as Tensor<Real>;
        const b = a.matmul(x) as Tensor<Real>;
        const error = (got: Tensor, truth: Tensor): number => got.subtract(truth).absolute().max().item() as number;
        expect(error(linalg.solve(a, b), x)).toBeLessThan(boundOf(a));
        const vector = x.select(1, 0) as Tensor<Real>;
        expect(linalg.solve(a, vector).shape).toEqual([2, 6]);
        expect(error(linalg.solve(a.select(0, 1), a.select(0, 1).matmul(vector) as Tensor<Real>), vector)).toBeLessThan(
          boundOf(a),
        );
        expect(error(linalg.inv(a).matmul(a), eye(6))).toBeLessThan(boundOf(a));
        for (const [lower, transposed] of [
          [false, false],
          [true, false],
          [false, true],
          [true, true],
        ]) {
          const triangle = (lower ? linalg.tril(a) : linalg.triu(a)) as Tensor<Real>;
          const right = (transposed ? triangle.T : triangle).matmul(x) as Tensor<Real>;
          // What lies in the other triangle is not read.
          expect(error(linalg.solveTriangular(a, right, { lower, transposed }), x)).toBeLessThan(boundOf(a));
        }
        const spd = a.matmul(a.T) as Tensor<Real>;
        const l = linalg.cholesky(spd);
        expect(error(l.matmul(l.T), spd)).toBeLessThan(boundOf(a) * 100);
        expect(linalg.cholesky(spd, { upper: true }).toArray()).toEqual(l.T.toArray());
      }));

    it('finds complex eigenvalues and their vectors', () =>
      use(() => {
        // A rotation by 90 degrees, and a real eigenvalue.
        const a = tensor(
          [
            [0, -1, 0],
            [1, 0, 0],
            [0, 0, 5],
          ],
          { dtype },
        ) as Tensor<Real>;
        const { values, vectors } = linalg.eig(a);
        const found = Array.from({ length: 3 }, (_, i) => `${values.real.at(i)},${values.imaginary.at(i)}`);
        expect(found.map((pair) => pair.replace('-0', '0')).sort()).toEqual(['0,-1', '0,1', '5,0']);
        const left = a
          .matmul(vectors.real)
          .subtract(vectors.real.multiply(values.real).subtract(vectors.imaginary.multiply(values.imaginary)));
        expect(left.absolute().max().item()).toBeLessThan(boundOf(a));
        const only = linalg.eigvals(a);
        expect([...only.imaginary.toTypedArray()].map(Math.abs).sort()).toEqual([0, 1, 1]);
      }));
  });

  it('names the matrix and the pivot of what cannot be solved', () =>
    use(() => {
      const good = eye(2, 2, { dtype: 'float64' });
      const singular = tensor(
        [
          [1, 2],
          [2, 4],
        ],
        { dtype: 'float64' },
      );
      const batch = stack([stack([good, good]), stack([good, singular])]) as Tensor<'float64'>;
      expect(() => linalg.solve(singular, good)).toThrow(
        'solve: matrix a is singular: pivot 1 of its LU decomposition is exactly zero',
      );
      expect(() => linalg.solve(batch, good)).toThrow(/^solve: matrix a\[1, 1\] is singular: pivot 1/);
      expect(() => linalg.inv(batch)).toThrow(/^inv: matrix a\[1, 1\] is singular: pivot 1/);
      expect(() => linalg.solveTriangular(linalg.tril(batch, -1), good, { lower: true })).toThrow(
        /^solveTriangular: matrix a\[0, 0\] is singular: pivot 0/,
      );
      const indefinite = tensor(
        [
          [1, 2],
          [2, 1],
        ],
        { dtype: 'float64' },
      );
      expect(() => linalg.cholesky(stack([good, indefinite]) as Tensor<'float64'>)).toThrow(
        'cholesky: matrix a[1] is not positive definite: pivot 1 is not positive',
      );
      expect(() => linalg.cholesky(indefinite)).toThrow(NumericalError);
    }));
});

describe('arguments', () => {
  const square = ['eigh', 'eigvalsh', 'eig', 'eigvals', 'cholesky', 'schur', 'inv'] as const;
  const any = ['svd', 'svdvals', 'qr', 'lu', ...square] as const;

  const byName: Readonly<Record<string, unknown>> = { ...linalg };

  it.each(any)('%s refuses NaN, integers, vectors and what is no tensor', (name) => {
    const call = byName[name] as (a: unknown) => unknown;
    expect(() => call(tensor([[Number.NaN]]))).toThrow(new RegExp(`^${name}: argument a has NaN or infinite`));
    expect(() => call(tensor([[Number.POSITIVE_INFINITY]]))).toThrow(ArgumentError);
    expect(() => call(tensor([[1]], { dtype: 'int32' }))).toThrow(DTypeError);
    expect(() => call(tensor([1, 2]))).toThrow(ShapeError);
    expect(() => call([[1]])).toThrow(new RegExp(`^${name}: argument a must be a Tensor`));
  });

  it.each(square)('%s refuses what is not square', (name) => {
    const call = byName[name] as (a: Tensor) => unknown;
    expect(() => call(zeros([2, 3]))).toThrow(
      `${name}: argument a must be square, [n, n] or [..., n, n], got shape [2, 3]`,
    );
  });

  it('refuses right-hand sides that do not fit', () => {
    const a = eye(3);
    expect(() => linalg.solve(a, zeros([2]))).toThrow(/solve: argument b must be a vector \[3\]/);
    expect(() => linalg.solve(a, zeros([2, 3]))).toThrow(ShapeError);
    expect(() => linalg.solve(zeros([2, 3]), zeros([2]))).toThrow(/must be square/);
    expect(() => linalg.solve(a, tensor([1, Number.NaN, 1]))).toThrow(/argument b has NaN/);
    expect(() => linalg.qr(a, { mode: 'full' as 'r' })).toThrow(/mode must be one of reduced, complete, r/);
  });

  it('meets in float64 where dtypes differ', () => {
    expect(linalg.solve(eye(2), eye(2, 2, { dtype: 'float64' })).dtype).toBe('float64');
  });

  it('takes views of any strides and batches of any shape, empty ones too', () => {
    const a = random.normal([2, 3, 5, 4], { dtype: 'float64' });
    const whole = linalg.svd(a).s;
    const parts = linalg.svd(a.transpose(0, 1)).s;
    expect(parts.transpose(0, 1).toArray()).toEqual(whole.toArray());
    expect(linalg.svd(a.T).s.shape).toEqual([2, 3, 4]);
    expect(linalg.qr(zeros([0, 3, 2])).q.shape).toEqual([0, 3, 2]);
    expect(linalg.eigh(zeros([2, 0, 0])).vectors.shape).toEqual([2, 0, 0]);
    expect(concat([linalg.svdvals(a.select(0, 0)), linalg.svdvals(a.select(0, 1))]).shape).toEqual([6, 4]);
  });
});

describe('asynchronous forms', () => {
  it.each(['native', 'reference'] as const)(
    'give the same bits as synchronous ones on the %s backend',
    async (name) => {
      const before = setDefaultBackend(name);
      try {
        const a = random.normal([12, 12], { dtype: 'float64' });
        const b = random.normal([12, 2], { dtype: 'float64' });
        const spd = a.matmul(a.T) as Tensor<'float64'>;
        const pairs: [unknown, Promise<unknown>][] = [
          [linalg.svd(a, { fullMatrices: true }), linalg.svdAsync(a, { fullMatrices: true })],
          [linalg.svdvals(a), linalg.svdvalsAsync(a)],
          [linalg.eigh(spd), linalg.eighAsync(spd)],
          [linalg.eigvalsh(spd), linalg.eigvalshAsync(spd)],
          [linalg.eig(a), linalg.eigAsync(a)],
          [linalg.eigvals(a), linalg.eigvalsAsync(a)],
          [linalg.qr(a.T, { pivoting: true }), linalg.qrAsync(a.T, { pivoting: true })],
          [linalg.cholesky(spd), linalg.choleskyAsync(spd)],
          [linalg.lu(a), linalg.luAsync(a)],
          [linalg.schur(a), linalg.schurAsync(a)],
          [linalg.solve(a, b), linalg.solveAsync(a, b)],
          [linalg.solveTriangular(a, b), linalg.solveTriangularAsync(a, b)],
          [linalg.inv(a), linalg.invAsync(a)],
        ];
        for (const [sync, pending] of pairs) expect(plain(await pending)).toEqual(plain(sync));
      } finally {
        setDefaultBackend(before);
      }
    },
  );

  it('read their operands at once', async () => {
    const a = eye(3, 3, { dtype: 'float64' });
    const pending = linalg.svdvalsAsync(a);
    a.toTypedArray().fill(9);
    a.dispose();
    expect((await pending).toArray()).toEqual([1, 1, 1]);
  });

  it('reject with errors that say what the synchronous ones throw', async () => {
    const singular = zeros([2, 2]);
    await expect(linalg.solveAsync(singular, zeros([2]))).rejects.toThrow(/^solve: matrix a is singular: pivot 0/);
    await expect(linalg.invAsync(zeros([2, 3]))).rejects.toThrow(ShapeError);
  });

  it('let other programs be started while OpenBLAS computes on its threads', async () => {
    const a = random.normal([200, 200], { dtype: 'float64' });
    let busy = true;
    const starting = (async () => {
      while (busy) await new Promise((resolve) => spawn('true').on('exit', resolve));
    })();
    for (let n = 0; n < 20; n++) expect((await linalg.svdvalsAsync(a)).at(0)).toBeGreaterThan(20);
    busy = false;
    await starting;
  });

  it('let the event loop run, and stop with the reason of their signal', async () => {
    const reason = new Error('no longer needed');
    await expect(linalg.svdAsync(eye(2), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const a = random.normal([600, 600], { dtype: 'float64' });
    let ended = false;
    const running = linalg.svdAsync(a, { signal: controller.signal }).finally(() => {
      ended = true;
    });
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    expect(ended).toBe(false);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});

/** Tensors as nested arrays, wherever they stand in a result. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return { dtype: value.dtype, values: value.toArray() };
  return Object.fromEntries(Object.entries(value as object).map(([name, part]) => [name, plain(part)]));
}
