import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  type Backend,
  DTypeError,
  fromTypedArray,
  Random,
  ShapeError,
  setDefaultBackend,
  tensor,
} from '../../src/index.js';
import { SparseMatrix } from '../../src/linalg/sparse-matrix.js';
import { expectClose, fixture, type Matrix, made } from '../geometry/fixture.js';

interface Sparse {
  readonly dense: Matrix;
  readonly values: readonly number[];
  readonly columnIndices: readonly number[];
  readonly rowOffsets: readonly number[];
  readonly right: Matrix;
  readonly left: Matrix;
  readonly product: Matrix;
  readonly leftProduct: Matrix;
  readonly triplets: { readonly rows: number[]; readonly columns: number[]; readonly values: number[] };
  readonly summed: Matrix;
  readonly summedEntries: number;
}

const scipy = fixture<Sparse>('sparse');
/** Sums of at most 9 products of numbers below 4. */
const TOLERANCE = 9 * 16 * 2 ** -52;

const compressed = {
  values: Float64Array.from(scipy.values),
  columnIndices: Int32Array.from(scipy.columnIndices),
  rowOffsets: Int32Array.from(scipy.rowOffsets),
};

describe.each(['native', 'reference'] as const)('SparseMatrix on the %s backend', (backend) => {
  let previous: Backend;
  beforeAll(() => {
    previous = setDefaultBackend(backend);
  });
  afterAll(() => {
    setDefaultBackend(previous);
  });
  const matrix = SparseMatrix.fromCompressedRows<'float64'>(compressed, scipy.dense.shape);

  it("has SciPy's arrays and elements", () => {
    const again = SparseMatrix.fromDense<'float64'>(made(scipy.dense));
    expect(again.dtype).toBe('float64');
    expect([...again.values]).toEqual(scipy.values);
    expect([...again.columnIndices]).toEqual(scipy.columnIndices);
    expect([...again.rowOffsets]).toEqual(scipy.rowOffsets);
    expect(matrix.entries).toBe(scipy.values.length);
    expectClose(matrix.toDense(), scipy.dense, 0);
    const [rows, columns] = matrix.shape;
    for (let n = 0; n < rows * columns; n++) {
      expect(matrix.at(Math.floor(n / columns), n % columns)).toBe(scipy.dense.values[n]);
    }
  });

  it("adds up triplets of one place, as SciPy's coo_array", () => {
    const summed = SparseMatrix.fromTriplets(scipy.triplets, scipy.summed.shape, { dtype: 'float64' });
    expect(summed.entries).toBe(scipy.summedEntries);
    expectClose(summed.toDense(), scipy.summed, 2 ** -49);
    for (let row = 0; row < 4; row++) {
      const columns = [...summed.sliceRows(row, row + 1).columnIndices];
      expect(columns).toEqual([...new Set(columns)].sort((a, b) => a - b));
    }
  });

  it('multiplies from the right, from the left and transposed', () => {
    expectClose(matrix.matmul(made(scipy.right)), scipy.product, TOLERANCE);
    expectClose(matrix.leftMatmul(made(scipy.left)), scipy.leftProduct, TOLERANCE);
    const left = made(scipy.left);
    expectClose(matrix.transposeMatmul(left.T).T, scipy.leftProduct, TOLERANCE);
    // A vector is a column on the right and a row on the left.
    expectClose(
      matrix.matmul(made(scipy.right).slice(null, 2)),
      made(scipy.product).slice(null, 2).toTypedArray(),
      TOLERANCE,
    );
    expect(matrix.matmul(made(scipy.right).slice(null, 2)).shape).toEqual([9]);
    expectClose(matrix.leftMatmul(left.slice(1)), made(scipy.leftProduct).slice(1).toTypedArray(), TOLERANCE);
  });

  it('is float32 with float32 and float64 where either factor is', () => {
    const narrow = SparseMatrix.fromDense(made(scipy.dense, 'float32'));
    expect(narrow.matmul(made(scipy.right, 'float32')).dtype).toBe('float32');
    expect(narrow.matmul(made(scipy.right)).dtype).toBe('float64');
    expect(matrix.matmul(made(scipy.right, 'float32')).dtype).toBe('float64');
    // The sum of 9 products of numbers below 4, in float32.
    expectClose(narrow.matmul(made(scipy.right, 'float32')), scipy.product, 9 * 16 * 2 ** -22);
  });

  it('keeps its transpose and gives itself back', () => {
    expect(matrix.T.T).toBe(matrix);
    expect(matrix.T.shape).toEqual([7, 9]);
    expectClose(matrix.T.toDense(), made(scipy.dense).T.contiguous().toTypedArray(), 0);
  });

  it('slices rows and maps values', () => {
    const part = matrix.sliceRows(3, 6);
    expectClose(part.toDense(), made(scipy.dense).slice([3, 6]).toTypedArray(), 0);
    const doubled = matrix.map((value, row, column) => {
      expect(scipy.dense.values[row * 7 + column]).toBe(value);
      return 2 * value;
    });
    expectClose(doubled.toDense(), made(scipy.dense).multiply(2), 0);
  });

  it('sums outer products row by row', () => {
    const dense = new Random(3).normal([7, 4], { dtype: 'float64' });
    const grams = matrix.rowGrams(dense);
    expect(grams.shape).toEqual([9, 4, 4]);
    for (let row = 0; row < 9; row++) {
      const weights = made(scipy.dense).slice(row).reshape(7, 1);
      const expected = dense.T.matmul(dense.multiply(weights) as typeof dense);
      expectClose(grams.slice(row), expected.toTypedArray(), TOLERANCE);
    }
  });

  it('agrees with dense products for matrices of every size', () => {
    const sizes = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 0, max: 70 }), fc.nat(), (rows, columns, width, seed) => {
        const random = new Random(seed);
        const values = random.normal([rows, columns], { dtype: 'float64' });
        const mask = random.uniform([rows, columns]).less(0.4);
        const dense = values.multiply(mask.to('float64'));
        const sparse = SparseMatrix.fromDense<'float64'>(dense);
        const right = random.normal([columns, width], { dtype: 'float64' });
        expectClose(sparse.matmul(right), dense.matmul(right), 12 * 40 * 2 ** -52);
        expectClose(sparse.T.toDense(), dense.T, 0);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses what is no matrix in compressed rows', () => {
    const { values, columnIndices, rowOffsets } = compressed;
    const attempt =
      (change: object, shape: readonly number[] = [9, 7]) =>
      () =>
        SparseMatrix.fromCompressedRows({ values, columnIndices, rowOffsets, ...change }, shape);
    expect(attempt({ rowOffsets: rowOffsets.slice(1) })).toThrow(ArgumentError);
    expect(attempt({ rowOffsets: rowOffsets.map((offset) => offset + 1) })).toThrow(/rowOffsets must go from 0/);
    expect(attempt({ rowOffsets: rowOffsets.with(4, 1000) })).toThrow(ArgumentError);
    expect(attempt({ columnIndices: columnIndices.with(2, 7) })).toThrow(/within \[0, 7\)/);
    expect(attempt({ columnIndices: columnIndices.with(2, -1) })).toThrow(ArgumentError);
    expect(attempt({ columnIndices: columnIndices.slice(1) })).toThrow(ArgumentError);
    expect(attempt({ columnIndices: [...columnIndices] })).toThrow(DTypeError);
    expect(attempt({ values: [...values] })).toThrow(DTypeError);
    expect(attempt({}, [9])).toThrow(ShapeError);
    expect(attempt({}, [9, -7])).toThrow(ShapeError);
    const two = { values: Float64Array.of(1, 2), columnIndices: Int32Array.of(1, 1), rowOffsets: Int32Array.of(0, 2) };
    expect(() => SparseMatrix.fromCompressedRows(two, [1, 3])).toThrow(/must ascend/);
  });

  it('says so when the dense matrix would not fit into memory', () => {
    const large = SparseMatrix.fromTriplets({ rows: [999_999], columns: [5], values: [1] }, [1_000_000, 1_000_000]);
    expect(large.at(999_999, 5)).toBe(1);
    expect(() => large.toDense()).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
  });

  it('refuses triplets outside and products that do not fit', () => {
    const one = { rows: [0], columns: [0], values: [1] };
    expect(() => SparseMatrix.fromTriplets({ ...one, rows: [2] }, [2, 2])).toThrow(/lies outside/);
    expect(() => SparseMatrix.fromTriplets({ ...one, columns: [0.5] }, [2, 2])).toThrow(ArgumentError);
    expect(() => SparseMatrix.fromTriplets({ ...one, columns: [Number.NaN] }, [2, 2])).toThrow(ArgumentError);
    expect(() => SparseMatrix.fromTriplets({ ...one, rows: [] }, [2, 2])).toThrow(/equally many/);
    expect(() => SparseMatrix.fromTriplets(one, [2, 2], { dtype: 'int32' as 'float32' })).toThrow(DTypeError);
    expect(() => matrix.matmul(tensor([1, 2]))).toThrow(ShapeError);
    expect(() => matrix.leftMatmul(tensor([[1, 2]]))).toThrow(ShapeError);
    expect(() => matrix.at(9, 0)).toThrow(ArgumentError);
    expect(() => matrix.sliceRows(4, 3)).toThrow(ArgumentError);
    expect(() => matrix.rowGrams(fromTypedArray(new Float64Array(9), [9, 1]))).toThrow(ShapeError);
  });
});
