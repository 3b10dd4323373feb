import { FormatError } from '../errors.js';
import type { ByteReader } from './byte-reader.js';
import { ProblemCounter } from './report.js';
import { WordTableBuilder } from './table-builder.js';
import { parseHeader, type ReadResult, type ReadSettings, roomFor } from './text-format.js';

const NEWLINE = 0x0a;
const SPACE = 0x20;

/** Longer than any line that holds two numbers. */
const MOST_HEADER_BYTES = 64;

/** Longer than any word; what is longer is no word2vec file. */
const MOST_WORD_BYTES = 1 << 16;

/**
 * Reads word2vec's binary format: a header in text, then for each word its UTF-8, a space, its float32 numbers, lowest byte
 * first, and mostly a line feed. Vectors that are not finite are counted as malformed.
 *
 * @throws FormatError when the file ends in the middle of a vector, or has no header.
 */
export async function readWord2vecBinary(reader: ByteReader, settings: ReadSettings): Promise<ReadResult> {
  const newline = await reader.find(NEWLINE);
  const length = newline - reader.start;
  const text =
    newline < 0 || length > MOST_HEADER_BYTES
      ? ''
      : Buffer.from(reader.bytes.subarray(reader.start, newline)).toString('latin1');
  const header = parseHeader(text, reader.path);
  if (header === null) {
    throw new FormatError(`${reader.path}: the first line must be two whole numbers; this is no binary word2vec file`);
  }
  reader.start = newline + 1;
  const { dimension, count } = header;
  const rows = roomFor(count, dimension * 4 + 2, reader, settings.limit);
  const table = new WordTableBuilder(dimension, rows);
  try {
    const counter = new ProblemCounter();
    const lines = await readRecords(reader, table, counter, settings, count);
    return { table, counter, declared: count, lines, stopped: table.size >= settings.limit };
  } catch (error) {
    table.discard();
    throw error;
  }
}

/** Takes in all records; returns how many there were. */
async function readRecords(
  reader: ByteReader,
  table: WordTableBuilder,
  counter: ProblemCounter,
  { limit, onProgress }: ReadSettings,
  declared: number,
): Promise<number> {
  const vectorBytes = table.dimension * 4;
  let record = 0;
  while (table.size < limit) {
    const { bytes, end } = reader;
    const numbers = new DataView(bytes.buffer, bytes.byteOffset, end);
    let at = reader.start;
    while (table.size < limit) {
      while (at < end && bytes[at] === NEWLINE) at++;
      let space = at;
      while (space < end && bytes[space] !== SPACE) space++;
      if (space + 1 + vectorBytes > end) break;
      record += 1;
      takeRecord({ bytes, numbers, start: at, space, record }, table, counter);
      at = space + 1 + vectorBytes;
    }
    reader.start = at;
    onProgress?.({ bytes: reader.bytesRead, totalBytes: reader.totalBytes, words: table.size });
    if (table.size >= limit) break;
    if (reader.length > MOST_WORD_BYTES + vectorBytes + 1) {
      throw new FormatError(`${reader.path}: record ${record + 1} has no word; this is no binary word2vec file`);
    }
    if (await reader.more()) continue;
    if (reader.length > 0) throw reader.cutOff(`record ${record + 1} of ${declared}`);
    break;
  }
  return record;
}

/** A word in `bytes[start, space)`, and its numbers behind the space. */
interface BinaryRecord {
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly numbers: DataView;
  readonly start: number;
  readonly space: number;
  readonly record: number;
}

function takeRecord(
  { bytes, numbers, start, space, record }: BinaryRecord,
  table: WordTableBuilder,
  counter: ProblemCounter,
): void {
  if (space === start) {
    counter.addMalformed(record, 'it has no word');
    return;
  }
  const { numbers: target, next, dimension } = table;
  // Zero as long as all are finite; NaN from the first on that is not.
  let zero = 0;
  for (let n = 0; n < dimension; n++) {
    const value = numbers.getFloat32(space + 1 + n * 4, true);
    target[next + n] = value;
    zero += value * 0;
  }
  if (zero !== 0) {
    const n = target.subarray(next, next + dimension).findIndex((value) => !Number.isFinite(value));
    counter.addMalformed(record, `number ${n + 1} is ${target[next + n]}`);
  } else if (!table.add(bytes, start, space)) {
    counter.addDuplicate(record, Buffer.from(bytes.subarray(start, space)).toString('utf8'));
  }
}
