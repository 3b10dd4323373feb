import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  arange,
  DisposedError,
  type DType,
  dot,
  GemmuleError,
  memory,
  type NestedArray,
  Random,
  svd,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

describe('views', () => {
  it('share storage: what one writes, all see', () => {
    const whole = arange(6).reshape(2, 3);
    for (const view of [whole.T, whole.slice(null, [null, null, -1]), whole.flatten(), whole.expand(4, 2, 3)]) {
      expect(view.data).toBe(whole.data);
    }
    whole.toTypedArray()[5] = 50;
    expect(whole.T.slice(2, 1).item()).toBe(50);
    expect(whole.clone().data).not.toBe(whole.data);
    expect(whole.contiguous().data).toBe(whole.data);
    expect(whole.T.contiguous().data).not.toBe(whole.data);
    expect(whole.to('int32').data).toBe(whole.data);
  });

  it('are reshaped without a copy wherever strides can say so', () => {
    const whole = arange(24).reshape(2, 3, 4);
    expect(whole.slice(null, [0, 2]).reshape(2, 8).data).toBe(whole.data);
    expect(whole.transpose(0, 1).reshape(3, 2, 2, 2).data).toBe(whole.data);
    expect(whole.transpose(0, 1).reshape(6, 4).data).not.toBe(whole.data);
    expect(whole.transpose(0, 1).reshape(6, 4).slice(1).toArray()).toEqual([12, 13, 14, 15]);
  });

  it('give any elements in any order that a chain of views asks for', () => {
    const step = fc.oneof(
      fc.constant((x: Tensor) => x.permute()),
      fc.constant((x: Tensor) => x.flip()),
      fc.constant((x: Tensor) => x.reshape(-1, 2)),
      fc.constant((x: Tensor) => x.unsqueeze(0)),
      fc.constant((x: Tensor) => x.slice('...', [null, null, -1])),
      fc.constant((x: Tensor) => x.slice([-2, null])),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        let view: Tensor = arange(24).reshape(2, 3, 4);
        let copy: Tensor = view;
        for (const next of steps) {
          if (view.size % 2 !== 0 || view.rank > 6) break;
          view = next(view);
          copy = next(copy).clone();
        }
        expect(view.toArray()).toEqual(copy.toArray());
        expect([...view.contiguous().toTypedArray()]).toEqual([...copy.toTypedArray()]);
      }),
    );
  });
});

describe('numbers out', () => {
  it('come nested, flat, one by one, or in parts', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(x.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(x.T.toTypedArray()).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(x.at(-1, 0)).toBe(3);
    expect([...x].map((row) => row.toArray())).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor([[true]]).item()).toBe(true);
    expect(zeros([2, 0, 3]).toArray()).toEqual([[], []]);
    expect(() => x.item()).toThrow(/one element, got shape \[2, 2\]; use at\(\)/);
    expect(() => x.at(1)).toThrow(/expected 2 indices for shape \[2, 2\], got 1/);
    expect(() => x.at(2, 0)).toThrow(/index 2 is out of range for axis 0 of length 2/);
    expect(() => [...tensor(1)]).toThrow(/a scalar has no axis/);
  });

  it('are printed as NumPy lays them out', () => {
    const text = (x: Tensor) => x.toString();
    expect(
      text(
        tensor([
          [1, 2.5],
          [-3, 100],
        ]),
      ),
    ).toBe('Tensor([2, 2], float32) [[  1.0,   2.5],\n [ -3.0, 100.0]]');
    expect(text(tensor([1e-9, 1]))).toBe('Tensor([2], float32) [1.0000e-9, 1.0000e+0]');
    expect(text(tensor([Number.NaN, -Infinity, 0.12345678]))).toBe('Tensor([3], float32) [   nan,   -inf, 0.1235]');
    expect(text(tensor([true, false]))).toBe('Tensor([2], bool) [ true, false]');
    expect(text(arange(2000))).toBe('Tensor([2000], int32) [   0,    1,    2, ..., 1997, 1998, 1999]');
    expect(text(zeros([0, 3]))).toBe('Tensor([0, 3], float32) []');
    expect(text(tensor(1.5, { dtype: 'float16' }))).toBe('Tensor([], float16) 1.5');
    expect(inspect(arange(2))).toBe('Tensor([2], int32) [0, 1]');
    expect(arange(3).toString({ threshold: 2, edgeItems: 1 })).toBe('Tensor([3], int32) [0, ..., 2]');
    expect(tensor([1 / 3]).toString({ precision: 2 })).toBe('Tensor([1], float32) [0.33]');
  });
});

