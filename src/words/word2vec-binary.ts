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
    const { bytes } = reader;
    const window = bytes.subarray(0, reader.end);
    let at = reader.start;
    while (table.size < limit) {
      while (window[at] === NEWLINE) at++;
      const space = window.indexOf(SPACE, at);
      if (space < 0 || space + 1 + vectorBytes > window.length) break;
      record += 1;
      takeRecord(window, at, space, record, table, counter);
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

function takeRecord(
  window: Uint8Array,
  start: number,
  space: number,
  record: number,
  table: WordTableBuilder,
  counter: ProblemCounter,
): void {
  if (space === start) {
    counter.addMalformed(record, 'it has no word');
    return;
  }
  const { numbers, next, dimension } = table;
  const target = new Uint8Array(numbers.buffer, numbers.byteOffset + next * 4, dimension * 4);
  target.set(window.subarray(space + 1, space + 1 + dimension * 4));
  for (let n = next; n < next + dimension; n++) {
    if (!Number.isFinite(numbers[n])) {
      counter.addMalformed(record, `number ${n - next + 1} is ${numbers[n]}`);
      return;
    }
  }
  if (!table.add(window, start, space)) {
    counter.addDuplicate(record, Buffer.from(window.subarray(start, space)).toString('utf8'));
  }
}
