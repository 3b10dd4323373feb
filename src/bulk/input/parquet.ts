import { type FileHandle, open } from 'node:fs/promises';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { FileError, FormatError, GemmuleError } from '../../errors.js';
import { type FilePosition, type InputColumns, type InputFile, type InputRow, requireId, requireText } from './rows.js';

/** Rows that are decoded at once. */
const BATCH_ROWS = 4096;

/** The packages that read Parquet: optional, since most users have no need of them. */
async function loadReader() {
  try {
    const [reader, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
    return { reader, compressors };
  } catch (cause) {
    throw new FileError('reading Parquet needs two more packages; run: npm install hyparquet hyparquet-compressors', {
      cause,
    });
  }
}

/** A Parquet file; `offset` counts rows. Only the columns that are asked for are read. */
export class ParquetInput implements InputFile {
  readonly start: FilePosition = { row: 0, offset: 0 };

  private constructor(
    private readonly file: string,
    private readonly metadata: FileMetaData,
    private readonly columns: InputColumns,
    readonly length: number,
  ) {}

  /** @throws FileError, FormatError */
  static async open(file: string, columns: InputColumns): Promise<ParquetInput> {
    const { reader } = await loadReader();
    return withBuffer(file, async (buffer) => {
      const metadata = await reader.parquetMetadataAsync(buffer);
      const names = reader.parquetSchema(metadata).children.map(({ element }) => element.name);
      for (const name of [columns.text, ...(columns.id === null ? [] : [columns.id])]) {
        if (!names.includes(name)) {
          throw new FormatError(
            `${file} has no column ${JSON.stringify(name)}; it has ${names.map((known) => JSON.stringify(known)).join(', ')}`,
          );
        }
      }
      return new ParquetInput(file, metadata, columns, Number(metadata.num_rows));
    });
  }

  async advance(from: FilePosition, rows: number): Promise<FilePosition> {
    const row = Math.min(from.row + rows, this.length);
    return { row, offset: row };
  }

  async *read(from: FilePosition, rows: number): AsyncGenerator<InputRow[]> {
    const { reader, compressors } = await loadReader();
    const { text, id } = this.columns;
    const rowEnd = Math.min(from.row + rows, this.length);
    // Reading from the middle of a row group decodes what lies before: so all rows of a part are read at once.
    const values = await withBuffer(this.file, (buffer) =>
      reader.parquetReadObjects({
        file: buffer,
        metadata: this.metadata,
        columns: id === null || id === text ? [text] : [text, id],
        rowStart: from.row,
        rowEnd,
        useOffsetIndex: true,
        compressors,
      }),
    );
    if (values.length !== rowEnd - from.row) {
      throw new FormatError(`${this.file} is damaged: of rows ${from.row} to ${rowEnd} it gives ${values.length}`);
    }
    for (let begin = 0; begin < values.length; begin += BATCH_ROWS) {
      yield values.slice(begin, begin + BATCH_ROWS).map((value, index) => {
        const where = `${this.file}, row ${from.row + begin + index + 1}`;
        return {
          text: requireText(value[text], text, where),
          id: id === null ? null : requireId(value[id], id, where),
        };
      });
    }
  }
}

/** Lets a reader at the bytes of a file; what it throws on damaged ones becomes a FormatError. */
async function withBuffer<T>(file: string, read: (buffer: AsyncBuffer) => Promise<T>): Promise<T> {
  let handle: FileHandle;
  let byteLength: number;
  try {
    handle = await open(file);
    byteLength = (await handle.stat()).size;
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return await read({
      byteLength,
      slice: async (start, end = byteLength) => {
        const bytes = new Uint8Array(end - start);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        if (bytesRead !== bytes.length) throw new RangeError(`ends at byte ${start + bytesRead}`);
        return bytes.buffer;
      },
    });
  } catch (cause) {
    if (cause instanceof GemmuleError) throw cause;
    throw new FormatError(`${file} cannot be read as Parquet: ${(cause as Error).message}; is it whole?`, { cause });
  } finally {
    await handle.close();
  }
}
