/* What this machine can do at best, by instruction set: arithmetic in registers, and reads of caches and memory. */
import { measureLimits } from './lib/limits.js';
import { report } from './lib/report.js';

const { threads, limits } = measureLimits();
const rows = limits.map(({ name, isa, instructions, unit, one, all }) => ({
  limit: name,
  isa,
  instructions,
  unit,
  'one thread': one,
  [`${threads} threads`]: all,
}));
report('limits', 'The limits of this machine', rows);
