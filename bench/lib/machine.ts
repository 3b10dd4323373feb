import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { engineInfo, VERSION } from 'gemmule';

/** What a number was measured on. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly gemmule: string;
  readonly backend: string;
  readonly isa: string;
  readonly threads: number;
  /** Processes that wanted to run, averaged over the minute before: well above 0 means a disturbed measurement. */
  readonly load: number;
  /** Share of processor time that the hypervisor gave to others since boot, or null where it is not told. */
  readonly steal: number | null;
  readonly date: string;
}

function stolenShare(): number | null {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const times = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const total = times.reduce((sum, time) => sum + time, 0);
    return (times[7] ?? 0) / total;
  } catch {
    return null;
  }
}

export function describeMachine(): Machine {
  const engine = engineInfo();
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    gemmule: VERSION,
    backend: engine.backend,
    isa: engine.isa,
    threads: engine.threads,
    load: loadavg()[0] ?? 0,
    steal: stolenShare(),
    date: new Date().toISOString(),
  };
}

export function formatMachine(machine: Machine): string {
  const steal = machine.steal === null ? '' : `, steal ${(machine.steal * 100).toFixed(1)} %`;
  return (
    `${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB; Node ${machine.node}; ` +
    `gemmule ${machine.gemmule}, ${machine.backend} (${machine.isa}), ${machine.threads} threads; ` +
    `load ${machine.load.toFixed(1)}${steal}`
  );
}
