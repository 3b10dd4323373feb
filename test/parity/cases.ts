import fc from 'fast-check';
import type { Backend } from '../../src/backend/backend.js';
import { binaryPrimitives, unaryPrimitives } from '../../src/backend/primitives/elementwise.js';
import { ACTIVATIONS, POOLING_MODES } from '../../src/backend/primitives/transformer.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import { type HostView, INT8_GROUP_SIZE, type Operand, PACK_FORMATS } from '../../src/backend/view.js';
import { contiguousStrides } from '../../src/tensor/dim.js';
import { arrayConstructor, type DType } from '../../src/tensor/dtype.js';
import { dimsOf, elementsOf, viewOf } from './views.js';

/** Arguments of a primitive. Weights are packed by each backend for itself. */
export interface Arguments {
  readonly operands: readonly (HostView | null | ((backend: Backend) => Operand))[];
  readonly attributes: object;
  /** How far two results may be apart beyond rounding: an absolute bound, from the arguments. */
  readonly slack?: number;
}

export interface Case {
  readonly arguments: fc.Arbitrary<Arguments>;
  /** Units in the last place that two results may differ by; 0 for the same bits (NaN equals NaN, and 0 equals -0). */
  readonly ulps: number;
}

const FLOATS: readonly DType[] = ['float32', 'float64'];
const SUMMED: readonly DType[] = ['float32', 'float64', 'int32'];
const COMPARED: readonly DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool'];
const ALL: readonly DType[] = [...COMPARED, 'float16', 'bfloat16'];
const EPSILON32 = 2 ** -24;

function accepts(primitive: { infer: (o: Operand[], a: object) => unknown }, count: number): DType[] {
  return ALL.filter((dtype) => {
    const view = { dtype, dims: [1], strides: [1], offset: 0, data: new Float64Array(1) } as HostView;
    try {
      primitive.infer(Array(count).fill(view), {});
      return true;
    } catch {
      return false;
    }
  });
}

function elementwise(primitive: object, count: number, ulps: number, slackOfFloat32 = 0): Case {
  const dtypes = accepts(primitive as { infer: (o: Operand[], a: object) => unknown }, count);
  return {
    ulps,
    arguments: fc
      .tuple(fc.constantFrom(...dtypes), dimsOf(0, 4))
      .chain(([dtype, dims]) =>
        fc
          .tuple(...Array.from({ length: count }, () => viewOf(dtype, dims)))
          .map((operands) => ({ operands, attributes: {}, slack: dtype === 'float32' ? slackOfFloat32 : 0 })),
      ),
  };
}

/** A reduction; of floats, each sum's error is at most n ulp of the sum of magnitudes. */
function reduction(dtypes: readonly DType[], isSum: boolean, least: number): Case {
  return {
    ulps: isSum ? 2 : 0,
    arguments: fc.tuple(fc.constantFrom(...dtypes), dimsOf(1, 3, least)).chain(([dtype, dims]) =>
      fc
        .tuple(viewOf(dtype, dims, isSum ? { range: { min: -9, max: 9 } } : {}), fc.nat({ max: dims.length }))
        .map(([x, axes]) => {
          const values = elementsOf(x);
          const eps = dtype === 'float64' ? 2 ** -53 : EPSILON32;
          const slack = isSum ? eps * values.length * values.reduce((sum, value) => sum + Math.abs(value), 0) : 0;
          return { operands: [x], attributes: { axes }, slack: dtype === 'int32' ? 0 : slack };
        }),
    ),
  };
}

function product(): Case {
  const { arguments: base } = reduction(SUMMED, false, 0);
  return {
    // Each factor rounds once: as many ulp as there are factors, in another order.
    ulps: 2 * 25 * 70,
    arguments: base.chain(({ attributes }) =>
      fc.tuple(fc.constantFrom(...SUMMED), dimsOf(1, 2)).chain(([dtype, dims]) =>
        viewOf(dtype, dims, { range: { min: -3, max: 3 } }).map((x) => ({
          operands: [x],
          attributes: { axes: Math.min((attributes as { axes: number }).axes, dims.length) },
        })),
      ),
    ),
  };
}

