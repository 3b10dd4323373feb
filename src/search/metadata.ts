import { ArgumentError } from '../errors.js';

/** What is kept beside a vector: JSON values by name. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Bounds, both included; one of them may be left out. */
export interface Range<Value extends number | string> {
  readonly from?: Value | undefined;
  readonly to?: Value | undefined;
}

type Plain = string | number | boolean | null;

/**
 * What metadata must be like: every field named must equal the value; be one of the values of an array; or lie in a range.
 * A field that holds an array fits when one of its members does. `{ language: 'en', year: { from: 2000 }, tag: ['a', 'b'] }`
 */
export type MetadataFilter = Readonly<Record<string, Plain | readonly Plain[] | Range<number> | Range<string>>>;

/** A filter, or a function that is asked for every item; slower, since it cannot be shared between searches. */
export type Filter<M extends Metadata> = MetadataFilter | ((metadata: M | undefined, id: string) => boolean);

type Test = (value: unknown) => boolean;

const RANGE_KEYS = new Set(['from', 'to']);

function rangeTest(field: string, range: Range<number> | Range<string>): Test {
  const keys = Object.keys(range);
  const { from, to } = range;
  const bounds = [from, to].filter((bound) => bound !== undefined);
  const types = new Set(bounds.map((bound) => typeof bound));
  const isSound = bounds.length > 0 && types.size === 1 && (types.has('number') || types.has('string'));
  if (!isSound || keys.some((key) => !RANGE_KEYS.has(key))) {
    throw new ArgumentError(
      `search: filter.${field} must be a value, an array of values, or { from, to } of numbers or of strings, got ${JSON.stringify(range)}`,
    );
  }
  const [type] = types;
  return (value) =>
    typeof value === type &&
    (from === undefined || (value as number) >= (from as number)) &&
    (to === undefined || (value as number) <= (to as number));
}

function fieldTest(field: string, wanted: MetadataFilter[string]): Test {
  if (Array.isArray(wanted)) {
    const values = new Set<unknown>(wanted);
    return (value) => values.has(value);
  }
  if (typeof wanted === 'object' && wanted !== null) return rangeTest(field, wanted as Range<number>);
  if (wanted === undefined) throw new ArgumentError(`search: filter.${field} is undefined; leave the field out`);
  return (value) => value === wanted;
}

/**
 * Compiles a filter into a function.
 *
 * @throws ArgumentError when it is not one.
 */
export function compileFilter<M extends Metadata>(filter: Filter<M>): (metadata: M | undefined, id: string) => boolean {
  if (typeof filter === 'function') return filter;
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw new ArgumentError(`search: filter must be an object or a function, got ${JSON.stringify(filter)}`);
  }
  const tests = Object.entries(filter).map(([field, wanted]) => [field, fieldTest(field, wanted)] as const);
  return (metadata) =>
    tests.every(([field, test]) => {
      if (metadata === undefined || !Object.hasOwn(metadata, field)) return false;
      const value = metadata[field];
      return Array.isArray(value) ? value.some(test) : test(value);
    });
}
