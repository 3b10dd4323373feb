import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { requirePath } from '../arguments.js';
import { ArgumentError, DTypeError } from '../errors.js';
import { writeFileAtomically } from '../io/atomic-file.js';
import { formatFloat32 } from '../tensor/printing.js';
import { FASTTEXT_MAGIC, FASTTEXT_VERSION, WORD_ENTRY } from './fasttext-binary.js';
import { type WordVectorParts, writeNativeFile } from './native-file.js';
import { requireFormat, type WordFormat } from './report.js';
import { END_OF_SENTENCE, Subwords } from './subwords.js';

/** How `WordVectors.save` writes a file. */
export interface SaveWordsOptions {
  /** Default: what the name's ending says (`.vec`, `.bin` as word2vec's, `.gemmule`, `.safetensors`), else word2vec's text. */
  readonly format?: WordFormat;
  /** With the `gemmule` format: float16 halves the file, and rounds to about three digits. Default float32. */
  readonly dtype?: 'float32' | 'float16';
  readonly signal?: AbortSignal;
}

type Parts = WordVectorParts & { readonly inverseLengths: Float32Array };

/** Written at once. */
const CHUNK_BYTES = 1 << 20;

const ENDINGS: readonly (readonly [string, WordFormat])[] = [
  ['.vec', 'fasttext-vec'],
  ['.bin', 'word2vec-binary'],
  ['.gemmule', 'gemmule'],
  ['.safetensors', 'gemmule'],
];

/** Writes all to a file that appears once it is complete. */
export async function saveParts(file: string, parts: Parts, options: SaveWordsOptions): Promise<void> {
  requirePath('WordVectors.save', 'file', file);
  const compressed = /\.gz$/i.test(file);
  const name = compressed ? file.slice(0, -'.gz'.length) : file;
  const format = options.format ?? ENDINGS.find(([ending]) => name.endsWith(ending))?.[1] ?? 'word2vec-text';
  requireFormat('WordVectors.save', format);
  const { dtype = 'float32', signal } = options;
  if (dtype !== 'float32' && (dtype !== 'float16' || format !== 'gemmule')) {
    throw new DTypeError(`WordVectors.save: dtype must be float32, or float16 with the gemmule format, got ${dtype}`);
  }
  if (format === 'gemmule') {
    if (compressed) {
      throw new ArgumentError(
        'WordVectors.save: the gemmule format is for mapping into memory, and cannot be packed by gzip',
      );
    }
    await writeNativeFile(file, parts, { dtype });
    return;
  }
  checkWords(parts, format);
  // Tensors of its own on the same storage: the file is written over many turns, and the words may be disposed of meanwhile.
  using vectors = parts.vectors.contiguous();
  using ofParts = parts.subwords?.vectors.contiguous() ?? null;
  const subwords = parts.subwords === null || ofParts === null ? null : new Subwords(parts.subwords, ofParts);
  const held = { ...parts, vectors, subwords };
  const chunks = Readable.from(inChunks(format === 'fasttext-bin' ? modelOf(held) : rowsOf(held, format)));
  await writeFileAtomically(file, async (handle) => {
    const write = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of source) await handle.writeFile(chunk);
    };
    const stages = { signal };
    if (compressed) await pipeline(chunks, createGzip(), write, stages);
    else await pipeline(chunks, write, stages);
  });
}

/** Formats in which the word ends with a space cannot hold words that have one. */
function checkWords({ vocabulary }: Parts, format: WordFormat): void {
  const [forbidden, what] = {
    glove: [/^\s|\s$|[\n\r\t]|^$/, 'no tabs and line ends, and no spaces around it'],
    'fasttext-bin': [/\0|^$/, 'no null characters'],
  }[format as string] ?? [/[ \n\r\t]|^$/, 'no spaces, tabs and line ends'];
  let index = 0;
  for (const word of vocabulary) {
    if ((forbidden as RegExp).test(word)) {
      throw new ArgumentError(
        `WordVectors.save: ${format} can hold words with ${what as string}, and at least one character; word ${index} is ${JSON.stringify(word)}. Save as gemmule, which holds any`,
      );
    }
    index += 1;
  }
}

