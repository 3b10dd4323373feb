/*
 * Every family of kernels, on one thread, as a share of what the machine can do at best on that instruction set: of its
 * arithmetic, or of reading from wherever the operands fit, whichever allows less. A little more than 100 % is possible
 * where part of the operands stays in a nearer cache. Then candidates for the products (native/bench/candidates).
 */
import process from 'node:process';
import { arithmeticLimit, type Limit, type MachineLimits, measureLimits, readLimit } from './lib/limits.js';
import { runNative } from './lib/native.js';
import { type Row, report } from './lib/report.js';

interface Timing {
  readonly case: string;
  /** Whose arithmetic limit counts, or `none` where there is next to no arithmetic. */
  readonly limit: string;
  readonly operations: number;
  readonly seconds: number;
}

interface KernelTiming extends Timing {
  readonly family: string;
  readonly isa: string;
  /** Read and written by a call. */
  readonly bytes: number;
}

interface CandidateTiming extends Timing {
  readonly name: string;
  /** Seconds of our kernel on the best instruction set. */
  readonly ours: number;
}

interface Proof {
  readonly name: string;
  readonly format: string;
  readonly state: string;
  readonly fault: string;
}

interface Measurement {
  /** The best instruction set of this processor. */
  readonly isa: string;
  readonly kernels: readonly KernelTiming[];
  readonly candidates: readonly Proof[];
  readonly timings: readonly CandidateTiming[];
}

/** The least time that a limit allows, in seconds. */
interface Bound {
  readonly name: string;
  readonly seconds: number;
}

function boundBy(limit: Limit | null, amount: number): Bound[] {
  return limit === null || amount === 0 ? [] : [{ name: limit.name, seconds: amount / (limit.one * 1e9) }];
}

function tightestBound(machine: MachineLimits, timing: KernelTiming): Bound {
  const bounds = [
    ...boundBy(arithmeticLimit(machine, timing.limit, timing.isa), timing.operations),
    ...boundBy(readLimit(machine, timing.bytes, timing.isa), timing.bytes),
  ];
  return bounds.reduce((tightest, bound) => (bound.seconds > tightest.seconds ? bound : tightest), {
    name: 'unknown',
    seconds: 0,
  });
}

function percent(share: number): number {
  return Math.round(share * 100);
}

/** One line a case, with columns for every instruction set, the best first. */
function kernelRows(machine: MachineLimits, kernels: readonly KernelTiming[]): Row[] {
  const groups = new Map<string, KernelTiming[]>();
  for (const timing of kernels) {
    const key = `${timing.family} ${timing.case}`;
    groups.set(key, [timing, ...(groups.get(key) ?? [])]);
  }
  return [...groups].map(([kernel, timings]) => {
    const [best] = timings as [KernelTiming, ...KernelTiming[]];
    const columns = timings.map((timing) => ({
      [`${timing.isa} us`]: timing.seconds * 1e6,
      [`${timing.isa} %`]: percent(tightestBound(machine, timing).seconds / timing.seconds),
    }));
    return {
      kernel,
      'limited by': tightestBound(machine, best).name,
      ...(best.operations === 0 ? {} : { 'GOP/s': best.operations / best.seconds / 1e9 }),
      'GB/s': best.bytes / best.seconds / 1e9,
      ...Object.assign({}, ...columns),
    };
  });
}

function candidateRows(machine: MachineLimits, isa: string, timings: readonly CandidateTiming[]): Row[] {
  return timings.map((timing) => {
    const limit = arithmeticLimit(machine, timing.limit, isa);
    const least = limit === null ? 0 : timing.operations / (limit.one * 1e9);
    return {
      candidate: timing.name,
      case: timing.case,
      us: timing.seconds * 1e6,
      'ours us': timing.ours * 1e6,
      'times faster than ours': timing.ours / timing.seconds,
      [`% of ${timing.limit}`]: percent(least / timing.seconds),
    };
  });
}

const machine = measureLimits();
const { output, success } = runNative<Measurement>('kernels_bench');
const products = output.kernels.filter(({ family }) => family === 'linear');
const others = output.kernels.filter(({ family }) => family !== 'linear');
report(
  'kernels-products',
  'Products with packed weights on one thread, as shares of the limit',
  kernelRows(machine, products),
);
report('kernels', 'Other kernels on one thread, as shares of the limit', kernelRows(machine, others));
if (output.timings.length > 0) {
  report('kernels-candidates', 'Candidates beside ours', candidateRows(machine, output.isa, output.timings));
}
for (const { name, format, state, fault } of output.candidates) {
  process.stdout.write(`candidate ${name} (${format}): ${state}${fault === '' ? '' : `; ${fault}`}\n`);
}
if (!success) process.exitCode = 1;
