import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { VERSION } from '../../version.js';
import type { PartWriter, Row } from './part-writer.js';
import { encodeThrift, type ThriftStruct, type ThriftValue, writeVarint } from './thrift.js';

/*
 * Apache Parquet for one table only: a column of row numbers or of ids, perhaps the texts, and the vectors as a list of
 * float32, which is what DuckDB, pandas, Polars and Spark read as an array. Everything is required, so no value has a
 * definition level but those in a list. Libraries that write any table box every number of a vector first: 1,600 rows of 384
 * a second, on the event loop, where this copies them. https://parquet.apache.org/docs/file-format/
 */

const MAGIC = Buffer.from('PAR1');

/** A row group is written when its vectors take so many bytes: that is what has to be held in memory. */
const ROW_GROUP_BYTES = 8 * 2 ** 20;

const TYPES = { int64: 2, float: 4, bytes: 6 } as const;
const REQUIRED = 0;
const REPEATED = 2;
const CONVERTED_UTF8 = 0;
const CONVERTED_LIST = 3;
const PLAIN = 0;
const RLE = 3;
const UNCOMPRESSED = 0;
const GZIP = 2;

const compress = promisify(gzip);

interface ChunkDescription {
  readonly type: number;
  readonly path: readonly string[];
  readonly codec: number;
  readonly values: number;
  readonly offset: number;
  readonly size: number;
  readonly uncompressed: number;
}

interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly ChunkDescription[];
}

/** Which columns a file has beside the vectors, and what is noted in it. */
export interface ParquetSettings {
  readonly dimension: number;
  /** Whether rows have an id of their own, a text; else they have their number. */
  readonly withId: boolean;
  readonly withText: boolean;
  /** Noted in the file under `gemmule`: how it was made. */
  readonly provenance: string;
}

/** Writes one file, row group by row group. */
export class ParquetWriter implements PartWriter {
  readonly #file: FileHandle;
  readonly #settings: ParquetSettings;
  readonly #vectors: Float32Array;
  readonly #groups: RowGroup[] = [];
  #rows: Row[] = [];
  #offset = 0;

  constructor(file: FileHandle, settings: ParquetSettings) {
    this.#file = file;
    this.#settings = settings;
    const rows = Math.max(1, Math.floor(ROW_GROUP_BYTES / 4 / settings.dimension));
    this.#vectors = new Float32Array(rows * settings.dimension);
  }

  async begin(): Promise<void> {
    await this.#write(MAGIC);
  }

