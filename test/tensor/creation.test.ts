import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  arange,
  concat,
  DTypeError,
  eye,
  fromTypedArray,
  full,
  linspace,
  ones,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const described = ({ dtype, shape }: Tensor) => `${dtype}[${shape.join(',')}]`;

describe('tensor', () => {
  it('takes nested arrays of any depth', () => {
    expect(described(tensor(3))).toBe('float32[]');
    expect(described(tensor([1, 2]))).toBe('float32[2]');
    expect(described(tensor([[[1], [2]]]))).toBe('float32[1,2,1]');
    expect(described(tensor([]))).toBe('float32[0]');
    expect(described(tensor([[], []]))).toBe('float32[2,0]');
    expect(described(tensor([true, false]))).toBe('bool[2]');
    expect(tensor([true, 2]).toArray()).toEqual([1, 2]);
  });

  it.each<[unknown[], object, typeof DTypeError | typeof ShapeError | typeof ArgumentError, RegExp]>([
    [[[1, 2], [3]], {}, ShapeError, /values\[1\] must be an array of 2 like its neighbours, got one of 1/],
    [[[1], 2], {}, ShapeError, /values\[1\] must be an array of 1/],
    [[1, [2]], {}, ArgumentError, /values\[1\] must be a number or a boolean, got an array/],
    [['1'], {}, ArgumentError, /values\[0\] must be a number or a boolean, got string/],
    [[null], {}, ArgumentError, /got null/],
    [[new Float32Array(2)], {}, ArgumentError, /got a Float32Array; use fromTypedArray\(\), and stack\(\)/],
    [[1.5], { dtype: 'int32' }, DTypeError, /1.5 does not fit int32/],
    [[256], { dtype: 'uint8' }, DTypeError, /256 does not fit uint8/],
    [[Number.NaN], { dtype: 'int32' }, DTypeError, /NaN does not fit int32/],
    [[2], { dtype: 'bool' }, DTypeError, /2 does not fit bool/],
    [[1], { dtype: 'float8' }, DTypeError, /dtype must be one of float32, .*, got float8/],
  ])('refuses %j with %j', (values, options, kind, message) => {
    expect(() => tensor(values as number[], options)).toThrow(kind);
    expect(() => tensor(values as number[], options)).toThrow(message);
  });

  it('refuses an array that holds itself', () => {
    const endless: unknown[] = [];
    endless.push(endless);
    expect(() => tensor(endless as number[])).toThrow(/tensor: values must be nested at most 64 deep/);
  });

  it('rounds to storage types, to nearest even', () => {
    const values = [1, 1 / 3, 65504, 65520, 1e-8, -0, Number.NaN];
    expect(tensor(values, { dtype: 'float16' }).toArray()).toEqual([
      1,
      0.333251953125,
      65504,
      Number.POSITIVE_INFINITY,
      0,
      -0,
      Number.NaN,
    ]);
    expect(tensor([1, 1 / 3, 3.39e38], { dtype: 'bfloat16' }).toArray()).toEqual([
      1, 0.333984375, 3.3895313892515355e38,
    ]);
  });
});

