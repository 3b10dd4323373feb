import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatOf, type InputFormat, openInput } from '../../src/bulk/input/input-file.js';
import { describeParquet, readParquetRows } from '../../src/bulk/input/parquet-thread.js';
import type { FilePosition, InputRow } from '../../src/bulk/input/rows.js';
import { encodeThrift, type ThriftStruct } from '../../src/bulk/output/thrift.js';
import { FileError, FormatError } from '../../src/errors.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-input-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(contents: string | Uint8Array, name = 'input'): string {
  const file = path.join(folder, name);
  writeFileSync(file, contents);
  return file;
}

/** All rows, read in steps of so many from where the step before ended. */
async function rowsOf(file: string, format: InputFormat, id: string | null = null, step = 2): Promise<InputRow[]> {
  const input = await openInput(file, format, { text: 'text', id });
  const rows: InputRow[] = [];
  for (let from: FilePosition = input.start; from.offset < input.length; ) {
    const end = await input.advance(from, step);
    for await (const batch of input.read(from, end.row - from.row)) rows.push(...batch);
    expect(rows).toHaveLength(end.row);
    from = end;
  }
  return rows;
}

const textsOf = async (contents: string, format: InputFormat) =>
  (await rowsOf(write(contents), format)).map(({ text }) => text);

it('tells formats by the ending of a name', () => {
  const formats = ['a.jsonl', 'a.NDJSON', 'a.csv', 'a.tsv', 'a.parquet', 'a.txt', 'a'].map(formatOf);
  expect(formats).toEqual(['jsonl', 'jsonl', 'csv', 'tsv', 'parquet', 'text', 'text']);
});

describe('lines of text', () => {
  it.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['\uFEFFa\r\n\r\n b\n', ['a', '', ' b']],
    ['\n\n', ['', '']],
    ['\n\uFEFF', ['', '\uFEFF']],
    ['"a\nb"', ['"a', 'b"']],
  ])('%j are %j', async (contents, expected) => {
    expect(await textsOf(contents, 'text')).toEqual(expected);
  });

  it('are whole wherever the chunks of a file end', async () => {
    const lines = Array.from({ length: 2000 }, (_, index) => 'zwölf '.repeat(index % 97) + index);
    expect((await rowsOf(write(lines.join('\n')), 'text', null, 333)).map(({ text }) => text)).toEqual(lines);
  });
});

describe('JSON Lines', () => {
  it('give texts and ids', async () => {
    const file = write('{"text":"a","id":7}\n\n  \r\n{"id":"x","text":"b\\nc"}\n{"text":"","id":9007199254740991}');
    expect(await rowsOf(file, 'jsonl', 'id')).toEqual([
      { text: 'a', id: '7' },
      { text: 'b\nc', id: 'x' },
      { text: '', id: '9007199254740991' },
    ]);
  });

  it.each([
    ['{"text":"a","id":1}\n{"text":', /row 2 is not valid JSON/],
    ['[1]', /row 1 must be a JSON object, got \[1\]/],
    ['null', /row 1 must be a JSON object/],
    ['{"text":5}', /row 1: "text" must be a text, got 5/],
    ['{"body":"a"}', /"text" must be a text, got nothing/],
    ['{"__proto__":{"text":"a"}}', /"text" must be a text, got nothing/],
    ['{"text":"a","id":1.5}', /"id" must be a text or a whole number/],
    ['{"text":"a","id":9007199254740993}', /"id" must be a text or a whole number/],
    ['{"text":"a"}', /"id" must be a text or a whole number up to 2\^53, got nothing/],
  ])('that are wrong are named: %j', async (contents, message) => {
    const failure = rowsOf(write(contents), 'jsonl', 'id', 100);
    await expect(failure).rejects.toThrow(FormatError);
    await expect(failure).rejects.toThrow(message);
  });

  it('must be UTF-8', async () => {
    const file = write(Buffer.from([...Buffer.from('{"text":"'), 0xff, ...Buffer.from('"}')]));
    await expect(rowsOf(file, 'jsonl')).rejects.toThrow(/row 1 is not valid UTF-8/);
  });
});

