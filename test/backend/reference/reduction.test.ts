import { expect, it } from 'vitest';
import { host, run } from './host.js';

const NAN = Number.NaN;
const INFINITY = Number.POSITIVE_INFINITY;

it('reduces the last axes', () => {
  const x = host([1, 2, 3, 4, 5, 6], [3, 2]);
  expect(run('sum', [x], { axes: 1 })[0]).toEqual([3, 7, 11]);
  expect(run('sum', [x], { axes: 2 })[0]).toEqual([21]);
  expect(run('sum', [x], { axes: 0 })[0]).toEqual([1, 2, 3, 4, 5, 6]);
  expect(run('prod', [x], { axes: 1 })[0]).toEqual([2, 12, 30]);
  expect(run('argmax', [x], { axes: 2 })[0]).toEqual([5]);
});

it('reduces nothing to the identity', () => {
  const empty = host([], [2, 0]);
  expect(run('sum', [empty], { axes: 1 })[0]).toEqual([0, 0]);
  expect(run('prod', [empty], { axes: 1 })[0]).toEqual([1, 1]);
  expect(run('all', [host([], [0], 'bool')], { axes: 1 })[0]).toEqual([1]);
  expect(run('any', [host([], [0], 'bool')], { axes: 1 })[0]).toEqual([0]);
  expect(run('max', [host([], [0, 0])], { axes: 1 })[0]).toEqual([]);
});

it('wraps integers at every step', () => {
  const x = host([2 ** 31 - 1, 1, 65536, 65537], [4], 'int32');
  expect(run('sum', [x], { axes: 1 })[0]).toEqual([-2147352575]);
  expect(run('prod', [x], { axes: 1 })[0]).toEqual([Math.imul(Math.imul(2 ** 31 - 1, 65536), 65537)]);
  expect(run('cumsum', [x], {})[0]).toEqual([2147483647, -2147483648, -2147418112, -2147352575]);
});

it('rounds a float32 sum once', () => {
  // One at a time in float32 every one of the small terms would be lost.
  const x = [2 ** 24, ...new Array<number>(4096).fill(0.5)];
  expect(run('sum', [host(x, [4097])], { axes: 1 })[0]).toEqual([2 ** 24 + 2048]);
});

it('lets NaN win in max, min, argmax and argmin, and takes the first of equals', () => {
  const x = host([1, NAN, 3, NAN, 2, 2, 1, 1], [2, 4]);
  expect(run('max', [x], { axes: 1 })[0]).toEqual([NAN, 2]);
  expect(run('min', [x], { axes: 1 })[0]).toEqual([NAN, 1]);
  expect(run('argmax', [x], { axes: 1 })[0]).toEqual([1, 0]);
  expect(run('argmin', [x], { axes: 1 })[0]).toEqual([1, 2]);
});

it('sorts stably with NaN as the largest', () => {
  const x = host([3, NAN, 1, 3, NAN, -INFINITY], [6]);
  expect(run('sort', [x], { descending: false })).toEqual([
    [-INFINITY, 1, 3, 3, NAN, NAN],
    [5, 2, 0, 3, 1, 4],
  ]);
  expect(run('sort', [x], { descending: true })).toEqual([
    [NAN, NAN, 3, 3, 1, -INFINITY],
    [1, 4, 0, 3, 2, 5],
  ]);
  expect(run('topk', [x], { k: 3, largest: true })).toEqual([
    [NAN, NAN, 3],
    [1, 4, 0],
  ]);
  expect(run('topk', [x], { k: 3, largest: false })).toEqual([
    [-INFINITY, 1, 3],
    [5, 2, 0],
  ]);
  expect(run('topk', [x], { k: 0, largest: true })).toEqual([[], []]);
});

it('softmax neither overflows nor hides a row without a finite number', () => {
  const [row] = run('softmax', [host([1000, 1000, -1000], [3], 'float64')], {});
  expect(row).toEqual([0.5, 0.5, 0]);
  expect(run('softmax', [host([-INFINITY, -INFINITY, -INFINITY, 0], [2, 2])], {})[0]).toEqual([NAN, NAN, 0, 1]);
  const [log] = run('logSoftmax', [host([0, Math.log(3)], [2], 'float64')], {});
  expect(log[0]).toBeCloseTo(Math.log(0.25), 15);
  expect(log[1]).toBeCloseTo(Math.log(0.75), 15);
  expect(run('softmax', [host([], [2, 0])], {})[0]).toEqual([]);
});
