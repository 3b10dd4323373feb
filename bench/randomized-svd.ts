/*
 * The 50 largest singular values of 10,000 x 1,000, beside the exact decomposition, scikit-learn's `randomized_svd` (by its
 * defaults, and with as many random directions and power iterations as ours), and the reference backend. Errors are the worst relative error of a kept
 * singular value, which are known: matrices are made from their spectrum.
 *
 *   GEMMULE_BENCH_ROUNDS      3 without it
 *   GEMMULE_BENCH_REFERENCE   1 measures the reference backend, too, which takes minutes
 */
import { engineInfo, Random, setDefaultBackend, svd, type Tensor, tensor } from 'gemmule';
import { randomizedSvd } from 'gemmule/linalg';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';

const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const REFERENCE = process.env.GEMMULE_BENCH_REFERENCE === '1';
const [ROWS, COLUMNS, RANK] = [10_000, 1_000, 50];
const REPEATS = 5;

interface Case {
  readonly name: string;
  readonly dtype: 'float32' | 'float64';
  readonly spectrum: readonly number[];
  readonly powerIterations: number;
}

interface Measured {
  readonly seconds: number;
  readonly error: number;
}

const SPECTRA = {
  '0.95^i': Array.from({ length: COLUMNS }, (_, i) => 0.95 ** i),
  '1/i': Array.from({ length: COLUMNS }, (_, i) => 1 / (i + 1)),
};

/** Power iterations, and random directions beyond the rank, that bring the error below 1e-3. */
const ITERATIONS = { '0.95^i': 2, '1/i': 3 };
const OVERSAMPLING = 5;

const cases = (['float64', 'float32'] as const).flatMap((dtype) =>
  (Object.keys(SPECTRA) as (keyof typeof SPECTRA)[]).map(
    (spectrum): Case => ({
      name: `${dtype} ${spectrum}`,
      dtype,
      spectrum: SPECTRA[spectrum],
      powerIterations: ITERATIONS[spectrum],
    }),
  ),
);

function worstError(values: ArrayLike<number>, { spectrum }: Case): number {
  let worst = 0;
  for (let n = 0; n < RANK; n++) worst = Math.max(worst, Math.abs((values[n] as number) / (spectrum[n] as number) - 1));
  return worst;
}

type Factors = { readonly u: Tensor; readonly s: Tensor; readonly vt: Tensor };

function measure(one: Case, repeats: number, run: () => Factors): Measured {
  const times: number[] = [];
  let error = 0;
  for (let n = 0; n < repeats; n++) {
    const start = performance.now();
    const { u, s, vt } = run();
    times.push((performance.now() - start) / 1e3);
    error = worstError(s.toTypedArray() as Float64Array, one);
    for (const factor of [u, s, vt]) factor.dispose();
  }
  return { seconds: median(times), error };
}

const random = new Random(1);
const left = svd(random.normal([ROWS, COLUMNS], { dtype: 'float64' })).u;
const right = svd(random.normal([COLUMNS, COLUMNS], { dtype: 'float64' })).u;

function matrixOf({ spectrum, dtype }: Case): Tensor<'float32' | 'float64'> {
  return left
    .multiply(tensor([...spectrum], { dtype: 'float64' }))
    .matmul(right)
    .to(dtype);
}

preparePython('requirements-sklearn.txt');
const { threads } = engineInfo();
const all = new Map<string, Record<string, Measured>[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const one of cases) {
    const a = matrixOf(one);
    const { powerIterations } = one;
    const sketch = () => randomizedSvd(a, RANK, { oversampling: OVERSAMPLING, powerIterations });
    sketch();
    const measured: Record<string, Measured> = { ours: measure(one, REPEATS, sketch) };
    if (round === 0) {
      measured.exact = measure(one, 1, () => svd(a));
      if (REFERENCE) {
        setDefaultBackend('reference');
        measured.reference = measure(one, 1, sketch);
        setDefaultBackend('native');
      }
    }
    a.dispose();
    all.set(one.name, [...(all.get(one.name) ?? []), measured]);
  }
  const variants = round === 0 ? ['default', 'same', 'exact'] : ['default', 'same'];
  const job = {
    rows: ROWS,
    columns: COLUMNS,
    rank: RANK,
    oversampling: OVERSAMPLING,
    repeats: REPEATS,
    cases: cases.map((one) => ({ ...one, variants })),
  };
  const theirs = measureInPython<Record<string, Record<string, Measured>>>('randomized_svd_peer.py', job, threads);
  for (const [name, { exact, ...measured }] of Object.entries(theirs)) {
    all.get(name)?.push({ ...measured, ...(exact ? { scipy: exact } : {}) });
  }
}

const rows = cases.map(({ name, powerIterations }): Row => {
  const of = (variant: string) => (all.get(name) ?? []).flatMap((measured) => measured[variant] ?? []);
  const milliseconds = (variant: string) => median(of(variant).map(({ seconds }) => seconds)) * 1e3;
  const error = (variant: string) => of(variant)[0]?.error.toExponential(1) ?? '';
  return {
    case: name,
    iterations: powerIterations,
    'exact ms': milliseconds('exact'),
    'SciPy exact ms': milliseconds('scipy'),
    'gemmule ms': milliseconds('ours'),
    'gemmule error': error('ours'),
    'scikit-learn ms': milliseconds('default'),
    'scikit-learn error': error('default'),
    'same work ms': milliseconds('same'),
    'same work error': error('same'),
    ...(REFERENCE ? { 'reference ms': milliseconds('reference') } : {}),
    'faster than exact': milliseconds('exact') / milliseconds('ours'),
  };
});
report('randomized-svd', `Rank ${RANK} of ${ROWS} x ${COLUMNS}, ${threads} threads, medians of ${ROUNDS} rounds`, rows);
