import { NumericalError } from '../../errors.js';
import type { HostView } from '../view.js';
import { elementCount, numbersOf } from './elements.js';
import { generalEigen, realSchur } from './general-eigen.js';
import { orthogonalTriangular } from './householder.js';
import { type Kernel, type Kernels, type Result, viewAt } from './kernel.js';
import { NoRoot, rootOfSchurForm } from './schur-root.js';
import { singularValueDecomposition } from './svd.js';
import { symmetricEigen } from './symmetric-eigen.js';
import {
  BadPivot,
  choleskyDecomposition,
  lowerUpperDecomposition,
  solveSystem,
  solveWithTriangle,
} from './triangular.js';

/** The name of a matrix of a batch: `a`, or `a[2, 0]`. */
function nameOf({ dims }: HostView, index: number): string {
  const place: number[] = [];
  let rest = index;
  for (const dim of dims.slice(0, -2).reverse()) {
    place.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return place.length === 0 ? 'a' : `a[${place.join(', ')}]`;
}

interface Matrix {
  readonly values: Float64Array;
  readonly m: number;
  readonly n: number;
  readonly index: number;
  readonly name: string;
  /** Stores this matrix's part of a result. */
  readonly store: (result: Result, values: ArrayLike<number>) => void;
}

/** Calls `body` for every matrix of a batch. */
function forEachMatrix(view: HostView, body: (matrix: Matrix) => void): void {
  const all = numbersOf(view);
  const [m, n] = view.dims.slice(-2);
  for (let index = 0; index < elementCount(view.dims.slice(0, -2)); index++) {
    body({
      values: all.subarray(index * m * n, (index + 1) * m * n),
      m,
      n,
      index,
      name: nameOf(view, index),
      store: (result, values) => result.data.set(values, index * values.length),
    });
  }
}

function singular(operation: string, name: string, { index }: BadPivot): NumericalError {
  return new NumericalError(
    `${operation}: matrix ${name} is singular: pivot ${index} of its LU decomposition is exactly zero`,
  );
}

function notConverged(operation: string, name: string): NumericalError {
  return new NumericalError(`${operation}: the iteration of matrix ${name} did not converge`);
}

const svdKernel: Kernel<'svd'> = (operands, [u, s, vt], { fullMatrices, vectors }) => {
  forEachMatrix(viewAt(operands, 0), ({ values, m, n, store }) => {
    const parts = singularValueDecomposition(values, m, n, fullMatrices);
    store(s, parts.s);
    if (!vectors) return;
    store(u, parts.u);
    store(vt, parts.vt);
  });
};

const qrKernel: Kernel<'qr'> = (operands, [q, r, permutation], { mode, pivoting }) => {
  forEachMatrix(viewAt(operands, 0), ({ values, m, n, store }) => {
    const rows = mode === 'complete' ? m : Math.min(m, n);
    const parts = orthogonalTriangular(values, m, n, mode === 'r' ? 0 : rows, rows, pivoting);
    store(q, parts.q);
    store(r, parts.r);
    store(permutation, parts.permutation);
  });
};

const choleskyKernel: Kernel<'cholesky'> = (operands, [l]) => {
  forEachMatrix(viewAt(operands, 0), ({ values, n, name, store }) => {
    const triangle = choleskyDecomposition(values, n);
    if (triangle instanceof BadPivot) {
      throw new NumericalError(
        `cholesky: matrix ${name} is not positive definite: pivot ${triangle.index} is not positive`,
      );
    }
    store(l, triangle);
  });
};

const luKernel: Kernel<'lu'> = (operands, [factors, permutation, sign]) => {
  forEachMatrix(viewAt(operands, 0), ({ values, m, n, store }) => {
    const parts = lowerUpperDecomposition(values, m, n);
    store(factors, parts.factors);
    store(permutation, parts.permutation);
    store(sign, [parts.sign]);
  });
};

/** The right-hand sides that belong to a matrix. */
function rightSides(operands: Parameters<Kernel<'solve'>>[0]): {
  of: (index: number) => Float64Array;
  columns: number;
} {
  const view = viewAt(operands, 1);
  const all = numbersOf(view);
  const [n, columns] = view.dims.slice(-2);
  return { columns, of: (index) => all.slice(index * n * columns, (index + 1) * n * columns) };
}

const solveKernel: Kernel<'solve'> = (operands, [x]) => {
  const b = rightSides(operands);
  forEachMatrix(viewAt(operands, 0), ({ values, n, index, name, store }) => {
    const solution = solveSystem(values, n, b.of(index), b.columns);
    if (solution instanceof BadPivot) throw singular('solve', name, solution);
    store(x, solution);
  });
};

const solveTriangularKernel: Kernel<'solveTriangular'> = (operands, [x], attributes) => {
  const b = rightSides(operands);
  forEachMatrix(viewAt(operands, 0), ({ values, n, index, name, store }) => {
    const solution = b.of(index);
    const bad = solveWithTriangle(values, n, solution, b.columns, attributes);
    if (bad !== null) {
      throw new NumericalError(
        `solveTriangular: matrix ${name} is singular: pivot ${bad.index}, on its diagonal, is exactly zero`,
      );
    }
    store(x, solution);
  });
};

const invKernel: Kernel<'inv'> = (operands, [inverse]) => {
  forEachMatrix(viewAt(operands, 0), ({ values, n, name, store }) => {
    const identity = Float64Array.from({ length: n * n }, (_, at) => (at % n === Math.floor(at / n) ? 1 : 0));
    const solution = solveSystem(values, n, identity, n);
    if (solution instanceof BadPivot) throw singular('inv', name, solution);
    store(inverse, solution);
  });
};

const eighKernel: Kernel<'eigh'> = (operands, [values, vectors], attributes) => {
  forEachMatrix(viewAt(operands, 0), ({ values: a, n, name, store }) => {
    const parts = symmetricEigen(a, n);
    if (parts === null) throw notConverged('eigh', name);
    store(values, parts.values);
    if (attributes.vectors) store(vectors, parts.vectors);
  });
};

const eigKernel: Kernel<'eig'> = (operands, [real, imaginary, vectorsReal, vectorsImaginary], { vectors }) => {
  forEachMatrix(viewAt(operands, 0), ({ values, n, name, store }) => {
    const parts = generalEigen(values, n);
    if (parts === null) throw notConverged('eig', name);
    store(real, parts.valuesReal);
    store(imaginary, parts.valuesImaginary);
    if (!vectors) return;
    store(vectorsReal, parts.vectorsReal);
    store(vectorsImaginary, parts.vectorsImaginary);
  });
};

const schurKernel: Kernel<'schur'> = (operands, [t, z]) => {
  forEachMatrix(viewAt(operands, 0), ({ values, n, name, store }) => {
    const parts = realSchur(values, n);
    if (parts === null) throw notConverged('schur', name);
    store(t, parts.t);
    store(z, parts.z);
  });
};

const schurRootKernel: Kernel<'schurRoot'> = (operands, [root]) => {
  const { dtype } = viewAt(operands, 0);
  forEachMatrix(viewAt(operands, 0), ({ values, n, name, store }) => {
    const result = rootOfSchurForm(values, n, dtype === 'float32' ? 2 ** -23 : 2 ** -52);
    if (result instanceof NoRoot) {
      throw new NumericalError(
        `sqrtm: matrix ${name} has no real square root: eigenvalue ${result.index} of its Schur form is ${result.why}`,
        {},
        result.why === 'negative' ? 'ERR_NO_REAL_ROOT' : 'ERR_NUMERICAL',
      );
    }
    store(root, result);
  });
};

export const decompositionKernels: Kernels<
  'svd' | 'qr' | 'cholesky' | 'lu' | 'solve' | 'solveTriangular' | 'inv' | 'eigh' | 'eig' | 'schur' | 'schurRoot'
> = {
  svd: svdKernel,
  qr: qrKernel,
  cholesky: choleskyKernel,
  lu: luKernel,
  solve: solveKernel,
  solveTriangular: solveTriangularKernel,
  inv: invKernel,
  eigh: eighKernel,
  eig: eigKernel,
  schur: schurKernel,
  schurRoot: schurRootKernel,
};
