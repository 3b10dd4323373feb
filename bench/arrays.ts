/*
 * Operations on arrays beside NumPy and SciPy, in turn, over several rounds, with the same number of threads for
 * OpenBLAS: matrix products from 8 to 4096, what memory's speed bounds, and what the cost of a call does. NumPy's elementwise loops know one thread.
 *
 *   GEMMULE_BENCH_ROUNDS   3 without it
 *   GEMMULE_BENCH_ONLY     only cases with this in their name, such as "float64" or "8 x 8"
 */
import { engineInfo, Random, type Tensor } from 'gemmule';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';

const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const ONLY = process.env.GEMMULE_BENCH_ONLY ?? '';

/** How long a case is repeated in a round, and how often at least. */
const SECONDS = 0.5;
const MIN_CALLS = 5;

const OPERATIONS = {
  matmul: (a: Tensor, b: Tensor) => a.matmul(b),
  add: (a: Tensor, b: Tensor) => a.add(b),
  exp: (a: Tensor) => a.exp(),
  sum: (a: Tensor) => a.sum(),
  'mean of rows': (a: Tensor) => a.mean([-1]),
  'maximum of columns': (a: Tensor) => a.max([0]),
  softmax: (a: Tensor) => a.softmax(),
  'transposed copy': (a: Tensor) => a.transpose().clone(),
} satisfies Record<string, (a: Tensor, b: Tensor) => Tensor>;

interface Case {
  readonly name: string;
  readonly operation: keyof typeof OPERATIONS;
  readonly dims: readonly [number, number];
  readonly dtype: 'float32' | 'float64';
  /** What one call must do at least: arithmetic operations, or bytes read and written. */
  readonly work: { readonly operations: number } | { readonly bytes: number };
}

function product(size: number, dtype: Case['dtype']): Case {
  const work = { operations: 2 * size ** 3 };
  return { name: `${dtype} matmul ${size}`, operation: 'matmul', dims: [size, size], dtype, work };
}

/** @param passes how often the array crosses the memory bus at least */
function stream(operation: Case['operation'], passes: number, size = 4096): Case {
  const dims = [size, size] as const;
  const work = { bytes: passes * 4 * dims[0] * dims[1] };
  return { name: `float32 ${operation} ${dims.join(' x ')}`, operation, dims, dtype: 'float32', work };
}

const cases: readonly Case[] = [
  ...(['float32', 'float64'] as const).flatMap((dtype) =>
    [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((size) => product(size, dtype)),
  ),
  stream('add', 3),
  stream('exp', 2),
  stream('sum', 1),
  stream('mean of rows', 1),
  stream('maximum of columns', 1),
  stream('softmax', 2),
  stream('transposed copy', 2),
  // So little work that the call is what takes the time.
  ...(['add', 'exp', 'sum', 'softmax'] as const).map((operation) => stream(operation, 2, 8)),
].filter(({ name }) => name.includes(ONLY));

function medianSeconds(call: () => void): number {
  call();
  const times: number[] = [];
  const end = performance.now() + SECONDS * 1e3;
  while (times.length < MIN_CALLS || performance.now() < end) {
    const start = process.hrtime.bigint();
    call();
    times.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  return median(times);
}

function measureOurs({ operation, dims, dtype }: Case): number {
  const random = new Random(1);
  const [a, b] = [random.normal([...dims], { dtype }), random.normal([...dims], { dtype })];
  const run: (a: Tensor, b: Tensor) => Tensor = OPERATIONS[operation];
  const seconds = medianSeconds(() => run(a, b).dispose());
  a.dispose();
  b.dispose();
  return seconds;
}

preparePython('requirements-numpy.txt');
const { threads } = engineInfo();
const ours = new Map<string, number[]>();
const numpy = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const one of cases) ours.set(one.name, [...(ours.get(one.name) ?? []), measureOurs(one)]);
  const job = { cases, seconds: SECONDS };
  const theirs = measureInPython<Record<string, number>>('numpy_peer.py', job, threads);
  for (const [name, seconds] of Object.entries(theirs)) numpy.set(name, [...(numpy.get(name) ?? []), seconds]);
}

const rows = cases.map(({ name, work }): Row => {
  const [own, peer] = [median(ours.get(name) ?? []), median(numpy.get(name) ?? [])];
  return {
    case: name,
    'NumPy µs': peer * 1e6,
    'gemmule µs': own * 1e6,
    'times faster': peer / own,
    rate:
      'bytes' in work
        ? `${(work.bytes / own / 1e9).toFixed(1)} GB/s`
        : `${(work.operations / own / 1e9).toFixed(0)} GFLOP/s`,
  };
});
report('arrays', `Arrays beside NumPy, ${threads} threads, medians of ${ROUNDS} rounds`, rows);
