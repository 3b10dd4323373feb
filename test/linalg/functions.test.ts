import { describe, expect, it } from 'vitest';
import { defaultBackend, setDefaultBackend } from '../../src/backend/index.js';
import { ArgumentError, NumericalError, ShapeError } from '../../src/errors.js';
import * as linalg from '../../src/linalg/index.js';
import { eye, full, stack, tensor, zeros } from '../../src/tensor/creation.js';
import { Random } from '../../src/tensor/random.js';
import { Tensor } from '../../src/tensor/tensor.js';

const random = new Random(5);
const float64 = { dtype: 'float64' } as const;
const worst = (a: Tensor, b: Tensor): number => a.subtract(b).absolute().max().item() as number;

describe('batches', () => {
  const a = random.normal([2, 3, 4, 4], float64);
  const one = a.select(0, 1).select(0, 2);

  it.each([
    ['det', linalg.det],
    ['matrixRank', linalg.matrixRank],
    ['pinv', linalg.pinv],
    ['cond', linalg.cond],
    ['cond 1', (x: Tensor<'float64'>) => linalg.cond(x, { order: 1 })],
    ['expm', linalg.expm],
    ['sqrtm', (x: Tensor<'float64'>) => linalg.sqrtm(x.matmul(x.T).add(eye(4)) as Tensor<'float64'>)],
    ['matrixPower', (x: Tensor<'float64'>) => linalg.matrixPower(x, 3)],
    ['matrixPower 0', (x: Tensor<'float64'>) => linalg.matrixPower(x, 0)],
    ['norm', (x: Tensor<'float64'>) => linalg.norm(x, { order: 'nuc', axes: [-2, -1] })],
    ['triu', linalg.triu],
    ['trace', linalg.trace],
    ['lstsq', (x: Tensor<'float64'>) => linalg.lstsq(x, eye(4, 4, float64)).x],
  ] as const)('%s works on each matrix', (_name, call) => {
    const whole = (call as (x: Tensor<'float64'>) => Tensor)(a);
    const part = (call as (x: Tensor<'float64'>) => Tensor)(one as Tensor<'float64'>);
    expect(whole.shape).toEqual([2, 3, ...part.shape]);
    expect(worst(whole.select(0, 1).select(0, 2), part)).toBeLessThan(1e-12);
  });

  it('may be empty, of no matrices or of none with elements', () => {
    expect(linalg.det(zeros([2, 0, 0])).toArray()).toEqual([1, 1]);
    expect(linalg.slogdet(zeros([0, 3, 3])).sign.shape).toEqual([0]);
    expect(linalg.expm(zeros([0, 3, 3])).shape).toEqual([0, 3, 3]);
    expect(linalg.expm(zeros([0, 0])).shape).toEqual([0, 0]);
    expect(linalg.sqrtm(zeros([0, 0])).shape).toEqual([0, 0]);
    expect(linalg.matrixRank(zeros([0, 3])).item()).toBe(0);
    expect(linalg.pinv(zeros([0, 3])).shape).toEqual([3, 0]);
    expect(linalg.lstsq(zeros([0, 3]), zeros([0])).x.toArray()).toEqual([0, 0, 0]);
    expect(linalg.norm(zeros([0])).item()).toBe(0);
    expect(() => linalg.cond(zeros([0, 0]))).toThrow(ShapeError);
    expect(() => linalg.norm(zeros([0, 3]), { order: 2 })).toThrow(/empty matrix has no norm of order 2/);
  });
});

