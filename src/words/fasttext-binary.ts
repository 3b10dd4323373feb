import { allocateStorage, releaseStorage } from '../backend/storage.js';
import { FormatError } from '../errors.js';
import { Tensor } from '../tensor/tensor.js';
import type { ByteReader } from './byte-reader.js';
import { ProblemCounter } from './report.js';
import { Subwords } from './subwords.js';
import { WordTableBuilder } from './table-builder.js';
import type { ReadResult, ReadSettings } from './text-format.js';

/** The first four bytes of a fastText model. */
export const FASTTEXT_MAGIC = 793712314;
export const FASTTEXT_VERSION = 12;

/** The kind of a dictionary's entry that is a word; others are labels. */
export const WORD_ENTRY = 0;

const HEADER_BYTES = 8 + 12 * 4 + 8;
const DICTIONARY_BYTES = 3 * 4 + 2 * 8;
const MATRIX_BYTES = 1 + 2 * 8;
const MOST_WORD_BYTES = 1 << 16;
const MOST_DIMENSIONS = 1 << 16;
/** Bytes of numbers read at once. */
const BLOCK_BYTES = 1 << 22;

interface ModelHeader {
  readonly dimension: number;
  readonly buckets: number;
  readonly minLength: number;
  readonly maxLength: number;
  readonly entries: number;
  readonly words: number;
}

/** What a fastText model has beyond words and vectors. */
export interface FastTextResult extends ReadResult {
  /** How often each word stood in the training text. */
  readonly counts: Float64Array;
  /** Null where the model was trained without parts of words. The words' vectors do not contain those of their parts yet. */
  readonly subwords: Subwords | null;
}

/**
 * Reads a fastText model as the `fasttext` program saves it, version 12 (Bojanowski et al., arXiv:1607.04606). The output layer,
 * which is for training, is not read.
 *
 * @throws FormatError for a model that was quantised (`.ftz`), of another version, or damaged.
 */
export async function readFastTextBinary(reader: ByteReader, settings: ReadSettings): Promise<FastTextResult> {
  const header = await readHeader(reader);
  const { dimension, words, buckets } = header;
  const table = new WordTableBuilder(dimension, Math.min(words, settings.limit));
  let parts: Float32Array | null = null;
  try {
    const counter = new ProblemCounter();
    const { rows, counts } = await readDictionary(reader, header, table, counter, settings.limit);
    await readMatrixHeader(reader, header);
    let taken = 0;
    const row = new Uint8Array(dimension * 4);
    const numbers = new Uint8Array(table.numbers.buffer, table.numbers.byteOffset);
    for (let entry = 0; entry < words; entry++) {
      await reader.readInto(row, 'the vectors of words');
      if (rows[taken] === entry) numbers.set(row, taken++ * row.length);
      if (entry % 4096 === 0) {
        settings.onProgress?.({ bytes: reader.bytesRead, totalBytes: reader.totalBytes, words: taken });
      }
    }
    const stopped = table.size >= settings.limit;
    const result = { table, counter, declared: words, lines: words, stopped, counts: Float64Array.from(counts) };
    if (buckets === 0 || header.maxLength === 0) return { ...result, subwords: null };
    parts = allocateStorage('float32', buckets * dimension);
    const partBytes = new Uint8Array(parts.buffer, parts.byteOffset, parts.byteLength);
    for (let start = 0; start < partBytes.length; start += BLOCK_BYTES) {
      await reader.readInto(partBytes.subarray(start, start + BLOCK_BYTES), 'the vectors of parts of words');
      settings.onProgress?.({ bytes: reader.bytesRead, totalBytes: reader.totalBytes, words: taken });
    }
    const dims = [buckets, dimension];
    const vectors = Tensor.fromView({ dtype: 'float32', dims, strides: [dimension, 1], offset: 0, data: parts });
    return { ...result, subwords: new Subwords(header, vectors) };
  } catch (error) {
    table.discard();
    if (parts !== null) releaseStorage(parts);
    throw error;
  }
}

/** A view of the next bytes. */
async function take(reader: ByteReader, count: number, what: string): Promise<DataView> {
  if (!(await reader.ensure(count))) throw reader.cutOff(what);
  const view = new DataView(reader.bytes.buffer, reader.bytes.byteOffset + reader.start, count);
  reader.start += count;
  return view;
}

