import { ArgumentError } from './errors.js';

/**
 * Refuses what is not a whole number in a range.
 *
 * @param most - included; `Number.MAX_SAFE_INTEGER`, the default, for no bound.
 */
export function requireCount(
  operation: string,
  name: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} up` : `${least} to ${most}`;
  throw new ArgumentError(`${operation}: ${name} must be a whole number from ${range}, got ${String(value)}`);
}
