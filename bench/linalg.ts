/*
 * Decompositions and solvers beside NumPy and SciPy, in turn, over several rounds, with the same number of threads for
 * OpenBLAS; the fastest call counts, which was disturbed least. And the native backend beside the reference on matrices that
 * loops can still decompose.
 *
 *   GEMMULE_BENCH_ROUNDS   3 without it
 *   GEMMULE_BENCH_CASES    only cases whose names contain one of these words, separated by commas
 *   GEMMULE_BENCH_CLOCK    `processor` counts the time that processors spent instead of the time that passed: with
 *                          GEMMULE_NUM_THREADS=1 it holds on a machine that others use, too
 */
import { engineInfo, eye, Random, setDefaultBackend, Tensor } from 'gemmule';
import { cholesky, eig, eigh, inv, lu, qr, solve, svd } from 'gemmule/linalg';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { measureVersus, type VersusCase } from './lib/versus.js';

const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const CLOCK = process.env.GEMMULE_BENCH_CLOCK === 'processor' ? 'processor' : 'wall';

/** How long a case is repeated in a round, and how often at least. */
const SECONDS = 1;
const MIN_CALLS = 3;

type Real = Tensor<'float32' | 'float64'>;

const OPERATIONS = {
  svd: (a: Real) => svd(a),
  eigh: (a: Real) => eigh(a),
  eig: (a: Real) => eig(a),
  qr: (a: Real) => qr(a),
  cholesky: (a: Real) => cholesky(a),
  lu: (a: Real) => lu(a),
  solve: (a: Real, b: Real) => solve(a, b),
  inv: (a: Real) => inv(a),
  matmul: (a: Real) => a.matmul(a),
} satisfies Record<string, (a: Real, b: Real) => unknown>;

interface Case {
  readonly name: string;
  readonly operation: keyof typeof OPERATIONS;
  readonly dims: readonly [number, number];
  readonly dtype: 'float32' | 'float64';
}

const SHAPES: readonly (readonly [Case['operation'], number, number])[] = [
  ['svd', 512, 512],
  ['svd', 1024, 1024],
  ['svd', 2000, 500],
  ['eigh', 1000, 1000],
  ['solve', 1000, 1000],
  ['qr', 1000, 1000],
  ['cholesky', 1000, 1000],
  ['lu', 1000, 1000],
  ['inv', 1000, 1000],
  ['eig', 400, 400],
  ['matmul', 2048, 2048],
];

const wanted = process.env.GEMMULE_BENCH_CASES?.split(',');
const cases = (['float64', 'float32'] as const)
  .flatMap((dtype) =>
    SHAPES.map(
      ([operation, m, n]): Case => ({
        name: `${dtype} ${operation} ${m === n ? m : `${m} x ${n}`}`,
        operation,
        dims: [m, n],
        dtype,
      }),
    ),
  )
  .filter(({ name }) => wanted?.some((word) => name.includes(word)) ?? true);

/** A random matrix, symmetric and positive definite where that is what is decomposed, and a right-hand side. */
function operandsOf({ operation, dims, dtype }: Case): [Real, Real] {
  const random = new Random(1);
  const a = random.normal([...dims], { dtype });
  const b = random.normal([dims[0], 1], { dtype });
  if (operation === 'cholesky')
    return [a.matmul(a.T).add(eye(dims[0], dims[0], { dtype }).multiply(dims[0])) as Real, b];
  return [operation === 'eigh' ? (a.add(a.T) as Real) : a, b];
}

function dispose(result: unknown): void {
  if (result instanceof Tensor) result.dispose();
  else if (typeof result === 'object' && result !== null) for (const part of Object.values(result)) dispose(part);
}

/** Seconds on the clock that is asked for, from any beginning. */
function now(): number {
  if (CLOCK === 'wall') return performance.now() / 1e3;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function measureOurs(one: Case): number {
  const [a, b] = operandsOf(one);
  const run: (a: Real, b: Real) => unknown = OPERATIONS[one.operation];
  dispose(run(a, b));
  const times: number[] = [];
  const end = performance.now() + SECONDS * 1e3;
  while (times.length < MIN_CALLS || performance.now() < end) {
    const start = now();
    const result = run(a, b);
    times.push(now() - start);
    dispose(result);
  }
  return Math.min(...times);
}

type Peer = 'numpy' | 'scipy';

preparePython('requirements-numpy.txt');
const { threads } = engineInfo();
const measured = new Map<string, number[]>();
const note = (who: string, name: string, seconds: number): void => {
  measured.set(`${who} ${name}`, [...(measured.get(`${who} ${name}`) ?? []), seconds]);
};
for (let round = 0; round < ROUNDS; round++) {
  for (const one of cases) {
    note('gemmule', one.name, measureOurs(one));
    // Case by case in turn, so that what else the machine does falls on all alike.
    const job = { cases: [one], seconds: SECONDS, minCalls: MIN_CALLS, clock: CLOCK };
    const theirs = measureInPython<Record<Peer, Record<string, number>>>('linalg_peer.py', job, threads);
    for (const peer of ['numpy', 'scipy'] as const) {
      const seconds = theirs[peer][one.name];
      if (seconds !== undefined) note(peer, one.name, seconds);
    }
  }
}

const rows = cases.map(({ name }): Row => {
  const [own, numpy, scipy] = ['gemmule', 'numpy', 'scipy'].map((who) => measured.get(`${who} ${name}`));
  const best = Math.min(...[numpy, scipy].flatMap((times) => times ?? []));
  return {
    case: name,
    'NumPy ms': numpy === undefined ? '' : Math.min(...numpy) * 1e3,
    'SciPy ms': scipy === undefined ? '' : Math.min(...scipy) * 1e3,
    'gemmule ms': Math.min(...(own ?? [])) * 1e3,
    'times faster than the better': best / Math.min(...(own ?? [])),
  };
});
const title = `Linear algebra beside NumPy and SciPy, ${threads} threads, ${CLOCK} time, the fastest call of ${ROUNDS} rounds`;
report('linalg', title, rows);

const versus = (['svd', 'eigh', 'eig', 'qr', 'cholesky', 'lu', 'solve', 'inv'] as const).map(
  (operation): VersusCase => {
    const one: Case = { name: `float64 ${operation} 100`, operation, dims: [100, 100], dtype: 'float64' };
    return {
      name: one.name,
      prepare: () => {
        const [a, b] = operandsOf(one);
        const run: (a: Real, b: Real) => unknown = OPERATIONS[operation];
        return () => dispose(run(a, b));
      },
    };
  },
);
if (wanted === undefined) {
  report('linalg-reference', 'Linear algebra, reference against native', await measureVersus(versus));
  setDefaultBackend('native');
}
