import { describe, expect, it } from 'vitest';
import { getBackend } from '../../src/backend/index.js';
import { binaryPrimitives, unaryPrimitives } from '../../src/backend/primitives/elementwise.js';
import type { AttributesOf, PrimitiveName } from '../../src/backend/primitives/index.js';
import { reductionPrimitives, scanPrimitives } from '../../src/backend/primitives/reduction.js';
import type { HostView } from '../../src/backend/view.js';
import { DTypeError, IndexOutOfRangeError, ShapeError } from '../../src/errors.js';
import { arrayConstructor, DTYPES, type DType } from '../../src/tensor/dtype.js';
import { GELU_ABSOLUTE } from '../parity/cases.js';

/*
 * Every primitive that is not a matrix product or a part of a transformer: the native engine against the reference, over all
 * dtypes that the primitive takes and over views of several strides.
 */

const native = getBackend('native');
const reference = getBackend('reference');

/** A small generator of its own, so that the numbers under test do not make the test. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const SPECIAL = [0, -0, 1, -1, 0.5, 2, -2, 1e-40, 3e38, -3e38, Infinity, -Infinity, Number.NaN, 2.5, -2.5, 1000];
const COUNT = 4096;

function storage(dtype: DType, seed: number): HostView['data'] {
  const random = generator(seed);
  const data = new (arrayConstructor(dtype))(COUNT);
  for (let n = 0; n < COUNT; n++) {
    if (dtype === 'bool') data[n] = random() < 0.5 ? 0 : 1;
    else if (dtype === 'uint8') data[n] = Math.floor(random() * 256);
    else if (dtype === 'int32') data[n] = random() < 0.5 ? (random() - 0.5) * 2 ** 32 : (random() - 0.5) * 20;
    else if (dtype === 'float16' || dtype === 'bfloat16') data[n] = Math.floor(random() * 65536);
    else data[n] = random() < 0.1 ? SPECIAL[Math.floor(random() * SPECIAL.length)] : (random() - 0.5) * 20;
  }
  return data;
}

/** Views of shape [6, 35, 11] on one storage: contiguous, transposed, reversed, with a broadcast axis, one element. */
const STRIDES: readonly { readonly strides: readonly number[]; readonly offset: number }[] = [
  { strides: [385, 11, 1], offset: 3 },
  { strides: [1, 66, 6], offset: 0 },
  { strides: [-385, 11, -1], offset: 385 * 5 + 10 },
  { strides: [0, 0, 1], offset: 7 },
  { strides: [385, 11, 0], offset: 0 },
  { strides: [0, 0, 0], offset: 100 },
];
const DIMS = [6, 35, 11];

function view(dtype: DType, seed: number, layout: number): HostView {
  return { dtype, dims: DIMS, ...STRIDES[layout], data: storage(dtype, seed) };
}

function run<P extends PrimitiveName>(
  backend: typeof native,
  name: P,
  operands: readonly HostView[],
  attributes: AttributesOf<P> & object,
): HostView[] {
  return backend.run(name, operands, attributes) as HostView[];
}

/** One unit in the last place of a float32 or float64 around `x`. */
function unit(x: number, dtype: DType): number {
  const [fraction, least] = dtype === 'float32' ? [23, -149] : [52, -1074];
  const exponent = Math.floor(Math.log2(Math.abs(x) || Number.MIN_VALUE));
  return 2 ** Math.max(exponent - fraction, least);
}

/** Equal dims and dtype, and elements that differ by at most `tolerance(expected)`. */
function expectClose(actual: HostView, expected: HostView, tolerance: (x: number) => number, label: string): void {
  expect(actual.dims, label).toEqual(expected.dims);
  expect(actual.dtype, label).toBe(expected.dtype);
  for (let n = 0; n < expected.data.length; n++) {
    const [a, e] = [actual.data[n], expected.data[n]];
    if (Object.is(a, e) || a === e || Math.abs(a - e) <= tolerance(e)) continue;
    // The largest float32 and infinity are neighbours.
    if (
      expected.dtype === 'float32' &&
      Math.abs(a - e) === Infinity &&
      Math.max(Math.abs(a), Math.abs(e)) > 3.4028e38
    ) {
      if (Math.min(Math.abs(a), Math.abs(e)) > 3.4028e38 && Math.sign(a) === Math.sign(e)) continue;
    }
    expect.fail(`${label}: element ${n} is ${a}, expected ${e}`);
  }
}

/** The dtypes that `infer` of a primitive lets through. */
function dtypesOf(accepts: (dtype: DType) => void): DType[] {
  return DTYPES.filter((dtype) => {
    try {
      accepts(dtype);
      return true;
    } catch (error) {
      if (error instanceof DTypeError) return false;
      throw error;
    }
  });
}

/**
 * Units in the last place: of float32 what vector_math.inl promises and half a unit of the reference; of float64 the
 * reference's series of up to 50 rounded terms.
 */
