import { mapFile } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { FormatError, ModelError } from '../errors.js';
import { fromTypedArray } from '../tensor/creation.js';
import { contiguousStrides } from '../tensor/dim.js';
import { arrayConstructor } from '../tensor/dtype.js';

/*
 * GGUF, in which llama.cpp keeps models: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3,
 * little-endian.
 */

/** A value that a file notes about itself; what it lists is of one type. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** One tensor, as the file describes it. */
export interface GgufTensor {
  readonly name: string;
  /** The outermost axis first, as elsewhere; GGUF has it the other way round. */
  readonly shape: readonly number[];
  /** The name of its element type, such as `F16` or `Q4_K`. */
  readonly type: string;
  /** Where its elements begin, in bytes from the beginning of the file. */
  readonly begin: number;
}

const MAGIC = 'GGUF';
const VERSIONS = [2, 3];
const DEFAULT_ALIGNMENT = 32;
const MOST_AXES = 4;

/** Element types by their numbers. */
const TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    0: 'F32',
    1: 'F16',
    2: 'Q4_0',
    3: 'Q4_1',
    6: 'Q5_0',
    7: 'Q5_1',
    8: 'Q8_0',
    9: 'Q8_1',
    10: 'Q2_K',
    11: 'Q3_K',
    12: 'Q4_K',
    13: 'Q5_K',
    14: 'Q6_K',
    15: 'Q8_K',
    16: 'IQ2_XXS',
    17: 'IQ2_XS',
    18: 'IQ3_XXS',
    19: 'IQ1_S',
    20: 'IQ4_NL',
    21: 'IQ3_S',
    22: 'IQ2_S',
    23: 'IQ4_XS',
    24: 'I8',
    25: 'I16',
    26: 'I32',
    27: 'I64',
    28: 'F64',
    29: 'IQ1_M',
    30: 'BF16',
    34: 'TQ1_0',
    35: 'TQ2_0',
    39: 'MXFP4',
  }).map(([number, name]) => [Number(number), name]),
);

/** Those that gemmule reads: how many elements a block has, and how many bytes. */
const BLOCKS: ReadonlyMap<string, { readonly elements: number; readonly bytes: number }> = new Map([
  ['F32', { elements: 1, bytes: 4 }],
  ['F16', { elements: 1, bytes: 2 }],
  ['BF16', { elements: 1, bytes: 2 }],
  ['Q8_0', { elements: 32, bytes: 34 }],
]);

const DTYPES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/** A GGUF file, memory-mapped. Opening it reads and checks what describes it. */
export class GgufFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly #buffer: ArrayBuffer;

  private constructor(path: string, buffer: ArrayBuffer) {
    const { metadata, tensors } = new HeaderReader(path, buffer).read();
    this.path = path;
    this.metadata = metadata;
    this.tensors = tensors;
    this.#buffer = buffer;
  }

  /** @throws FileError when it cannot be read, FormatError when it is not a sound GGUF file. */
  static open(path: string): GgufFile {
    return new GgufFile(path, mapFile(path));
  }

  /**
   * A tensor: F32, F16 and BF16 in place, Q8_0 as float32.
   *
   * @throws FormatError when there is no such tensor, or it lies outside the file; ModelError for other element types.
   */
  view(name: string): View {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new FormatError(`${this.path} has no tensor ${JSON.stringify(name)}`);
    const { shape, type, begin } = tensor;
    const block = BLOCKS.get(type);
    if (block === undefined) {
      throw new ModelError(
        `${this.path}: tensor ${JSON.stringify(name)} is ${type}; gemmule reads ${[...BLOCKS.keys()].join(', ')}: take such a file, or the model that it was made from`,
      );
    }
    const count = shape.reduce((product, dim) => product * dim, 1);
    const row = shape.at(-1) ?? 1;
    if (row % block.elements !== 0) {
      throw new FormatError(
        `${this.path}: tensor ${JSON.stringify(name)} has rows of ${row} elements, and ${type} blocks of ${block.elements}`,
      );
    }
    const bytes = (count / block.elements) * block.bytes;
    if (!Number.isSafeInteger(bytes) || bytes > this.#buffer.byteLength - begin) {
      throw new FormatError(
        `${this.path}: tensor ${JSON.stringify(name)} takes ${bytes} bytes from ${begin}, outside the file's ${this.#buffer.byteLength}`,
      );
    }
    const strides = contiguousStrides(shape) as number[];
    if (type === 'Q8_0') {
      const data = unpackQ8(new DataView(this.#buffer, begin, bytes), count);
      return { dtype: 'float32', dims: shape, strides, offset: 0, data };
    }
    const dtype = DTYPES[type as keyof typeof DTYPES];
    const data = new (arrayConstructor(dtype))(this.#buffer, begin, count);
    return { dtype, dims: shape, strides, offset: 0, data };
  }
}

/** Blocks of a scale in float16 and 32 signed bytes. */
function unpackQ8(bytes: DataView, count: number): Float32Array {
  const bits = Uint16Array.from({ length: count / 32 }, (_, block) => bytes.getUint16(block * 34, true));
  using halves = fromTypedArray(bits, [bits.length], { dtype: 'float16' });
  using scales = halves.to('float32');
  const numbers = new Float32Array(count);
  for (const [block, scale] of (scales.toTypedArray() as Float32Array).entries()) {
    for (let byte = 0; byte < 32; byte++) numbers[block * 32 + byte] = scale * bytes.getInt8(block * 34 + 2 + byte);
  }
  return numbers;
}

const TYPE_STRING = 8;
const TYPE_ARRAY = 9;

/** How many bytes the values of each type take, at least. */
const LEAST_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [TYPE_STRING, 8],
  [10, 8],
  [11, 8],
  [12, 8],
]);

