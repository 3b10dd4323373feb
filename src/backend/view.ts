import { type Dim, equalDims, multiplyDims } from '../tensor/dim.js';
import type { DType, StorageArray } from '../tensor/dtype.js';

/** A value that exists only inside a recording: the recorder's id of the buffer that will hold it. */
export class SymbolicValue {
  constructor(
    /** Whoever records; operations on this value are appended there. */
    readonly recorder: object,
    readonly id: number,
  ) {}
}

/**
 * What every backend computes on: a strided window onto storage.
 *
 * Element `[i, j, ...]` lies at `data[offset + i * strides[0] + j * strides[1] + ...]`; strides and offset count elements,
 * and strides may be zero (broadcast) or negative (reversed). While recording, `data` is a {@link SymbolicValue} and
 * dimensions may be linear forms in tokens and sequences.
 */
export interface View<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly Dim[];
  readonly strides: readonly Dim[];
  readonly offset: Dim;
  readonly data: StorageArray | SymbolicValue;
  readonly [BORROWED]?: StorageArray | SymbolicValue;
}

/** Under this name a view may have its storage for those who read it while they run, and keep nothing of it. */
export const BORROWED = Symbol('borrowed storage');

/** The storage of a view for an operation that has let go of it when it returns; `view.data` is for all others. */
export function borrow(view: View): StorageArray | SymbolicValue {
  return view[BORROWED] ?? view.data;
}

/** A view whose numbers are in memory. */
export interface HostView<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly data: StorageArray;
}

/** The shape and dtype of a result, before it exists. */
export interface OutputSpec {
  readonly dtype: DType;
  readonly dims: readonly Dim[];
}

/**
 * Storage formats of a packed weight, and what their products are made of: `float32`; `bfloat16`, weights widened to float32;
 * `bfloat16Products`, both rounded to bfloat16, with float32 sums; `int8`, both quantised.
 */
export const PACK_FORMATS = ['float32', 'bfloat16', 'bfloat16Products', 'int8'] as const;
export type PackFormat = (typeof PACK_FORMATS)[number];

/** Elements along `inFeatures` that share a scale in the `int8` format; the last group of a row may be shorter. */
export const INT8_GROUP_SIZE = 64;

/** What goes with a weight that is packed as `int8`. */
export interface PackScales {
  /**
   * Positive float32 `[inFeatures]`. The weight is divided by it, and activations are multiplied before they are quantised:
   * the product stays, and large activations become easier to quantise (SmoothQuant, Xiao et al., arXiv:2211.10438).
   */
  readonly inputScale?: View | null | undefined;
  /**
   * float32 `[outFeatures, ceil(inFeatures / 64)]`: the weight is uint8, has been quantised (and divided by `inputScale`)
   * already, its numbers are those of int8 plus 128, and these are the scales of its groups.
   */
  readonly groupScale?: View | null | undefined;
}

/**
 * A weight matrix `[outFeatures, inFeatures]` in a backend's own layout, made once by `Backend.pack` and read by `linear`.
 * It belongs to the backend that packed it.
 */
export interface PackedWeight {
  readonly packed: true;
  readonly backend: string;
  readonly format: PackFormat;
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Bytes that the packed form occupies. */
  readonly bytes: number;
}

/** An argument of a primitive: a view, a packed weight, or nothing for an optional argument left out. */
export type Operand = View | PackedWeight | null;

export function isPackedWeight(operand: Operand): operand is PackedWeight {
  return operand !== null && 'packed' in operand;
}

/** Whether the elements lie in row-major order without gaps. Axes of length one may have any stride. */
export function isContiguous(view: Pick<View, 'dims' | 'strides'>): boolean {
  let expected: Dim = 1;
  for (let axis = view.dims.length - 1; axis >= 0; axis--) {
    const dim = view.dims[axis];
    if (dim === 0) return true;
    if (dim !== 1 && !equalDims(view.strides[axis], expected)) return false;
    if (axis > 0) expected = multiplyDims(expected, dim);
  }
  return true;
}
