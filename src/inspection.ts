/** Under this name Node, Bun and Deno look for what their consoles print of an object. */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What a console asks for, as far as it matters here. */
export interface InspectOptions {
  /** Elements shown of an array; null for all. */
  readonly maxArrayLength?: number | null;
}

/** Prints any value as a console does. */
export type Inspect = (value: unknown, options: object) => string;

/**
 * What a console shows of an object: the name of its class, and facts instead of what it holds.
 *
 * @param depth - levels of nesting that may still be shown; null for all.
 */
export function inspectFacts(
  name: string,
  facts: Readonly<Record<string, unknown>>,
  depth: number | null,
  options: InspectOptions,
  inspect: Inspect,
): string {
  return depth !== null && depth < 0 ? `[${name}]` : `${name} ${inspect(facts, { ...options, depth })}`;
}
