import { TokenizerError } from '../errors.js';

/**
 * An object of a tokenizer.json, read field by field. A field of the wrong type is a {@link TokenizerError} that says where
 * it stands, what was expected and what is there.
 */
export class Fields {
  readonly #values: Record<string, unknown>;

  /** @param where - the place in the file, such as `normalizer.normalizers[0]`. */
  constructor(
    readonly where: string,
    value: unknown,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TokenizerError(`${where} must be an object, got ${describe(value)}`);
    }
    this.#values = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name) && this.#values[name] !== null;
  }

  /** The value as it is; undefined where it is missing or null. */
  raw(name: string): unknown {
    return this.has(name) ? this.#values[name] : undefined;
  }

  text(name: string, fallback?: string): string {
    return this.#read(name, fallback, 'a string', (value): value is string => typeof value === 'string');
  }

  optionalText(name: string): string | null {
    return this.has(name) ? this.text(name) : null;
  }

  flag(name: string, fallback?: boolean): boolean {
    return this.#read(name, fallback, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  /** A whole number from 0 to 2^31 - 1. */
  integer(name: string, fallback?: number): number {
    return this.#read(name, fallback, 'a whole number from 0 up', isId);
  }

  /** A number, which JSON cannot say to be NaN. */
  number(name: string, fallback?: number): number {
    return this.#read(name, fallback, 'a number', (value): value is number => typeof value === 'number');
  }

  list(name: string, fallback?: readonly unknown[]): readonly unknown[] {
    return this.#read(name, fallback, 'a list', (value): value is unknown[] => Array.isArray(value));
  }

  /** A field that is an object. */
  fields(name: string): Fields {
    return new Fields(this.place(name), this.raw(name));
  }

  /** A field that is an object, or null where it is missing. */
  optionalFields(name: string): Fields | null {
    return this.has(name) ? this.fields(name) : null;
  }

  /** A field that is a list of objects. */
  fieldsList(name: string, fallback?: readonly unknown[]): Fields[] {
    return this.list(name, fallback).map((value, index) => new Fields(`${this.place(name)}[${index}]`, value));
  }

  /** One of the names given. */
  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const expected = `one of ${choices.join(', ')}`;
    return this.#read(name, fallback, expected, (value): value is T => choices.includes(value as T));
  }

  /** Visits all fields. There may be a hundred thousand: no pairs are made of them. */
  forEach(visit: (name: string, value: unknown) => void): void {
    for (const name of Object.keys(this.#values)) visit(name, this.#values[name]);
  }

  place(name: string): string {
    return this.where === '' ? name : `${this.where}.${name}`;
  }

  /** An error about this object. */
  error(message: string, options?: ErrorOptions): TokenizerError {
    return new TokenizerError(`${this.where}: ${message}`, options);
  }

  #read<T>(name: string, fallback: T | undefined, expected: string, test: (value: unknown) => value is T): T {
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (!test(value)) throw new TokenizerError(`${this.place(name)} must be ${expected}, got ${describe(value)}`);
    return value;
  }
}

/** Whether a value can be a token id. */
export function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

/** How an unexpected value is named in an error message. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
