import { allocateStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { fromTypedArray } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { arrayConstructor, type DType, type StorageArray } from '../tensor/dtype.js';
import { castView, execute, requireView } from '../tensor/execute.js';
import { unsqueezeView, windowOf } from '../tensor/strided.js';
import { Tensor } from '../tensor/tensor.js';

/** Element types that linear algebra computes with. */
export type RealDType = 'float32' | 'float64';

type RealArray<D extends RealDType> = D extends 'float32' ? Float32Array : Float64Array;

/** The three arrays of a matrix in compressed rows (CSR). */
export interface CompressedRows {
  /** The stored numbers, row by row. */
  readonly values: Float32Array | Float64Array;
  /** The column of each. */
  readonly columnIndices: Int32Array;
  /** Where each row begins among them, and at last how many there are: one element more than there are rows. */
  readonly rowOffsets: Int32Array;
}

/** Single entries of a matrix in any order (COO). */
export interface Triplets {
  readonly rows: ArrayLike<number>;
  readonly columns: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

const LARGEST = 2 ** 31 - 1;

function checkShape(operation: string, shape: readonly number[]): readonly [number, number] {
  const fits =
    Array.isArray(shape) && shape.length === 2 && shape.every((n) => Number.isInteger(n) && n >= 0 && n <= LARGEST);
  if (!fits) {
    throw new ShapeError(
      `${operation}: shape must be [rows, columns], two whole numbers from 0 to ${LARGEST}, got [${String(shape)}]`,
    );
  }
  return [shape[0], shape[1]];
}

function checkReal(operation: string, dtype: string): asserts dtype is RealDType {
  if (dtype !== 'float32' && dtype !== 'float64') {
    throw new DTypeError(`${operation}: dtype must be float32 or float64, got ${String(dtype)}`);
  }
}

const viewOf = <D extends DType>(dtype: D, data: StorageArray): View<D> => ({
  dtype,
  dims: [data.length],
  strides: [1],
  offset: 0,
  data,
});

/** Entries sorted into rows by counting, stable within a row. */
function groupByRow(
  rows: ArrayLike<number>,
  count: number,
): { readonly offsets: Int32Array; readonly order: Int32Array } {
  const offsets = new Int32Array(count + 1);
  for (let entry = 0; entry < rows.length; entry++) offsets[rows[entry] + 1]++;
  for (let row = 0; row < count; row++) offsets[row + 1] += offsets[row];
  const next = offsets.slice(0, count);
  const order = new Int32Array(rows.length);
  for (let entry = 0; entry < rows.length; entry++) order[next[rows[entry]]++] = entry;
  return { offsets, order };
}

/**
 * A sparse matrix `[rows, columns]` in compressed rows (CSR), as `scipy.sparse.csr_array`: columns ascend within each row, and
 * none stands twice. It cannot be changed; do not write to its arrays.
 *
 * Products run in the engine, on all threads, with the same results for any number of them.
 */
export class SparseMatrix<D extends RealDType = RealDType> implements CompressedRows {
  readonly dtype: D;
  readonly shape: readonly [number, number];
  readonly values: RealArray<D>;
  readonly columnIndices: Int32Array;
  readonly rowOffsets: Int32Array;
  #transposed: SparseMatrix<D> | undefined;

  private constructor(
    dtype: D,
    shape: readonly [number, number],
    values: RealArray<D>,
    columnIndices: Int32Array,
    rowOffsets: Int32Array,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
    this.columnIndices = columnIndices;
    this.rowOffsets = rowOffsets;
  }

  /**
   * A matrix of single entries in any order; those of one place are added up.
   *
   * @throws ArgumentError for arrays of different lengths and places outside of the shape.
   */
  static fromTriplets<D extends RealDType = 'float32'>(
    { rows, columns, values }: Triplets,
    shape: readonly number[],
    options: { readonly dtype?: D } = {},
  ): SparseMatrix<D> {
    const operation = 'SparseMatrix.fromTriplets';
    const dtype = options.dtype ?? ('float32' as D);
    checkReal(operation, dtype);
    const [rowCount, columnCount] = checkShape(operation, shape);
    if (rows.length !== values.length || columns.length !== values.length) {
      throw new ArgumentError(
        `${operation}: rows, columns and values must be equally many, got ${rows.length}, ${columns.length} and ${values.length}`,
      );
    }
    const inside = (index: number, length: number) => Number.isInteger(index) && index >= 0 && index < length;
    for (let entry = 0; entry < rows.length; entry++) {
      if (!inside(rows[entry], rowCount) || !inside(columns[entry], columnCount)) {
        throw new ArgumentError(
          `${operation}: entry ${entry} at [${rows[entry]}, ${columns[entry]}] lies outside of ${formatShape(shape)}`,
        );
      }
    }
    const { offsets, order } = groupByRow(rows, rowCount);
    const sums = new Float64Array(values.length);
    const columnIndices = new Int32Array(values.length);
    const rowOffsets = new Int32Array(rowCount + 1);
    let count = 0;
    for (let row = 0; row < rowCount; row++) {
      const start = count;
      const entries = order.subarray(offsets[row], offsets[row + 1]);
      const ascends = entries.every((entry, n) => n === 0 || columns[entries[n - 1]] <= columns[entry]);
      // Those of one place stay in their order, so that sums do not depend on anything else.
      if (!ascends) entries.sort((a, b) => columns[a] - columns[b] || a - b);
      for (const entry of entries) {
        const column = columns[entry];
        if (count > start && columnIndices[count - 1] === column) {
          sums[count - 1] += values[entry];
        } else {
          columnIndices[count] = column;
          sums[count++] = values[entry];
        }
      }
      rowOffsets[row + 1] = count;
    }
    const stored = arrayConstructor(dtype).from(sums.subarray(0, count)) as unknown as RealArray<D>;
    return new SparseMatrix(dtype, [rowCount, columnCount], stored, columnIndices.slice(0, count), rowOffsets);
  }

  /**
   * A matrix of arrays that are in compressed rows already, which it keeps without a copy.
   *
   * @throws ArgumentError where offsets do not ascend from 0 to the number of values, or columns within a row do not ascend or
   * lie outside of the shape.
   */
  static fromCompressedRows<D extends RealDType = RealDType>(
    { values, columnIndices, rowOffsets }: CompressedRows,
    shape: readonly number[],
  ): SparseMatrix<D> {
    const operation = 'SparseMatrix.fromCompressedRows';
    const dtype = values instanceof Float32Array ? 'float32' : 'float64';
    if (dtype === 'float64' && !(values instanceof Float64Array)) {
      throw new DTypeError(`${operation}: values must be a Float32Array or a Float64Array`);
    }
    if (!(columnIndices instanceof Int32Array) || !(rowOffsets instanceof Int32Array)) {
      throw new DTypeError(`${operation}: columnIndices and rowOffsets must be Int32Arrays`);
    }
    const [rows, columns] = checkShape(operation, shape);
    if (columnIndices.length !== values.length || rowOffsets.length !== rows + 1) {
      throw new ArgumentError(
        `${operation}: expected ${values.length} columnIndices and ${rows + 1} rowOffsets, got ${columnIndices.length} and ${rowOffsets.length}`,
      );
    }
    if (rowOffsets[0] !== 0 || rowOffsets[rows] !== values.length) {
      throw new ArgumentError(
        `${operation}: rowOffsets must go from 0 to ${values.length}, got ${rowOffsets[0]} to ${rowOffsets[rows]}`,
      );
    }
    for (let row = 0; row < rows; row++) {
      if (rowOffsets[row + 1] < rowOffsets[row]) {
        throw new ArgumentError(`${operation}: rowOffsets must ascend, but row ${row} ends before it begins`);
      }
      for (let entry = rowOffsets[row]; entry < rowOffsets[row + 1]; entry++) {
        const least = entry === rowOffsets[row] ? 0 : columnIndices[entry - 1] + 1;
        if (columnIndices[entry] < least || columnIndices[entry] >= columns) {
          throw new ArgumentError(
            `${operation}: columns of row ${row} must ascend within [0, ${columns}), got ${columnIndices[entry]}`,
          );
        }
      }
    }
    return new SparseMatrix(dtype as D, [rows, columns], values as RealArray<D>, columnIndices, rowOffsets);
  }

  /** What of a dense matrix `[rows, columns]` is not zero; NaN is kept. float64 stays, all else becomes float32. */
  static fromDense<D extends RealDType = RealDType>(matrix: Tensor): SparseMatrix<D> {
    const { dims } = requireView('SparseMatrix.fromDense', 'matrix', matrix);
    const [rows, columns] = checkShape('SparseMatrix.fromDense', dims as number[]);
    const dtype = matrix.dtype === 'float64' ? 'float64' : 'float32';
    using real = matrix.to(dtype);
    const numbers = real.toTypedArray() as Float32Array | Float64Array;
    const rowOffsets = new Int32Array(rows + 1);
    for (let row = 0; row < rows; row++) {
      let count = 0;
      for (let n = row * columns; n < (row + 1) * columns; n++) if (numbers[n] !== 0) count++;
      rowOffsets[row + 1] = rowOffsets[row] + count;
    }
    const values = new (arrayConstructor(dtype))(rowOffsets[rows]) as unknown as RealArray<D>;
    const columnIndices = new Int32Array(rowOffsets[rows]);
    let entry = 0;
    for (let n = 0; n < numbers.length; n++) {
      if (numbers[n] === 0) continue;
      values[entry] = numbers[n];
      columnIndices[entry++] = n % columns;
    }
    return new SparseMatrix(dtype as D, [rows, columns], values, columnIndices, rowOffsets);
  }

  /** How many entries are stored. */
  get entries(): number {
    return this.values.length;
  }

  /** The transposed matrix; computed once and kept. */
  get T(): SparseMatrix<D> {
    if (this.#transposed === undefined) {
      this.#transposed = this.#transpose();
      this.#transposed.#transposed = this;
    }
    return this.#transposed;
  }

  /** The element at a place, 0 where nothing is stored. */
  at(row: number, column: number): number {
    const [rows, columns] = this.shape;
    const inside =
      Number.isInteger(row) && row >= 0 && row < rows && Number.isInteger(column) && column >= 0 && column < columns;
    if (!inside) throw new ArgumentError(`at: [${row}, ${column}] lies outside of ${formatShape(this.shape)}`);
    let low = this.rowOffsets[row];
    let high = this.rowOffsets[row + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.columnIndices[middle] < column) low = middle + 1;
      else high = middle;
    }
    return low < this.rowOffsets[row + 1] && this.columnIndices[low] === column ? this.values[low] : 0;
  }

  /** Rows from `begin` up to, not including, `end`; values and columns stay where they are. */
  sliceRows(begin: number, end = this.shape[0]): SparseMatrix<D> {
    const [rows, columns] = this.shape;
    if (!Number.isInteger(begin) || !Number.isInteger(end) || begin < 0 || end < begin || end > rows) {
      throw new ArgumentError(`sliceRows: expected 0 <= begin <= end <= ${rows}, got ${begin} and ${end}`);
    }
    const [first, last] = [this.rowOffsets[begin], this.rowOffsets[end]];
    return new SparseMatrix(
      this.dtype,
      [end - begin, columns],
      this.values.subarray(first, last) as RealArray<D>,
      this.columnIndices.subarray(first, last),
      this.rowOffsets.slice(begin, end + 1).map((offset) => offset - first),
    );
  }

  /** The same places with other values: `map` gets each with its row and column. A zero stays stored. */
  map(map: (value: number, row: number, column: number) => number): SparseMatrix<D> {
    const values = new (arrayConstructor(this.dtype))(this.entries) as unknown as RealArray<D>;
    for (let row = 0; row < this.shape[0]; row++) {
      for (let entry = this.rowOffsets[row]; entry < this.rowOffsets[row + 1]; entry++) {
        values[entry] = map(this.values[entry], row, this.columnIndices[entry]);
      }
    }
    return new SparseMatrix(this.dtype, this.shape, values, this.columnIndices, this.rowOffsets);
  }

  /** All elements, `[rows, columns]`. @throws BackendError with code ERR_OUT_OF_MEMORY where they are too many. */
  toDense(): Tensor<D> {
    const [rows, columns] = this.shape;
    const data = allocateStorage(this.dtype, rows * columns) as Float32Array | Float64Array;
    data.fill(0);
    for (let row = 0; row < rows; row++) {
      for (let entry = this.rowOffsets[row]; entry < this.rowOffsets[row + 1]; entry++) {
        data[row * columns + this.columnIndices[entry]] = this.values[entry];
      }
    }
    return fromTypedArray<D>(data, [rows, columns]);
  }

  /**
   * This matrix times a dense one.
   *
   * @param right - `[columns, n]`, or a vector `[columns]`.
   * @returns `[rows, n]` or `[rows]`; float64 where either factor is, else float32.
   */
  matmul(right: Tensor): Tensor<D> {
    return Tensor.fromView(this.#product('matmul', 'right', requireView('matmul', 'right', right)));
  }

  /**
   * The transposed matrix times a dense one, `T.matmul(right)`.
   *
   * @param right - `[rows, n]`, or a vector `[rows]`.
   * @returns `[columns, n]` or `[columns]`.
   */
  transposeMatmul(right: Tensor): Tensor<D> {
    return this.T.matmul(right);
  }

  /**
   * A dense matrix times this one.
   *
   * @param left - `[n, rows]`, or a vector `[rows]`.
   * @returns `[n, columns]` or `[columns]`; its memory is laid out by columns.
   */
  leftMatmul(left: Tensor): Tensor<D> {
    requireView('leftMatmul', 'left', left);
    if (left.rank > 2 || left.dims.at(-1) !== this.shape[0]) {
      throw new ShapeError(
        `leftMatmul: left ${formatShape(left.dims)} does not fit ${formatShape(this.shape)}; expected [n, ${this.shape[0]}] or [${this.shape[0]}]`,
      );
    }
    using transposed = left.transpose();
    using product = this.T.matmul(transposed);
    return product.transpose();
  }

  #product(operation: string, argument: string, dense: View): View<D> {
    const [rows, columns] = this.shape;
    const vector = dense.dims.length === 1;
    if (dense.dims.length > 2 || dense.dims[0] !== columns) {
      throw new ShapeError(
        `${operation}: ${argument} ${formatShape(dense.dims)} does not fit ${formatShape(this.shape)}; expected [${columns}, n] or [${columns}]`,
      );
    }
    const dtype = dense.dtype === 'float64' ? 'float64' : this.dtype;
    const block = castView(dense, dtype);
    const matrix = vector ? unsqueezeView(block, 1) : block;
    const [values, ...places] = this.views();
    const [product] = execute('sparseMatmul', [castView(values, dtype), ...places, matrix], {});
    return (vector ? windowOf(product, [rows], [1]) : product) as View<D>;
  }

  /** Values, columns and offsets as operands of a primitive. */
  views(): [View<D>, View<'int32'>, View<'int32'>] {
    return [
      viewOf(this.dtype, this.values as StorageArray),
      viewOf('int32', this.columnIndices),
      viewOf('int32', this.rowOffsets),
    ];
  }

  /**
   * For every row the sum of `value * d^T d` over its entries, d being the row of `dense` that the entry's column names: the left
   * sides of one weighted least-squares problem a row.
   *
   * @param dense - `[columns, width]`, of this matrix's dtype.
   * @returns `[rows, width, width]`.
   */
  rowGrams(dense: Tensor<D>): Tensor<D> {
    const view = requireView('rowGrams', 'dense', dense);
    if (view.dims.length !== 2 || view.dims[0] !== this.shape[1] || view.dtype !== this.dtype) {
      throw new ShapeError(
        `rowGrams: dense must be ${this.dtype} [${this.shape[1]}, width], got ${view.dtype} ${formatShape(view.dims)}`,
      );
    }
    return Tensor.fromView(execute('sparseGram', [...this.views(), view], {})[0] as View<D>);
  }

  #transpose(): SparseMatrix<D> {
    const [rows, columns] = this.shape;
    const { offsets, order } = groupByRow(this.columnIndices, columns);
    const rowOf = new Int32Array(this.entries);
    for (let row = 0; row < rows; row++) rowOf.fill(row, this.rowOffsets[row], this.rowOffsets[row + 1]);
    const values = new (arrayConstructor(this.dtype))(this.entries) as unknown as RealArray<D>;
    const columnIndices = new Int32Array(this.entries);
    for (let place = 0; place < order.length; place++) {
      values[place] = this.values[order[place]];
      columnIndices[place] = rowOf[order[place]];
    }
    return new SparseMatrix(this.dtype, [columns, rows], values, columnIndices, offsets);
  }
}
