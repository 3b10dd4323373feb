/**
 * Element types.
 *
 * `float16` and `bfloat16` are storage types: their bits lie in a `Uint16Array`, and arithmetic on them is done in,
 * and gives, `float32`. `bool` lies in a `Uint8Array` as 0 or 1.
 */
export type DType = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool' | 'float16' | 'bfloat16';

/** The typed array that holds the elements of a dtype. */
export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
}

export type ArrayOf<D extends DType> = DTypeArrays[D];
export type StorageArray = DTypeArrays[DType];

/** Dtypes in the order of their code in Programs and in the engine (`native/runtime/dtype.h`). */
export const DTYPES = [
  'float32',
  'float64',
  'int32',
  'uint8',
  'bool',
  'float16',
  'bfloat16',
] as const satisfies DType[];

const CODES: Record<DType, number> = {
  float32: 0,
  float64: 1,
  int32: 2,
  uint8: 3,
  bool: 4,
  float16: 5,
  bfloat16: 6,
};

const BYTES: Record<DType, number> = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
  float16: 2,
  bfloat16: 2,
};

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} as const;

/** The number that stands for a dtype in a Program. */
export function dtypeCode(dtype: DType): number {
  return CODES[dtype];
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return BYTES[dtype];
}

/** The typed-array constructor that holds a dtype's elements. */
export function arrayConstructor<D extends DType>(dtype: D): (typeof ARRAYS)[D] {
  return ARRAYS[dtype];
}

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}

/** Whether the dtype is one of the floating-point types, storage types included. */
export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}
