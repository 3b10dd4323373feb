import { recycleResult, releaseStorage, retainStorage } from '../backend/storage.js';
import { BORROWED, borrow, SymbolicValue, type View } from '../backend/view.js';
import { ArgumentError, DisposedError, RecordingError } from '../errors.js';
import { INSPECT, type InspectOptions } from '../inspection.js';
import { concreteDim, type Dim, formatShape, sizeOf } from './dim.js';
import type { ArrayOf, DType, StorageArray } from './dtype.js';
import { type BinaryName, binary, classify, clip, type UnaryName, unary, where } from './elementwise.js';
import { castView, contiguousView, copyView, isSymbolicView } from './execute.js';
import * as indexing from './indexing.js';
import { matmul } from './matrix.js';
import { type PrintOptions, printView } from './printing.js';
import type { Arithmetic, Floating, PromoteOperands, Quotient, Scalar, Sum } from './promotion.js';
import type { NormOptions, ReduceOptions, SpreadOptions } from './reductions.js';
import * as reductions from './reductions.js';
import type { Axes } from './shape.js';
import type { SliceSpec } from './strided.js';
import * as strided from './strided.js';

/** Numbers nested as deep as a tensor has axes; a plain number where it has none. */
export type NestedArray<T = number | boolean> = T | NestedArray<T>[];

/** An operand of arithmetic: a tensor or a number. */
export type TensorOrScalar = Tensor | Scalar;

/** The element in JavaScript: booleans of bool tensors, numbers of all others. */
export type Element<D extends DType> = D extends 'bool' ? boolean : number;

/**
 * A strided, typed, n-dimensional array with NumPy's semantics.
 *
 * Operations return new tensors and change none. Those that only look at the numbers differently (reshape, transpose, slice
 * and their like) share storage with their operand. `dispose()` gives native memory back at once; without it the garbage
 * collector does, later. Storage that several tensors share goes with the last of them.
 */
export class Tensor<D extends DType = DType> implements View<D> {
  readonly dtype: D;
  /** Lengths of the axes; while recording they may depend on the number of tokens and sequences. */
  readonly dims: readonly Dim[];
  /** Elements from one index to the next along each axis; may be zero or negative. */
  readonly strides: readonly Dim[];
  /** The storage index of the first element. */
  readonly offset: Dim;
  readonly #data: StorageArray | SymbolicValue;
  /** Whether only operations that borrowed the storage have seen it: others may keep it for longer than this tensor. */
  #isOursAlone: boolean;
  #disposed = false;

  private constructor(view: View<D>, isOursAlone: boolean) {
    this.dtype = view.dtype;
    this.dims = view.dims;
    this.strides = view.strides;
    this.offset = view.offset;
    this.#data = view.data;
    this.#isOursAlone = isOursAlone;
  }

  /** A tensor of a view whose storage nobody else owns. */
  static fromView<D extends DType>(view: View<D>): Tensor<D> {
    return new Tensor(view, false);
  }

  /** The storage, which other tensors may share. @throws DisposedError after `dispose()`. */
  get data(): StorageArray | SymbolicValue {
    this.#isOursAlone = false;
    return this[BORROWED];
  }

  get [BORROWED](): StorageArray | SymbolicValue {
    if (this.#disposed) {
      throw new DisposedError(
        `this tensor of shape ${formatShape(this.dims)} was disposed and has no numbers any more`,
      );
    }
    return this.#data;
  }

  /** Lengths of the axes. @throws RecordingError while recording, for sizes that are only known when a Program runs. */
  get shape(): readonly number[] {
    return this.dims.map((dim, axis) => concreteDim(dim, `shape: the length of axis ${axis}`));
  }

  /** The number of axes. */
  get rank(): number {
    return this.dims.length;
  }

