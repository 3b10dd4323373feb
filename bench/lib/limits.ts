import { runNative } from './native.js';

/** A rate that this machine reaches at best. */
export interface Limit {
  /** Precision and kind of arithmetic, as in `float32 fma`, or what is read, as in `read L2`. */
  readonly name: string;
  readonly isa: string;
  readonly instructions: string;
  readonly unit: string;
  /** Bytes of the cache that is read; 0 for memory and arithmetic. */
  readonly capacity: number;
  /** On one thread, in billions a second. */
  readonly one: number;
  /** On all processors. */
  readonly all: number;
}

export interface MachineLimits {
  readonly threads: number;
  readonly limits: readonly Limit[];
}

/** All limits, or those of arithmetic in one precision on one instruction set. */
export function measureLimits(precision?: string, isa?: string): MachineLimits {
  const only = precision === undefined || isa === undefined ? [] : [`${precision} `, isa];
  return runNative<MachineLimits>('limits_bench', only).output;
}

/** The greatest rate of arithmetic in a precision on an instruction set, or null where none was measured. */
export function arithmeticLimit({ limits }: MachineLimits, precision: string, isa: string): Limit | null {
  const fitting = limits.filter((limit) => limit.isa === isa && limit.name.startsWith(`${precision} `));
  return fitting.reduce<Limit | null>((best, limit) => (best === null || limit.one > best.one ? limit : best), null);
}

/** Reading from the nearest cache that holds so many bytes, or from memory. */
export function readLimit({ limits }: MachineLimits, bytes: number, isa: string): Limit | null {
  const reads = limits.filter((limit) => limit.isa === isa && limit.name.startsWith('read '));
  return reads.find((limit) => bytes <= limit.capacity) ?? reads.find((limit) => limit.capacity === 0) ?? null;
}