function rows(
  dtypes: readonly DType[],
  attributes: fc.Arbitrary<object>,
  ulps: number,
  slack: number,
  special = false,
): Case {
  return {
    ulps,
    arguments: fc.tuple(fc.constantFrom(...dtypes), dimsOf(1, 3), attributes).chain(([dtype, dims, chosen]) =>
      viewOf(dtype, dims, special ? {} : { range: { min: -20, max: 20 } }).map((x) => {
        const k = Math.floor(((chosen as { share?: number }).share ?? 0) * (dims.at(-1) as number));
        const given = 'share' in chosen ? { k, largest: (chosen as { largest?: boolean }).largest } : chosen;
        const scale = dtype === 'float64' ? 2 ** -29 : 1;
        return { operands: [x], attributes: given, slack: dtype === 'int32' ? 0 : slack * scale };
      }),
    ),
  };
}

/** A batch `[tokens, columns]` in rows of a wider matrix, cut into sequences. */
function sequences(
  columns: number,
  count: number,
): fc.Arbitrary<{ views: HostView[]; cuSeqlens: HostView; tokens: number }> {
  return fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 4 }).chain((lengths) => {
    const ends = [0];
    for (const length of lengths) ends.push((ends.at(-1) as number) + length);
    const tokens = ends.at(-1) as number;
    const stride = columns * count;
    return viewOf('float32', [tokens, stride], { range: { min: -3, max: 3 }, contiguous: true }).map((fused) => ({
      tokens,
      cuSeqlens: { dtype: 'int32' as const, dims: [ends.length], strides: [1], offset: 0, data: Int32Array.from(ends) },
      views: Array.from({ length: count }, (_, n) => ({ ...fused, dims: [tokens, columns], offset: n * columns })),
    }));
  });
}

const optional = (view: fc.Arbitrary<HostView>): fc.Arbitrary<HostView | null> => fc.option(view);
const vector = (length: number): fc.Arbitrary<HostView> => viewOf('float32', [length], { range: { min: -2, max: 2 } });
const matrix = (a: number, b: number): fc.Arbitrary<HostView> =>
  viewOf('float32', [a, b], { range: { min: -2, max: 2 }, contiguous: true });

const heads = fc.record({
  numHeads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.integer({ min: 1, max: 20 }),
  causal: fc.boolean(),
  window: fc.constantFrom(0, 0, 1, 5),
  reach: fc.integer({ min: 0, max: 6 }),
});

const rotary: fc.Arbitrary<Arguments> = fc
  .record({
    tokens: fc.integer({ min: 0, max: 6 }),
    numHeads: fc.integer({ min: 1, max: 3 }),
    half: fc.integer({ min: 1, max: 40 }),
    rest: fc.constantFrom(0, 0, 1, 5),
    rows: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ tokens, numHeads, half, rest, rows: count }) => {
    const columns = numHeads * (2 * half + rest);
    return fc
      .tuple(
        matrix(tokens, columns + 3),
        viewOf('int32', [tokens], { range: { min: 0, max: count - 1 } }),
        matrix(count, 2 * half),
      )
      .map(([wide, positions, table]) => ({
        operands: [{ ...wide, dims: [tokens, columns] }, positions, table],
        attributes: { numHeads },
        // The sum of two products of at most 4 each, of which one is rounded first.
        slack: 2 * 4 * EPSILON32,
      }));
  });

/** The float32 GELU of numbers below -3 is so near (native/kernels/vector_math.inl), on a processor without fused multiply-adds. */
export const GELU_ABSOLUTE = 1e-8;

