import path from 'node:path';
import { ArgumentError } from '../errors.js';
import { formatOf, INPUT_FORMATS, type InputFormat } from './input/input-file.js';
import type { InputColumns } from './input/rows.js';

export const PART_FORMATS = ['parquet', 'npy'] as const;
export type PartFormat = (typeof PART_FORMATS)[number];

/** Rows of a part, unless told otherwise: some tens of megabytes, and a minute or so of work to lose. */
const ROWS_PER_PART = 20_000;

/** What to embed, and where to. It can be written as JSON and read by another process. */
export interface BulkOptions {
  /** The files to read, in this order. Ordinary files: a stream cannot be resumed. */
  readonly inputs: readonly string[];
  /** The folder that parts and manifest are written to; made where it is missing. */
  readonly output: string;
  /** By default what the ending of each file's name says, and `text`, one text a line, where that says nothing. */
  readonly inputFormat?: InputFormat | undefined;
  /** The column, or the field of the JSON objects, that holds the texts; `text` by default. */
  readonly column?: string | undefined;
  /** The one that holds their ids, which are put beside the vectors; by default rows are numbered. */
  readonly idColumn?: string | undefined;
  /** `parquet` by default; `npy` holds the vectors alone, in the order of the rows. */
  readonly format?: PartFormat | undefined;
  /** Whether Parquet files hold the texts, too; not by default. */
  readonly withText?: boolean | undefined;
  /** Rows of a part, which is the unit of work and of what an interruption can lose; 20,000 by default. */
  readonly rowsPerPart?: number | undefined;
  /** A prompt that the model's files name; by default the model's default prompt, if it has one. */
  readonly prompt?: string | undefined;
  /** Only the first so many numbers of each vector, normalised again; all by default. */
  readonly dimensions?: number | undefined;
  /** Texts are cut after so many tokens; by default what the embedder was loaded with. */
  readonly maxTokens?: number | undefined;
  /** Whether vectors have length 1; by default what the model's files say. */
  readonly normalize?: boolean | undefined;
}

/** The same with nothing left open. */
export interface BulkSettings {
  readonly inputs: readonly { readonly file: string; readonly format: InputFormat }[];
  readonly output: string;
  readonly columns: InputColumns;
  readonly format: PartFormat;
  readonly withText: boolean;
  readonly rowsPerPart: number;
  readonly embedOptions: {
    readonly prompt?: string | undefined;
    readonly dimensions?: number | undefined;
    readonly maxTokens?: number | undefined;
    readonly normalize?: boolean | undefined;
  };
}

/** @throws ArgumentError naming the option that is wrong; options may come from a queue, and be anything. */
export function readOptions(operation: string, options: BulkOptions): BulkSettings {
  const wrong = (what: string, expected: string, value: unknown) =>
    new ArgumentError(`${operation}: ${what} must be ${expected}, got ${JSON.stringify(value)}`);
  if (typeof options !== 'object' || options === null) throw wrong('options', 'an object', options);
  const text = <T extends string | undefined>(name: keyof BulkOptions, value: T): T => {
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw wrong(name, 'a text', value);
    return value;
  };
  const count = (name: keyof BulkOptions, value: number | undefined) => {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw wrong(name, 'a whole number from 1 up', value);
    }
    return value;
  };
  const flag = (name: keyof BulkOptions, value: boolean | undefined) => {
    if (value !== undefined && typeof value !== 'boolean') throw wrong(name, 'true or false', value);
    return value;
  };
  const { inputs, inputFormat, format = 'parquet', idColumn, withText = false } = options;
  if (
    !Array.isArray(inputs) ||
    inputs.length === 0 ||
    !inputs.every((file) => typeof file === 'string' && file !== '')
  ) {
    throw wrong('inputs', 'an array of paths', inputs);
  }
  if (inputFormat !== undefined && !INPUT_FORMATS.includes(inputFormat)) {
    throw wrong('inputFormat', `one of ${INPUT_FORMATS.join(', ')}`, inputFormat);
  }
  if (!PART_FORMATS.includes(format)) throw wrong('format', `one of ${PART_FORMATS.join(', ')}`, format);
  if (typeof options.output !== 'string' || options.output === '') throw wrong('output', 'a folder', options.output);
  if (format === 'npy' && (idColumn !== undefined || withText)) {
    throw new ArgumentError(`${operation}: npy holds numbers alone; leave out ids and texts, or choose parquet`);
  }
  return {
    inputs: inputs.map((file: string) => ({ file: path.resolve(file), format: inputFormat ?? formatOf(file) })),
    output: path.resolve(options.output),
    columns: { text: text('column', options.column) ?? 'text', id: text('idColumn', idColumn) ?? null },
    format,
    withText: flag('withText', withText) === true,
    rowsPerPart: count('rowsPerPart', options.rowsPerPart) ?? ROWS_PER_PART,
    embedOptions: {
      prompt: text('prompt', options.prompt),
      dimensions: count('dimensions', options.dimensions),
      maxTokens: count('maxTokens', options.maxTokens),
      normalize: flag('normalize', options.normalize),
    },
  };
}
