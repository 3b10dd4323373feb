import { FormatError } from '../errors.js';
import { describeJson, isJsonObject } from './json.js';

/**
 * A JSON object from a file, read field by field with types. A field of the wrong type is a {@link FormatError} that names
 * the file, the field, what was expected and what stands there; a missing one too, unless a fallback is given. `null` counts
 * as missing, which is how Python's tools write "not set".
 */
export class ConfigReader {
  readonly #fields: Record<string, unknown>;

  /**
   * @param path - the file, for error messages.
   * @param value - what was parsed from it; must be an object.
   */
  constructor(
    readonly path: string,
    value: unknown,
  ) {
    if (!isJsonObject(value)) throw new FormatError(`${path} must hold a JSON object, got ${describeJson(value)}`);
    this.#fields = value;
  }

  has(field: string): boolean {
    return this.#value(field) !== undefined;
  }

  /** A whole number from `least` (default 1) to 2^31 - 1: a size, a count, an id. */
  integer(field: string, options: { readonly least?: number; readonly fallback?: number } = {}): number {
    const { least = 1 } = options;
    return this.#read(field, options.fallback, `a whole number from ${least} up`, (value): value is number => {
      return Number.isInteger(value) && (value as number) >= least && (value as number) < 2 ** 31;
    });
  }

  /** A finite number. */
  number(field: string, options: { readonly fallback?: number } = {}): number {
    return this.#read(field, options.fallback, 'a number', (value): value is number => typeof value === 'number');
  }

  text(field: string, options: { readonly fallback?: string } = {}): string {
    return this.#read(field, options.fallback, 'a string', (value): value is string => typeof value === 'string');
  }

  flag(field: string, options: { readonly fallback?: boolean } = {}): boolean {
    return this.#read(
      field,
      options.fallback,
      'true or false',
      (value): value is boolean => typeof value === 'boolean',
    );
  }

  /** An object whose values are all strings; empty when the field is missing. */
  texts(field: string): ReadonlyMap<string, string> {
    const value = this.#read(field, {}, 'an object of strings', (given): given is Record<string, string> => {
      return isJsonObject(given) && Object.values(given).every((text) => typeof text === 'string');
    });
    return new Map(Object.entries(value));
  }

  /** An object inside, to be read in the same way; null when the field is missing. */
  section(field: string): ConfigReader | null {
    const value = this.#value(field);
    return value === undefined ? null : new ConfigReader(`${this.path}: ${field}`, value);
  }

  /** A string or an array of strings, as an array. */
  words(field: string): string[] {
    const value = this.#read(
      field,
      undefined,
      'a string or an array of strings',
      (given): given is string | string[] =>
        typeof given === 'string' || (Array.isArray(given) && given.every((word) => typeof word === 'string')),
    );
    return typeof value === 'string' ? [value] : value;
  }

  #value(field: string): unknown {
    const value = Object.hasOwn(this.#fields, field) ? this.#fields[field] : undefined;
    return value === null ? undefined : value;
  }

  #read<T>(field: string, fallback: T | undefined, expected: string, accepts: (value: unknown) => value is T): T {
    const value = this.#value(field);
    if (value === undefined && fallback !== undefined) return fallback;
    if (accepts(value)) return value;
    throw new FormatError(`${this.path}: ${field} must be ${expected}, got ${describeJson(value)}`);
  }
}