const gatedActivation: fc.Arbitrary<Arguments> = fc
  .record({
    tokens: fc.integer({ min: 0, max: 6 }),
    width: fc.integer({ min: 0, max: 50 }),
    activation: fc.constantFrom(...ACTIVATIONS),
  })
  .chain(({ tokens, width, activation }) =>
    viewOf('float32', [tokens, 2 * width + 1], { range: { min: -9, max: 9 }, contiguous: true }).map((wide) => ({
      operands: [{ ...wide, dims: [tokens, 2 * width] }],
      attributes: { activation },
      slack: 9 * GELU_ABSOLUTE,
    })),
  );

/** Of each sequence, a share of its tokens as keys. */
function keyCountsOf({ data }: HostView, shares: readonly number[]): HostView {
  const counts = Array.from(data.subarray(1), (end, n) => Math.round((end - data[n]) * shares[n % shares.length]));
  return { dtype: 'int32', dims: [counts.length], strides: [1], offset: 0, data: Int32Array.from(counts) };
}

const attention: fc.Arbitrary<Arguments> = heads.chain(({ numHeads, headDim, causal, window, reach }) =>
  fc
    .tuple(
      sequences(numHeads * headDim, 3),
      optional(matrix(numHeads, 2 * reach + 1)),
      fc.option(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })),
    )
    .map(([{ views, cuSeqlens }, bias, shares]) => ({
      operands: [...views, cuSeqlens, bias, shares === null ? null : keyCountsOf(cuSeqlens, shares)],
      attributes: { numHeads, scale: 0.3, causal, window },
      // Scores of up to 60 in chains of 20, whose error the exponential passes on, and values of up to 3.
      slack: 3 * 2 * EPSILON32 * (60 * 22 + 60),
    })),
);

const attentionWeights: fc.Arbitrary<Arguments> = heads.chain(({ numHeads, headDim, causal, window, reach }) =>
  fc.tuple(sequences(numHeads * headDim, 2), optional(matrix(numHeads, 2 * reach + 1))).map(([{ views }, bias]) => ({
    operands: [...views, bias],
    attributes: { numHeads, scale: 0.3, causal, window },
    slack: 2 * EPSILON32 * (60 * 22 + 60),
  })),
);

const host = (dtype: 'float32' | 'uint8', dims: readonly number[], values: readonly number[]): HostView => ({
  dtype,
  dims,
  strides: contiguousStrides(dims) as number[],
  offset: 0,
  data: arrayConstructor(dtype).from(values),
});

/** A weight as `gemmule quantize` stores it: bytes from 1 to 255, and a scale for every group. */
function quantisedWeight(
  outFeatures: number,
  inFeatures: number,
  seed: number,
): { numbers: HostView; groupScale: HostView } {
  const groups = Math.ceil(inFeatures / INT8_GROUP_SIZE);
  let state = seed;
  const next = (count: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const numbers = Array.from({ length: outFeatures * inFeatures }, () => 1 + next(255));
  const scales = Array.from({ length: outFeatures * groups }, () => 2 ** -(6 + next(4)));
  return {
    numbers: host('uint8', [outFeatures, inFeatures], numbers),
    groupScale: host('float32', [outFeatures, groups], scales),
  };
}

const linear: fc.Arbitrary<Arguments> = fc
  .record({
    rows: fc.integer({ min: 0, max: 15 }),
    inFeatures: fc.integer({ min: 1, max: 140 }),
    outFeatures: fc.integer({ min: 1, max: 40 }),
    format: fc.constantFrom(...PACK_FORMATS),
    activation: fc.constantFrom(...ACTIVATIONS),
  })
  .chain(({ rows: count, inFeatures, outFeatures, format, activation }) =>
    fc
      .tuple(
        matrix(count, inFeatures),
        viewOf('float32', [outFeatures, inFeatures], { range: { min: -2, max: 2 } }),
        optional(vector(outFeatures)),
        optional(matrix(count, outFeatures)),
        fc.array(fc.integer({ min: -3, max: 3 }), { minLength: inFeatures, maxLength: inFeatures }),
        fc.constantFrom('plain' as const, 'smoothed' as const, 'quantised' as const),
        fc.integer({ min: 0, max: 2 ** 31 }),
      )
      .map(([x, weight, bias, residual, exponents, scaling, seed]) => ({
        operands: [
          x,
          (backend: Backend) => {
            if (format !== 'int8' || scaling === 'plain') return backend.pack(weight, format);
            const inputScale = host(
              'float32',
              [inFeatures],
              exponents.map((exponent) => 2 ** exponent),
            );
            if (scaling === 'smoothed') return backend.pack(weight, format, { inputScale });
            const { numbers, groupScale } = quantisedWeight(outFeatures, inFeatures, seed);
            return backend.pack(numbers, format, { inputScale, groupScale });
          },
          bias,
          residual,
        ],
        attributes: { activation },
        // Products of at most 4 in a chain of inFeatures; no activation is steeper than 1.13. Int8 sums are the same bits.
        slack: EPSILON32 * 1.13 * (format === 'int8' ? 0 : 4 * inFeatures * (inFeatures + 2)) + 1e-6,
      })),
  );

const layerNorm: fc.Arbitrary<Arguments> = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 50 }))
  .chain(([count, columns]) =>
    fc
      .tuple(
        matrix(count, columns),
        optional(matrix(count, columns)),
        optional(vector(columns)),
        optional(vector(columns)),
      )
      .map((operands) => ({ operands, attributes: { epsilon: 1e-3 }, slack: 4 * 2 ** -24 * 40 * 40 })),
  );

