import fc from 'fast-check';
import type { PrimitiveName } from '../../src/backend/primitives/index.js';
import type { HostView } from '../../src/backend/view.js';
import { contiguousStrides } from '../../src/tensor/dim.js';
import { arrayConstructor } from '../../src/tensor/dtype.js';
import {
  at,
  diagonal,
  EPSILON,
  identity,
  type Matrix,
  matricesOf,
  matrixOf,
  multiply,
  normOf,
  orthogonalityError,
  subtract,
  transpose,
  vectorsOf,
} from '../linalg/matrices.js';
import type { Arguments } from './cases.js';
import { viewOf } from './views.js';

/*
 * Decompositions are not unique: signs, phases and the order of equal values are each backend's own. What is compared is what
 * they have to fulfil. The bounds are those of backward stability: the product of the factors differs from the matrix by at
 * most c * m * n units of rounding of its norm, factors that are to be orthogonal are so to as many units (Higham, "Accuracy
 * and Stability of Numerical Algorithms", theorems 9.4, 10.3 and 19.4; LAPACK Users' Guide, section 4), with c = 8.
 */

interface Numbers {
  readonly a: Matrix;
  readonly b: Matrix | undefined;
  /** Results that are matrices, in order of the primitive's. */
  readonly matrix: (index: number) => Matrix;
  readonly vector: (index: number) => number[];
  readonly attributes: Record<string, unknown>;
  /** Units of rounding that a relative error may have. */
  readonly bound: number;
}

export interface DecompositionCase {
  readonly arguments: fc.Arbitrary<Arguments>;
  /** Throws unless the results are a decomposition. */
  readonly check: (numbers: Numbers) => void;
  /** Numbers on which both backends have to agree, to the bound times the norm. */
  readonly invariant?: (numbers: Numbers) => number[];
}

function require(value: number, bound: number, what: string): void {
  if (!(value <= bound)) throw new Error(`${what}: ${value} exceeds ${bound}`);
}

interface Sizes {
  readonly batch: number[];
  readonly m: number;
  readonly n: number;
  readonly columns: number;
}

type Operands = (dtype: 'float32' | 'float64', sizes: Sizes) => fc.Arbitrary<HostView[]>;

/** Numbers of magnitudes that occur: bounds relative to the norm say nothing of what lies below the normal numbers. */
function matricesOfDims(dtype: 'float32' | 'float64', dims: readonly number[]): fc.Arbitrary<HostView> {
  return viewOf(dtype, dims, { range: { min: -9, max: 9 } }).map((view) => ({
    ...view,
    data: view.data.map((value) => Math.round(value * 1024) / 1024) as HostView['data'],
  }));
}

function cases(square: boolean, attributes: fc.Arbitrary<object>, operands: Operands): fc.Arbitrary<Arguments> {
  const side = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 5, max: 14 }));
  return fc
    .record({
      dtype: fc.constantFrom('float32' as const, 'float64' as const),
      batch: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
      m: side,
      n: side,
      columns: fc.integer({ min: 0, max: 3 }),
      attributes,
    })
    .chain(({ dtype, attributes: chosen, ...sizes }) =>
      operands(dtype, square ? { ...sizes, m: sizes.n } : sizes).map((views) => ({
        operands: views,
        attributes: chosen,
      })),
    );
}

const anyMatrices: Operands = (dtype, { batch, m, n }) => matricesOfDims(dtype, [...batch, m, n]).map((a) => [a]);

/** The same view with each matrix replaced by another. */
function replaced(view: HostView, by: (a: Matrix) => Matrix): HostView {
  const values = matricesOf(view).flatMap((a) => by(a).values);
  const strides = contiguousStrides(view.dims) as number[];
  return { ...view, strides, offset: 0, data: arrayConstructor(view.dtype).from(values) };
}

