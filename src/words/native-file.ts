import { statSync } from 'node:fs';
import { FormatError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import { parseStrictJson } from '../io/json.js';
import type { SafetensorsFile } from '../io/safetensors.js';
import { writeSafetensors } from '../io/safetensors-writer.js';
import type { DType } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import { type LoadReport, requireFormat } from './report.js';
import { Subwords } from './subwords.js';
import { Vocabulary } from './vocabulary.js';

/*
 * Gemmule's own format is a safetensors file of the very arrays that WordVectors lives on: vectors, inverse lengths, the bytes
 * of the words and the table that finds them. Opening it maps it into memory, and takes no longer for millions of words.
 */

const FORMAT = 'gemmule-word-vectors';
const VERSION = '1';

/** All that WordVectors are made of. */
export interface WordVectorParts {
  readonly vocabulary: Vocabulary;
  /** `[size, dimension]`, contiguous. */
  readonly vectors: Tensor<'float32'>;
  /** One over the length of each vector, 0 for a vector of zeros; null where nobody has computed them yet. */
  readonly inverseLengths: Float32Array | null;
  /** How often each word stood in the training text, or null where that is not known. */
  readonly counts: Float64Array | null;
  readonly subwords: Subwords | null;
  readonly report: LoadReport | null;
}

/** What a cache was made from: as long as all of it is the same, the cache is good. */
export interface CacheKey {
  readonly bytes: number;
  readonly modified: number;
  readonly settings: string;
}

export function cacheKeyOf(path: string, settings: object): CacheKey {
  const { size, mtimeMs } = statSync(path);
  return { bytes: size, modified: mtimeMs, settings: JSON.stringify(settings) };
}

function oneDimensional<D extends DType>(
  dtype: D,
  data: Uint8Array | Int32Array | Float32Array | Float64Array,
): Tensor<D> {
  return Tensor.fromView({ dtype, dims: [data.length], strides: [1], offset: 0, data });
}

/** Writes all parts to a file. Vectors may be rounded to float16, which halves it. */
export async function writeNativeFile(
  path: string,
  parts: WordVectorParts & { readonly inverseLengths: Float32Array },
  options: { readonly dtype?: 'float32' | 'float16'; readonly source?: CacheKey } = {},
): Promise<void> {
  const { vocabulary, vectors, inverseLengths, counts, subwords, report } = parts;
  const metadata: Record<string, string> = { format: FORMAT, version: VERSION };
  if (report !== null) metadata.report = JSON.stringify(report);
  if (options.source !== undefined) metadata.source = JSON.stringify(options.source);
  if (subwords !== null) {
    metadata.subwords = JSON.stringify({ minLength: subwords.minLength, maxLength: subwords.maxLength });
  }
  const half = options.dtype === 'float16';
  await writeSafetensors(
    path,
    {
      vectors: half ? vectors.to('float16') : vectors,
      // Of rounded vectors they would be others.
      ...(half ? {} : { inverse_lengths: oneDimensional('float32', inverseLengths) }),
      word_bytes: oneDimensional('uint8', vocabulary.bytes),
      word_ends: oneDimensional('int32', vocabulary.ends),
      word_table: oneDimensional('int32', vocabulary.table),
      ...(counts === null ? {} : { counts: oneDimensional('float64', counts) }),
      ...(subwords === null ? {} : { subwords: subwords.vectors }),
    },
    metadata,
  );
}

/** Whether a file's metadata are those of word vectors. */
export function isNativeFile(file: SafetensorsFile): boolean {
  return file.metadata.get('format') === FORMAT;
}

/** Whether a cache was made from this very file and in this way. */
export function isMadeFrom(file: SafetensorsFile, key: CacheKey): boolean {
  return (
    isNativeFile(file) &&
    file.metadata.get('version') === VERSION &&
    file.metadata.get('source') === JSON.stringify(key)
  );
}

/**
 * The parts in a file, which stay in its memory map; only vectors in float16 are read, and widened.
 *
 * @throws FormatError when it holds something else, or its parts do not fit each other.
 */
export function readNativeFile(file: SafetensorsFile): WordVectorParts {
  const { path } = file;
  if (!isNativeFile(file) || file.metadata.get('version') !== VERSION) {
    throw new FormatError(
      `${path} is a safetensors file, but not one of word vectors that gemmule ${VERSION} wrote; see WordVectors.save`,
    );
  }
  const stored = partOf(file, 'vectors', file.entry('vectors').dtype === 'float16' ? 'float16' : 'float32', [
    null,
    null,
  ]);
  const vectors = stored.to('float32');
  const [size = 0, dimension = 0] = vectors.shape;
  const bytes = partOf(file, 'word_bytes', 'uint8', [null]).toTypedArray();
  const ends = partOf(file, 'word_ends', 'int32', [size]).toTypedArray();
  const table = partOf(file, 'word_table', 'int32', [null]).toTypedArray();
  checkWords(path, bytes, ends, table);
  const inverse = file.has('inverse_lengths') ? partOf(file, 'inverse_lengths', 'float32', [size]) : null;
  const counts = file.has('counts') ? partOf(file, 'counts', 'float64', [size]) : null;
  return {
    vocabulary: new Vocabulary(bytes, ends, table),
    vectors,
    inverseLengths: inverse?.toTypedArray() ?? null,
    counts: counts?.toTypedArray() ?? null,
    subwords: readSubwords(file, dimension),
    report: readReport(file),
  };
}

function partOf<D extends DType>(
  file: SafetensorsFile,
  name: string,
  dtype: D,
  shape: readonly (number | null)[],
): Tensor<D> {
  if (!file.has(name))
    throw new FormatError(`${file.path} has no ${name}; the file is damaged, or not of word vectors`);
  const entry = file.entry(name);
  const fits =
    entry.shape.length === shape.length &&
    shape.every((length, axis) => (length ?? entry.shape[axis]) === entry.shape[axis]);
  if (entry.dtype !== dtype || !fits) {
    throw new FormatError(
      `${file.path}: ${name} must be ${dtype} [${shape.map((length) => length ?? 'any').join(', ')}], got ${entry.storedDType} [${entry.shape.join(', ')}]; the file is damaged`,
    );
  }
  return file.tensor(name) as Tensor<D>;
}

function checkWords(path: string, bytes: Uint8Array, ends: Int32Array, table: Int32Array): void {
  let last = 0;
  // By index: iterators would take most of the milliseconds that opening takes.
  for (let index = 0; index < ends.length; index++) {
    const end = ends[index] as number;
    if (end < last) throw new FormatError(`${path}: words overlap; the file is damaged`);
    last = end;
  }
  if (last !== bytes.length)
    throw new FormatError(`${path}: its words have ${last} bytes of ${bytes.length}; the file is damaged`);
  const { length } = table;
  if (length <= ends.length || (length & (length - 1)) !== 0) {
    throw new FormatError(`${path}: a table of ${length} places cannot hold ${ends.length} words; the file is damaged`);
  }
}

function readSubwords(file: SafetensorsFile, dimension: number): Subwords | null {
  const settings = file.metadata.get('subwords');
  if (settings === undefined) return null;
  const config = new ConfigReader(`${file.path}: subwords`, parseStrictJson(Buffer.from(settings), file.path));
  const minLength = config.integer('minLength', { least: 0 });
  const maxLength = config.integer('maxLength');
  return new Subwords({ minLength, maxLength }, partOf(file, 'subwords', 'float32', [null, dimension]));
}

function readReport(file: SafetensorsFile): LoadReport | null {
  const text = file.metadata.get('report');
  if (text === undefined) return null;
  const config = new ConfigReader(`${file.path}: report`, parseStrictJson(Buffer.from(text), file.path));
  const format = config.text('format');
  requireFormat(file.path, format);
  const { problems } = JSON.parse(text) as { problems?: unknown };
  const listed = Array.isArray(problems) ? problems : [];
  return {
    format,
    declared: config.has('declared') ? config.integer('declared', { least: 0 }) : null,
    malformed: config.integer('malformed', { least: 0 }),
    duplicates: config.integer('duplicates', { least: 0 }),
    invalidWords: config.integer('invalidWords', { least: 0 }),
    problems: listed.flatMap((entry: unknown) => {
      const { line, problem } = entry as { line?: unknown; problem?: unknown };
      return typeof line === 'number' && typeof problem === 'string' ? [{ line, problem }] : [];
    }),
  };
}