describe('consoles and JSON', () => {
  it('show a hundred numbers, or as many as they are asked for', () => {
    expect(inspect(arange(100))).toBe(arange(100).toString());
    expect(inspect(arange(101))).toBe('Tensor([101], int32) [  0,   1,   2, ...,  98,  99, 100]');
    expect(inspect(arange(101), { maxArrayLength: null })).toBe(arange(101).toString());
    expect(inspect(arange(4), { maxArrayLength: 3 })).toBe(arange(4).toString());
    expect(inspect(arange(9), { maxArrayLength: 3 })).toBe('Tensor([9], int32) [0, 1, 2, ..., 6, 7, 8]');
    expect(inspect({ a: { b: { c: { d: arange(9) } } } }, { depth: 4 })).toContain('d: Tensor([9], int32) [0, 1');
    expect(inspect({ a: { b: { c: { d: arange(9) } } } })).not.toContain('Tensor');
    expect(inspect({ a: { b: { c: arange(9) } } })).toContain('c: Tensor([9], int32)');
    expect(inspect({ a: { b: { c: arange(9) } } })).not.toContain('[0, 1');
  });

  it('are given the numbers, nested as toArray nests them', () => {
    for (const dtype of ['float32', 'float64', 'int32', 'uint8', 'float16', 'bfloat16'] as const) {
      expect(JSON.stringify({ x: arange(6).to(dtype).reshape(2, 3).T })).toBe('{"x":[[0,3],[1,4],[2,5]]}');
    }
    expect(JSON.stringify(tensor([[true], [false]]))).toBe('[[true],[false]]');
    expect(JSON.stringify(tensor(2.5))).toBe('2.5');
    expect(JSON.stringify(tensor(true))).toBe('true');
    expect(JSON.stringify(tensor([Number.NaN, Infinity, -Infinity, 1]))).toBe('[null,null,null,1]');
    expect(JSON.stringify([zeros([0]), zeros([2, 0]), zeros([0, 2])])).toBe('[[],[[],[]],[]]');
    const numbers = new Random(1).normal([3, 4]);
    expect(JSON.parse(JSON.stringify(numbers))).toEqual(numbers.toArray());
    expect(
      tensor(JSON.parse(JSON.stringify(numbers)))
        .equal(numbers)
        .all()
        .item(),
    ).toBe(true);
  });

  it('are refused what is disposed', () => {
    const gone = arange(6);
    gone.dispose();
    expect(() => JSON.stringify({ gone })).toThrow(DisposedError);
  });
});

describe('memory', () => {
  const isNative = process.env.GEMMULE_BACKEND !== 'reference';

  it('comes back with the last tensor that shares it', () => {
    const before = memory().tensors;
    const whole = zeros([512, 512]);
    const view = whole.T;
    const taken = memory().tensors - before;
    if (isNative) expect(taken).toBeGreaterThanOrEqual(4 * 512 * 512);
    whole.dispose();
    expect(memory().tensors - before).toBe(taken);
    expect(view.sum().item()).toBe(0);
    view.dispose();
    view.dispose();
    expect(memory().tensors).toBe(before);
  });

  it('of intermediate results comes back by itself', () => {
    const whole = new Random(1).normal([256, 256]);
    const before = memory().tensors;
    for (const compute of [
      () => whole.var(),
      () => whole.norm(0, { order: 3 }),
      () => whole.add(tensor([1], { dtype: 'float64' })).sum(),
      () => whole.T.clip(-1, 1).mean(),
      () => whole.to('float16').add(whole).softmax(0),
    ]) {
      compute().dispose();
    }
    // What a chain holds in between belongs to nobody and is left to the garbage collector: at most two such results here.
    expect(memory().tensors - before).toBeLessThanOrEqual(6 * 8 * 256 * 256);
    whole.dispose();
  });

  it('is refused after dispose, with the shape of what is gone', () => {
    const gone = arange(6).reshape(2, 3);
    gone.dispose();
    expect(gone.isDisposed).toBe(true);
    for (const use of [() => gone.toArray(), () => gone.add(1), () => gone.T, () => gone.matmul(arange(3))]) {
      expect(use).toThrow(DisposedError);
      expect(use).toThrow(/tensor of shape \[2, 3\] was disposed/);
    }
    expect(inspect(gone)).toBe('Tensor([2, 3], int32, disposed)');
  });

  it('is given back by using', () => {
    let kept: Tensor;
    {
      using scoped = arange(3);
      kept = scoped;
      expect(kept.isDisposed).toBe(false);
    }
    expect(kept.isDisposed).toBe(true);
  });
});