const embedding: fc.Arbitrary<Arguments> = fc
  .record({
    tokens: fc.integer({ min: 0, max: 9 }),
    hidden: fc.integer({ min: 1, max: 40 }),
    tables: fc.array(
      fc.tuple(
        fc.constantFrom('float32', 'float16', 'bfloat16') as fc.Arbitrary<DType>,
        fc.integer({ min: 1, max: 6 }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .chain(({ tokens, hidden, tables }) =>
    fc
      .tuple(
        optional(vector(hidden)),
        optional(vector(hidden)),
        fc.tuple(
          ...tables.map(([dtype, count]) =>
            fc.tuple(
              viewOf('int32', [tokens], { range: { min: 0, max: count - 1 } }),
              viewOf('float32', [count, hidden], { range: { min: -1, max: 1 }, contiguous: true }).map((table) =>
                // Bits of numbers from -2 to 2: the exponents that both half types have in common with one.
                dtype === 'float32'
                  ? table
                  : { ...table, dtype, data: Uint16Array.from(table.data, (value) => halfBits(dtype, value)) },
              ),
            ),
          ),
        ),
      )
      .map(([weight, bias, pairs]) => ({
        operands: [weight, bias, ...pairs.flat()],
        attributes: { epsilon: 1e-3 },
        slack: 4 * 2 ** -24 * 40 * 40,
      })),
  );

function halfBits(dtype: DType, value: number): number {
  const fraction = Math.floor(Math.abs(value) * 100) % 64;
  return (dtype === 'float16' ? 0x3c00 | (fraction << 4) : 0x3f80 | fraction) | (value < 0 ? 0x8000 : 0);
}

const pool: fc.Arbitrary<Arguments> = fc
  .record({
    columns: fc.integer({ min: 1, max: 40 }),
    mode: fc.constantFrom(...POOLING_MODES),
    normalize: fc.boolean(),
  })
  .chain(({ columns, mode, normalize }) =>
    sequences(columns, 1).map(({ views, cuSeqlens }) => {
      const operands = [...views, cuSeqlens];
      // Sums of at most 30 values of up to 3.
      const slack = 3 * 30 * 4 * EPSILON32;
      return {
        operands,
        attributes: { mode, normalize },
        slack: normalize ? slackOfUnit(operands, mode, slack) : slack,
      };
    }),
  );

/** What an error of `slack` in every number of a pooled vector grows to when the vector is divided by its length. */
function slackOfUnit(operands: HostView[], mode: (typeof POOLING_MODES)[number], slack: number): number {
  const [pooled] = referenceBackend.run('pool', operands, { mode, normalize: false }) as [HostView];
  const [count, columns] = pooled.dims as [number, number];
  const values = elementsOf(pooled);
  const lengths = Array.from({ length: count }, (_, n) => Math.hypot(...values.slice(n * columns, (n + 1) * columns)));
  const shortest = Math.max(Math.min(...lengths.filter((length) => length > 0)), 1e-12);
  return Math.min(2, slack * (1 + (2 * Math.sqrt(columns)) / shortest));
}

const matmul: fc.Arbitrary<Arguments> = fc
  .record({
    dtype: fc.constantFrom(...SUMMED),
    batch: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    m: fc.integer({ min: 0, max: 40 }),
    k: fc.integer({ min: 0, max: 20 }),
    n: fc.integer({ min: 0, max: 40 }),
  })
  .chain(({ dtype, batch, m, k, n }) =>
    fc
      .tuple(
        viewOf(dtype, [...batch, m, k], { range: { min: -9, max: 9 } }),
        viewOf(dtype, [...batch, k, n], { range: { min: -9, max: 9 } }),
      )
      .map((operands) => ({
        operands,
        attributes: {},
        slack: dtype === 'int32' ? 0 : (dtype === 'float64' ? 2 ** -53 : EPSILON32) * 81 * k * (k + 1),
      })),
  );

const concat: fc.Arbitrary<Arguments> = fc
  .tuple(
    fc.constantFrom(...ALL),
    dimsOf(1, 3),
    fc.nat({ max: 2 }),
    fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 4 }),
  )
  .chain(([dtype, dims, wanted, lengths]) => {
    const axis = Math.min(wanted, dims.length - 1);
    return fc
      .tuple(...lengths.map((length) => viewOf(dtype, dims.toSpliced(axis, 1, length))))
      .map((operands) => ({ operands, attributes: { axis } }));
  });

const take: fc.Arbitrary<Arguments> = fc
  .tuple(fc.constantFrom(...ALL), dimsOf(1, 3, 1), fc.nat({ max: 2 }), dimsOf(0, 2))
  .chain(([dtype, dims, wanted, shape]) => {
    const axis = Math.min(wanted, dims.length - 1);
    const range = { min: -dims[axis], max: dims[axis] - 1 };
    return fc
      .tuple(viewOf(dtype, dims), viewOf('int32', shape.slice(0, 2), { range }))
      .map((operands) => ({ operands, attributes: { axis } }));
  });

const takeAlongAxis: fc.Arbitrary<Arguments> = fc
  .tuple(fc.constantFrom(...ALL), dimsOf(1, 3, 1), fc.nat({ max: 2 }), fc.nat({ max: 9 }))
  .chain(([dtype, dims, wanted, length]) => {
    const axis = Math.min(wanted, dims.length - 1);
    const range = { min: -dims[axis], max: dims[axis] - 1 };
    return fc
      .tuple(viewOf(dtype, dims), viewOf('int32', dims.toSpliced(axis, 1, length), { range }))
      .map((operands) => ({ operands, attributes: { axis } }));
  });

const random: fc.Arbitrary<Arguments> = fc
  .record({
    distribution: fc.constantFrom('uniform', 'normal'),
    seedLow: fc.nat({ max: 2 ** 31 - 1 }),
    seedHigh: fc.nat({ max: 2 ** 21 }),
    stream: fc.nat(),
    dtype: fc.constantFrom('float32', 'float64'),
    dims: dimsOf(0, 3),
  })
  // A normal number is a sine of an angle up to 2 pi times at most 9: near its zeros only the absolute error is small.
  .map((attributes) => ({ operands: [], attributes, slack: attributes.distribution === 'uniform' ? 0 : 9 * 2 ** -50 }));

const where: fc.Arbitrary<Arguments> = fc
  .tuple(fc.constantFrom(...COMPARED), dimsOf(0, 4))
  .chain(([dtype, dims]) =>
    fc
      .tuple(viewOf('bool', dims), viewOf(dtype, dims), viewOf(dtype, dims))
      .map((operands) => ({ operands, attributes: {} })),
  );

const cast: fc.Arbitrary<Arguments> = fc
  .tuple(fc.constantFrom(...ALL), fc.constantFrom(...ALL), dimsOf(0, 3))
  .chain(([from, dtype, dims]) => viewOf(from, dims).map((x) => ({ operands: [x], attributes: { dtype } })));

/**
 * Units in the last place between the two backends' elementwise functions: the reference rounds a float64 result once, and the
 * engine's functions are within 2 of the exact one (native/kernels/vector_math.inl). In float64 both are within 1 or 2.
 */
const ELEMENTWISE_ULPS = 4;

/**
 * GELU of a negative float64 is a complementary error function, for which the reference takes a continued fraction and two
 * exponentials: seven roundings and two functions good to 1.
 */
const GELU_ULPS = 12;

/** A matrix in compressed rows, which may hold places twice and in any order, and a dense one that it meets. */
const sparse: fc.Arbitrary<Arguments> = fc
  .record({
    dtype: fc.constantFrom<DType>('float32', 'float64'),
    lengths: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 7 }),
    length: fc.integer({ min: 1, max: 12 }),
    width: fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 60, max: 70 })),
  })
  .chain(({ dtype, lengths, length, width }) => {
    const offsets = [0];
    for (const count of lengths) offsets.push((offsets.at(-1) as number) + count);
    const entries = offsets.at(-1) as number;
    const range = { min: -3, max: 3 };
    const rowOffsets: HostView = {
      dtype: 'int32',
      dims: [offsets.length],
      strides: [1],
      offset: 0,
      data: Int32Array.from(offsets),
    };
    return fc
      .tuple(
        viewOf(dtype, [entries], { range }),
        viewOf('int32', [entries], { range: { min: 0, max: length - 1 } }),
        viewOf(dtype, [length, width], { range }),
      )
      .map(([values, columns, dense]) => ({
        operands: [values, columns, rowOffsets, dense],
        attributes: {},
        // Sums of at most 9 products of two or three numbers up to 3.
        slack: 2 * 12 * 9 * 27 * (dtype === 'float64' ? 2 ** -53 : EPSILON32),
      }));
  });

