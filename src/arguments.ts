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

/** Refuses what is no path; JavaScript callers have no compiler to stop them. */
export function requirePath(operation: string, name: string, value: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw new ArgumentError(
    `${operation}: ${name} must be a path, got ${value === '' ? 'an empty string' : typeof value}`,
  );
}

/** Refuses options that are a value of their own, as in `new PCA(2)`: all of them would be left at their defaults. */
export function requireOptions(operation: string, options: object, example: string): void {
  if (typeof options === 'object' && options !== null) return;
  throw new ArgumentError(`${operation}: options must be an object such as ${example}, got ${String(options)}`);
}