describe('special cases', () => {
  it('singular matrices have a determinant of zero and an infinite condition', () => {
    const a = tensor(
      [
        [1, 2],
        [2, 4],
      ],
      float64,
    );
    expect(linalg.det(a).absolute().item()).toBe(0);
    expect(linalg.slogdet(a).sign.absolute().item()).toBe(0);
    expect(linalg.slogdet(a).logAbsDet.item()).toBe(-Infinity);
    expect(linalg.cond(a, { order: Infinity }).item()).toBe(Infinity);
    expect(linalg.cond(zeros([2, 2])).item()).toBe(Infinity);
    expect(() => linalg.matrixPower(a, -2)).toThrow(/^inv: matrix a is singular/);
  });

  it('determinants beyond the range of float64 have a logarithm', () => {
    const a = eye(200, 200, float64).multiply(-1e3) as Tensor<'float64'>;
    expect(linalg.det(a).item()).toBe(Infinity);
    const { sign, logAbsDet } = linalg.slogdet(a.slice([0, 199], [0, 199]) as Tensor<'float64'>);
    expect(sign.item()).toBe(-1);
    expect(logAbsDet.item()).toBeCloseTo(199 * Math.log(1e3), 9);
  });

  it('tolerances decide what counts', () => {
    const a = tensor(
      [
        [1, 0],
        [0, 1e-4],
      ],
      float64,
    );
    expect(linalg.matrixRank(a).item()).toBe(2);
    expect(linalg.matrixRank(a, { relativeTolerance: 1e-3 }).item()).toBe(1);
    expect(linalg.pinv(a, { relativeTolerance: 1e-3 }).toArray()).toEqual([
      [1, 0],
      [0, 0],
    ]);
    expect(linalg.lstsq(a, tensor([1, 1], float64), { relativeTolerance: 1e-3 }).residuals.item()).toBe(1);
    expect(() => linalg.pinv(a, { relativeTolerance: -1 })).toThrow(ArgumentError);
  });

  it('exponentials are right however large the elements are, infinite where they overflow, or refused', () => {
    const { E: e, cos, sin, sinh } = Math;
    const matrix = (numbers: readonly number[]): Tensor<'float64'> =>
      tensor(numbers, float64).reshape(numbers.length ** 0.5, -1);
    // By hand, with what a matrix's size times rounding may cost; SciPy 1.17 gives the same.
    for (const [a, expected, tolerance] of [
      [[1000], [Infinity], 0],
      [[-1e300], [0], 0],
      [[1e300, 0, 0, 1], [Infinity, 0, 0, e], 1e-15],
      [[0, 1e15, 0, 0], [1, 1e15, 0, 1], 1e-15],
      [[1000, 1, 1, 1], [Infinity, Infinity, Infinity, Infinity], 0],
      [[-800, 1, 1, -800], [0, 0, 0, 0], 1e-300],
      [[1, 2e8, 0, -1], [e, 2e8 * sinh(1), 0, 1 / e], 1e-14],
      [[-1, 1e16, 0, -2], [1 / e, 1e16 * (1 / e - 1 / e ** 2), 0, 1 / e ** 2], 1e-13],
      [[-1e4, 1e4, 1e4, -1e4], [0.5, 0.5, 0.5, 0.5], 1e-11],
      [[0, 100, -100, 0], [cos(100), sin(100), -sin(100), cos(100)], 1e-13],
    ] as [number[], number[], number][]) {
      const result = linalg.expm(matrix(a)).flatten().toArray() as number[];
      for (const [place, value] of expected.entries()) {
        const got = result[place] as number;
        const isNear = got === value || Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value));
        expect(isNear, `element ${place} of the exponential of [${a}]: ${got}, not ${value}`).toBe(true);
      }
    }
    for (const [a, message] of [
      [[1e300, 1e300, 1e300, 1e300], /matrix a are too large, of a norm of about 2\^998: .* no digit .* float64/],
      [[1.7e308, 1.7e308, 1.7e308, 1.7e308], /no digit/],
      [[0, 1e300, -1e300, 0], /no digit/],
      [[-1e300, 1e300, 1e300, -1e300], /no digit/],
      [[-1, 1e300, 0, -2], /no digit/],
      [[800, 1e3, -1e3, 800], /the exponential of matrix a overflows float64/],
    ] as [number[], RegExp][]) {
      expect(() => linalg.expm(matrix(a))).toThrow(NumericalError);
      expect(() => linalg.expm(matrix(a))).toThrow(message);
    }
    const single = tensor([-1e5, 1e5, 1e5, -1e5, 3e38, 3e38, 3e38, 3e38]).reshape(2, 2, 2);
    expect(linalg.expm(single.select(0, 0)).subtract(0.5).absolute().max().item()).toBeLessThan(1e-2);
    expect(() => linalg.expm(single)).toThrow(/matrix a\[1\] .* float32/);
  });

  it('square roots are real or refused', () => {
    expect(() => linalg.sqrtm(tensor([[-1]], float64))).toThrow(
      'sqrtm: matrix a has no real square root: eigenvalue 0 of its Schur form is negative',
    );
    const nilpotent = tensor(
      [
        [0, 1],
        [0, 0],
      ],
      float64,
    );
    expect(() => linalg.sqrtm(stack([eye(2, 2, float64), nilpotent]) as Tensor<'float64'>)).toThrow(NumericalError);
    for (const [matrix, code] of [
      [tensor([[-1]], float64), 'ERR_NO_REAL_ROOT'],
      [tensor([[-1]]), 'ERR_NO_REAL_ROOT'],
      [nilpotent, 'ERR_NUMERICAL'],
      [tensor([[Number.NaN]]), 'ERR_ARGUMENT'],
    ] as const) {
      expect(() => linalg.sqrtm(matrix)).toThrow(expect.objectContaining({ code }));
    }
    const thin = random.normal([5, 2], float64);
    const singular = thin.matmul(thin.T) as Tensor<'float64'>;
    const root = linalg.sqrtm(singular);
    // A root of zero carries the root of the rounding error.
    expect(worst(root.matmul(root), singular)).toBeLessThan(1e-7);
  });

  it('matrix powers are new tensors', () => {
    const a = random.normal([3, 3], float64);
    expect(linalg.matrixPower(a, 0).toArray()).toEqual(eye(3).toArray());
    const first = linalg.matrixPower(a, 1);
    expect(first.toArray()).toEqual(a.toArray());
    expect(first.data).not.toBe(a.data);
    expect(worst(linalg.matrixPower(a, 7), a.matmul(a).matmul(a).matmul(a).matmul(a).matmul(a).matmul(a))).toBeLessThan(
      1e-10,
    );
    expect(() => linalg.matrixPower(a, 0.5)).toThrow(ArgumentError);
  });

  it('norms take axes, and keep them on request', () => {
    const x = random.normal([2, 3, 4], float64);
    expect(linalg.norm(x).item()).toBeCloseTo(linalg.norm(x.flatten()).item() as number, 12);
    expect(linalg.norm(x, { axes: 1, order: 1 }).toArray()).toEqual(x.absolute().sum(1).toArray());
    expect(linalg.norm(x, { axes: [0, 2], order: Infinity }).shape).toEqual([3]);
    expect(linalg.norm(x, { axes: [0, 2], order: 2, keepdims: true }).shape).toEqual([1, 3, 1]);
    const swapped = linalg.norm(x, { axes: [2, 0], order: 1 });
    expect(swapped.toArray()).toEqual(linalg.norm(x, { axes: [0, 2], order: Infinity }).toArray());
    expect(() => linalg.norm(x, { order: 2 })).toThrow(ShapeError);
    expect(() => linalg.norm(x, { axes: [0, 1], order: 3 })).toThrow(/order of a matrix norm/);
    expect(() => linalg.norm(x, { axes: 0, order: 'nuc' })).toThrow(ArgumentError);
    expect(linalg.norm(tensor([Number.NaN])).item()).toBeNaN();
  });

  it('products and triangles take any dtype', () => {
    const counts = full([2, 2], 3, { dtype: 'int32' });
    expect(linalg.kron(counts, counts).dtype).toBe('int32');
    expect(linalg.triu(counts).toArray()).toEqual([
      [3, 3],
      [0, 3],
    ]);
    expect(linalg.trace(counts).item()).toBe(6);
    expect(linalg.trace(counts, 5).item()).toBe(0);
    expect(linalg.outer(tensor([1, 2]), tensor([1, 10, 100])).toArray()).toEqual([
      [1, 10, 100],
      [2, 20, 200],
    ]);
    expect(() => linalg.triu(tensor([1]))).toThrow(ShapeError);
    expect(() => linalg.tril(counts, 0.5)).toThrow(ArgumentError);
    expect(() => linalg.kron(zeros([1, 1, 1, 1, 1]), counts)).toThrow(/at most 4 axes/);
  });
});

