import { FormatError } from '../errors.js';
import type { ByteReader, ReadProgress } from './byte-reader.js';
import { DecimalReader, isSeparator } from './decimal.js';
import { ProblemCounter } from './report.js';
import { WordTableBuilder } from './table-builder.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** What a reader is told. */
export interface ReadSettings {
  /** The most words to take. */
  readonly limit: number;
  /** Numbers of a vector, where the file does not say. */
  readonly dimension: number | undefined;
  readonly onProgress: ((progress: ReadProgress) => void) | undefined;
}

/** What a reader found. */
export interface ReadResult {
  readonly table: WordTableBuilder;
  readonly counter: ProblemCounter;
  /** Words that the header promises, or null. */
  readonly declared: number | null;
  /** Lines or records that were read, good or bad. */
  readonly lines: number;
  /** Whether the reading stopped at the limit. */
  readonly stopped: boolean;
}

/** The header of word2vec's formats: how many words, and how many numbers each has. */
export interface Header {
  readonly count: number;
  readonly dimension: number;
}

const MOST_DIMENSIONS = 1 << 16;

/** Two whole numbers, or null. @throws FormatError when they are no sizes. */
export function parseHeader(line: string, path: string): Header | null {
  const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(line);
  if (match === null) return null;
  const [count, dimension] = [Number(match[1]), Number(match[2])];
  if (dimension < 1 || dimension > MOST_DIMENSIONS || !Number.isSafeInteger(count)) {
    throw new FormatError(
      `${path}: the header promises ${match[1]} vectors of ${match[2]} numbers; expected 1 to ${MOST_DIMENSIONS} numbers. The file is damaged, or holds no word vectors`,
    );
  }
  return { count, dimension };
}

/** Rows to make room for: what the header promises, unless the file is too small for it to be true. */
export function roomFor(declared: number | null, rowBytes: number, reader: ByteReader, limit: number): number {
  // gzip makes such files about two and a half times smaller.
  const fitting = Math.ceil(((reader.compressed ? 3 : 1) * reader.totalBytes) / rowBytes);
  return Math.min(declared ?? fitting, fitting, limit);
}

/** Bytes of a number in text that is neither short nor long. */
const NUMBER_BYTES = 8;

/** A line of text without what stands around it. */
interface Line {
  readonly start: number;
  readonly end: number;
}

/** Reads rows of a word and numbers with single spaces between, as GloVe, word2vec and fastText write them. */
class RowParser {
  readonly counter = new ProblemCounter();
  readonly #decimals = new DecimalReader();

  constructor(readonly table: WordTableBuilder) {}

  /** Takes in a line, or counts it as a problem. */
  take(bytes: Uint8Array, { start, end }: Line, line: number): void {
    const wordEnd = this.#read(bytes, start, end, line);
    if (wordEnd < 0) return;
    if (!this.table.add(bytes, start, wordEnd)) {
      this.counter.addDuplicate(line, Buffer.from(bytes.subarray(start, wordEnd)).toString('utf8'));
    }
  }

  /** Where the word ends, its vector having been written to the table; -1 after a problem. */
  #read(bytes: Uint8Array, start: number, end: number, line: number): number {
    let at = start;
    while (at < end && !isSeparator(bytes[at])) at++;
    const wordEnd = at;
    if (wordEnd === start) return this.#problem(line, 'it begins with a space, where a word should be');
    const { dimension, numbers, next } = this.table;
    for (let n = 0; n < dimension; n++) {
      while (at < end && isSeparator(bytes[at])) at++;
      const value = this.#decimals.read(bytes, at, end);
      numbers[next + n] = value;
      // NaN, infinite, or beyond float32.
      if (!Number.isFinite(numbers[next + n])) return this.#readFromBehind(bytes, start, end, line);
      at = this.#decimals.position;
    }
    return at === end ? wordEnd : this.#readFromBehind(bytes, start, end, line);
  }

  /** A line in which the word has spaces, or something is wrong: its last fields are the numbers. */
  #readFromBehind(bytes: Uint8Array, start: number, end: number, line: number): number {
    const { dimension, numbers, next } = this.table;
    const fields: Line[] = [];
    for (let at = start; at < end; ) {
      const from = at;
      while (at < end && !isSeparator(bytes[at])) at++;
      if (at > from) fields.push({ start: from, end: at });
      while (at < end && isSeparator(bytes[at])) at++;
    }
    const numberIn = (field: Line): number => {
      const value = this.#decimals.read(bytes, field.start, field.end);
      return this.#decimals.position === field.end ? Math.fround(value) : Number.NaN;
    };
    const extra = fields.length - 1 - dimension;
    const inWord = fields.slice(1, 1 + Math.max(extra, 0));
    if (extra < 0 || (extra > 0 && inWord.every((field) => Number.isFinite(numberIn(field))))) {
      return this.#problem(line, `it has ${fields.length - 1} numbers, expected ${dimension}`);
    }
    for (const [n, field] of fields.slice(1 + extra).entries()) {
      const value = numberIn(field);
      if (!Number.isFinite(value)) {
        const text = Buffer.from(bytes.subarray(field.start, Math.min(field.end, field.start + 40))).toString('utf8');
        return this.#problem(line, `${JSON.stringify(text)} is no number that float32 can hold`);
      }
      numbers[next + n] = value;
    }
    return (fields[extra] as Line).end;
  }

  #problem(line: number, problem: string): number {
    this.counter.addMalformed(line, problem);
    return -1;
  }
}

