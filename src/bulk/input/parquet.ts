import type { FileMetaData } from 'hyparquet';
import { FormatError } from '../../errors.js';
import { describeParquet, readParquetRows } from './parquet-thread.js';
import { type FilePosition, type InputColumns, type InputFile, type InputRow, requireId, requireText } from './rows.js';

/** Rows that are handed on at once. */
const BATCH_ROWS = 4096;

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
    const { metadata, names } = await describeParquet(file);
    for (const name of [columns.text, ...(columns.id === null ? [] : [columns.id])]) {
      if (!names.includes(name)) {
        throw new FormatError(
          `${file} has no column ${JSON.stringify(name)}; it has ${names.map((known) => JSON.stringify(known)).join(', ')}`,
        );
      }
    }
    const rows = Number(metadata.num_rows);
    const counted = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
    if (!Number.isSafeInteger(rows) || rows < 0 || counted !== rows) {
      throw new FormatError(`${file} is damaged: it says that it has ${rows} rows, and its parts have ${counted}`);
    }
    return new ParquetInput(file, metadata, columns, rows);
  }

  async advance(from: FilePosition, rows: number): Promise<FilePosition> {
    const row = Math.min(from.row + rows, this.length);
    return { row, offset: row };
  }

  async *read(from: FilePosition, rows: number): AsyncGenerator<InputRow[]> {
    const { text, id } = this.columns;
    const rowEnd = Math.min(from.row + rows, this.length);
    const columns = id === null || id === text ? [text] : [text, id];
    // Reading from the middle of a row group decodes what lies before: so all rows of a part are read at once.
    const values = await readParquetRows(this.file, { metadata: this.metadata, columns, rowStart: from.row, rowEnd });
    if (values.length !== rowEnd - from.row) {
      throw new FormatError(`${this.file} is damaged: of rows ${from.row} to ${rowEnd} it gives ${values.length}`);
    }
    for (let begin = 0; begin < values.length; begin += BATCH_ROWS) {
      yield values.slice(begin, begin + BATCH_ROWS).map((value, index) => {
        const where = `${this.file}, row ${from.row + begin + index + 1}`;
        return {
          text: requireText(value[0], text, where),
          id: id === null ? null : requireId(value.at(-1), id, where),
        };
      });
    }
  }
}