  async row(row: Row, vector: Float32Array): Promise<void> {
    this.#vectors.set(vector, this.#rows.length * this.#settings.dimension);
    this.#rows.push(row);
    if ((this.#rows.length + 1) * this.#settings.dimension > this.#vectors.length) await this.#flush();
  }

  async end(): Promise<void> {
    if (this.#rows.length > 0) await this.#flush();
    const footer = encodeThrift(this.#metadata());
    await this.#write(footer);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    await this.#write(length);
    await this.#write(MAGIC);
  }

  async #flush(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    const { dimension, withId, withText } = this.#settings;
    const count = rows.length;
    const chunks = [
      withId
        ? await this.#chunk(TYPES.bytes, ['id'], count, encodeTexts(rows.map(({ id }) => id as string)), true)
        : await this.#chunk(TYPES.int64, ['row'], count, encodeNumbers(rows.map(({ row }) => row)), true),
    ];
    if (withText)
      chunks.push(await this.#chunk(TYPES.bytes, ['text'], count, encodeTexts(rows.map(({ text }) => text)), true));
    const vectors = this.#vectors.subarray(0, count * dimension);
    const values = Buffer.concat([listLevels(count, dimension), bytesOf(vectors)]);
    chunks.push(await this.#chunk(TYPES.float, ['embedding', 'list', 'element'], vectors.length, values, false));
    this.#groups.push({ rows: count, chunks });
  }

  /** Writes a column of the row group as a single page. */
  async #chunk(
    type: number,
    path: readonly string[],
    values: number,
    page: Uint8Array,
    compressed: boolean,
  ): Promise<ChunkDescription> {
    const body = compressed ? await compress(page, { level: 1 }) : page;
    const header = encodeThrift([
      [1, { i32: 0 }],
      [2, { i32: page.length }],
      [3, { i32: body.length }],
      [
        5,
        {
          struct: [
            [1, { i32: values }],
            [2, { i32: PLAIN }],
            [3, { i32: RLE }],
            [4, { i32: RLE }],
          ],
        },
      ],
    ]);
    const offset = this.#offset;
    await this.#write(header);
    await this.#write(body);
    const size = header.length + body.length;
    const uncompressed = header.length + page.length;
    return { type, path, codec: compressed ? GZIP : UNCOMPRESSED, values, offset, size, uncompressed };
  }

  #metadata(): ThriftStruct {
    const { withId, withText, provenance } = this.#settings;
    const text = (name: string) =>
      element({ name, type: TYPES.bytes, repetition: REQUIRED, converted: CONVERTED_UTF8, logical: 1 });
    const schema = [
      element({ name: 'schema', children: withText ? 3 : 2 }),
      withId ? text('id') : element({ name: 'row', type: TYPES.int64, repetition: REQUIRED }),
      ...(withText ? [text('text')] : []),
      element({ name: 'embedding', repetition: REQUIRED, children: 1, converted: CONVERTED_LIST, logical: 3 }),
      element({ name: 'list', repetition: REPEATED, children: 1 }),
      element({ name: 'element', type: TYPES.float, repetition: REQUIRED }),
    ];
    return [
      [1, { i32: 1 }],
      [2, { list: schema }],
      [3, { i64: this.#groups.reduce((sum, { rows }) => sum + rows, 0) }],
      [4, { list: this.#groups.map(describeGroup) }],
      [
        5,
        {
          list: [
            {
              struct: [
                [1, { text: 'gemmule' }],
                [2, { text: provenance }],
              ],
            },
          ],
        },
      ],
      [6, { text: `gemmule version ${VERSION}` }],
    ];
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.writeFile(bytes);
    this.#offset += bytes.length;
  }
}

/** A node of the schema. `logical` is the number of its type in Parquet's union of logical types. */
function element(options: {
  readonly name: string;
  readonly type?: number;
  readonly repetition?: number;
  readonly children?: number;
  readonly converted?: number;
  readonly logical?: number;
}): ThriftValue {
  const { name, type, repetition, children, converted, logical } = options;
  const number = (value: number | undefined) => (value === undefined ? undefined : { i32: value });
  return {
    struct: [
      [1, number(type)],
      [3, number(repetition)],
      [4, { text: name }],
      [5, number(children)],
      [6, number(converted)],
      [10, logical === undefined ? undefined : { struct: [[logical, { struct: [] }]] }],
    ],
  };
}

function describeGroup({ rows, chunks }: RowGroup): ThriftValue {
  return {
    struct: [
      [1, { list: chunks.map(describeChunk) }],
      [2, { i64: chunks.reduce((sum, { uncompressed }) => sum + uncompressed, 0) }],
      [3, { i64: rows }],
    ],
  };
}

function describeChunk({ type, path, codec, values, offset, size, uncompressed }: ChunkDescription): ThriftValue {
  const metadata: ThriftStruct = [
    [1, { i32: type }],
    [2, { list: [{ i32: PLAIN }, { i32: RLE }] }],
    [3, { list: path.map((text) => ({ text })) }],
    [4, { i32: codec }],
    [5, { i64: values }],
    [6, { i64: uncompressed }],
    [7, { i64: size }],
    [9, { i64: offset }],
  ];
  return {
    struct: [
      [2, { i64: offset }],
      [3, { struct: metadata }],
    ],
  };
}

/**
 * The levels of lists that are all equally long and have no gaps: for each list a value that begins it (0) and others that go
 * on (1); then, that every value is there (1). Both are runs: their length twice, then what is repeated.
 */
function listLevels(lists: number, length: number): Uint8Array {
  const list: number[] = [];
  writeVarint(list, 2);
  list.push(0);
  if (length > 1) {
    writeVarint(list, 2 * (length - 1));
    list.push(1);
  }
  const repetition = new Uint8Array(list.length * lists);
  for (let index = 0; index < lists; index++) repetition.set(list, index * list.length);
  const definition: number[] = [];
  writeVarint(definition, 2 * lists * length);
  definition.push(1);
  return Buffer.concat([lengthOf(repetition), repetition, lengthOf(definition), Uint8Array.from(definition)]);
}

function lengthOf(levels: { readonly length: number }): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(levels.length);
  return bytes;
}

function encodeTexts(texts: readonly string[]): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length + 4, 0));
  let offset = 0;
  for (const [index, text] of texts.entries()) {
    offset = bytes.writeUInt32LE(lengths[index] as number, offset);
    offset += bytes.write(text, offset);
  }
  return bytes;
}

function encodeNumbers(numbers: readonly number[]): Uint8Array {
  return bytesOf(BigInt64Array.from(numbers, BigInt));
}

function bytesOf(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