describe('errors', () => {
  const x = zeros([2, 3]);
  it.each<[string, () => unknown, string, RegExp]>([
    [
      'shapes that do not broadcast',
      () => x.add(zeros([2])),
      'ERR_SHAPE',
      /add: shapes \[2, 3\] and \[2\] do not broadcast/,
    ],
    ['matrices that do not fit', () => x.matmul(x), 'ERR_SHAPE', /matmul: shapes \[2, 3\] and \[2, 3\] do not fit: 3/],
    ['a scalar in a matrix product', () => x.matmul(tensor(1)), 'ERR_SHAPE', /got a scalar; use multiply\(\)/],
    ['a wrong axis', () => x.sum(2), 'ERR_INDEX', /sum: axis 2 is out of range for 2 axes; expected -2 to 1/],
    ['an axis twice', () => x.sum([0, -2]), 'ERR_ARGUMENT', /name the same axis twice/],
    ['a fractional axis', () => x.sum(0.5), 'ERR_ARGUMENT', /must be an integer/],
    ['a wrong size', () => x.reshape(4), 'ERR_SHAPE', /6 elements, which do not fit \[4\]/],
    ['two unknown lengths', () => x.reshape(-1, -1), 'ERR_SHAPE', /only one length/],
    ['NaN for a length', () => x.reshape(Number.NaN), 'ERR_SHAPE', /must be a non-negative integer/],
    ['a step of zero', () => x.slice([0, 1, 0]), 'ERR_ARGUMENT', /step for axis 0 must not be 0/],
    ['too many indices', () => x.slice(0, 0, 0), 'ERR_INDEX', /3 indices given for shape \[2, 3\]/],
    ['an index outside', () => x.take([2]), 'ERR_INDEX', /2/],
    ['a negative index outside', () => x.take([-3]), 'ERR_INDEX', /-3/],
    ['k beyond the axis', () => x.topk(4), 'ERR_SHAPE', /k must be an integer from 0 to 3, got 4/],
    ['unequal parts', () => x.split(2, 1), 'ERR_SHAPE', /does not divide into 2 equal parts/],
    ['the largest of nothing', () => zeros([0]).max(), 'ERR_SHAPE', /max/],
    [
      'something that is no tensor',
      () => x.add('1' as unknown as number),
      'ERR_ARGUMENT',
      /must be a Tensor, got string/,
    ],
    ['an array for a tensor', () => x.add([1] as unknown as number), 'ERR_ARGUMENT', /make one with tensor\(values\)/],
    ['an unknown dtype', () => x.to('int7' as DType), 'ERR_DTYPE', /dtype must be one of/],
    ['a number beyond the dtype', () => arange(2).add(2 ** 40), 'ERR_ARGUMENT', /does not fit int32/],
    [
      'an axis that is a text',
      () => x.sum('0' as never),
      'ERR_ARGUMENT',
      /sum: axes must be an axis or an array of axes/,
    ],
    ['integers to negative powers', () => arange(2).power(-1), 'ERR_ARGUMENT', /negative integer powers/],
    ['differences of truth values', () => tensor([true]).subtract(tensor([true])), 'ERR_DTYPE', /use logicalXor/],
    ['a decomposition of NaN', () => svd(tensor([[Number.NaN]])), 'ERR_ARGUMENT', /NaN or infinite/],
    ['products of matrices by dot', () => dot(x, x), 'ERR_SHAPE', /use matmul\(\) for matrices/],
  ])('name what is wrong: %s', (_, use, code, message) => {
    expect(use).toThrow(GemmuleError);
    expect(use).toThrow(message);
    expect(use).toThrow(expect.objectContaining({ code }));
  });

  it('are not for numbers that a quotient or an angle holds, whatever the dtype', () => {
    const bytes = tensor([1, 3], { dtype: 'uint8' });
    expect(bytes.divide(-2).toArray()).toEqual([-0.5, -1.5]);
    expect(bytes.divide(-2).dtype).toBe('float64');
    expect(bytes.arctan2(-1).at(0)).toBeCloseTo(Math.atan2(1, -1), 6);
    expect(
      arange(2)
        .divide(2 ** 40)
        .at(1),
    ).toBe(2 ** -40);
  });
});

