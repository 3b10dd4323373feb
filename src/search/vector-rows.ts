import type { Backend } from '../backend/index.js';
import { CODE_ZERO } from '../backend/primitives/search.js';
import { type Program, recordProgram } from '../backend/recorder/recorder.js';
import { allocateStorage } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { bytesOfBits, signBits } from '../embeddings/quantized-vectors.js';
import { contiguousStrides, SEQUENCES } from '../tensor/dim.js';
import type { ArrayOf, DType, StorageArray } from '../tensor/dtype.js';
import { execute } from '../tensor/execute.js';

/** How vectors are kept: as they are; as one byte a number; or as one bit a number beside the bytes. */
export const VECTOR_STORAGES = ['float32', 'int8', 'binary'] as const;
export type VectorStorage = (typeof VECTOR_STORAGES)[number];

/** Added to what an excluded row scores. */
export const EXCLUDED = { float32: Number.NEGATIVE_INFINITY, int32: 1 << 28 } as const;

/** One named column of the rows as it is written to a file. */
export type Columns = Readonly<Record<string, View>>;

const GREATEST_CODE = 127;

function matrix<D extends DType>(dtype: D, data: ArrayOf<D>, dims: readonly number[]): View<D> {
  return { dtype, dims, strides: contiguousStrides(dims) as number[], offset: 0, data } as View<D>;
}

/**
 * A column of equally long rows that grows at its end. What was written is never moved or changed, so that a search which
 * began before still reads what it should.
 */
class Column<D extends DType> {
  #data: ArrayOf<D>;
  #rows: number;

  /** @param rowDims - `[width]`, or `[]` for one number a row. */
  constructor(
    readonly dtype: D,
    readonly rowDims: readonly number[],
    data?: ArrayOf<D>,
  ) {
    this.#data = data ?? allocateStorage(dtype, 0);
    this.#rows = this.#data.length / this.width;
  }

  get width(): number {
    return this.rowDims[0] ?? 1;
  }

  get data(): ArrayOf<D> {
    return this.#data;
  }