/** Adds to the diagonal what makes the matrices far from singular: more than the rest of their rows. */
function dominant(view: HostView): HostView {
  return replaced(view, (a) => matrixOf(a.rows, a.rows, (i, j) => at(a, i, j) + (i === j ? 10 * a.rows : 0)));
}

const systems: Operands = (dtype, { batch, n, columns }) =>
  fc
    .tuple(matricesOfDims(dtype, [...batch, n, n]), matricesOfDims(dtype, [...batch, n, columns]))
    .map(([a, b]) => [dominant(a), b]);

/** The upper triangle, with magnitudes from 1 up on the diagonal. */
function positiveTriangular(view: HostView): HostView {
  return replaced(view, (a) =>
    matrixOf(a.rows, a.columns, (i, j) => (i > j ? 0 : i === j ? 1 + Math.abs(at(a, i, i)) : at(a, i, j))),
  );
}

const symmetric = (a: Matrix): Matrix => matrixOf(a.rows, a.columns, (i, j) => at(a, Math.max(i, j), Math.min(i, j)));
const triangular = (a: Matrix, lower: boolean, unit: boolean): Matrix =>
  matrixOf(a.rows, a.columns, (i, j) => (i === j && unit ? 1 : (lower ? i < j : i > j) ? 0 : at(a, i, j)));

function requireTriangle(a: Matrix, isZero: (i: number, j: number) => boolean, what: string): void {
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) {
      if (isZero(i, j) && at(a, i, j) !== 0) throw new Error(`${what}: entry [${i}, ${j}] is ${at(a, i, j)}`);
    }
  }
}

function requireProduct(a: Matrix, product: Matrix, bound: number, what: string): void {
  require(normOf(subtract(product, a)), bound * normOf(a), what);
}

const none = fc.constant({});
const withVectors = fc.record({ vectors: fc.boolean() });

const columnsOf = (a: Matrix, count: number): Matrix => matrixOf(a.rows, count, (i, j) => at(a, i, j));
const rowsOf = (a: Matrix, count: number): Matrix => matrixOf(count, a.columns, (i, j) => at(a, i, j));

/** A diagonal of complex numbers from the right: `vectors * diag(values)`, real and imaginary parts. */
function scaled({ matrix, vector }: Numbers): { real: Matrix; imaginary: Matrix } {
  const [re, im] = [vector(0), vector(1)];
  const [vr, vi] = [matrix(2), matrix(3)];
  return {
    real: matrixOf(vr.rows, vr.columns, (i, j) => at(vr, i, j) * re[j] - at(vi, i, j) * im[j]),
    imaginary: matrixOf(vr.rows, vr.columns, (i, j) => at(vr, i, j) * im[j] + at(vi, i, j) * re[j]),
  };
}

