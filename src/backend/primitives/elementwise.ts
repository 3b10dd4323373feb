import { DTypeError, ShapeError } from '../../errors.js';
import { equalShapes, formatShape } from '../../tensor/dim.js';
import { type DType, dtypeCode } from '../../tensor/dtype.js';
import { definePrimitive, type Primitive, requireDType, viewOperand } from '../primitive.js';

/*
 * Elementwise primitives. Operands arrive already broadcast to one shape (zero strides) and promoted to one dtype;
 * results are contiguous.
 */

const ARITHMETIC: readonly DType[] = ['float32', 'float64', 'int32', 'uint8'];
const FLOATS: readonly DType[] = ['float32', 'float64'];
const COMPARABLE: readonly DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool'];

function unary(name: string, allowed: readonly DType[], result?: DType): Primitive {
  return definePrimitive({
    name,
    infer(operands) {
      const x = viewOperand(name, operands, 0, 'x');
      requireDType(name, 'x', x, allowed);
      return [{ dtype: result ?? x.dtype, dims: x.dims }];
    },
    encode: () => [],
  });
}

function binary(name: string, allowed: readonly DType[], result?: DType): Primitive {
  return definePrimitive({
    name,
    infer(operands) {
      const a = viewOperand(name, operands, 0, 'a');
      const b = viewOperand(name, operands, 1, 'b');
      requireDType(name, 'a', a, allowed);
      if (a.dtype !== b.dtype) {
        throw new DTypeError(`${name}: arguments must have one dtype, got ${a.dtype} and ${b.dtype}`);
      }
      if (!equalShapes(a.dims, b.dims)) {
        throw new ShapeError(`${name}: shapes ${formatShape(a.dims)} and ${formatShape(b.dims)} differ`);
      }
      return [{ dtype: result ?? a.dtype, dims: a.dims }];
    },
    encode: () => [],
  });
}

/** `y = operation(x)`. Meaning as the NumPy function of that name unless said otherwise. */
export const unaryPrimitives = {
  negative: unary('negative', ARITHMETIC),
  absolute: unary('absolute', ARITHMETIC),
  /** -1, 0 or 1; NaN stays NaN. */
  sign: unary('sign', ARITHMETIC),
  square: unary('square', ARITHMETIC),
  reciprocal: unary('reciprocal', FLOATS),
  sqrt: unary('sqrt', FLOATS),
  /** `1 / sqrt(x)`, correctly rounded square root and division. */
  rsqrt: unary('rsqrt', FLOATS),
  exp: unary('exp', FLOATS),
  expm1: unary('expm1', FLOATS),
  log: unary('log', FLOATS),
  log1p: unary('log1p', FLOATS),
  log2: unary('log2', FLOATS),
  log10: unary('log10', FLOATS),
  sin: unary('sin', FLOATS),
  cos: unary('cos', FLOATS),
  tan: unary('tan', FLOATS),
  arcsin: unary('arcsin', FLOATS),
  arccos: unary('arccos', FLOATS),
  arctan: unary('arctan', FLOATS),
  sinh: unary('sinh', FLOATS),
  cosh: unary('cosh', FLOATS),
  tanh: unary('tanh', FLOATS),
  floor: unary('floor', FLOATS),
  ceil: unary('ceil', FLOATS),
  /** To the nearest integer, halves to even. */
  round: unary('round', FLOATS),
  trunc: unary('trunc', FLOATS),
  /** The error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`. */
  erf: unary('erf', FLOATS),
  /** `1 / (1 + exp(-x))`. */
  sigmoid: unary('sigmoid', FLOATS),
  relu: unary('relu', ARITHMETIC),
  /** `x * (1 + erf(x / sqrt 2)) / 2`, Hendrycks and Gimpel, arXiv:1606.08415. */
  gelu: unary('gelu', FLOATS),
  /** `x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2`, the approximation of the same paper. */
  geluTanh: unary('geluTanh', FLOATS),
  /** `x * sigmoid(x)`. */
  silu: unary('silu', FLOATS),
  isNaN: unary('isNaN', FLOATS, 'bool'),
  isFinite: unary('isFinite', FLOATS, 'bool'),
  logicalNot: unary('logicalNot', ['bool'], 'bool'),
} as const;

/** `y = operation(a, b)`. Integers wrap; integer division by zero gives 0 as NumPy's does. */
export const binaryPrimitives = {
  add: binary('add', ARITHMETIC),
  subtract: binary('subtract', ARITHMETIC),
  multiply: binary('multiply', ARITHMETIC),
  divide: binary('divide', FLOATS),
  /** Rounded towards minus infinity. */
  floorDivide: binary('floorDivide', ARITHMETIC),
  /** The remainder that takes the sign of the divisor, as NumPy's `%`. */
  remainder: binary('remainder', ARITHMETIC),
  /** Integers to negative powers are refused by the tensor layer. */
  power: binary('power', ARITHMETIC),
  arctan2: binary('arctan2', FLOATS),
  /** NaN if either is NaN. */
  maximum: binary('maximum', COMPARABLE),
  /** NaN if either is NaN. */
  minimum: binary('minimum', COMPARABLE),
  equal: binary('equal', COMPARABLE, 'bool'),
  notEqual: binary('notEqual', COMPARABLE, 'bool'),
  less: binary('less', COMPARABLE, 'bool'),
  lessEqual: binary('lessEqual', COMPARABLE, 'bool'),
  greater: binary('greater', COMPARABLE, 'bool'),
  greaterEqual: binary('greaterEqual', COMPARABLE, 'bool'),
  logicalAnd: binary('logicalAnd', ['bool'], 'bool'),
  logicalOr: binary('logicalOr', ['bool'], 'bool'),
  logicalXor: binary('logicalXor', ['bool'], 'bool'),
} as const;

/** Operands condition (bool), a, b, of one shape; a and b of one dtype, any. */
export const where = definePrimitive({
  name: 'where',
  infer(operands) {
    const condition = viewOperand('where', operands, 0, 'condition');
    const a = viewOperand('where', operands, 1, 'a');
    const b = viewOperand('where', operands, 2, 'b');
    requireDType('where', 'condition', condition, ['bool']);
    if (a.dtype !== b.dtype) throw new DTypeError(`where: a is ${a.dtype} and b is ${b.dtype}; they must agree`);
    if (!equalShapes(condition.dims, a.dims) || !equalShapes(a.dims, b.dims)) {
      throw new ShapeError(
        `where: shapes ${formatShape(condition.dims)}, ${formatShape(a.dims)} and ${formatShape(b.dims)} differ`,
      );
    }
    return [{ dtype: a.dtype, dims: a.dims }];
  },
  encode: () => [],
});

/**
 * A contiguous copy in another, or the same, dtype. Floats to integers truncate towards zero and saturate at the range's
 * ends, NaN becomes 0; int32 to uint8 wraps; to bool means `!= 0`; to float16 and bfloat16 rounds to nearest even.
 */
export const cast = definePrimitive<{ dtype: DType }>({
  name: 'cast',
  infer(operands, { dtype }) {
    return [{ dtype, dims: viewOperand('cast', operands, 0, 'x').dims }];
  },
  encode: ({ dtype }) => [dtypeCode(dtype)],
});
