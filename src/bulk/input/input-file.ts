import { statSync } from 'node:fs';
import { FileError, FormatError } from '../../errors.js';
import { describeJson, isJsonObject } from '../../io/json.js';
import { parseCsvRecord } from './csv.js';
import { ParquetInput } from './parquet.js';
import { decodeRecord, type RawRecord, readRecords } from './records.js';
import { type FilePosition, type InputColumns, type InputFile, type InputRow, requireId, requireText } from './rows.js';

export const INPUT_FORMATS = ['jsonl', 'csv', 'tsv', 'parquet', 'text'] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

/** The format that the ending of a file's name says; texts, one a line, where it says none. */
export function formatOf(file: string): InputFormat {
  const ending = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase();
  if (ending === 'ndjson') return 'jsonl';
  return INPUT_FORMATS.find((format) => format === ending) ?? 'text';
}

/**
 * Opens a file of texts.
 *
 * @throws FileError when it cannot be read, FormatError when it has no such columns.
 */
export async function openInput(file: string, format: InputFormat, columns: InputColumns): Promise<InputFile> {
  const size = sizeOf(file);
  if (format === 'parquet') return ParquetInput.open(file, columns);
  const syntax = await syntaxOf(file, format, columns);
  return new TextInput(file, size, syntax);
}

/** The size of an ordinary file. @throws FileError */
export function sizeOf(file: string): number {
  try {
    const status = statSync(file);
    if (!status.isFile())
      throw new Error('it is not an ordinary file; a stream cannot be resumed, write it to a file first');
    return status.size;
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** How records of a format are told apart and read. */
interface Syntax {
  readonly quoted: boolean;
  readonly start: number;
  /** Whether a record of nothing but white space is a row. */
  readonly blankRows: boolean;
  parse(record: string, where: string): InputRow;
}

async function syntaxOf(file: string, format: Exclude<InputFormat, 'parquet'>, columns: InputColumns): Promise<Syntax> {
  if (format === 'text') {
    if (columns.id !== null) throw new FormatError(`${file} has one text a line, and no column ${columns.id}`);
    return { quoted: false, start: 0, blankRows: true, parse: (text) => ({ id: null, text }) };
  }
  if (format === 'jsonl') return jsonLines(columns);
  return separatedValues(file, format === 'csv' ? ',' : '\t', columns);
}

function jsonLines({ text, id }: InputColumns): Syntax {
  return {
    quoted: false,
    start: 0,
    blankRows: false,
    parse: (record, where) => {
      let value: unknown;
      try {
        value = JSON.parse(record);
      } catch (cause) {
        throw new FormatError(`${where} is not valid JSON: ${(cause as Error).message}`, { cause });
      }
      if (!isJsonObject(value)) throw new FormatError(`${where} must be a JSON object, got ${describeJson(value)}`);
      return {
        text: requireText(own(value, text), text, where),
        id: id === null ? null : requireId(own(value, id), id, where),
      };
    },
  };
}

function own(value: Record<string, unknown>, field: string): unknown {
  return Object.hasOwn(value, field) ? value[field] : undefined;
}

/** Separated values have the names of their columns in the first record. */
async function separatedValues(file: string, separator: string, columns: InputColumns): Promise<Syntax> {
  let header: RawRecord | undefined;
  for await (const [first] of readRecords(file, 0, true)) {
    header = first;
    break;
  }
  if (header === undefined) throw new FormatError(`${file} is empty; its first line must name the columns`);
  const where = `${file}, the names of the columns`;
  const names = parseCsvRecord(decodeRecord(header.bytes, where), separator, where);
  const indexOf = (name: string): number => {
    const index = names.indexOf(name);
    if (index >= 0 && names.lastIndexOf(name) === index) return index;
    throw new FormatError(
      `${file} has ${index < 0 ? 'no' : 'more than one'} column ${JSON.stringify(name)}; it has ${names.map((known) => JSON.stringify(known)).join(', ')}`,
    );
  };
  const text = indexOf(columns.text);
  const id = columns.id === null ? null : indexOf(columns.id);
  return {
    quoted: true,
    start: header.end,
    blankRows: false,
    parse: (record, at) => {
      const fields = parseCsvRecord(record, separator, at);
      if (fields.length !== names.length) {
        throw new FormatError(`${at} has ${fields.length} fields, the first line names ${names.length} columns`);
      }
      return { text: fields[text] as string, id: id === null ? null : (fields[id] as string) };
    },
  };
}

/** Records that end with a line. */
class TextInput implements InputFile {
  readonly start: FilePosition;

  constructor(
    private readonly file: string,
    readonly length: number,
    private readonly syntax: Syntax,
  ) {
    this.start = { row: 0, offset: syntax.start };
  }

  async advance(from: FilePosition, rows: number): Promise<FilePosition> {
    let { row, offset } = from;
    if (rows === 0) return from;
    for await (const records of this.#records(from.offset)) {
      for (const record of records) {
        row += 1;
        offset = record.end;
        if (row === from.row + rows) return { row, offset };
      }
    }
    return { row, offset: row === from.row ? this.length : offset };
  }

  async *read(from: FilePosition, rows: number): AsyncGenerator<InputRow[]> {
    const end = from.row + rows;
    let { row } = from;
    if (rows === 0) return;
    for await (const records of this.#records(from.offset)) {
      const batch = records.slice(0, end - row).map(({ bytes }, index) => {
        const where = `${this.file}, row ${row + index + 1}`;
        return this.syntax.parse(decodeRecord(bytes, where), where);
      });
      row += batch.length;
      yield batch;
      if (row === end) return;
    }
  }

  async *#records(offset: number): AsyncGenerator<RawRecord[]> {
    for await (const records of readRecords(this.file, offset, this.syntax.quoted)) {
      yield this.syntax.blankRows ? records : records.filter(({ bytes }) => !isBlank(bytes));
    }
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
