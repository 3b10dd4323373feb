import { describe, expect, it } from 'vitest';
import { singularValueDecomposition } from '../../../src/backend/reference/svd.js';
import { fixture, number } from './fixture.js';
import { host, run } from './host.js';

it('matmul multiplies batches of matrices, integers modulo 2^32', () => {
  const a = host([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
  const b = host([1, 0, 0, 1, 2, 0, 0, 2], [2, 2, 2]);
  expect(run('matmul', [a, b], {})[0]).toEqual([1, 2, 3, 4, 10, 12, 14, 16]);
  const big = host([65536, 65536], [1, 2], 'int32');
  const column = host([65536, 3], [2, 1], 'int32');
  expect(run('matmul', [big, column], {})[0]).toEqual([196608]);
  expect(run('matmul', [host([], [2, 0]), host([], [0, 2])], {})[0]).toEqual([0, 0, 0, 0]);
});

/** `a [m, k] * b [k, n]`, all row-major. */
function multiply(a: Float64Array, b: Float64Array, m: number, k: number, n: number): number[] {
  return run('matmul', [host(a, [m, k], 'float64'), host(b, [k, n], 'float64')], {})[0];
}

/** Greatest distance of `a^T a` of the columns (a is [rows, columns]) from the identity. */
function orthogonalityError(a: Float64Array, rows: number, columns: number): number {
  let worst = 0;
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) {
      let dot = 0;
      for (let row = 0; row < rows; row++) dot += a[row * columns + i] * a[row * columns + j];
      worst = Math.max(worst, Math.abs(dot - (i === j ? 1 : 0)));
    }
  }
  return worst;
}

describe('svd', () => {
  const identity = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  const cases: [string, readonly [number, number], Float64Array][] = [
    ...fixture.svd.map(
      ({ shape, a }) =>
        [`random ${shape}`, shape, Float64Array.from(a, number)] as [string, [number, number], Float64Array],
    ),
    ['zero', [3, 2], new Float64Array(6)],
    ['identity', [3, 3], identity],
    ['one zero column', [3, 2], Float64Array.of(1, 0, 2, 0, 3, 0)],
    ['near the largest numbers', [2, 2], Float64Array.of(1e308, -1e308, 2e307, 1e307)],
    ['near the smallest numbers', [2, 2], Float64Array.of(1e-308, 3e-309, -2e-308, 1e-310)],
    ['graded', [3, 3], Float64Array.of(1, 1e-20, 1e-40, 1e-20, 1e-38, 0, 1e-40, 0, 1e-79)],
    ['empty', [3, 0], new Float64Array(0)],
  ];
  it.each(cases)('%s', (_name, [m, n], a) => {
    for (const full of [false, true]) {
      const { u, s, vt } = singularValueDecomposition(a, m, n, full);
      const rank = Math.min(m, n);
      const uColumns = full ? m : rank;
      const vRows = full ? n : rank;
      expect([u.length, s.length, vt.length]).toEqual([m * uColumns, rank, vRows * n]);
      // Each of the few sweeps rotates by orthogonal matrices to a few units: 100 units times the size leaves room.
      const tolerance = 100 * Math.max(m, n) * 2 ** -53;
      expect(orthogonalityError(u, m, uColumns)).toBeLessThan(tolerance);
      const v = Float64Array.from(
        { length: vRows * n },
        (_, index) => vt[(index % vRows) * n + Math.floor(index / vRows)],
      );
      expect(orthogonalityError(v, n, vRows)).toBeLessThan(tolerance);
      expect(Array.from(s)).toEqual(Array.from(s).sort((x, y) => y - x));
      const scaled = Float64Array.from({ length: m * vRows }, (_, index) => {
        const [row, column] = [Math.floor(index / vRows), index % vRows];
        return column < rank ? u[row * uColumns + column] * s[column] : 0;
      });
      const norm = s.length > 0 ? s[0] : 0;
      for (const [index, value] of multiply(scaled, vt, m, vRows, n).entries()) {
        expect(Math.abs(value - a[index])).toBeLessThanOrEqual(tolerance * norm + 2 ** -1070);
      }
    }
  });

  it.each(fixture.svd.map(({ shape, a, s }) => [shape, a, s] as const))(
    'singular values of %j as NumPy',
    (shape, a, s) => {
      const actual = singularValueDecomposition(Float64Array.from(a, number), shape[0], shape[1], false).s;
      for (const [index, expected] of s.map(number).entries()) {
        // LAPACK's error is some units of the largest singular value.
        expect(Math.abs(actual[index] - expected)).toBeLessThan(64 * 2 ** -53 * number(s[0]));
      }
    },
  );

  it('keeps tiny singular values of a graded matrix to full relative accuracy', () => {
    // a = [[1, 1], [0, 1e-10]] * diag(1, 1e-10) has determinant 1e-20: the product of its singular values.
    const { s } = singularValueDecomposition(Float64Array.of(1, 1e-10, 0, 1e-20), 2, 2, false);
    expect(Math.abs((s[0] * s[1]) / 1e-20 - 1)).toBeLessThan(1e-14);
  });

  it('runs over a batch, transposed inputs included', () => {
    const data = Float64Array.of(3, 0, 0, 4, 0, 1, 2, 0);
    const view = { dtype: 'float64', dims: [2, 2, 2], strides: [4, 1, 2], offset: 0, data } as const;
    expect(run('svd', [view], { fullMatrices: false, vectors: true })[1]).toEqual([4, 3, 2, 1]);
  });
});