  /** The number of elements. */
  get size(): number {
    return concreteDim(sizeOf(this.dims), 'size: the number of elements');
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Lets go of the storage; its memory comes back when no other tensor shares it. Disposing twice does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#data instanceof SymbolicValue) return;
    if (this.#isOursAlone) recycleResult(this.#data);
    releaseStorage(this.#data);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  // ---- Numbers out ----

  /** All elements in row-major order, as nested arrays; a scalar as a number (a boolean for bool). */
  toArray(): NestedArray<Element<D>> {
    const numbers = this.#numbers('toArray');
    const nest = (axis: number, start: number, stride: number): NestedArray<Element<D>> => {
      if (axis === this.rank) return this.#element(numbers[start]);
      const length = this.dims[axis] as number;
      const step = length === 0 ? 0 : stride / length;
      return Array.from({ length }, (_, index) => nest(axis + 1, start + index * step, step));
    };
    return nest(0, 0, numbers.length);
  }

  /**
   * What `JSON.stringify` writes: the numbers, as {@link toArray} gives them. JSON has no NaN and no infinities; they become
   * `null`.
   *
   * @throws DisposedError after `dispose()`.
   */
  toJSON(): NestedArray<Element<D>> {
    return this.toArray();
  }

  /**
   * All elements in row-major order. Contiguous tensors give their storage itself, without a copy: writing to it changes this
   * tensor and all that share it, and its `buffer` may hold the numbers of others, too; `slice()` makes a copy of one's own.
   * float16 and bfloat16 give their bits; see `to('float32')`.
   */
  toTypedArray(): ArrayOf<D> {
    this.#requireNumbers('toTypedArray');
    const view = contiguousView<D>(this);
    const start = view.offset as number;
    return (view.data as StorageArray).subarray(start, start + this.size) as ArrayOf<D>;
  }

  /** The only element. @throws ArgumentError when there is not exactly one. */
  item(): Element<D> {
    if (this.size !== 1) {
      throw new ArgumentError(`item: expected a tensor of one element, got shape ${formatShape(this.dims)}; use at()`);
    }
    return this.#element(this.#numbers('item')[0]);
  }

  /** The element at an index for every axis; negative ones count from the end. */
  at(...index: number[]): Element<D> {
    if (index.length !== this.rank) {
      throw new ArgumentError(
        `at: expected ${this.rank} indices for shape ${formatShape(this.dims)}, got ${index.length}`,
      );
    }
    return this.#share(strided.sliceView<D>(this, index)).item();
  }

  /** The parts along the first axis, one by one. */
  *[Symbol.iterator](): Generator<Tensor<D>> {
    if (this.rank === 0) throw new ArgumentError('iteration: a scalar has no axis to go along; use item()');
    for (let index = 0; index < (this.shape[0] as number); index++) yield this.select(0, index);
  }

  /** The numbers as text, laid out as NumPy does. */
  toString(options: PrintOptions = {}): string {
    return isSymbolicView(this)
      ? `Tensor(${formatShape(this.dims)}, ${this.dtype}, recorded)`
      : printView(this, options);
  }

  /** For consoles: shape, dtype and numbers, of more than 100 (Node's `maxArrayLength`) only the ends. */
  [INSPECT](depth: number | null, options: InspectOptions): string {
    if (this.#disposed) return `Tensor(${formatShape(this.dims)}, ${this.dtype}, disposed)`;
    if (depth !== null && depth < 0) return `Tensor(${formatShape(this.dims)}, ${this.dtype})`;
    const { maxArrayLength = 100 } = options;
    return this.toString({ threshold: maxArrayLength ?? Number.POSITIVE_INFINITY });
  }

  // ---- Other views of the same storage ----

  /** The same elements in another shape; one length may be -1. Copies only where strides cannot express it. */
  reshape(...shape: number[] | [readonly number[]]): Tensor<D> {
    return this.#share(strided.reshapeView<D>(this, shape.length === 1 && Array.isArray(shape[0]) ? shape[0] : shape));
  }

  flatten(): Tensor<D> {
    return this.#share(strided.flattenView<D>(this));
  }

  /** Two axes exchanged, the last two by default. */
  transpose(first?: number, second?: number): Tensor<D> {
    return this.#share(strided.transposeView<D>(this, first, second));
  }

  /** The last two axes exchanged. */
  get T(): Tensor<D> {
    return this.transpose();
  }

  /** The axes in another order; reversed by default. */
  permute(axes?: readonly number[]): Tensor<D> {
    return this.#share(strided.permuteView<D>(this, axes));
  }

  /** Axes of length one left out: those given, or all. */
  squeeze(axes?: Axes): Tensor<D> {
    return this.#share(strided.squeezeView<D>(this, axes));
  }

  /** A new axis of length one. */
  unsqueeze(axis: number): Tensor<D> {
    return this.#share(strided.unsqueezeView<D>(this, axis));
  }

  /** Broadcast to a shape, without a copy; -1 keeps a length. */
  expand(...shape: number[] | [readonly number[]]): Tensor<D> {
    const dims = shape.length === 1 && Array.isArray(shape[0]) ? shape[0] : (shape as number[]);
    return this.#share(strided.expandView<D>(this, dims));
  }

  /** Reversed along axes, all by default. */
  flip(axes?: Axes): Tensor<D> {
    return this.#share(strided.flipView<D>(this, axes));
  }

  /** A part, axis by axis: an index, `[start, end, step]`, null for all, `'...'` for all axes in between. */
  slice(...specs: (SliceSpec | undefined)[]): Tensor<D> {
    return this.#share(strided.sliceView<D>(this, specs));
  }

  /** The part at one index of an axis, which goes away. */
  select(axis: number, index: number): Tensor<D> {
    return this.#share(strided.selectView<D>(this, axis, index));
  }

  /** Equal parts along an axis (default 0), or parts that begin at the indices given. */
  split(parts: number | readonly number[], axis = 0): Tensor<D>[] {
    return strided.splitView<D>(this, parts, axis).map((view) => this.#share(view));
  }

  // ---- Copies ----

  /** The same numbers in another dtype; the same storage where it is this one already. */
  to<E extends DType>(dtype: E): Tensor<E> {
    return this.#share(castView(this, strided.castTarget(dtype) as E));
  }

  /** With elements in row-major order without gaps; the same storage where they are already. */
  contiguous(): Tensor<D> {
    return this.#share(contiguousView<D>(this));
  }

  /** A contiguous copy with storage of its own. */
  clone(): Tensor<D> {
    return Tensor.fromView(copyView<D>(this));
  }

  // ---- Arithmetic ----

  add<B extends TensorOrScalar>(other: B): Tensor<Arithmetic<PromoteOperands<this, B>>> {
    return this.#binary('add', other);
  }
  subtract<B extends TensorOrScalar>(other: B): Tensor<Arithmetic<PromoteOperands<this, B>>> {
    return this.#binary('subtract', other);
  }
  multiply<B extends TensorOrScalar>(other: B): Tensor<Arithmetic<PromoteOperands<this, B>>> {
    return this.#binary('multiply', other);
  }
  /** True division: of integers it gives float64. */
  divide(other: TensorOrScalar): Tensor {
    return this.#binary('divide', other);
  }
  floorDivide(other: TensorOrScalar): Tensor {
    return this.#binary('floorDivide', other);
  }
  /** With the sign of the divisor, as in Python. */
  remainder(other: TensorOrScalar): Tensor {
    return this.#binary('remainder', other);
  }
  power(other: TensorOrScalar): Tensor {
    return this.#binary('power', other);
  }
  /** The angle of the point (other, this), from -pi to pi. */
  arctan2(other: TensorOrScalar): Tensor {
    return this.#binary('arctan2', other);
  }
  maximum<B extends TensorOrScalar>(other: B): Tensor<Arithmetic<PromoteOperands<this, B>>> {
    return this.#binary('maximum', other);
  }
  minimum<B extends TensorOrScalar>(other: B): Tensor<Arithmetic<PromoteOperands<this, B>>> {
    return this.#binary('minimum', other);
  }

  equal(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('equal', other);
  }
  notEqual(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('notEqual', other);
  }
  less(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('less', other);
  }
  lessEqual(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('lessEqual', other);
  }
  greater(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('greater', other);
  }
  greaterEqual(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('greaterEqual', other);
  }
  logicalAnd(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('logicalAnd', other);
  }
  logicalOr(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('logicalOr', other);
  }
  logicalXor(other: TensorOrScalar): Tensor<'bool'> {
    return this.#binary('logicalXor', other);
  }
  logicalNot(): Tensor<'bool'> {
    return this.#unary('logicalNot');
  }

  negative(): Tensor<Arithmetic<D>> {
    return this.#unary('negative');
  }
  absolute(): Tensor<Arithmetic<D>> {
    return this.#unary('absolute');
  }
  sign(): Tensor<Arithmetic<D>> {
    return this.#unary('sign');
  }
  square(): Tensor {
    return this.#unary('square');
  }
  reciprocal(): Tensor<Floating<D>> {
    return this.#unary('reciprocal');
  }
  sqrt(): Tensor<Floating<D>> {
    return this.#unary('sqrt');
  }
  rsqrt(): Tensor<Floating<D>> {
    return this.#unary('rsqrt');
  }
  exp(): Tensor<Floating<D>> {
    return this.#unary('exp');
  }
  expm1(): Tensor<Floating<D>> {
    return this.#unary('expm1');
  }
  log(): Tensor<Floating<D>> {
    return this.#unary('log');
  }
  log1p(): Tensor<Floating<D>> {
    return this.#unary('log1p');
  }
  log2(): Tensor<Floating<D>> {
    return this.#unary('log2');
  }
  log10(): Tensor<Floating<D>> {
    return this.#unary('log10');
  }
  sin(): Tensor<Floating<D>> {
    return this.#unary('sin');
  }
  cos(): Tensor<Floating<D>> {
    return this.#unary('cos');
  }
  tan(): Tensor<Floating<D>> {
    return this.#unary('tan');
  }
  arcsin(): Tensor<Floating<D>> {
    return this.#unary('arcsin');
  }
  arccos(): Tensor<Floating<D>> {
    return this.#unary('arccos');
  }
  arctan(): Tensor<Floating<D>> {
    return this.#unary('arctan');
  }
  sinh(): Tensor<Floating<D>> {
    return this.#unary('sinh');
  }
  cosh(): Tensor<Floating<D>> {
    return this.#unary('cosh');
  }
  tanh(): Tensor<Floating<D>> {
    return this.#unary('tanh');
  }
  floor(): Tensor {
    return this.#unary('floor');
  }
  ceil(): Tensor {
    return this.#unary('ceil');
  }
  /** To the nearest integer, ties to even. */
  round(): Tensor {
    return this.#unary('round');
  }
  trunc(): Tensor {
    return this.#unary('trunc');
  }
  erf(): Tensor<Floating<D>> {
    return this.#unary('erf');
  }
  sigmoid(): Tensor<Floating<D>> {
    return this.#unary('sigmoid');
  }
  relu(): Tensor<Arithmetic<D>> {
    return this.#unary('relu');
  }
  /** x times the normal distribution's probability below x (Hendrycks and Gimpel, arXiv:1606.08415), exact. */
  gelu(): Tensor<Floating<D>> {
    return this.#unary('gelu');
  }
  /** The approximation of gelu by tanh. */
  geluTanh(): Tensor<Floating<D>> {
    return this.#unary('geluTanh');
  }
  silu(): Tensor<Floating<D>> {
    return this.#unary('silu');
  }
  isNaN(): Tensor<'bool'> {
    return this.#share(classify('isNaN', this) as View<'bool'>);
  }
  isFinite(): Tensor<'bool'> {
    return this.#share(classify('isFinite', this) as View<'bool'>);
  }

  /** Between low and high; null leaves an end open. */
  clip(low: TensorOrScalar | null, high: TensorOrScalar | null): Tensor {
    return this.#share(clip(this, low, high));
  }

  /** This where the condition holds, else the other. */
  where<B extends TensorOrScalar>(condition: Tensor, other: B): Tensor<PromoteOperands<this, B>> {
    return this.#share(where(condition, this, other)) as Tensor<PromoteOperands<this, B>>;
  }

  // ---- Reductions ----

  /** The sum over axes, all by default. */
  sum(axes?: Axes, options: ReduceOptions = {}): Tensor<Sum<D>> {
    return this.#share(reductions.reduce('sum', this, axes, options.keepdims)) as Tensor<Sum<D>>;
  }
  prod(axes?: Axes, options: ReduceOptions = {}): Tensor<Sum<D>> {
    return this.#share(reductions.reduce('prod', this, axes, options.keepdims)) as Tensor<Sum<D>>;
  }
  /** NaN if any is NaN. */
  max(axes?: Axes, options: ReduceOptions = {}): Tensor<Arithmetic<D>> {
    return this.#share(reductions.reduce('max', this, axes, options.keepdims)) as Tensor<Arithmetic<D>>;
  }
  min(axes?: Axes, options: ReduceOptions = {}): Tensor<Arithmetic<D>> {
    return this.#share(reductions.reduce('min', this, axes, options.keepdims)) as Tensor<Arithmetic<D>>;
  }
  /** The index of the first largest, row-major within the axes; NaN counts as the largest. */
  argmax(axes?: Axes, options: ReduceOptions = {}): Tensor<'int32'> {
    return this.#share(reductions.reduce('argmax', this, axes, options.keepdims)) as Tensor<'int32'>;
  }
  argmin(axes?: Axes, options: ReduceOptions = {}): Tensor<'int32'> {
    return this.#share(reductions.reduce('argmin', this, axes, options.keepdims)) as Tensor<'int32'>;
  }
  any(axes?: Axes, options: ReduceOptions = {}): Tensor<'bool'> {
    return this.#share(reductions.reduce('any', this, axes, options.keepdims)) as Tensor<'bool'>;
  }
  all(axes?: Axes, options: ReduceOptions = {}): Tensor<'bool'> {
    return this.#share(reductions.reduce('all', this, axes, options.keepdims)) as Tensor<'bool'>;
  }
  mean(axes?: Axes, options: ReduceOptions = {}): Tensor<Quotient<D>> {
    return this.#share(reductions.mean(this, axes, options.keepdims)) as Tensor<Quotient<D>>;
  }
  /** The variance; `ddof: 1` for that of a sample. */
  var(axes?: Axes, options: SpreadOptions = {}): Tensor<Quotient<D>> {
    return this.#share(reductions.variance(this, axes, options)) as Tensor<Quotient<D>>;
  }
  std(axes?: Axes, options: SpreadOptions = {}): Tensor<Quotient<D>> {
    return this.#share(reductions.standardDeviation(this, axes, options)) as Tensor<Quotient<D>>;
  }
  /** The vector norm over axes, of order 2 by default. */
  norm(axes?: Axes, options: NormOptions = {}): Tensor<Quotient<D>> {
    return this.#share(reductions.norm(this, axes, options)) as Tensor<Quotient<D>>;
  }

  // ---- Along one axis ----

  /** Running sums along an axis, the last by default. */
  cumsum(axis = -1): Tensor<Sum<D>> {
    return this.#share(indexing.cumsum(this, axis)) as Tensor<Sum<D>>;
  }
  softmax(axis = -1): Tensor<Floating<D>> {
    return this.#share(indexing.normalizeExponentials('softmax', this, axis)) as Tensor<Floating<D>>;
  }
  logSoftmax(axis = -1): Tensor<Floating<D>> {
    return this.#share(indexing.normalizeExponentials('logSoftmax', this, axis)) as Tensor<Floating<D>>;
  }
  /** Stable; NaN counts as the largest. */
  sort(axis = -1, options: { readonly descending?: boolean } = {}): Tensor<D> {
    return this.#share(indexing.sort(this, axis, options.descending ?? false).values) as Tensor<D>;
  }
  /** The indices that would sort. */
  argsort(axis = -1, options: { readonly descending?: boolean } = {}): Tensor<'int32'> {
    return this.#share(indexing.sort(this, axis, options.descending ?? false).indices) as Tensor<'int32'>;
  }
  /** The k largest (or smallest) along an axis, best first, and where they stand. */
  topk(
    k: number,
    axis = -1,
    options: { readonly largest?: boolean } = {},
  ): { values: Tensor<D>; indices: Tensor<'int32'> } {
    const { values, indices } = indexing.topk(this, k, axis, options.largest ?? true);
    return { values: this.#share(values) as Tensor<D>, indices: this.#share(indices) as Tensor<'int32'> };
  }
  /** The parts at indices (int32, any shape) of an axis. */
  take(indices: Tensor | readonly number[], axis = 0): Tensor<D> {
    return this.#share(indexing.take(this, indices, axis)) as Tensor<D>;
  }
  /** One element per index along an axis, as PyTorch's gather and NumPy's take_along_axis. */
  gather(indices: Tensor, axis = -1): Tensor<D> {
    return this.#share(indexing.gather(this, indices, axis)) as Tensor<D>;
  }

  /** The matrix product, batched over leading axes, which broadcast. */
  matmul<B extends DType>(other: Tensor<B>): Tensor<Sum<PromoteOperands<this, Tensor<B>>>> {
    return this.#share(matmul(this, other)) as Tensor<Sum<PromoteOperands<this, Tensor<B>>>>;
  }

  // ---- Inside ----

  #unary<E extends DType>(name: UnaryName): Tensor<E> {
    return this.#share(unary(name, this)) as Tensor<E>;
  }

  #binary<E extends DType>(name: BinaryName, other: TensorOrScalar): Tensor<E> {
    return this.#share(binary(name, this, other)) as Tensor<E>;
  }

  /** A tensor of a result, which looks into this one's storage or into one that nobody else has. */
  #share<E extends DType>(view: View<E>): Tensor<E> {
    const data = this[BORROWED];
    const isFresh = borrow(view) !== data;
    if (!isFresh && !(data instanceof SymbolicValue)) retainStorage(data);
    return new Tensor(view, isFresh);
  }

  #requireNumbers(operation: string): void {
    if (this.data instanceof SymbolicValue) {
      throw new RecordingError(`${operation}: a tensor has no numbers while its computation is being recorded`);
    }
  }

  /** Elements in row-major order as numbers. */
  #numbers(operation: string): Exclude<StorageArray, Uint16Array> {
    this.#requireNumbers(operation);
    if (this.dtype !== 'float16' && this.dtype !== 'bfloat16') {
      return this.toTypedArray() as unknown as Exclude<StorageArray, Uint16Array>;
    }
    return this.to('float32').toTypedArray();
  }

  #element(value: number | undefined): Element<D> {
    return (this.dtype === 'bool' ? value !== 0 : value) as Element<D>;
  }
}
