import { existsSync } from 'node:fs';
import path from 'node:path';
import { requireCount } from '../arguments.js';
import { defaultBackend } from '../backend/index.js';
import { ArgumentError, FormatError } from '../errors.js';
import { SafetensorsFile } from '../io/safetensors.js';
import { ByteReader, type ReadProgress } from './byte-reader.js';
import { FASTTEXT_MAGIC, readFastTextBinary } from './fasttext-binary.js';
import { inverseLengthsOf } from './lengths.js';
import { cacheKeyOf, isMadeFrom, readNativeFile, type WordVectorParts, writeNativeFile } from './native-file.js';
import { describeProblems, type LoadReport, requireFormat, type WordFormat } from './report.js';
import { composeSubwords, type Subwords } from './subwords.js';
import { type ReadResult, type ReadSettings, readText } from './text-format.js';
import { Vocabulary } from './vocabulary.js';
import { readWord2vecBinary } from './word2vec-binary.js';

export type { ReadProgress } from './byte-reader.js';

/** How `WordVectors.load` reads a file. */
export interface LoadWordsOptions {
  /** The file's format; by default what its first bytes show. */
  readonly format?: WordFormat;
  /** The most words to take, from the first on, which in most files are the most frequent. Default: all. */
  readonly limit?: number;
  /** Numbers of a vector, for a text without a header whose first line does not show it. */
  readonly dimension?: number;
  /** Whether anything malformed is an error instead of being counted. Default false. */
  readonly strict?: boolean;
  /** Whether fewer words than the header promises are only worth a warning, not an error. Default false. */
  readonly ignoreCount?: boolean;
  /**
   * A file in which all is kept as it is needed: where it is there, and was made from this file, it is mapped into memory, which
   * takes milliseconds, else it is written. `true` puts it beside the file, with `.gemmule` after the name.
   */
  readonly cache?: boolean | string;
  /** Called while the file is read. */
  readonly onProgress?: (progress: ReadProgress) => void;
  readonly signal?: AbortSignal;
}

function requireOptions(options: LoadWordsOptions): void {
  for (const name of ['limit', 'dimension'] as const) {
    const value = options[name];
    if (value !== undefined) requireCount('WordVectors.load', name, value, 1);
  }
  if (options.format !== undefined) requireFormat('WordVectors.load', options.format);
}

/** Reads a file of word vectors, or its cache. */
export async function loadParts(file: string, options: LoadWordsOptions): Promise<WordVectorParts> {
  requireOptions(options);
  // Memory, and maps of files, come from the engine once it is loaded.
  defaultBackend();
  if (options.cache === undefined || options.cache === false) return readFile(file, options);
  const cache = options.cache === true ? `${file}.gemmule` : options.cache;
  const { format, limit, dimension, strict } = options;
  // A file that is not there is read all the same: the error then says so.
  const key = existsSync(file) ? cacheKeyOf(file, { format, limit, dimension, strict }) : null;
  if (key !== null && existsSync(cache)) {
    const kept = openIfSound(cache);
    if (kept !== null && isMadeFrom(kept, key)) return readNativeFile(kept);
  }
  const parts = await readFile(file, options);
  const inverseLengths = parts.inverseLengths ?? inverseLengthsOf(parts.vectors);
  await writeNativeFile(cache, { ...parts, inverseLengths }, key === null ? {} : { source: key });
  return { ...parts, inverseLengths };
}

/** A cache that cannot be read is made again, unless it is no cache at all: nobody's file is to be overwritten. */
function openIfSound(cache: string): SafetensorsFile | null {
  const file = SafetensorsFile.open(cache);
  if (file.metadata.get('format') === undefined) {
    throw new ArgumentError(`WordVectors.load: the cache ${cache} is there, and is none; give another name`);
  }
  return file;
}

async function readFile(file: string, options: LoadWordsOptions): Promise<WordVectorParts> {
  const reader = await ByteReader.open(file, options.signal);
  try {
    await reader.ensure(PROBE_BYTES);
    const format = options.format ?? detectFormat(reader);
    if (format === 'gemmule') return firstWords(readNativeFile(SafetensorsFile.open(file)), options.limit);
    return await readWith(reader, format, options);
  } finally {
    reader.close();
  }
}