const UNITS = { float32: 6, float64: 50 };
const EXACT = new Set([
  'negative',
  'absolute',
  'sign',
  'square',
  'reciprocal',
  'sqrt',
  'floor',
  'ceil',
  'round',
  'trunc',
  'relu',
  'add',
  'subtract',
  'multiply',
  'divide',
  'floorDivide',
  'remainder',
  'maximum',
  'minimum',
]);

function unitsOf(name: string): (dtype: DType) => (x: number) => number {
  return (dtype) => (x) => {
    if ((dtype !== 'float32' && dtype !== 'float64') || EXACT.has(name)) return 0;
    return Math.max(UNITS[dtype] * unit(x, dtype), name === 'gelu' && dtype === 'float32' ? GELU_ABSOLUTE : 0);
  };
}

describe('elementwise', () => {
  it.each(Object.keys(unaryPrimitives) as (keyof typeof unaryPrimitives)[])('%s', (name) => {
    for (const dtype of dtypesOf((dtype) => unaryPrimitives[name].infer([view(dtype, 1, 0)], {}))) {
      for (const layout of STRIDES.keys()) {
        const x = view(dtype, 1, layout);
        const [expected] = run(reference, name, [x], {});
        const [actual] = run(native, name, [x], {});
        expectClose(actual, expected, unitsOf(name)(dtype), `${name} ${dtype} layout ${layout}`);
      }
    }
  });

  it.each(Object.keys(binaryPrimitives) as (keyof typeof binaryPrimitives)[])('%s', (name) => {
    for (const dtype of dtypesOf((dtype) => binaryPrimitives[name].infer([view(dtype, 1, 0), view(dtype, 2, 0)], {}))) {
      for (const layout of STRIDES.keys()) {
        for (const other of STRIDES.keys()) {
          const operands = [view(dtype, 1, layout), view(dtype, 2, other)];
          const [expected] = run(reference, name, operands, {});
          const [actual] = run(native, name, operands, {});
          expectClose(actual, expected, unitsOf(name)(dtype), `${name} ${dtype} layouts ${layout}, ${other}`);
        }
      }
    }
  });

  it.each(DTYPES)('where of %s', (dtype) => {
    for (const layout of STRIDES.keys()) {
      for (const other of STRIDES.keys()) {
        const operands = [view('bool', 3, other), view(dtype, 1, layout), view(dtype, 2, other)];
        expectClose(run(native, 'where', operands, {})[0], run(reference, 'where', operands, {})[0], () => 0, 'where');
      }
    }
  });

  it.each(DTYPES)('cast of %s to every dtype', (from) => {
    for (const dtype of DTYPES) {
      for (const layout of STRIDES.keys()) {
        const x = view(from, 1, layout);
        const [expected] = run(reference, 'cast', [x], { dtype });
        expectClose(run(native, 'cast', [x], { dtype })[0], expected, () => 0, `${from} to ${dtype}, layout ${layout}`);
      }
    }
  });
});

describe('reductions and scans', () => {
  it.each(Object.keys(reductionPrimitives) as (keyof typeof reductionPrimitives)[])('%s', (name) => {
    for (const dtype of dtypesOf((dtype) => reductionPrimitives[name].infer([view(dtype, 1, 0)], { axes: 1 }))) {
      for (const layout of STRIDES.keys()) {
        for (const axes of [0, 1, 2, 3]) {
          // Infinities and NaN would hide everything else in sums; products must not leave the range.
          const x = view(dtype, 1, layout);
          const floating = dtype === 'float32' || dtype === 'float64';
          if (name === 'sum' && floating) x.data.set(x.data.map((_, n) => ((n * 7919) % 1000) / 999 - 0.3));
          if (name === 'prod' && floating) x.data.set(x.data.map((_, n) => 1 + ((n * 7919) % 1000) * 1e-6));
          const [expected] = run(reference, name, [x], { axes });
          const [actual] = run(native, name, [x], { axes });
          // Lanes of at most 128 operations and a tree, of elements below 0.7 each; the reference adds one by one in float64.
          const length = DIMS.slice(3 - axes).reduce((product, dim) => product * dim, 1);
          const epsilon = dtype === 'float32' ? 2 ** -24 : 2 ** -53;
          const bound = name === 'sum' ? epsilon * length * 0.7 * (160 + (dtype === 'float64' ? length : 0)) : 0;
          const relative = name === 'prod' ? epsilon * 2 * length : 0;
          expectClose(
            actual,
            expected,
            (y) => (floating ? bound + relative * Math.abs(y) : 0),
            `${name} ${dtype} layout ${layout}, ${axes} axes`,
          );
        }
      }
    }
  });

  it.each(Object.keys(scanPrimitives) as (keyof typeof scanPrimitives)[])('%s', (name) => {
    for (const dtype of dtypesOf((dtype) => scanPrimitives[name].infer([view(dtype, 1, 0)], {}))) {
      for (const layout of STRIDES.keys()) {
        const x = view(dtype, 1, layout);
        const [expected] = run(reference, name, [x], {});
        const [actual] = run(native, name, [x], {});
        // A row of 11: ten additions, exp and division; log-softmax loses what it subtracts, up to the greatest of the row.
        const tolerance = (y: number): number =>
          dtype === 'int32' || name === 'cumsum' ? 0 : 20 * unit(name === 'softmax' ? y : Math.abs(y) + 4, dtype);
        expectClose(actual, expected, tolerance, `${name} ${dtype} layout ${layout}`);
      }
    }
  });

  it.each(['float32', 'float64', 'int32', 'uint8', 'bool'] as const)('sort and topk of %s', (dtype) => {
    for (const layout of STRIDES.keys()) {
      for (const flag of [true, false]) {
        const x = view(dtype, 1, layout);
        const cases = [
          [run(native, 'sort', [x], { descending: flag }), run(reference, 'sort', [x], { descending: flag })],
          [run(native, 'topk', [x], { k: 4, largest: flag }), run(reference, 'topk', [x], { k: 4, largest: flag })],
        ];
        for (const [actual, expected] of cases) {
          expectClose(actual[0], expected[0], () => 0, `values, layout ${layout}`);
          expectClose(actual[1], expected[1], () => 0, `indices, layout ${layout}`);
        }
      }
    }
  });
});