/** The next line without its end and the spaces before it, or null at the end of the file. */
async function nextLine(reader: ByteReader): Promise<Line | null> {
  const newline = await reader.find(NEWLINE);
  if (newline < 0 && reader.length === 0) return null;
  const end = newline < 0 ? reader.end : newline;
  const line = trimmed(reader.bytes, reader.start, end);
  reader.start = newline < 0 ? end : newline + 1;
  return line;
}

function trimmed(bytes: Uint8Array, start: number, end: number): Line {
  let last = end;
  while (last > start && (isSeparator(bytes[last - 1]) || bytes[last - 1] === RETURN)) last -= 1;
  return { start, end: last };
}

function fieldsIn(text: string): number {
  return text.split(/[ \t]+/).length;
}

/**
 * Reads GloVe's, word2vec's and fastText's text. Whether the first line is a header shows in it, unless `hasHeader` says so.
 *
 * @throws FormatError when there is no vector in it at all, or more lines are malformed than not.
 */
export async function readText(
  reader: ByteReader,
  settings: ReadSettings,
  hasHeader: boolean | null,
): Promise<ReadResult> {
  // A byte order mark is no part of the first word.
  if ((await reader.ensure(3)) && Buffer.from(reader.bytes.subarray(reader.start, reader.start + 3)).equals(BOM)) {
    reader.start += 3;
  }
  const first = await nextLine(reader);
  if (first === null) throw new FormatError(`${reader.path} is empty; expected a line of a word and its numbers`);
  const text = Buffer.from(reader.bytes.subarray(first.start, first.end)).toString('utf8');
  const header = hasHeader === false ? null : parseHeader(text, reader.path);
  if (hasHeader === true && header === null) {
    throw new FormatError(
      `${reader.path}: the first line must be two whole numbers, got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
  const dimension = header?.dimension ?? settings.dimension ?? fieldsIn(text) - 1;
  if (dimension < 1) {
    throw new FormatError(
      `${reader.path}: the first line has no numbers: ${JSON.stringify(text.slice(0, 60))}; this file holds no word vectors`,
    );
  }
  if (header === null) reader.start = first.start;
  const declared = header?.count ?? null;
  const rows = roomFor(declared, dimension * NUMBER_BYTES, reader, settings.limit);
  const table = new WordTableBuilder(dimension, rows);
  try {
    const parser = new RowParser(table);
    const lines = await readRows(reader, parser, settings, header === null ? 0 : 1);
    const { counter } = parser;
    if (table.size === 0 || counter.malformed > table.size + counter.duplicates) {
      const [problem] = counter.problems;
      throw new FormatError(
        `${reader.path}: ${counter.malformed} of ${lines - (header === null ? 0 : 1)} lines cannot be read as a word and ${dimension} numbers` +
          (problem === undefined ? '' : `, first line ${problem.line}: ${problem.problem}`) +
          '; this file holds no word vectors, or is damaged',
      );
    }
    const stopped = table.size >= settings.limit;
    return { table, counter, declared, lines: lines - (header === null ? 0 : 1), stopped };
  } catch (error) {
    table.discard();
    throw error;
  }
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Takes in all lines; returns the number of the last. */
async function readRows(
  reader: ByteReader,
  parser: RowParser,
  { limit, onProgress }: ReadSettings,
  linesBefore: number,
): Promise<number> {
  let line = linesBefore;
  for (;;) {
    const window = reader.bytes.subarray(0, reader.end);
    let at = reader.start;
    let isLast = false;
    while (parser.table.size < limit) {
      const newline = window.indexOf(NEWLINE, at);
      if (newline < 0) break;
      line += 1;
      const found = trimmed(window, at, newline);
      if (found.end > found.start) parser.take(window, found, line);
      at = newline + 1;
    }
    reader.start = at;
    onProgress?.({ bytes: reader.bytesRead, totalBytes: reader.totalBytes, words: parser.table.size });
    if (parser.table.size >= limit) return line;
    if (!(await reader.more())) isLast = true;
    if (!isLast) continue;
    const found = trimmed(reader.bytes, reader.start, reader.end);
    if (found.end > found.start) parser.take(reader.bytes, found, line + 1);
    return found.end > found.start ? line + 1 : line;
  }
}