/** The first words of what lies in a memory map. */
function firstWords(parts: WordVectorParts, limit = Number.POSITIVE_INFINITY): WordVectorParts {
  const { vocabulary, vectors, inverseLengths, counts } = parts;
  if (limit >= vocabulary.size) return parts;
  const words = Array.from({ length: limit }, (_, index) => vocabulary.word(index));
  return {
    ...parts,
    vocabulary: Vocabulary.from(words),
    vectors: vectors.slice([0, limit]),
    inverseLengths: inverseLengths?.subarray(0, limit) ?? null,
    counts: counts?.subarray(0, limit) ?? null,
  };
}

async function readWith(reader: ByteReader, format: WordFormat, options: LoadWordsOptions): Promise<WordVectorParts> {
  const { limit = Number.POSITIVE_INFINITY, dimension, onProgress } = options;
  const settings: ReadSettings = { limit, dimension, onProgress };
  let result: ReadResult & { counts?: Float64Array; subwords?: Subwords | null };
  if (format === 'fasttext-bin') result = await readFastTextBinary(reader, settings);
  else if (format === 'word2vec-binary') result = await readWord2vecBinary(reader, settings);
  else result = await readText(reader, settings, format !== 'glove');
  const { table, counter, declared, subwords = null, counts = null } = result;
  const { malformed, duplicates, problems } = counter;
  const { invalid: invalidWords } = table.words;
  try {
    if (options.strict === true && malformed + duplicates > 0) {
      throw new FormatError(
        `${reader.path}: ${malformed} malformed lines and ${duplicates} duplicates: ${describeProblems(problems)}`,
      );
    }
    checkCount(reader.path, result, options.ignoreCount === true);
    if (table.size === 0) throw new FormatError(`${reader.path} has no words`);
  } catch (error) {
    table.discard();
    subwords?.vectors.dispose();
    throw error;
  }
  const report: LoadReport = { format, declared, malformed, duplicates, invalidWords, problems };
  const { vocabulary, vectors } = table.build();
  if (subwords !== null) await composeSubwords(vocabulary, vectors.toTypedArray(), subwords, options.signal);
  return { vocabulary, vectors, inverseLengths: null, counts, subwords, report };
}

/** A header that promises more than there is means a file that was cut off; one that promises less is only wrong. */
function checkCount(file: string, { declared, lines, stopped }: ReadResult, ignore: boolean): void {
  if (declared === null || declared === lines || (stopped && lines < declared)) return;
  const message = `${file}: the header promises ${declared} words, and there are ${lines}`;
  if (lines < declared && !ignore) {
    throw new FormatError(`${message}; the file was cut off, get it again, or pass ignoreCount to take what there is`);
  }
  process.emitWarning(`${message}; all were read`, { type: 'GemmuleWarning', code: 'GEMMULE_WORD_COUNT' });
}

/** Bytes that a format is told by. */
const PROBE_BYTES = 4096;
const SAFETENSORS_LENGTH_BYTES = 8;

/** What the first bytes of a file look like. */
function detectFormat(reader: ByteReader): WordFormat {
  const bytes = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + reader.start, reader.length);
  if (bytes.length >= 4 && bytes.readInt32LE(0) === FASTTEXT_MAGIC) return 'fasttext-bin';
  // A header of JSON after its length.
  if (bytes.length > SAFETENSORS_LENGTH_BYTES && bytes[4] === 0 && bytes[7] === 0 && bytes[8] === 0x7b)
    return 'gemmule';
  const newline = bytes.indexOf(0x0a);
  const header = newline < 0 ? '' : bytes.toString('latin1', 0, newline);
  if (!/^\s*\d+\s+\d+\s*$/.test(header.replace(/^\u00ef\u00bb\u00bf/, ''))) return 'glove';
  if (looksBinary(bytes.subarray(newline + 1, PROBE_BYTES))) return 'word2vec-binary';
  return path.basename(reader.path).replace(/\.gz$/i, '').endsWith('.vec') ? 'fasttext-vec' : 'word2vec-text';
}

/** Whether the first word after a header is followed by bytes that are no text. */
function looksBinary(bytes: Buffer): boolean {
  const space = bytes.indexOf(0x20);
  const newline = bytes.indexOf(0x0a, space);
  const numbers = bytes.subarray(space + 1, newline < 0 ? bytes.length : newline);
  return space >= 0 && numbers.some((byte) => (byte < 0x20 && byte !== 0x09 && byte !== 0x0d) || byte > 0x7e);
}
