import { ArgumentError, FormatError } from '../errors.js';
import { isJsonObject } from '../io/json.js';
import type { Metadata } from './metadata.js';

/** What is known of a row besides its vector. */
export interface IndexRecord<M extends Metadata> {
  readonly id: string;
  readonly metadata: M | undefined;
}

/**
 * The identifiers and metadata of all rows: those of a file as its bytes, each read when it is asked for, and those that
 * came later as they were given.
 */
export class Records<M extends Metadata> {
  readonly #where: string;
  /** JSON, one after another. */
  readonly #bytes: Uint8Array;
  /** Where each record of the file ends. */
  readonly #ends: Float64Array;
  readonly #later: IndexRecord<M>[] = [];

  constructor(where = '', bytes: Uint8Array = new Uint8Array(0), ends: Float64Array = new Float64Array(0)) {
    let last = 0;
    for (const end of ends) {
      if (!(Number.isInteger(end) && end >= last && end <= bytes.length)) {
        throw new FormatError(`${where}: the records' ends do not rise within the file; it is damaged, build it again`);
      }
      last = end;
    }
    this.#where = where;
    this.#bytes = bytes;
    this.#ends = ends;
  }

  get count(): number {
    return this.#ends.length + this.#later.length;
  }

  push(record: IndexRecord<M>): void {
    this.#later.push(record);
  }

  at(row: number): IndexRecord<M> {
    if (row >= this.#ends.length) return this.#later[row - this.#ends.length] as IndexRecord<M>;
    const begin = row === 0 ? 0 : (this.#ends[row - 1] as number);
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + begin, (this.#ends[row] as number) - begin);
    let record: unknown;
    try {
      record = JSON.parse(text.toString('utf8'));
    } catch (cause) {
      throw new FormatError(
        `${this.#where}: the record of row ${row} is not JSON; the file is damaged, build it again`,
        {
          cause,
        },
      );
    }
    const { id, metadata } = isJsonObject(record) ? record : {};
    if (typeof id !== 'string' || !(metadata === undefined || isJsonObject(metadata))) {
      throw new FormatError(`${this.#where}: the record of row ${row} has no id; the file is damaged, build it again`);
    }
    return { id, metadata: metadata as M | undefined };
  }

  /** The rows named, as records of their own. */
  select(rows: ArrayLike<number>): Records<M> {
    const chosen = new Records<M>();
    for (let n = 0; n < rows.length; n++) chosen.push(this.at(rows[n] as number));
    return chosen;
  }

  /** All of them as bytes and ends, as the constructor takes them. */
  encode(): { bytes: Uint8Array; ends: Float64Array } {
    const ends = new Float64Array(this.count);
    const parts: Buffer[] = [];
    let end = 0;
    for (let row = 0; row < ends.length; row++) {
      const part = Buffer.from(encodeRecord(this.at(row)));
      end += part.length;
      ends[row] = end;
      parts.push(part);
    }
    return { bytes: Buffer.concat(parts), ends };
  }
}

function encodeRecord(record: IndexRecord<Metadata>): string {
  try {
    return JSON.stringify(record);
  } catch (cause) {
    throw new ArgumentError(
      `save: the metadata of ${JSON.stringify(record.id)} cannot be written as JSON (${(cause as Error).message}); use plain values`,
      { cause },
    );
  }
}
