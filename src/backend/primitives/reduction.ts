import { ShapeError } from '../../errors.js';
import { formatShape } from '../../tensor/dim.js';
import type { DType } from '../../tensor/dtype.js';
import { definePrimitive, type Primitive, requireDType, viewOperand } from '../primitive.js';

/*
 * Reductions. The tensor layer has moved the reduced axes to the end (a view), so `axes` is only how many of the last
 * axes are reduced; the result has the remaining ones, contiguous.
 */

const ARITHMETIC: readonly DType[] = ['float32', 'float64', 'int32', 'uint8'];
const COMPARABLE: readonly DType[] = [...ARITHMETIC, 'bool'];
const FLOATS: readonly DType[] = ['float32', 'float64'];

/** How many of the last axes to reduce. */
export interface ReduceAttributes {
  readonly axes: number;
}

function reduction(
  name: string,
  allowed: readonly DType[],
  result: (dtype: DType) => DType,
  needsElements: boolean,
): Primitive<ReduceAttributes> {
  return definePrimitive<ReduceAttributes>({
    name,
    infer(operands, { axes }) {
      const x = viewOperand(name, operands, 0, 'x');
      requireDType(name, 'x', x, allowed);
      const kept = x.dims.length - axes;
      if (!Number.isInteger(axes) || axes < 0 || kept < 0) {
        throw new ShapeError(`${name}: cannot reduce ${axes} axes of shape ${formatShape(x.dims)}`);
      }
      if (needsElements && x.dims.slice(kept).includes(0) && !x.dims.slice(0, kept).includes(0)) {
        throw new ShapeError(
          `${name}: no elements to reduce in shape ${formatShape(x.dims)}, and ${name} has no identity`,
        );
      }
      return [{ dtype: result(x.dtype), dims: x.dims.slice(0, kept) }];
    },
    encode: ({ axes }) => [axes],
  });
}

const same = (dtype: DType): DType => dtype;

export const reductionPrimitives = {
  /** float32 is summed pairwise in blocks; int32 wraps; uint8 and bool are cast to int32 by the tensor layer first. */
  sum: reduction('sum', ['float32', 'float64', 'int32'], same, false),
  prod: reduction('prod', ['float32', 'float64', 'int32'], same, false),
  /** NaN if any is NaN. */
  max: reduction('max', COMPARABLE, same, true),
  /** NaN if any is NaN. */
  min: reduction('min', COMPARABLE, same, true),
  /** Row-major index, within the reduced axes, of the first maximum; a NaN counts as the largest. */
  argmax: reduction('argmax', COMPARABLE, () => 'int32', true),
  /** Row-major index, within the reduced axes, of the first minimum; a NaN counts as the smallest. */
  argmin: reduction('argmin', COMPARABLE, () => 'int32', true),
  any: reduction('any', ['bool'], same, false),
  all: reduction('all', ['bool'], same, false),
} as const;

function alongLastAxis(name: string, allowed: readonly DType[]): Primitive {
  return definePrimitive({
    name,
    infer(operands) {
      const x = viewOperand(name, operands, 0, 'x');
      requireDType(name, 'x', x, allowed);
      if (x.dims.length === 0) throw new ShapeError(`${name}: argument x must have at least one axis, got a scalar`);
      return [{ dtype: x.dtype, dims: x.dims }];
    },
    encode: () => [],
  });
}

/** Scans over the last axis; results are contiguous and have the operand's shape. */
export const scanPrimitives = {
  /** Running sum from the first element on. */
  cumsum: alongLastAxis('cumsum', ['float32', 'float64', 'int32']),
  /** `exp(x - max) / sum(exp(x - max))`. A row of only -inf gives NaN, as in NumPy. */
  softmax: alongLastAxis('softmax', FLOATS),
  /** `x - max - log(sum(exp(x - max)))`. */
  logSoftmax: alongLastAxis('logSoftmax', FLOATS),
} as const;

/** Stable sort along the last axis. Results: values, and int32 indices. NaN counts as the largest value. */
export const sort = definePrimitive<{ descending: boolean }>({
  name: 'sort',
  infer(operands) {
    const x = viewOperand('sort', operands, 0, 'x');
    requireDType('sort', 'x', x, COMPARABLE);
    if (x.dims.length === 0) throw new ShapeError('sort: argument x must have at least one axis, got a scalar');
    return [
      { dtype: x.dtype, dims: x.dims },
      { dtype: 'int32', dims: x.dims },
    ];
  },
  encode: ({ descending }) => [descending ? 1 : 0],
});

/**
 * The `k` largest (or smallest) along the last axis, best first, ties by lower index. Results: values, int32 indices.
 * NaN counts as the largest value.
 */
export const topk = definePrimitive<{ k: number; largest: boolean }>({
  name: 'topk',
  infer(operands, { k }) {
    const x = viewOperand('topk', operands, 0, 'x');
    requireDType('topk', 'x', x, COMPARABLE);
    const length = x.dims.at(-1);
    if (length === undefined) throw new ShapeError('topk: argument x must have at least one axis, got a scalar');
    if (!Number.isInteger(k) || k < 0 || (typeof length === 'number' && k > length)) {
      throw new ShapeError(`topk: k must be an integer from 0 to ${length}, got ${k}`);
    }
    const dims = [...x.dims.slice(0, -1), k];
    return [
      { dtype: x.dtype, dims },
      { dtype: 'int32', dims },
    ];
  },
  encode: ({ k, largest }) => [k, largest ? 1 : 0],
});