describe('indexing', () => {
  it.each(DTYPES)('concat, take and takeAlongAxis of %s', (dtype) => {
    for (const layout of STRIDES.keys()) {
      const x = view(dtype, 1, layout);
      for (const axis of [0, 1, 2]) {
        const parts = [x, view(dtype, 2, 0), view(dtype, 3, 1)];
        const attributes = { axis };
        const [joined] = run(reference, 'concat', parts, attributes);
        expectClose(run(native, 'concat', parts, attributes)[0], joined, () => 0, `concat ${layout}`);

        const chosen = Int32Array.from({ length: 8 }, (_, n) => ((n * 5) % (2 * DIMS[axis])) - DIMS[axis]);
        const indices: HostView = { dtype: 'int32', dims: [2, 4], strides: [1, 2], offset: 0, data: chosen };
        const [taken] = run(reference, 'take', [x, indices], attributes);
        expectClose(run(native, 'take', [x, indices], attributes)[0], taken, () => 0, `take ${layout}`);

        const along: HostView = {
          dtype: 'int32',
          dims: DIMS,
          strides: [385, 11, 1],
          offset: 0,
          data: Int32Array.from({ length: 2310 }, (_, n) => ((n * 31) % (2 * DIMS[axis])) - DIMS[axis]),
        };
        const [gathered] = run(reference, 'takeAlongAxis', [x, along], attributes);
        expectClose(run(native, 'takeAlongAxis', [x, along], attributes)[0], gathered, () => 0, `along ${layout}`);
      }
    }
  });

  it('refuses indices out of range', () => {
    const x = view('float32', 1, 0);
    for (const index of [6, -7]) {
      const indices: HostView = { dtype: 'int32', dims: [1], strides: [1], offset: 0, data: Int32Array.of(index) };
      expect(() => native.run('take', [x, indices], { axis: 0 })).toThrow(IndexOutOfRangeError);
    }
  });
});

describe('random', () => {
  it.each(['float32', 'float64'] as const)('%s has the same bits, normals to the rounding of log and cos', (dtype) => {
    for (const count of [0, 1, 7, 5000]) {
      for (const distribution of ['uniform', 'normal'] as const) {
        const attributes = { distribution, seedLow: 0xdeadbeef, seedHigh: 7, stream: 0xfffffff0, dtype, dims: [count] };
        const [expected] = run(reference, 'random', [], attributes);
        const [actual] = run(native, 'random', [], attributes);
        const tolerance = (x: number): number => (distribution === 'uniform' ? 0 : 8 * 2 ** -53 + unit(x, dtype) * 8);
        expectClose(actual, expected, tolerance, `${distribution} ${count}`);
      }
    }
  });
});

describe('the engine', () => {
  it('takes views of at most eight axes, and says so', () => {
    const view = (axes: number): HostView => ({
      dtype: 'float32',
      dims: new Array(axes).fill(1),
      strides: new Array(axes).fill(1),
      offset: 0,
      data: Float32Array.of(-3),
    });
    expect(native.run('absolute', [view(8)], {})[0]?.data).toEqual(Float32Array.of(3));
    expect(() => native.run('absolute', [view(9)], {})).toThrow(ShapeError);
    expect(() => native.run('absolute', [view(9)], {})).toThrow(
      /absolute: .* at most 8 axes, got shape \[1, .*reshape/,
    );
  });
});
