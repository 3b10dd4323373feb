import type { HostView } from '../../src/backend/view.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { elementsOf } from '../parity/views.js';

/* Plain matrices in float64 for judging results: what is computed here is simple enough to be read. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: readonly number[];
}

export const EPSILON = { float32: 2 ** -24, float64: 2 ** -53 } as const;

export function matrixOf(rows: number, columns: number, entry: (i: number, j: number) => number): Matrix {
  const values: number[] = [];
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) values.push(entry(i, j));
  return { rows, columns, values };
}

export const at = ({ columns, values }: Matrix, i: number, j: number): number => values[i * columns + j];

/** The matrices of a view `[..., m, n]`, one after another. */
export function matricesOf(view: HostView | Tensor): Matrix[] {
  const host = view as HostView;
  const [rows, columns] = host.dims.slice(-2);
  const values = elementsOf(host);
  const size = rows * columns;
  const count = host.dims.slice(0, -2).reduce((product, dim) => product * dim, 1);
  return Array.from({ length: count }, (_, n) => ({ rows, columns, values: values.slice(n * size, (n + 1) * size) }));
}

/** The only matrix of a tensor `[m, n]`. */
export const matrixIn = (tensor: Tensor | HostView): Matrix => matricesOf(tensor)[0];

/** The vectors of a view `[..., n]`. */
export function vectorsOf(view: HostView): number[][] {
  const length = view.dims.at(-1) as number;
  const values = elementsOf(view);
  const count = view.dims.slice(0, -1).reduce((product, dim) => product * dim, 1);
  return Array.from({ length: count }, (_, n) => values.slice(n * length, (n + 1) * length));
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  return matrixOf(a.rows, b.columns, (i, j) => {
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += at(a, i, k) * at(b, k, j);
    return sum;
  });
}

export const transpose = (a: Matrix): Matrix => matrixOf(a.columns, a.rows, (i, j) => at(a, j, i));
export const subtract = (a: Matrix, b: Matrix): Matrix =>
  matrixOf(a.rows, a.columns, (i, j) => at(a, i, j) - at(b, i, j));
export const identity = (n: number): Matrix => matrixOf(n, n, (i, j) => (i === j ? 1 : 0));
export const diagonal = (values: readonly number[]): Matrix =>
  matrixOf(values.length, values.length, (i, j) => (i === j ? values[i] : 0));

/** Frobenius's norm, without overflow on the way. */
export const normOf = ({ values }: Matrix): number => (values.length === 0 ? 0 : Math.hypot(...values));

/** How far the columns are from being orthonormal. */
export function orthogonalityError(q: Matrix): number {
  return normOf(subtract(multiply(transpose(q), q), identity(q.columns)));
}