const named = <T>(names: readonly string[], make: (name: string) => T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, make(name)]));

/** Rows of code bytes with room between them, and scales. */
function codes(scaled: boolean): fc.Arbitrary<Arguments> {
  const sizes = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 40 }), fc.nat({ max: 100 }), fc.nat({ max: 3 }));
  return sizes.chain(([queries, rows, columns, gap]) => {
    const within = (count: number): fc.Arbitrary<HostView> =>
      viewOf('uint8', [count, columns + gap], { contiguous: true }).map((view) => ({
        ...view,
        dims: [count, columns],
      }));
    const scales = viewOf('float32', [rows], { range: { min: 0, max: 2 }, contiguous: true });
    return fc
      .tuple(within(queries), within(rows), scales)
      .map(([a, b, c]) => ({ operands: scaled ? [a, b, c] : [a, b], attributes: {} }));
  });
}

/** Cases of all primitives; svd has tests of its own, since its vectors are not unique. */
/** Whole numbers and powers of two: every sum is exact, so that what is a tie on one side is one on the other. */
const topSimilar: fc.Arbitrary<Arguments> = fc
  .record({
    queries: fc.nat({ max: 10 }),
    vectors: fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 500, max: 600 })),
    depth: fc.oneof(fc.nat({ max: 6 }), fc.constant(17)),
    share: fc.constantFrom(0, 0.01, 0.3, 1),
    scaled: fc.boolean(),
    shifted: fc.boolean(),
  })
  .chain(({ queries, vectors, depth, share, scaled, shifted }) => {
    const whole = (dims: number[], low: number, high: number, power = false): fc.Arbitrary<HostView> =>
      viewOf('float32', dims, { range: { min: low, max: high } }).map((view) => ({
        ...view,
        data: Float32Array.from(view.data as Float32Array, (x) => (power ? 2 ** Math.round(x) : Math.round(x))),
      }));
    const scales = scaled ? whole([vectors], -3, 3, true) : fc.constant(null);
    // Some leave their vector out.
    const offsets = whole([vectors], -5, 3).map((view) => ({
      ...view,
      data: Float32Array.from(view.data as Float32Array, (x) => (x === -5 ? Number.NEGATIVE_INFINITY : x)),
    }));
    return fc
      .tuple(
        whole([queries, depth], -4, 4),
        whole([vectors, depth], -4, 4),
        scales,
        shifted ? offsets : fc.constant(null),
      )
      .map((operands) => ({ operands, attributes: { k: Math.ceil(share * vectors) } }));
  });

