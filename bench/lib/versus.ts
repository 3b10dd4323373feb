import { add, complete, suite } from 'benny';
import { setDefaultBackend } from 'gemmule';
import type { Row } from './report.js';

export interface VersusCase {
  readonly name: string;
  /** Prepares the operands on the backend that is about to be measured, and returns what is measured. */
  readonly prepare: () => () => unknown;
  /** Arithmetic operations of one call, where a rate says more than a time. */
  readonly operations?: number;
}

/** Samples enough for a stable median; a case whose single call takes seconds gets as few as benny allows. */
const SAMPLING = { minSamples: 3, maxTime: 1 };

async function medianSeconds(name: string, prepare: () => () => unknown): Promise<{ median: number; spread: number }> {
  const run = prepare();
  run();
  const summary = await suite(
    name,
    add(
      name,
      () => {
        run();
      },
      SAMPLING,
    ),
    complete(() => undefined),
  );
  const details = summary.results[0]?.details;
  if (details === undefined) throw new Error(`${name} was not measured`);
  return { median: details.median, spread: (details.max - details.min) / details.median };
}

/** Measures every case on the reference and on the native backend. */
export async function measureVersus(cases: readonly VersusCase[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, prepare, operations } of cases) {
    setDefaultBackend('reference');
    const reference = await medianSeconds(`${name} reference`, prepare);
    setDefaultBackend('native');
    const native = await medianSeconds(`${name} native`, prepare);
    rows.push({
      case: name,
      'reference ms': reference.median * 1e3,
      'native ms': native.median * 1e3,
      'times faster': reference.median / native.median,
      ...(operations === undefined ? {} : { 'native GFLOP/s': operations / native.median / 1e9 }),
      'spread %': Math.round(native.spread * 100),
    });
  }
  return rows;
}