function* rowsOf({ vocabulary, vectors }: Parts, format: WordFormat): Generator<Uint8Array> {
  const [size = 0, dimension = 0] = vectors.shape;
  const numbers = vectors.toTypedArray();
  if (format !== 'glove') yield Buffer.from(`${size} ${dimension}\n`);
  for (let index = 0; index < size; index++) {
    const row = numbers.subarray(index * dimension, (index + 1) * dimension);
    if (format === 'word2vec-binary') {
      yield Buffer.from(`${vocabulary.word(index)} `);
      yield bytesOf(row);
      yield Buffer.from('\n');
    } else {
      const texts = new Array<string>(dimension);
      for (let n = 0; n < dimension; n++) texts[n] = formatFloat32(row[n] as number);
      yield Buffer.from(`${vocabulary.word(index)} ${texts.join(' ')}\n`);
    }
  }
}

/** fastText's codes: the model is skip-gram, the loss negative sampling. */
const SKIP_GRAM = 2;
const NEGATIVE_SAMPLING = 2;

/**
 * A fastText model, version 12. What it was trained with is not known here and gets fastText's defaults; the output layer, which
 * only training needs, is zero.
 */
function* modelOf({ vocabulary, vectors, counts, subwords }: Parts): Generator<Uint8Array> {
  const [size = 0, dimension = 0] = vectors.shape;
  const buckets = subwords?.buckets ?? 0;
  const header = Buffer.alloc(8 + 12 * 4 + 8);
  const [window, epochs, minCount, negatives, wordNgrams, updateRate] = [5, 5, 1, 5, 1, 100];
  const fields = [FASTTEXT_MAGIC, FASTTEXT_VERSION, dimension, window, epochs, minCount, negatives, wordNgrams];
  fields.push(NEGATIVE_SAMPLING, SKIP_GRAM, buckets, subwords?.minLength ?? 0, subwords?.maxLength ?? 0, updateRate);
  for (const [n, field] of fields.entries()) header.writeInt32LE(field, n * 4);
  header.writeDoubleLE(1e-4, fields.length * 4);
  yield header;
  const dictionary = Buffer.alloc(3 * 4 + 2 * 8);
  dictionary.writeInt32LE(size, 0);
  dictionary.writeInt32LE(size, 4);
  const tokens = counts?.reduce((sum, count) => sum + count, 0) ?? size;
  dictionary.writeBigInt64LE(BigInt(Math.round(tokens)), 12);
  dictionary.writeBigInt64LE(-1n, 20);
  yield dictionary;
  for (let index = 0; index < size; index++) {
    yield Buffer.from(`${vocabulary.word(index)}\0`);
    const entry = Buffer.alloc(9);
    entry.writeBigInt64LE(BigInt(Math.round(counts?.[index] ?? 1)));
    entry.writeInt8(WORD_ENTRY, 8);
    yield entry;
  }
  yield matrixHeader(size + buckets, dimension);
  const numbers = vectors.toTypedArray();
  for (let index = 0; index < size; index++) {
    const row = numbers.slice(index * dimension, (index + 1) * dimension);
    const word = vocabulary.word(index);
    if (subwords !== null && word !== END_OF_SENTENCE) {
      // What `composeSubwords` did, undone.
      const parts = new Float64Array(dimension);
      const count = subwords.addTo(parts, word);
      for (let n = 0; n < dimension; n++) row[n] = (row[n] as number) * (count + 1) - (parts[n] as number);
    }
    yield bytesOf(row);
  }
  if (subwords !== null) yield bytesOf(subwords.vectors.toTypedArray());
  yield matrixHeader(size, dimension);
  for (let index = 0; index < size; index++) yield new Uint8Array(dimension * 4);
}

function matrixHeader(rows: number, columns: number): Uint8Array {
  const header = Buffer.alloc(1 + 2 * 8);
  header.writeBigInt64LE(BigInt(rows), 1);
  header.writeBigInt64LE(BigInt(columns), 9);
  return header;
}

function bytesOf(row: Float32Array): Uint8Array {
  return new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
}

/** Small pieces joined, large ones cut. */
function* inChunks(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let joined: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; start += CHUNK_BYTES) {
      const part = piece.subarray(start, start + CHUNK_BYTES);
      joined.push(part);
      length += part.length;
      if (length < CHUNK_BYTES) continue;
      yield Buffer.concat(joined);
      joined = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(joined);
}
