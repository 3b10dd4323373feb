import { createReadStream } from 'node:fs';
import { FileError, FormatError } from '../../errors.js';

/** A record of a text file: its bytes without the end of the line, and where the next one begins. */
export interface RawRecord {
  readonly bytes: Buffer;
  readonly end: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/** A longer record is a mistake, an unclosed quote for instance, and would have to be held in memory. */
const LONGEST_RECORD = 64 * 2 ** 20;

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/**
 * The records of a file from a byte on, in batches as they are read. Where `quoted`, a line does not end within double
 * quotes, as in CSV: quotes that are doubled open and close at once, which comes to the same.
 *
 * @throws FileError when the file cannot be read, FormatError for a record beyond all bounds.
 */
export async function* readRecords(file: string, offset: number, quoted: boolean): AsyncGenerator<RawRecord[]> {
  let rest: Buffer[] = [];
  let restLength = 0;
  let inQuotes = false;
  let position = offset;
  let begins = offset;
  const take = (tail: Buffer, end: number): RawRecord => {
    const whole = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
    const isFirst = begins === 0;
    rest = [];
    restLength = 0;
    begins = end;
    return { bytes: trim(whole, isFirst), end };
  };
  for await (const chunk of chunksOf(file, offset)) {
    const records: RawRecord[] = [];
    let begin = 0;
    for (let index = 0; index < chunk.length; index++) {
      if (quoted) {
        const byte = chunk[index];
        if (byte === QUOTE) inQuotes = !inQuotes;
        if (byte !== LINE_FEED || inQuotes) continue;
      } else {
        index = chunk.indexOf(LINE_FEED, index);
        if (index < 0) break;
      }
      records.push(take(chunk.subarray(begin, index), position + index + 1));
      begin = index + 1;
    }
    if (begin < chunk.length) {
      rest.push(chunk.subarray(begin));
      restLength += chunk.length - begin;
    }
    position += chunk.length;
    if (restLength > LONGEST_RECORD) {
      throw new FormatError(
        `${file}: the record at byte ${position - restLength} is longer than ${LONGEST_RECORD} bytes; ${quoted ? 'is a quote not closed?' : 'is this a text file with one record a line?'}`,
      );
    }
    if (records.length > 0) yield records;
  }
  if (inQuotes) {
    throw new FormatError(`${file}: the record at byte ${position - restLength} opens a quote that nothing closes`);
  }
  if (restLength > 0) yield [take(Buffer.alloc(0), position)];
}

async function* chunksOf(file: string, start: number): AsyncGenerator<Buffer> {
  const stream = createReadStream(file, { start, highWaterMark: 2 ** 18 });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  } finally {
    stream.destroy();
  }
}

/** Without the carriage return of a Windows line, and without a byte order mark at the file's beginning. */
function trim(record: Buffer, isFirst: boolean): Buffer {
  const end = record.at(-1) === CARRIAGE_RETURN ? record.length - 1 : record.length;
  const begin =
    isFirst && record.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  return record.subarray(begin, end);
}

/** The text of a record. @throws FormatError when it is not UTF-8. */
export function decodeRecord(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${where} is not valid UTF-8`, { cause });
  }
}