/** Cases of all primitives but decompositions, which are not unique (see decompositions.ts). */
export const CASES: Record<string, Case> = {
  ...named(Object.keys(unaryPrimitives), (name) =>
    elementwise(unaryPrimitives[name as keyof typeof unaryPrimitives], 1, ELEMENTWISE_ULPS),
  ),
  gelu: elementwise(unaryPrimitives.gelu, 1, GELU_ULPS, GELU_ABSOLUTE),
  ...named(Object.keys(binaryPrimitives), (name) =>
    elementwise(binaryPrimitives[name as keyof typeof binaryPrimitives], 2, ELEMENTWISE_ULPS),
  ),
  where: { ulps: 0, arguments: where },
  cast: { ulps: 0, arguments: cast },
  sum: reduction(SUMMED, true, 0),
  prod: product(),
  ...named(['max', 'min', 'argmax', 'argmin'], () => reduction(COMPARED, false, 1)),
  any: reduction(['bool'], false, 0),
  all: reduction(['bool'], false, 0),
  // Running sums of at most 70 numbers up to 20.
  cumsum: rows(SUMMED, fc.constant({}), 2, EPSILON32 * 70 * 70 * 20),
  // The exponential of a difference of up to 40, which is rounded to float32.
  softmax: rows(FLOATS, fc.constant({}), 8, EPSILON32 * 50),
  logSoftmax: rows(FLOATS, fc.constant({}), 8, EPSILON32 * 200),
  sort: rows(COMPARED, fc.record({ descending: fc.boolean() }), 0, 0, true),
  topk: rows(
    COMPARED,
    fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), largest: fc.boolean() }),
    0,
    0,
    true,
  ),
  concat: { ulps: 0, arguments: concat },
  take: { ulps: 0, arguments: take },
  takeAlongAxis: { ulps: 0, arguments: takeAlongAxis },
  random: { ulps: 1, arguments: random },
  matmul: { ulps: 2, arguments: matmul },
  sparseMatmul: { ulps: 2, arguments: sparse },
  sparseGram: { ulps: 2, arguments: sparse },
  topSimilar: { ulps: 0, arguments: topSimilar },
  linear: { ulps: 8, arguments: linear },
  layerNorm: { ulps: 8, arguments: layerNorm },
  embedding: { ulps: 8, arguments: embedding },
  rotary: { ulps: 2, arguments: rotary },
  // The activation, and one more rounding.
  gatedActivation: { ulps: 2 * GELU_ULPS + 1, arguments: gatedActivation },
  attention: { ulps: 8, arguments: attention },
  attentionWeights: { ulps: 8, arguments: attentionWeights },
  pool: { ulps: 8, arguments: pool },
  codeProducts: { ulps: 0, arguments: codes(true) },
  hammingDistances: { ulps: 0, arguments: codes(false) },
};