describe('Random', () => {
  it('gives the same numbers for a seed, others for another, and others with each call', () => {
    const [a, b] = [new Random(7), new Random(7)];
    expect(a.normal([3]).toArray()).toEqual(b.normal([3]).toArray());
    expect(a.normal([3]).toArray()).not.toEqual(new Random(7).normal([3]).toArray());
    expect(new Random(8).normal([3]).toArray()).not.toEqual(new Random(7).normal([3]).toArray());
  });

  it('gives the distributions that it names', () => {
    const random = new Random(2026);
    const count = 200_000;
    const normal = random.normal([count], { mean: 3, deviation: 2, dtype: 'float64' });
    // Five standard errors of each estimate.
    expect(Math.abs(normal.mean().item() - 3)).toBeLessThan((5 * 2) / Math.sqrt(count));
    expect(Math.abs(normal.std().item() - 2)).toBeLessThan((5 * 2) / Math.sqrt(2 * count));
    const uniform = random.uniform([count], { low: -1, high: 3 });
    expect(uniform.min().item()).toBeGreaterThanOrEqual(-1);
    expect(uniform.max().item()).toBeLessThan(3);
    expect(Math.abs(uniform.mean().item() - 1)).toBeLessThan((5 * 4) / Math.sqrt(12 * count));
    const dice = random.integers(1, 7, [60_000]);
    for (let face = 1; face <= 6; face++) {
      const thrown = dice.equal(face).sum().item();
      expect(Math.abs(thrown - 10_000)).toBeLessThan(5 * Math.sqrt((60_000 * 5) / 36));
    }
    expect(dice.min().item()).toBe(1);
    expect(dice.max().item()).toBe(6);
    expect(random.integers(-(2 ** 31), 2 ** 31, 4).dtype).toBe('int32');
    expect(random.permutation(100).sort().toArray()).toEqual(arange(100).toArray());
  });

  it('refuses seeds and bounds that are none', () => {
    for (const seed of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => new Random(seed)).toThrow(/seed must be a whole/);
    for (const [low, high] of [
      [1, 1],
      [0, 2 ** 31 + 1],
      [0.5, 2],
    ] as const) {
      expect(() => new Random(1).integers(low, high, 2)).toThrow(/low and high must be whole numbers/);
    }
  });
});

describe('types', () => {
  it('know the dtype of a result', () => {
    const single = zeros([1]);
    const whole = zeros([1], { dtype: 'int32' });
    const half = zeros([1], { dtype: 'float16' });
    const truth = zeros([1], { dtype: 'bool' });
    const typed = [
      [single.add(whole), 'float64'],
      [single.add(2), 'float32'],
      [whole.multiply(0.5), 'float64'],
      [whole.add(2), 'int32'],
      [half.add(half), 'float32'],
      [truth.add(truth), 'bool'],
      [truth.matmul(truth), 'int32'],
      [single.greater(1), 'bool'],
      [whole.sqrt(), 'float64'],
      [truth.sum(), 'int32'],
      [half.mean(), 'float32'],
      [whole.argmax(), 'int32'],
    ] as const;
    for (const [result, dtype] of typed) expect(result.dtype).toBe(dtype);
    expectTypeOf(typed[0][0]).toEqualTypeOf<Tensor<'float64'>>();
    expectTypeOf(typed[1][0]).toEqualTypeOf<Tensor<'float32'>>();
    expectTypeOf(typed[2][0]).toEqualTypeOf<Tensor<'float64'>>();
    expectTypeOf(typed[3][0]).toEqualTypeOf<Tensor<'int32'>>();
    expectTypeOf(typed[4][0]).toEqualTypeOf<Tensor<'float32'>>();
    expectTypeOf(typed[5][0]).toEqualTypeOf<Tensor<'bool'>>();
    expectTypeOf(typed[6][0]).toEqualTypeOf<Tensor<'int32'>>();
    expectTypeOf(typed[7][0]).toEqualTypeOf<Tensor<'bool'>>();
    expectTypeOf(typed[8][0]).toEqualTypeOf<Tensor<'float64'>>();
    expectTypeOf(typed[9][0]).toEqualTypeOf<Tensor<'int32'>>();
    expectTypeOf(typed[10][0]).toEqualTypeOf<Tensor<'float32'>>();
    expectTypeOf(typed[11][0]).toEqualTypeOf<Tensor<'int32'>>();
    expectTypeOf(truth.item()).toEqualTypeOf<boolean>();
    expectTypeOf(single.item()).toEqualTypeOf<number>();
    expectTypeOf(single.toArray()).toEqualTypeOf<NestedArray<number>>();
    expectTypeOf(whole.toTypedArray()).toEqualTypeOf<Int32Array>();
    expectTypeOf(half.toTypedArray()).toEqualTypeOf<Uint16Array>();
    expect(typed[0][0]).toBeInstanceOf(Tensor);
  });
});
