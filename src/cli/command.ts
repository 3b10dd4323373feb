import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A mistake in how the program was called: one line and exit code 2. */
export class UsageError extends Error {}

type OptionSpecs = NonNullable<ParseArgsConfig['options']>;

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** What a command runs with. */
export interface CommandContext {
  readonly texts: readonly string[];
  readonly options: OptionValues;
  /** Aborted by Ctrl-C, and by SIGTERM. */
  readonly signal: AbortSignal;
}

/** One command of the program. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly options: OptionSpecs;
  /** Finishes what it has begun when it is asked to stop, and is ended by force only when asked again. */
  readonly stopsGracefully?: true;
  run(context: CommandContext): Promise<void>;
}

/** Splits a command's arguments into texts and options; throws a {@link UsageError} on one that it does not know. */
export function parseCommand(command: Command, args: readonly string[]): { texts: string[]; options: OptionValues } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
      strict: true,
    });
    return { texts: positionals, options: values as OptionValues };
  } catch (error) {
    const [message = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${message} (see: gemmule ${command.name} --help)`);
  }
}

/** The value of a text option, or undefined when it was not given. */
export function stringOption(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of an option that may be given several times. */
export function stringOptions(options: OptionValues, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** The value of an option that takes a positive whole number. */
export function countOption(options: OptionValues, name: string): number | undefined {
  const text = stringOption(options, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new UsageError(`--${name} must be a whole number from 1 up, got "${text}"`);
  return value;
}

/** The value of an option that takes a number from 0 up. */
export function numberOption(options: OptionValues, name: string): number | undefined {
  const text = stringOption(options, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity)) {
    throw new UsageError(`--${name} must be a number from 0 up, got "${text}"`);
  }
  return value;
}

/** The value of an option that takes one of a few words. */
export function choiceOption<T extends string>(
  options: OptionValues,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = stringOption(options, name);
  if (value === undefined) return undefined;
  if (!(choices as readonly string[]).includes(value)) {
    throw new UsageError(`--${name} must be one of ${choices.join(', ')}, got "${value}"`);
  }
  return value as T;
}