describe('comma-separated values', () => {
  it('give columns by their names', async () => {
    const file = write('\uFEFFid,"text",more\r\n1,"a ""quoted"", and\nbroken one",x\r\n\r\n2,,\r\n"3",plain,"y"');
    expect(await rowsOf(file, 'csv', 'id')).toEqual([
      { id: '1', text: 'a "quoted", and\nbroken one' },
      { id: '2', text: '' },
      { id: '3', text: 'plain' },
    ]);
    expect(await textsOf('a\ttext\n1\tb,c\n', 'tsv')).toEqual(['b,c']);
  });

  it.each([
    ['', /is empty; its first line must name the columns/],
    ['a,b\n1,2', /has no column "text"; it has "a", "b"/],
    ['text,text\n1,2', /has more than one column "text"/],
    ['text,a\n1', /row 1 has 1 fields, the first line names 2 columns/],
    ['text\na"b', /opens a quote that nothing closes/],
    ['text\na"b"', /row 1 has a quote within a field that is not in quotes/],
    ['text\n"a"b', /row 1 goes on after a closing quote/],
    ['text\n"a', /opens a quote that nothing closes/],
  ])('that are wrong are named: %j', async (contents, message) => {
    const failure = rowsOf(write(contents), 'csv', null, 100);
    await expect(failure).rejects.toThrow(FormatError);
    await expect(failure).rejects.toThrow(message);
  });

  it('mean what csv-parse reads in them', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', '\r', ' ', '🙂'), maxLength: 8 });
    const records = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 12 });
    const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    await fc.assert(
      fc.asyncProperty(records, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (rows, end, last) => {
        const lines = [['text', 'id'], ...rows].map((row) => row.map(quote).join(','));
        const contents = lines.join(end) + (last ? end : '');
        const expected = parse(contents, { columns: true, relax_column_count: false }) as {
          text: string;
          id: string;
        }[];
        expect(await rowsOf(write(contents), 'csv', 'id')).toEqual(expected.map(({ text, id }) => ({ id, text })));
      }),
      { numRuns: 60 },
    );
  });

  it('never crash, whatever the bytes', async () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.concat([Buffer.from('text\n'), array]));
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('csv', 'tsv', 'jsonl', 'text' as const), async (contents, format) => {
        await rowsOf(write(contents), format as InputFormat).catch((error) =>
          expect(error).toBeInstanceOf(FormatError),
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('Parquet', () => {
  const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`);
  const parquet = (rowGroupSize: number) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'number', data: texts.map((_, index) => index), type: 'INT32' },
          { name: 'big', data: texts.map((_, index) => BigInt(index)), type: 'INT64' },
          { name: 'text', data: texts, type: 'STRING' },
          { name: 'gap', data: texts.map((text, index) => (index === 30 ? null : text)), type: 'STRING' },
        ],
        rowGroupSize,
      }),
    );

  it.each([7, 1000])('gives texts and ids, in row groups of %d', async (size) => {
    const file = write(parquet(size));
    for (const id of ['number', 'big', 'text']) {
      expect(await rowsOf(file, 'parquet', id, 13)).toEqual(
        texts.map((text, index) => ({ text, id: id === 'text' ? text : String(index) })),
      );
    }
  });

  it('that lacks a column or a text is named', async () => {
    const file = write(parquet(10));
    await expect(openInput(file, 'parquet', { text: 'body', id: null })).rejects.toThrow(
      /has no column "body"; it has "number", "big", "text", "gap"/,
    );
    const input = await openInput(file, 'parquet', { text: 'gap', id: null });
    const read = async () => {
      for await (const rows of input.read({ row: 20, offset: 20 }, 20)) expect(rows).toHaveLength(20);
    };
    await expect(read()).rejects.toThrow(/row 31: "gap" must be a text, got null/);
  });

  it('that is damaged is an error of the file', async () => {
    const whole = parquet(10);
    for (const damaged of [whole.slice(0, 100), whole.slice(50), new Uint8Array(12), new Uint8Array(0)]) {
      await expect(rowsOf(write(damaged), 'parquet')).rejects.toThrow(FormatError);
    }
    // What describes the file is checked when it is read; pages have no checksum that would tell damage from data.
    const footer = new DataView(whole.buffer).getUint32(whole.length - 8, true) + 8;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: whole.length - footer, max: whole.length - 1 }),
        fc.nat(255),
        async (at, byte) => {
          const changed = whole.slice();
          changed[at] = byte;
          await rowsOf(write(changed), 'parquet').catch((error) => expect(error).toBeInstanceOf(FormatError));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('Parquet that was made to do harm', () => {
  /** A file with one column of texts, whose only page is as given. */
  function withPage(header: ThriftStruct, body: Uint8Array, rows: number): Uint8Array {
    const page = Buffer.concat([encodeThrift(header), body]);
    const column: ThriftStruct = [
      [1, { i32: 6 }],
      [2, { list: [{ i32: 8 }] }],
      [3, { list: [{ text: 'text' }] }],
      [4, { i32: 0 }],
      [5, { i64: rows }],
      [6, { i64: page.length }],
      [7, { i64: page.length }],
      [9, { i64: 4 }],
    ];
    const chunk: ThriftStruct = [
      [2, { i64: 4 }],
      [3, { struct: column }],
    ];
    const group: ThriftStruct = [
      [1, { list: [{ struct: chunk }] }],
      [2, { i64: page.length }],
      [3, { i64: rows }],
    ];
    const root: ThriftStruct = [
      [4, { text: 'schema' }],
      [5, { i32: 1 }],
    ];
    const text: ThriftStruct = [
      [1, { i32: 6 }],
      [3, { i32: 0 }],
      [4, { text: 'text' }],
      [6, { i32: 0 }],
    ];
    const footer = encodeThrift([
      [1, { i32: 1 }],
      [2, { list: [{ struct: root }, { struct: text }] }],
      [3, { i64: rows }],
      [4, { list: [{ struct: group }] }],
    ]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    return Buffer.concat([Buffer.from('PAR1'), page, footer, length, Buffer.from('PAR1')]);
  }

  const pageOf = (type: number, field: number, details: ThriftStruct, size: number): ThriftStruct => [
    [1, { i32: type }],
    [2, { i32: size }],
    [3, { i32: size }],
    [field, { struct: details }],
  ];

  it('is read where it was not', async () => {
    const body = Buffer.from([1, 0, 0, 0, 0x61, 1, 0, 0, 0, 0x62]);
    const plain: ThriftStruct = [1, 2, 3, 4].map((id) => [id, { i32: id === 1 ? 2 : id === 2 ? 0 : 3 }] as const);
    const file = write(withPage(pageOf(0, 5, plain, body.length), body, 2));
    expect(await rowsOf(file, 'parquet')).toEqual([
      { text: 'a', id: null },
      { text: 'b', id: null },
    ]);
  });

  it('is given up after a time, while the event loop goes on', async () => {
    // Bits of no width, and a count that wraps round below zero: hyparquet counts down from it for ever.
    const body = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0x07]);
    const page: ThriftStruct = [
      [1, { i32: 8 }],
      [2, { i32: 0 }],
      [3, { i32: 8 }],
      [4, { i32: 8 }],
      [5, { i32: 0 }],
      [6, { i32: 0 }],
    ];
    const file = write(withPage(pageOf(3, 8, page, body.length), body, 8));
    const { metadata } = await describeParquet(file);
    // Without a thread of its own, no timer would ever fire.
    const range = { metadata, columns: ['text'], rowStart: 0, rowEnd: 8 };
    await expect(readParquetRows(file, range, 1500)).rejects.toThrow(
      /cannot be read as Parquet: it was not decoded within 2 s; it may be made to do harm/,
    );
  });

  it('is refused where it refers to what it has not, before memory is taken for it', async () => {
    const body = Buffer.from([1, 0, 0, 0, 0x61]);
    const details: ThriftStruct = [[1, { i32: 2 ** 30 }]];
    const file = withPage(pageOf(0, 5, details, 2 ** 30), body, 1);
    await expect(rowsOf(write(file), 'parquet')).rejects.toThrow(FormatError);
    const input = write(withPage(pageOf(0, 5, [[1, { i32: 1 }]], body.length), body, 1));
    const { metadata } = await describeParquet(input);
    const [group] = metadata.row_groups;
    const [chunk] = group?.columns ?? [];
    if (group === undefined || chunk?.meta_data === undefined) throw new Error('the file has no column');
    chunk.meta_data.total_compressed_size = 2n ** 40n;
    const range = { metadata, columns: ['text'], rowStart: 0, rowEnd: 1 };
    await expect(readParquetRows(input, range)).rejects.toThrow(/refers to bytes 4 to \d{13}, and has \d+/);
  });

  it('is refused where its numbers of rows do not agree', async () => {
    const body = Buffer.from([1, 0, 0, 0, 0x61]);
    const file = withPage(pageOf(0, 5, [[1, { i32: 1 }]], body.length), body, 1);
    const footer = Buffer.from(file);
    // The number of rows stands between the schema and the row groups.
    const at = footer.lastIndexOf(Buffer.from([0x16, 0x02, 0x19, 0x1c]));
    expect(at).toBeGreaterThan(0);
    footer[at + 1] = 0x7e;
    await expect(rowsOf(write(footer), 'parquet')).rejects.toThrow(/it says that it has 63 rows, and its parts have 1/);
  });
});

it('reads ordinary files only', async () => {
  await expect(openInput(path.join(folder, 'none'), 'jsonl', { text: 'text', id: null })).rejects.toThrow(FileError);
  await expect(openInput(folder, 'text', { text: 'text', id: null })).rejects.toThrow(/not an ordinary file/);
});
