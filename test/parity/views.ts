import fc from 'fast-check';
import type { HostView } from '../../src/backend/view.js';
import { arrayConstructor, type DType } from '../../src/tensor/dtype.js';

/* Views of every kind for property-based tests: strides in any order, negative, zero and with gaps; offsets; special numbers. */

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e-40,
  -1e-42,
  3e38,
  2.5,
];

/** Bits of float16 and bfloat16: any pattern is a number. */
function numbers(dtype: DType, range: { min: number; max: number } | undefined): fc.Arbitrary<number> {
  switch (dtype) {
    case 'bool':
      return fc.integer({ min: 0, max: 1 });
    case 'uint8':
      return fc.integer({ min: range?.min ?? 0, max: range?.max ?? 255 });
    case 'int32':
      return range === undefined ? fc.oneof(fc.integer(), fc.integer({ min: -9, max: 9 })) : fc.integer(range);
    case 'float16':
    case 'bfloat16':
      return fc.integer({ min: 0, max: 0xffff });
    default: {
      const ordinary = fc.double({ min: range?.min ?? -100, max: range?.max ?? 100, noNaN: true });
      return range === undefined ? fc.oneof({ weight: 4, arbitrary: ordinary }, fc.constantFrom(...SPECIAL)) : ordinary;
    }
  }
}

export interface ViewOptions {
  /** Numbers within a range only; any, special ones included, by default. */
  readonly range?: { min: number; max: number };
  /** Whether elements lie in row-major order without gaps. */
  readonly contiguous?: boolean;
}

/** A view of these dims. */
export function viewOf(dtype: DType, dims: readonly number[], options: ViewOptions = {}): fc.Arbitrary<HostView> {
  const rank = dims.length;
  const layout = fc.record({
    order: fc.shuffledSubarray(
      dims.map((_, axis) => axis),
      { minLength: rank, maxLength: rank },
    ),
    flipped: fc.array(fc.boolean(), { minLength: rank, maxLength: rank }),
    constant: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: rank, maxLength: rank }),
    gap: fc.integer({ min: 1, max: 2 }),
    offset: fc.integer({ min: 0, max: 3 }),
  });
  return layout.chain((chosen) => {
    const plain = options.contiguous === true;
    const order = plain ? dims.map((_, axis) => axis) : chosen.order;
    const strides = new Array<number>(rank).fill(0);
    let step = plain ? 1 : chosen.gap;
    let offset = plain ? 0 : chosen.offset;
    for (const axis of [...order].reverse()) {
      if (!plain && chosen.constant[axis] === 0) continue;
      const negative = !plain && chosen.flipped[axis];
      strides[axis] = negative ? -step : step;
      if (negative) offset += step * Math.max(0, dims[axis] - 1);
      step *= dims[axis];
    }
    const size = dims.includes(0) ? 0 : dims.reduce((sum, dim, axis) => sum + (dim - 1) * Math.abs(strides[axis]), 1);
    const length = size + (plain ? 0 : chosen.offset);
    const start = dims.includes(0) ? 0 : offset;
    return fc
      .array(numbers(dtype, options.range), { minLength: Math.max(length, 1), maxLength: Math.max(length, 1) })
      .map((values) => ({ dtype, dims, strides, offset: start, data: arrayConstructor(dtype).from(values) }));
  });
}

/** Dims of a rank, each from 0 to 7, or longer along the last axis so that vectors of lanes are filled. */
export function dimsOf(minRank: number, maxRank: number, least = 0): fc.Arbitrary<number[]> {
  return fc.integer({ min: minRank, max: maxRank }).chain((rank) => {
    if (rank === 0) return fc.constant([]);
    const outer = fc.array(fc.integer({ min: least, max: 5 }), { minLength: rank - 1, maxLength: rank - 1 });
    const last = fc.oneof(fc.integer({ min: least, max: 7 }), fc.integer({ min: 14, max: 70 }));
    return fc.tuple(outer, last).map(([dims, end]) => [...dims, end]);
  });
}

/** The elements of a view in row-major order. */
export function elementsOf(view: HostView): number[] {
  const result: number[] = [];
  const visit = (axis: number, place: number): void => {
    if (axis === view.dims.length) {
      result.push(view.data[place]);
      return;
    }
    for (let index = 0; index < view.dims[axis]; index++) visit(axis + 1, place + index * view.strides[axis]);
  };
  visit(0, view.offset);
  return result;
}