describe('fromTypedArray', () => {
  it('looks into the array without a copy', () => {
    const array = Float32Array.of(1, 2, 3, 4);
    const whole = fromTypedArray(array, [2, 2]);
    array[3] = 7;
    expect(whole.toArray()).toEqual([
      [1, 2],
      [3, 7],
    ]);
    expect(whole.toTypedArray().buffer).toBe(array.buffer);
  });

  it('takes the dtype of the array, or one with the same elements', () => {
    expect(fromTypedArray(new Float64Array(1)).dtype).toBe('float64');
    expect(fromTypedArray(new Int32Array(1)).dtype).toBe('int32');
    expect(fromTypedArray(new Uint8Array(1)).dtype).toBe('uint8');
    expect(fromTypedArray(Uint8Array.of(0, 1), [2], { dtype: 'bool' }).toArray()).toEqual([false, true]);
    expect(fromTypedArray(Uint16Array.of(0x3c00), [1], { dtype: 'float16' }).toArray()).toEqual([1]);
    expect(fromTypedArray(Uint16Array.of(0x3f80), [1], { dtype: 'bfloat16' }).toArray()).toEqual([1]);
  });

  it('refuses what it cannot look into', () => {
    expect(() => fromTypedArray(new Uint16Array(1))).toThrow(DTypeError);
    expect(() => fromTypedArray(new Float32Array(1), [1], { dtype: 'float64' })).toThrow(/lies in a Float64Array/);
    expect(() => fromTypedArray(new Float32Array(3), [2, 2])).toThrow(/shape \[2, 2\] has 4 elements, the array 3/);
    expect(() => fromTypedArray(Uint8Array.of(2), [1], { dtype: 'bool' })).toThrow(/must be 0 or 1/);
    expect(() => fromTypedArray(new Uint16Array(1))).toThrow(/give dtype: 'float16' or 'bfloat16'/);
    expect(() => fromTypedArray([1, 2] as unknown as Float32Array)).toThrow(DTypeError);
    expect(() => fromTypedArray(new BigInt64Array(1) as never)).toThrow(/array must be a .*, got a BigInt64Array/);
    expect(() => fromTypedArray(new Float32Array(1), [Number.NaN])).toThrow(ShapeError);
  });
});

describe('ranges and constants', () => {
  it('count like NumPy', () => {
    expect(arange(3).toArray()).toEqual([0, 1, 2]);
    expect(arange(3).dtype).toBe('int32');
    expect(arange(2, -3, -2).toArray()).toEqual([2, 0, -2]);
    expect(arange(0, 1, 0.25).dtype).toBe('float32');
    expect(arange(0, 1, 0.25).toArray()).toEqual([0, 0.25, 0.5, 0.75]);
    expect(arange(5, 5).shape).toEqual([0]);
    expect(linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(linspace(3, 4, 1).toArray()).toEqual([3]);
    expect(eye(2, 3, { k: 1 }).toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(full([2], 7, { dtype: 'int32' }).toArray()).toEqual([7, 7]);
    expect(full(2, true).dtype).toBe('bool');
    expect(ones([2, 0]).shape).toEqual([2, 0]);
    expect(zeros([2], { dtype: 'bfloat16' }).toArray()).toEqual([0, 0]);
  });

  it('refuse what makes no tensor', () => {
    expect(() => arange(0, 1, 0)).toThrow(ArgumentError);
    expect(() => arange(Number.POSITIVE_INFINITY)).toThrow(ArgumentError);
    for (const shape of [[-1], [1.5], [Number.NaN], ['2'], [2 ** 30, 2 ** 30]] as number[][]) {
      expect(() => zeros(shape), String(shape)).toThrow(ShapeError);
    }
    for (const value of ['a', null, undefined, 1n]) expect(() => full([2], value as never)).toThrow(ArgumentError);
    expect(() => zeros([-1])).toThrow(/^zeros: /);
    expect(() => zeros({} as number[])).toThrow(/shape must be an array of lengths/);
    expect(() => zeros([2 ** 40])).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
  });
});

describe('many tensors', () => {
  it('are more than a call has arguments', () => {
    const ones = new Array<Tensor>(130_000).fill(tensor([1]));
    expect(concat(ones).shape).toEqual([130_000]);
    expect(stack(ones).shape).toEqual([130_000, 1]);
    expect(full([130_000], 0.25).toString({ threshold: 1e6 })).toHaveLength(
      'Tensor([130000], float32) '.length + 6 * 130_000,
    );
  });

  it('are tensors, and of one shape', () => {
    expect(() => concat([null] as never)).toThrow(/concat: argument tensors\[0\] must be a Tensor, got null/);
    expect(() => stack([zeros([2]), zeros([3])])).toThrow(/^stack: .* tensors\[1\] has \[3\] and tensors\[0\] \[2\]/);
    expect(() => stack([zeros([2]), zeros([2, 1])])).toThrow(ShapeError);
  });
});