  view(): View<D> {
    return matrix(this.dtype, this.#data, [this.#rows, ...this.rowDims]);
  }

  /** Room for `count` more rows at the end, to be written by the caller at once. */
  extend(count: number): ArrayOf<D> {
    const [begin, end] = [this.#rows * this.width, (this.#rows + count) * this.width];
    if (end > this.#data.length) {
      const grown = allocateStorage(this.dtype, Math.max(end, Math.ceil(this.#data.length * 1.5)));
      grown.set(this.#data.subarray(0, begin) as never);
      this.#data = grown;
    }
    this.#rows += count;
    return this.#data.subarray(begin, end) as ArrayOf<D>;
  }

  /** The rows named, in a column of their own. */
  select(rows: ArrayLike<number>): Column<D> {
    const chosen = new Column(this.dtype, this.rowDims);
    const target = chosen.extend(rows.length);
    for (let n = 0; n < rows.length; n++) {
      const start = (rows[n] as number) * this.width;
      target.set(this.#data.subarray(start, start + this.width) as never, n * this.width);
    }
    return chosen;
  }
}

/** Rows of vectors in one storage: how they are written, searched and read again. */
export interface VectorRows {
  readonly storage: VectorStorage;
  /** What is added to an excluded row's score, by type. */
  readonly maskType: 'float32' | 'int32';
  /** Appends vectors `[count, dimension]`. */
  append(vectors: Float32Array, count: number): void;
  /** The rows named, as rows of their own. */
  select(rows: ArrayLike<number>): VectorRows;
  /** Queries in the form that the Program takes. */
  encode(queries: Float32Array, count: number): StorageArray;
  /** A Program that finds the best `count` rows of all for each query: `rows`, int32 `[queries, count]`, best first. */
  record(backend: Backend, count: number, masked: boolean): Program;
  /** The score of a row for a query in float32, as exactly as the storage allows, whatever else is asked for. */
  score(query: Float32Array, row: number): number;
  columns(): Columns;
}

function dot(a: Float32Array, b: Float32Array, begin: number): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += (a[n] as number) * (b[begin + n] as number);
  return sum;
}

/** Records a search: `find` chooses rows for the queries, having added the mask to what each scores. */
function recordSearch(
  backend: Backend,
  options: {
    readonly queries: { readonly dtype: DType; readonly width: number };
    readonly mask: { readonly dtype: DType; readonly rows: number } | null;
    readonly find: (queries: View, mask: View | null) => View;
  },
): Program {
  const { queries, mask, find } = options;
  return recordProgram({
    backend,
    inputs: {
      queries: { dtype: queries.dtype, dims: [SEQUENCES, queries.width] },
      ...(mask === null ? {} : { mask: { dtype: mask.dtype, dims: [mask.rows] } }),
    },
    forward: (inputs) => ({ rows: find(inputs.queries as View, (inputs.mask as View | undefined) ?? null) }),
  });
}

/** The best `count` rows of each query by scores `[queries, rows]` plus a mask `[rows]`. */
function bestOf(scores: View, mask: View | null, count: number, largest: boolean): View {
  let masked = scores;
  if (mask !== null) {
    [masked] = execute('add', [scores, { ...mask, dims: scores.dims, strides: [0, 1] }], {}) as [View];
  }
  const [, indices] = execute('topk', [masked], { k: count, largest });
  return indices as View;
}

/** Vectors as they are. */
class Float32Rows implements VectorRows {
  readonly storage = 'float32';
  readonly maskType = 'float32';
  readonly #vectors: Column<'float32'>;

  constructor(
    readonly dimension: number,
    vectors: Column<'float32'> = new Column('float32', [dimension]),
  ) {
    this.#vectors = vectors;
  }

  append(vectors: Float32Array, count: number): void {
    this.#vectors.extend(count).set(vectors);
  }

  select(rows: ArrayLike<number>): Float32Rows {
    return new Float32Rows(this.dimension, this.#vectors.select(rows));
  }

  encode(queries: Float32Array): Float32Array {
    return queries;
  }

  record(backend: Backend, count: number, masked: boolean): Program {
    const vectors = this.#vectors.view();
    return recordSearch(backend, {
      queries: { dtype: 'float32', width: this.dimension },
      mask: masked ? { dtype: this.maskType, rows: vectors.dims[0] as number } : null,
      find: (queries, mask) => execute('topSimilar', [queries, vectors, null, mask], { k: count })[1] as View,
    });
  }

  score(query: Float32Array, row: number): number {
    return dot(query, this.#vectors.data, row * this.dimension);
  }

  columns(): Columns {
    return { vectors: this.#vectors.view() };
  }
}

/** One byte a number with a scale for each vector, its greatest magnitude over 127. */
class Int8Rows implements VectorRows {
  readonly storage: VectorStorage = 'int8';
  readonly maskType: 'float32' | 'int32' = 'float32';
  protected readonly codes: Column<'uint8'>;
  protected readonly scales: Column<'float32'>;

  constructor(
    readonly dimension: number,
    codes: Column<'uint8'> = new Column('uint8', [dimension]),
    scales: Column<'float32'> = new Column('float32', []),
  ) {
    this.codes = codes;
    this.scales = scales;
  }

  append(vectors: Float32Array, count: number): void {
    const { dimension } = this;
    const [codes, scales] = [this.codes.extend(count), this.scales.extend(count)];
    for (let row = 0; row < count; row++) {
      const vector = vectors.subarray(row * dimension, (row + 1) * dimension);
      scales[row] = encodeVector(vector, codes.subarray(row * dimension, (row + 1) * dimension));
    }
  }

  select(rows: ArrayLike<number>): Int8Rows {
    return new Int8Rows(this.dimension, this.codes.select(rows), this.scales.select(rows));
  }

  encode(queries: Float32Array, count: number): Uint8Array {
    const { dimension } = this;
    const codes = new Uint8Array(count * dimension);
    for (let row = 0; row < count; row++) {
      const [begin, end] = [row * dimension, (row + 1) * dimension];
      encodeVector(queries.subarray(begin, end), codes.subarray(begin, end));
    }
    return codes;
  }

  record(backend: Backend, count: number, masked: boolean): Program {
    const [codes, scales] = [this.codes.view(), this.scales.view()];
    return recordSearch(backend, {
      queries: { dtype: 'uint8', width: this.dimension },
      mask: masked ? { dtype: this.maskType, rows: codes.dims[0] as number } : null,
      find: (queries, mask) =>
        bestOf(execute('codeProducts', [queries, codes, scales], {})[0] as View, mask, count, true),
    });
  }

  score(query: Float32Array, row: number): number {
    const { data } = this.codes;
    const begin = row * this.dimension;
    let sum = 0;
    for (let n = 0; n < query.length; n++) sum += (query[n] as number) * ((data[begin + n] as number) - CODE_ZERO);
    return sum * (this.scales.data[row] as number);
  }

  columns(): Columns {
    return { codes: this.codes.view(), scales: this.scales.view() };
  }
}

/** Writes a vector's codes and returns its scale: number `n` is about `(codes[n] - 128) * scale`. */
function encodeVector(vector: Float32Array, codes: Uint8Array): number {
  let greatest = 0;
  for (const value of vector) greatest = Math.max(greatest, Math.abs(value));
  const inverse = greatest === 0 ? 0 : GREATEST_CODE / greatest;
  for (const [index, value] of vector.entries()) codes[index] = CODE_ZERO + Math.round(value * inverse);
  return greatest / GREATEST_CODE;
}

/** One bit a number, its sign, to find candidates by; bytes to put them in order. */
class BinaryRows extends Int8Rows {
  override readonly storage = 'binary';
  override readonly maskType = 'int32';
  readonly #bits: Column<'uint8'>;

  constructor(dimension: number, codes?: Column<'uint8'>, scales?: Column<'float32'>, bits?: Column<'uint8'>) {
    super(dimension, codes, scales);
    this.#bits = bits ?? new Column('uint8', [bytesOfBits(dimension)]);
  }

  override append(vectors: Float32Array, count: number): void {
    super.append(vectors, count);
    this.#bits.extend(count).set(signBits(vectors, this.dimension));
  }

  override select(rows: ArrayLike<number>): BinaryRows {
    return new BinaryRows(this.dimension, this.codes.select(rows), this.scales.select(rows), this.#bits.select(rows));
  }

  override encode(queries: Float32Array): Uint8Array {
    return signBits(queries, this.dimension);
  }

  override record(backend: Backend, count: number, masked: boolean): Program {
    const bits = this.#bits.view();
    return recordSearch(backend, {
      queries: { dtype: 'uint8', width: bytesOfBits(this.dimension) },
      mask: masked ? { dtype: this.maskType, rows: bits.dims[0] as number } : null,
      find: (queries, mask) => bestOf(execute('hammingDistances', [queries, bits], {})[0] as View, mask, count, false),
    });
  }

  override columns(): Columns {
    return { ...super.columns(), bits: this.#bits.view() };
  }
}

/** No rows yet. */
export function emptyRows(storage: VectorStorage, dimension: number): VectorRows {
  if (storage === 'float32') return new Float32Rows(dimension);
  return storage === 'int8' ? new Int8Rows(dimension) : new BinaryRows(dimension);
}

/** The columns that a storage keeps, with the dims of a row of each. */
export function columnsOf(
  storage: VectorStorage,
  dimension: number,
): Readonly<Record<string, { readonly dtype: DType; readonly rowDims: readonly number[] }>> {
  if (storage === 'float32') return { vectors: { dtype: 'float32', rowDims: [dimension] } };
  const bytes = {
    codes: { dtype: 'uint8', rowDims: [dimension] },
    scales: { dtype: 'float32', rowDims: [] },
  } as const;
  return storage === 'int8' ? bytes : { ...bytes, bits: { dtype: 'uint8', rowDims: [bytesOfBits(dimension)] } };
}

/** Rows over columns as {@link VectorRows.columns} gave them; they are read in place. */
export function rowsOver(storage: VectorStorage, dimension: number, columns: Columns): VectorRows {
  const column = <D extends DType>(name: string, dtype: D, rowDims: readonly number[]): Column<D> =>
    new Column(dtype, rowDims, columns[name]?.data as ArrayOf<D>);
  if (storage === 'float32') return new Float32Rows(dimension, column('vectors', 'float32', [dimension]));
  const [codes, scales] = [column('codes', 'uint8', [dimension]), column('scales', 'float32', [])];
  if (storage === 'int8') return new Int8Rows(dimension, codes, scales);
  return new BinaryRows(dimension, codes, scales, column('bits', 'uint8', [bytesOfBits(dimension)]));
}
