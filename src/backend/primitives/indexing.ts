import { DTypeError, ShapeError } from '../../errors.js';
import { addDims, equalDims, formatShape } from '../../tensor/dim.js';
import { type DType, dtypeCode } from '../../tensor/dtype.js';
import { definePrimitive, requireDType, viewOperand } from '../primitive.js';

/** Joins operands of one dtype and rank along `axis` (already non-negative). */
export const concat = definePrimitive<{ axis: number }>({
  name: 'concat',
  infer(operands, { axis }) {
    const first = viewOperand('concat', operands, 0, 'tensors[0]');
    if (!Number.isInteger(axis) || axis < 0 || axis >= first.dims.length) {
      throw new ShapeError(`concat: axis ${axis} is out of range for shape ${formatShape(first.dims)}`);
    }
    const dims = [...first.dims];
    for (let index = 1; index < operands.length; index++) {
      const next = viewOperand('concat', operands, index, `tensors[${index}]`);
      if (next.dtype !== first.dtype) {
        throw new DTypeError(`concat: tensors[${index}] is ${next.dtype}, tensors[0] is ${first.dtype}`);
      }
      const fits =
        next.dims.length === first.dims.length &&
        next.dims.every((dim, other) => other === axis || equalDims(dim, first.dims[other]));
      if (!fits) {
        throw new ShapeError(
          `concat: tensors[${index}] has shape ${formatShape(next.dims)}, which does not fit ${formatShape(first.dims)} except along axis ${axis}`,
        );
      }
      dims[axis] = addDims(dims[axis], next.dims[axis]);
    }
    return [{ dtype: first.dtype, dims }];
  },
  encode: ({ axis }) => [axis],
});

/**
 * `x` taken at `indices` (int32, any shape) along `axis`: result shape is x.shape[:axis] + indices.shape + x.shape[axis+1:].
 * Negative indices count from the end; an index out of range is an error of the run.
 */
export const take = definePrimitive<{ axis: number }>({
  name: 'take',
  infer(operands, { axis }) {
    const x = viewOperand('take', operands, 0, 'x');
    const indices = viewOperand('take', operands, 1, 'indices');
    requireDType('take', 'indices', indices, ['int32']);
    if (!Number.isInteger(axis) || axis < 0 || axis >= x.dims.length) {
      throw new ShapeError(`take: axis ${axis} is out of range for shape ${formatShape(x.dims)}`);
    }
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
  },
  encode: ({ axis }) => [axis],
});

/**
 * `result[..., i, ...] = x[..., indices[..., i, ...], ...]` along `axis`, as NumPy's take_along_axis and PyTorch's gather:
 * indices (int32) has x's rank and, except along `axis`, x's dimensions.
 */
export const takeAlongAxis = definePrimitive<{ axis: number }>({
  name: 'takeAlongAxis',
  infer(operands, { axis }) {
    const x = viewOperand('takeAlongAxis', operands, 0, 'x');
    const indices = viewOperand('takeAlongAxis', operands, 1, 'indices');
    requireDType('takeAlongAxis', 'indices', indices, ['int32']);
    const fits =
      Number.isInteger(axis) &&
      axis >= 0 &&
      axis < x.dims.length &&
      indices.dims.length === x.dims.length &&
      indices.dims.every((dim, other) => other === axis || equalDims(dim, x.dims[other]));
    if (!fits) {
      throw new ShapeError(
        `takeAlongAxis: indices of shape ${formatShape(indices.dims)} do not fit x of shape ${formatShape(x.dims)} along axis ${axis}`,
      );
    }
    return [{ dtype: x.dtype, dims: indices.dims }];
  },
  encode: ({ axis }) => [axis],
});

/**
 * Random numbers from the counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). Block b of four 32-bit words is philox(counter = [b low, b high, stream, 0], key = seed); element i
 * of the result uses:
 * - float32 `uniform`: word i of the sequence, `(word >>> 8) * 2^-24`, in [0, 1);
 * - float64 `uniform`: words 2i and 2i+1, `((w0 >>> 5) * 2^26 + (w1 >>> 6)) * 2^-53`;
 * - `normal`: Box-Muller over the uniforms u of the same dtype, elements 2j and 2j+1 being
 *   `sqrt(-2 ln(1 - u[2j])) * cos(2 pi u[2j+1])` and `... * sin(...)`, computed in float64 and rounded.
 */
export const random = definePrimitive<{
  distribution: 'uniform' | 'normal';
  seedLow: number;
  seedHigh: number;
  stream: number;
  dtype: DType;
  dims: readonly number[];
}>({
  name: 'random',
  infer(_operands, { dtype, dims }) {
    if (dtype !== 'float32' && dtype !== 'float64') {
      throw new DTypeError(`random: dtype must be float32 or float64, got ${dtype}`);
    }
    return [{ dtype, dims }];
  },
  encode: ({ distribution, seedLow, seedHigh, stream, dtype, dims }) => [
    distribution === 'uniform' ? 0 : 1,
    seedLow,
    seedHigh,
    stream,
    dtypeCode(dtype),
    ...dims,
  ],
});