describe('asynchronous forms', () => {
  it('give what synchronous ones give', async () => {
    const a = random.normal([2, 5, 5], float64);
    const spd = a.matmul(a.T).add(eye(5)) as Tensor<'float64'>;
    const b = random.normal([5, 2], float64);
    const pairs: [unknown, Promise<unknown>][] = [
      [linalg.det(a), linalg.detAsync(a)],
      [linalg.slogdet(a), linalg.slogdetAsync(a)],
      [linalg.matrixRank(a), linalg.matrixRankAsync(a)],
      [linalg.norm(a, { order: 2, axes: [1, 2] }), linalg.normAsync(a, { order: 2, axes: [1, 2] })],
      [linalg.cond(a, { order: 1 }), linalg.condAsync(a, { order: 1 })],
      [linalg.pinv(a), linalg.pinvAsync(a)],
      [linalg.lstsq(a, b), linalg.lstsqAsync(a, b)],
      [linalg.matrixPower(a, -3), linalg.matrixPowerAsync(a, -3)],
      [linalg.expm(a), linalg.expmAsync(a)],
      [linalg.sqrtm(spd), linalg.sqrtmAsync(spd)],
    ];
    for (const [sync, pending] of pairs) expect(plain(await pending)).toEqual(plain(sync));
  });

  it('let the event loop go on between steps with the reference backend, too', async () => {
    const backend = defaultBackend();
    setDefaultBackend('reference');
    try {
      const reason = new Error('enough');
      const controller = new AbortController();
      const a = random.normal([400, 400], float64);
      const running = linalg.matrixPowerAsync(a, 2 ** 40, { signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      await expect(running).rejects.toBe(reason);
    } finally {
      setDefaultBackend(backend);
    }
  });

  it('stop between steps, and pass errors on', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const running = linalg.matrixPowerAsync(random.normal([300, 300], float64), 2 ** 40, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(running).rejects.toBe(reason);
    expect((await linalg.condAsync(zeros([2, 2]), { order: 1 })).item()).toBe(Infinity);
    await expect(linalg.sqrtmAsync(tensor([[-1]]))).rejects.toThrow(/^sqrtm: matrix a has no real square root/);
    await expect(linalg.sqrtmAsync(tensor([[-1]]))).rejects.toMatchObject({ code: 'ERR_NO_REAL_ROOT' });
  });
});

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return value.toArray();
  return Object.fromEntries(Object.entries(value as object).map(([name, part]) => [name, plain(part)]));
}
