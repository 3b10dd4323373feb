import { ArgumentError } from '../errors.js';
import type { DType } from './dtype.js';

/*
 * Which dtype an operation computes in and gives. The tables are both the run-time rule and, through `typeof`, the
 * static one, so that they cannot disagree. NumPy 2's rules, with these differences: there is no int64, so its place is
 * taken by int32; and arithmetic on the storage types float16 and bfloat16 gives float32.
 */

/** The smallest dtype that holds both: what concat, stack and where give. */
const PROMOTION = {
  bool: {
    bool: 'bool',
    uint8: 'uint8',
    int32: 'int32',
    float16: 'float16',
    bfloat16: 'bfloat16',
    float32: 'float32',
    float64: 'float64',
  },
  uint8: {
    bool: 'uint8',
    uint8: 'uint8',
    int32: 'int32',
    float16: 'float16',
    bfloat16: 'float32',
    float32: 'float32',
    float64: 'float64',
  },
  int32: {
    bool: 'int32',
    uint8: 'int32',
    int32: 'int32',
    float16: 'float64',
    bfloat16: 'float64',
    float32: 'float64',
    float64: 'float64',
  },
  float16: {
    bool: 'float16',
    uint8: 'float16',
    int32: 'float64',
    float16: 'float16',
    bfloat16: 'float32',
    float32: 'float32',
    float64: 'float64',
  },
  bfloat16: {
    bool: 'bfloat16',
    uint8: 'float32',
    int32: 'float64',
    float16: 'float32',
    bfloat16: 'bfloat16',
    float32: 'float32',
    float64: 'float64',
  },
  float32: {
    bool: 'float32',
    uint8: 'float32',
    int32: 'float64',
    float16: 'float32',
    bfloat16: 'float32',
    float32: 'float32',
    float64: 'float64',
  },
  float64: {
    bool: 'float64',
    uint8: 'float64',
    int32: 'float64',
    float16: 'float64',
    bfloat16: 'float64',
    float32: 'float64',
    float64: 'float64',
  },
} as const satisfies Record<DType, Record<DType, DType>>;

/** What arithmetic computes in. */
const ARITHMETIC = {
  bool: 'bool',
  uint8: 'uint8',
  int32: 'int32',
  float16: 'float32',
  bfloat16: 'float32',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

/** What functions such as sqrt and exp give. NumPy would give float16 for bool and uint8; here that is not computed in. */
const FLOATING = {
  bool: 'float32',
  uint8: 'float32',
  int32: 'float64',
  float16: 'float32',
  bfloat16: 'float32',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

/** What true division and averages give. */
const QUOTIENT = {
  bool: 'float64',
  uint8: 'float64',
  int32: 'float64',
  float16: 'float32',
  bfloat16: 'float32',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

/** What sums, products and matrix products give. */
const SUM = {
  bool: 'int32',
  uint8: 'int32',
  int32: 'int32',
  float16: 'float32',
  bfloat16: 'float32',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

/** What a tensor of dtype D and an integer-valued number give. */
const WITH_INTEGER = {
  bool: 'int32',
  uint8: 'uint8',
  int32: 'int32',
  float16: 'float16',
  bfloat16: 'bfloat16',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

/** What a tensor of dtype D and a fractional (or infinite, or NaN) number give. */
const WITH_FRACTION = {
  bool: 'float64',
  uint8: 'float64',
  int32: 'float64',
  float16: 'float16',
  bfloat16: 'bfloat16',
  float32: 'float32',
  float64: 'float64',
} as const satisfies Record<DType, DType>;

export type Promote<A extends DType, B extends DType> = (typeof PROMOTION)[A][B];
export type Arithmetic<D extends DType> = (typeof ARITHMETIC)[D];
export type Floating<D extends DType> = (typeof FLOATING)[D];
export type Quotient<D extends DType> = (typeof QUOTIENT)[D];
export type Sum<D extends DType> = (typeof SUM)[D];

/** A JavaScript number or boolean: weakly typed, it adapts to the tensor that it meets (NEP 50). */
export type Scalar = number | boolean;

type IsFraction<N extends number> = number extends N
  ? boolean
  : `${N}` extends `${string}.${string}` | `${string}e-${string}`
    ? true
    : false;

type WithNumber<D extends DType, N extends number> =
  IsFraction<N> extends true
    ? (typeof WITH_FRACTION)[D]
    : IsFraction<N> extends false
      ? (typeof WITH_INTEGER)[D]
      : (typeof WITH_FRACTION)[D] | (typeof WITH_INTEGER)[D];

type ScalarDType<S extends Scalar> = S extends boolean
  ? 'bool'
  : S extends number
    ? IsFraction<S> extends true
      ? 'float64'
      : IsFraction<S> extends false
        ? 'int32'
        : 'int32' | 'float64'
    : never;

/** Anything with a dtype. */
interface Typed<D extends DType = DType> {
  readonly dtype: D;
}

/** The dtype that holds both of two operands, each a tensor or a scalar. */
export type PromoteOperands<A extends Typed | Scalar, B extends Typed | Scalar> =
  A extends Typed<infer DA>
    ? B extends Typed<infer DB>
      ? Promote<DA, DB>
      : B extends number
        ? WithNumber<DA, B>
        : DA
    : A extends Scalar
      ? B extends Typed<infer DB>
        ? A extends number
          ? WithNumber<DB, A>
          : DB
        : B extends Scalar
          ? Promote<ScalarDType<A>, ScalarDType<B>>
          : never
      : never;

export function promoteTypes(a: DType, b: DType): DType {
  return PROMOTION[a][b];
}

export function arithmeticDType(dtype: DType): DType {
  return ARITHMETIC[dtype];
}

export function floatingDType<D extends DType>(dtype: D): Floating<D> {
  return FLOATING[dtype];
}

export function quotientDType<D extends DType>(dtype: D): Quotient<D> {
  return QUOTIENT[dtype];
}

export function sumDType<D extends DType>(dtype: D): Sum<D> {
  return SUM[dtype];
}

/** The dtype of a scalar that meets no tensor. */
export function scalarDType(scalar: Scalar): DType {
  if (typeof scalar === 'boolean') return 'bool';
  return Number.isInteger(scalar) && Math.abs(scalar) < 2 ** 31 ? 'int32' : 'float64';
}

/** The dtype of a tensor of `dtype` together with a scalar. */
export function promoteScalar(dtype: DType, scalar: Scalar): DType {
  if (typeof scalar === 'boolean') return dtype;
  return Number.isInteger(scalar) ? WITH_INTEGER[dtype] : WITH_FRACTION[dtype];
}

/** Whether a number can be an element of the dtype; every number can be one of a floating type, rounded. */
export function fitsDType(value: number, dtype: DType): boolean {
  switch (dtype) {
    case 'bool':
      return value === 0 || value === 1;
    case 'uint8':
      return Number.isInteger(value) && value >= 0 && value <= 255;
    case 'int32':
      return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
    default:
      return true;
  }
}

/** Refuses a scalar that the dtype cannot hold, as NumPy 2 does. */
export function requireFits(operation: string, scalar: Scalar, dtype: DType): void {
  if (typeof scalar === 'number' && !fitsDType(scalar, dtype)) {
    throw new ArgumentError(
      `${operation}: the number ${scalar} does not fit ${dtype}; cast the tensor first, for example with .to('float64')`,
    );
  }
}