export const DECOMPOSITIONS: Partial<Record<PrimitiveName, DecompositionCase>> = {
  svd: {
    arguments: cases(false, fc.record({ fullMatrices: fc.boolean(), vectors: fc.boolean() }), anyMatrices),
    check({ a, matrix, vector, attributes, bound }) {
      const s = vector(1);
      for (const [index, value] of s.entries()) {
        if (!(value >= 0) || value > (s[index - 1] ?? Number.POSITIVE_INFINITY)) throw new Error(`order of ${s}`);
      }
      if (!attributes.vectors) return;
      const [u, vt] = [matrix(0), matrix(2)];
      const product = multiply(multiply(columnsOf(u, s.length), diagonal(s)), rowsOf(vt, s.length));
      requireProduct(a, product, bound, 'u * s * vt');
      require(orthogonalityError(u), bound, 'u');
      require(orthogonalityError(transpose(vt)), bound, 'vt');
    },
    invariant: ({ vector }) => vector(1),
  },
  qr: {
    arguments: cases(
      false,
      fc.record({ mode: fc.constantFrom('reduced', 'complete', 'r'), pivoting: fc.boolean() }),
      anyMatrices,
    ),
    check({ a, matrix, vector, attributes, bound }) {
      const [q, r, permutation] = [matrix(0), matrix(1), vector(2)];
      requireTriangle(r, (i, j) => i > j, 'r');
      const permuted = matrixOf(a.rows, a.columns, (i, j) => at(a, i, permutation[j]));
      // transpose(r) * r is transpose(a) * a, whether there is a q or not.
      const square = multiply(transpose(permuted), permuted);
      require(normOf(subtract(multiply(transpose(r), r), square)), 2 * bound * normOf(a) ** 2, 'r');
      if (attributes.pivoting) {
        for (let i = 1; i < Math.min(r.rows, r.columns); i++) {
          require(Math.abs(at(r, i, i)), Math.abs(at(r, i - 1, i - 1)) + bound * normOf(a), 'pivots');
        }
      }
      if (attributes.mode === 'r') return;
      requireProduct(permuted, multiply(q, r), bound, 'q * r');
      require(orthogonalityError(q), bound, 'q');
    },
  },
  cholesky: {
    arguments: cases(true, none, (dtype, { batch, n }) =>
      matricesOfDims(dtype, [...batch, n, n]).map((a) => [dominant(a)]),
    ),
    check({ a, matrix, bound }) {
      requireTriangle(matrix(0), (i, j) => i < j, 'l');
      requireProduct(symmetric(a), multiply(matrix(0), transpose(matrix(0))), bound, 'l * transpose(l)');
    },
    invariant: ({ matrix }) => [...matrix(0).values],
  },
  lu: {
    arguments: cases(false, none, anyMatrices),
    check({ a, matrix, vector, bound }) {
      const [factors, permutation] = [matrix(0), vector(1)];
      const rank = Math.min(a.rows, a.columns);
      const l = columnsOf(triangular(factors, true, true), rank);
      const u = rowsOf(triangular(factors, false, false), rank);
      for (const entry of l.values) require(Math.abs(entry), 1, 'l');
      const permuted = matrixOf(a.rows, a.columns, (i, j) => at(a, permutation[i], j));
      require(normOf(subtract(multiply(l, u), permuted)), bound * normOf(l) * normOf(u), 'l * u');
    },
  },
  solve: {
    arguments: cases(true, none, systems),
    check({ a, b, matrix, bound }) {
      const residual = normOf(subtract(multiply(a, matrix(0)), b as Matrix));
      require(residual, bound * normOf(a) * normOf(matrix(0)), 'a * x - b');
    },
    invariant: ({ matrix }) => [...matrix(0).values],
  },
  solveTriangular: {
    arguments: cases(true, fc.record({ lower: fc.boolean(), unitDiagonal: fc.boolean() }), systems),
    check({ a, b, matrix, attributes, bound }) {
      const triangle = triangular(a, attributes.lower as boolean, attributes.unitDiagonal as boolean);
      const residual = normOf(subtract(multiply(triangle, matrix(0)), b as Matrix));
      require(residual, bound * normOf(triangle) * normOf(matrix(0)), 'a * x - b');
    },
  },
  inv: {
    arguments: cases(true, none, (dtype, { batch, n }) =>
      matricesOfDims(dtype, [...batch, n, n]).map((a) => [dominant(a)]),
    ),
    check({ a, matrix, bound }) {
      const residual = normOf(subtract(multiply(a, matrix(0)), identity(a.rows)));
      require(residual, bound * normOf(a) * normOf(matrix(0)), 'a * inverse');
    },
    invariant: ({ matrix }) => [...matrix(0).values],
  },
  eigh: {
    arguments: cases(true, withVectors, anyMatrices),
    check({ a, matrix, vector, attributes, bound }) {
      const values = vector(0);
      for (let i = 1; i < values.length; i++) require(values[i - 1], values[i], 'order');
      if (!attributes.vectors) return;
      const vectors = matrix(1);
      const product = multiply(multiply(vectors, diagonal(values)), transpose(vectors));
      requireProduct(symmetric(a), product, bound, 'vectors * values * transpose(vectors)');
      require(orthogonalityError(vectors), bound, 'vectors');
    },
    invariant: ({ vector }) => vector(0),
  },
  eig: {
    arguments: cases(true, withVectors, anyMatrices),
    check(numbers) {
      const { a, matrix, vector, attributes, bound } = numbers;
      const [re, im] = [vector(0), vector(1)];
      for (let i = 0; i < im.length; i++) {
        if (im[i] === 0) continue;
        if (!(im[i] > 0 && re[i] === re[i + 1] && im[i + 1] === -im[i])) throw new Error(`pairs of ${re}, ${im}`);
        i++;
      }
      const trace = a.values.reduce((sum, x, k) => (k % (a.columns + 1) === 0 ? sum + x : sum), 0);
      require(Math.abs(re.reduce((sum, x) => sum + x, 0) - trace), a.rows * bound * normOf(a), 'trace');
      if (!attributes.vectors) return;
      const { real, imaginary } = scaled(numbers);
      require(normOf(subtract(multiply(a, matrix(2)), real)), bound * normOf(a), 'real part of a * v - v * w');
      require(normOf(subtract(multiply(a, matrix(3)), imaginary)), bound * normOf(a), 'imaginary part');
      for (let j = 0; j < a.columns; j++) {
        const entries = Array.from({ length: a.rows }, (_, i) => [at(matrix(2), i, j), at(matrix(3), i, j)]).flat();
        require(Math.abs(Math.hypot(...entries) - 1), bound, 'length of a vector');
      }
    },
  },
  schurRoot: {
    // Upper triangular with a diagonal from 1 up, as the Schur form of a matrix with real eigenvalues.
    arguments: cases(true, none, (dtype, { batch, n }) =>
      matricesOfDims(dtype, [...batch, n, n]).map((a) => [positiveTriangular(a)]),
    ),
    check({ a, matrix, bound }) {
      const root = matrix(0);
      requireTriangle(root, (i, j) => i > j, 'root');
      require(normOf(subtract(multiply(root, root), a)), bound * normOf(root) ** 2, 'root * root');
    },
  },
  schur: {
    arguments: cases(true, none, anyMatrices),
    check({ a, matrix, bound }) {
      const [t, z] = [matrix(0), matrix(1)];
      requireTriangle(t, (i, j) => i > j + 1, 't');
      for (let i = 1; i + 1 < t.rows; i++) {
        if (at(t, i, i - 1) !== 0 && at(t, i + 1, i) !== 0) throw new Error(`t: blocks of three rows at ${i}`);
      }
      requireProduct(a, multiply(multiply(z, t), transpose(z)), bound, 'z * t * transpose(z)');
      require(orthogonalityError(z), bound, 'z');
    },
  },
};

/** Checks the results of a primitive, matrix by matrix of the batch; returns the numbers on which backends agree. */
export function checkDecomposition(name: PrimitiveName, given: Arguments, results: readonly HostView[]): number[][] {
  const { check, invariant } = DECOMPOSITIONS[name] as DecompositionCase;
  const [a, b] = given.operands as HostView[];
  const rights = b === undefined ? [] : matricesOf(b);
  return matricesOf(a).map((matrix, index) => {
    const numbers: Numbers = {
      a: matrix,
      b: rights[index],
      matrix: (result) => matricesOf(results[result])[index],
      vector: (result) => vectorsOf(results[result])[index],
      attributes: given.attributes as Record<string, unknown>,
      bound: boundOf(matrix, a.dtype as 'float32' | 'float64'),
    };
    check(numbers);
    return invariant?.(numbers) ?? [];
  });
}

/** The relative error that a decomposition may have. */
export function boundOf({ rows, columns }: Matrix, dtype: 'float32' | 'float64'): number {
  return 8 * Math.max(rows * columns, 1) * EPSILON[dtype];
}