async function readHeader(reader: ByteReader): Promise<ModelHeader> {
  const view = await take(reader, HEADER_BYTES, 'the header');
  const version = view.getInt32(4, true);
  if (view.getInt32(0, true) !== FASTTEXT_MAGIC || version !== FASTTEXT_VERSION) {
    throw new FormatError(
      `${reader.path} is no fastText model of version ${FASTTEXT_VERSION} (its version is ${version}); save it with a newer fastText`,
    );
  }
  const [dimension, buckets, minLength, maxLength] = [8, 40, 44, 48].map((at) => view.getInt32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  const dictionary = await take(reader, DICTIONARY_BYTES, 'the dictionary');
  const [entries, words] = [dictionary.getInt32(0, true), dictionary.getInt32(4, true)];
  const pruned = dictionary.getBigInt64(20, true);
  if (pruned > 0n) throw quantized(reader.path);
  const sizes = { dimension, buckets, minLength, maxLength, entries, words };
  if (
    Object.values(sizes).some((size) => size < 0) ||
    dimension < 1 ||
    dimension > MOST_DIMENSIONS ||
    words < 1 ||
    words > entries
  ) {
    throw new FormatError(`${reader.path}: a header with ${JSON.stringify(sizes)} makes no sense; the file is damaged`);
  }
  // Numbers hardly get smaller when packed.
  if ((words + buckets) * dimension * 4 > reader.totalBytes * (reader.compressed ? 16 : 1)) {
    throw new FormatError(
      `${reader.path}: ${words} words and ${buckets} parts of words of ${dimension} numbers do not fit into a file of ${reader.totalBytes} bytes; it was cut off or damaged, get it again`,
    );
  }
  return sizes;
}

function quantized(path: string): FormatError {
  return new FormatError(
    `${path} is a quantised fastText model, of which gemmule cannot read the vectors; use the .bin that it was made from`,
  );
}

/** The words, with what they have in `rows`: which row of the matrix is theirs. */
async function readDictionary(
  reader: ByteReader,
  { entries, words }: ModelHeader,
  table: WordTableBuilder,
  counter: ProblemCounter,
  limit: number,
): Promise<{ rows: number[]; counts: number[] }> {
  const rows: number[] = [];
  const counts: number[] = [];
  let wordEntries = 0;
  for (let entry = 0; entry < entries; entry++) {
    const end = await reader.find(0);
    if (end < 0) throw reader.cutOff('the dictionary');
    const length = end - reader.start;
    if (length > MOST_WORD_BYTES)
      throw new FormatError(`${reader.path}: word ${entry + 1} has ${length} bytes; the file is damaged`);
    // Reading on moves the window; the word stays at its beginning.
    if (!(await reader.ensure(length + 1 + 9))) throw reader.cutOff('the dictionary');
    const { bytes, start } = reader;
    const view = new DataView(bytes.buffer, bytes.byteOffset + start + length + 1, 9);
    reader.start += length + 1 + 9;
    if (view.getInt8(8) !== WORD_ENTRY) continue;
    wordEntries += 1;
    if (table.size >= limit) continue;
    if (!table.add(bytes, start, start + length)) {
      counter.addDuplicate(entry + 1, Buffer.from(bytes.subarray(start, start + length)).toString('utf8'));
      continue;
    }
    rows.push(wordEntries - 1);
    counts.push(Number(view.getBigInt64(0, true)));
  }
  if (wordEntries !== words) {
    throw new FormatError(`${reader.path} promises ${words} words and has ${wordEntries}; the file is damaged`);
  }
  return { rows, counts };
}

async function readMatrixHeader(reader: ByteReader, { dimension, words, buckets }: ModelHeader): Promise<void> {
  const view = await take(reader, MATRIX_BYTES, 'the matrix');
  if (view.getUint8(0) !== 0) throw quantized(reader.path);
  const [rows, columns] = [Number(view.getBigInt64(1, true)), Number(view.getBigInt64(9, true))];
  if (rows !== words + buckets || columns !== dimension) {
    throw new FormatError(
      `${reader.path} has a matrix of ${rows} x ${columns}; ${words} words and ${buckets} parts of words of ${dimension} numbers were promised. The file is damaged`,
    );
  }
}
