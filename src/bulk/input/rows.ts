import { FormatError } from '../../errors.js';
import { describeJson } from '../../io/json.js';

/** A place between two rows of a file. */
export interface FilePosition {
  /** Rows before it. */
  readonly row: number;
  /** Bytes before it, or again the rows where the format counts in them. */
  readonly offset: number;
}

/** What of a row is of interest. */
export interface InputRow {
  readonly id: string | null;
  readonly text: string;
}

/** Which columns to read. */
export interface InputColumns {
  readonly text: string;
  readonly id: string | null;
}

/** A file of texts, read in one direction from any place that was reached before. */
export interface InputFile {
  /** Where the first row is. */
  readonly start: FilePosition;
  /** What `offset` is at the end. */
  readonly length: number;
  /** Where so many rows from a place on end, or the file does. */
  advance(from: FilePosition, rows: number): Promise<FilePosition>;
  /** So many rows from a place on, in batches. */
  read(from: FilePosition, rows: number): AsyncGenerator<InputRow[]>;
}

/** @throws FormatError for what is no text. */
export function requireText(value: unknown, column: string, where: string): string {
  if (typeof value === 'string') return value;
  throw new FormatError(`${where}: ${JSON.stringify(column)} must be a text, got ${describeValue(value)}`);
}

/** An id as a text. @throws FormatError for what could not be told from another. */
export function requireId(value: unknown, column: string, where: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  throw new FormatError(
    `${where}: ${JSON.stringify(column)} must be a text or a whole number up to 2^53, got ${describeValue(value)}`,
  );
}

function describeValue(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : describeJson(value);
}