/** The fewest bytes that describe a tensor, and that a value takes with its key. */
const LEAST_TENSOR_BYTES = 24;
const LEAST_ENTRY_BYTES = 13;

/** Reads what stands before the tensors' elements, with every length checked before it is used. */
class HeaderReader {
  readonly #view: DataView;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #at = 0;

  constructor(
    private readonly path: string,
    private readonly buffer: ArrayBuffer,
  ) {
    this.#view = new DataView(buffer);
  }

  read(): Pick<GgufFile, 'metadata' | 'tensors'> {
    if (this.buffer.byteLength < 24 || this.#text(4) !== MAGIC) throw this.#error('it does not begin with GGUF');
    const version = this.#uint32();
    if (!VERSIONS.includes(version)) {
      throw this.#error(`its version is ${version}; gemmule reads ${VERSIONS.join(' and ')}, little-endian`);
    }
    const tensorCount = this.#count('tensors', LEAST_TENSOR_BYTES);
    const entryCount = this.#count('entries', LEAST_ENTRY_BYTES);
    const metadata = new Map<string, GgufValue>();
    for (let index = 0; index < entryCount; index++) {
      const key = this.#string();
      if (metadata.has(key)) throw this.#error(`it has ${JSON.stringify(key)} twice`);
      metadata.set(key, this.#value(this.#uint32()));
    }
    const described = Array.from({ length: tensorCount }, () => this.#describeTensor());
    const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
    if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 8 || alignment % 8 !== 0) {
      throw this.#error(`general.alignment must be a multiple of 8, got ${String(alignment)}`);
    }
    const start = Math.ceil(this.#at / alignment) * alignment;
    const tensors = new Map<string, GgufTensor>();
    for (const { offset, ...tensor } of described) {
      if (tensors.has(tensor.name)) throw this.#error(`it has the tensor ${JSON.stringify(tensor.name)} twice`);
      if (offset % alignment !== 0) throw this.#error(`tensor ${JSON.stringify(tensor.name)} is not aligned`);
      const begin = start + offset;
      if (begin > this.buffer.byteLength) {
        throw this.#error(`tensor ${JSON.stringify(tensor.name)} lies outside it; is it whole?`);
      }
      tensors.set(tensor.name, { ...tensor, begin });
    }
    return { metadata, tensors };
  }

  #describeTensor(): Omit<GgufTensor, 'begin'> & { readonly offset: number } {
    const name = this.#string();
    const axes = this.#uint32();
    if (axes > MOST_AXES) throw this.#error(`tensor ${JSON.stringify(name)} has ${axes} axes, of ${MOST_AXES} at most`);
    const shape = Array.from({ length: axes }, () => this.#uint64()).reverse();
    if (!Number.isSafeInteger(shape.reduce((product, dim) => product * dim, 1))) {
      throw this.#error(`tensor ${JSON.stringify(name)} has a shape of ${shape.join(' x ')}, which nothing can hold`);
    }
    const number = this.#uint32();
    return { name, shape, type: TYPES.get(number) ?? `of type ${number}`, offset: this.#uint64() };
  }

  #value(type: number): GgufValue {
    switch (type) {
      case 0:
        return this.#view.getUint8(this.#skip(1));
      case 1:
        return this.#view.getInt8(this.#skip(1));
      case 2:
        return this.#view.getUint16(this.#skip(2), true);
      case 3:
        return this.#view.getInt16(this.#skip(2), true);
      case 4:
        return this.#uint32();
      case 5:
        return this.#view.getInt32(this.#skip(4), true);
      case 6:
        return this.#view.getFloat32(this.#skip(4), true);
      case 7:
        return this.#view.getUint8(this.#skip(1)) !== 0;
      case TYPE_STRING:
        return this.#string();
      case TYPE_ARRAY:
        return this.#array();
      case 10:
        return this.#view.getBigUint64(this.#skip(8), true);
      case 11:
        return this.#view.getBigInt64(this.#skip(8), true);
      case 12:
        return this.#view.getFloat64(this.#skip(8), true);
      default:
        throw this.#error(`it has a value of type ${type}, which there is not`);
    }
  }

  #array(): readonly GgufValue[] {
    const type = this.#uint32();
    const least = LEAST_BYTES.get(type);
    if (least === undefined) throw this.#error(`it has a list of values of type ${type}, which gemmule does not read`);
    const count = this.#count('values', least);
    return Array.from({ length: count }, () => this.#value(type));
  }

  #string(): string {
    return this.#text(this.#uint64());
  }

  #text(bytes: number): string {
    const begin = this.#skip(bytes);
    try {
      return this.#decoder.decode(new Uint8Array(this.buffer, begin, bytes));
    } catch (cause) {
      throw this.#error(`the text at byte ${begin} is not UTF-8`, cause);
    }
  }

  #uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  #uint64(): number {
    const value = Number(this.#view.getBigUint64(this.#skip(8), true));
    if (!Number.isSafeInteger(value)) throw this.#error(`the number before byte ${this.#at} is ${value}`);
    return value;
  }

  /** How many of something follow, of which each takes so many bytes at least. */
  #count(what: string, leastBytes: number): number {
    const count = this.#uint64();
    if (count > (this.buffer.byteLength - this.#at) / leastBytes) {
      throw this.#error(`it announces ${count} ${what}, for which it is too short`);
    }
    return count;
  }

  /** Where the next so many bytes begin. */
  #skip(bytes: number): number {
    const begin = this.#at;
    if (bytes > this.buffer.byteLength - begin) throw this.#error(`it ends within what stands at byte ${begin}`);
    this.#at += bytes;
    return begin;
  }

  #error(why: string, cause?: unknown): FormatError {
    return new FormatError(`${this.path} cannot be read as GGUF: ${why}`, { cause });
  }
}
