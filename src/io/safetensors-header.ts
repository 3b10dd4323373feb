import { FormatError } from '../errors.js';
import type { DType } from '../tensor/dtype.js';
import { describeJson, isJsonObject, parseStrictJson } from './json.js';

/*
 * The header of a safetensors file: eight bytes with its length (little-endian), then JSON that gives each tensor's dtype,
 * shape and place in the rest of the file. Format: https://huggingface.co/docs/safetensors
 */

/** Bytes before the JSON. */
export const LENGTH_BYTES = 8;

/** The largest header that the format allows. */
const MAX_HEADER_BYTES = 100_000_000;

/** Element types of the format by name, with their bytes and, where there is one, gemmule's dtype. */
const DTYPES: ReadonlyMap<string, { readonly bytes: number; readonly dtype: DType | null }> = new Map([
  ['F64', { bytes: 8, dtype: 'float64' }],
  ['F32', { bytes: 4, dtype: 'float32' }],
  ['F16', { bytes: 2, dtype: 'float16' }],
  ['BF16', { bytes: 2, dtype: 'bfloat16' }],
  ['I32', { bytes: 4, dtype: 'int32' }],
  ['U8', { bytes: 1, dtype: 'uint8' }],
  ['BOOL', { bytes: 1, dtype: 'bool' }],
  ['C64', { bytes: 8, dtype: null }],
  ['I64', { bytes: 8, dtype: null }],
  ['U64', { bytes: 8, dtype: null }],
  ['U32', { bytes: 4, dtype: null }],
  ['I16', { bytes: 2, dtype: null }],
  ['U16', { bytes: 2, dtype: null }],
  ['I8', { bytes: 1, dtype: null }],
  ['F8_E4M3', { bytes: 1, dtype: null }],
  ['F8_E5M2', { bytes: 1, dtype: null }],
  ['F8_E8M0', { bytes: 1, dtype: null }],
]);

/** The format's name of a dtype. */
export function safetensorsDType(dtype: DType): string {
  for (const [name, known] of DTYPES) if (known.dtype === dtype) return name;
  throw new FormatError(`safetensors has no element type for ${dtype}`);
}

/** One tensor of a file, as its header describes it. */
export interface SafetensorsEntry {
  readonly name: string;
  /** The format's own name of the element type, such as `F32` or `I64`. */
  readonly storedDType: string;
  /** The same as a dtype of gemmule's; null for a type that gemmule does not compute with. */
  readonly dtype: DType | null;
  readonly shape: readonly number[];
  /** Where the elements begin and end, in bytes from the beginning of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** Free text that the writer left under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * The header of a safetensors file, with everything checked that a reader later relies on: every tensor lies inside the
 * file, is as long as its shape and dtype say, and all of them together fill the file without gap or overlap.
 *
 * @param file - the whole file.
 * @param path - where it came from, for error messages.
 * @throws FormatError that names the file and the tensor.
 */
export function parseSafetensorsHeader(file: Uint8Array, path: string): SafetensorsHeader {
  const headerBytes = headerLength(file, path);
  const dataStart = LENGTH_BYTES + headerBytes;
  const json = parseStrictJson(file.subarray(LENGTH_BYTES, dataStart), `${path}: the header`);
  if (!isJsonObject(json)) {
    throw new FormatError(`${path}: the header must be a JSON object, got ${describeJson(json)}`);
  }
  let metadata: ReadonlyMap<string, string> = new Map();
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') metadata = parseMetadata(value, path);
    else entries.set(name, parseEntry(name, value, path, dataStart, file.length));
  }
  requireFilled([...entries.values()], path, dataStart, file.length);
  return { metadata, entries };
}

function headerLength(file: Uint8Array, path: string): number {
  if (file.length < LENGTH_BYTES) {
    throw new FormatError(
      `${path} has ${file.length} bytes, too few for a safetensors file; it was cut off, get it again`,
    );
  }
  const length = new DataView(file.buffer, file.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(
      `${path}: a header of ${length} bytes is more than the format allows (${MAX_HEADER_BYTES}); this is not a safetensors file, or it is damaged`,
    );
  }
  if (Number(length) > file.length - LENGTH_BYTES) {
    throw new FormatError(
      `${path}: the header should have ${length} bytes, but the file ends after ${file.length - LENGTH_BYTES}; it was cut off, get it again`,
    );
  }
  return Number(length);
}

function parseMetadata(value: unknown, path: string): ReadonlyMap<string, string> {
  if (!isJsonObject(value)) {
    throw new FormatError(`${path}: __metadata__ must be an object of strings, got ${describeJson(value)}`);
  }
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new FormatError(
        `${path}: __metadata__ must hold strings only, got ${describeJson(text)} for ${JSON.stringify(key)}`,
      );
    }
    metadata.set(key, text);
  }
  return metadata;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseEntry(
  name: string,
  value: unknown,
  path: string,
  dataStart: number,
  fileBytes: number,
): SafetensorsEntry {
  const fail = (problem: string): never => {
    throw new FormatError(`${path}: tensor ${JSON.stringify(name)} ${problem}; the file is damaged, get it again`);
  };
  if (!isJsonObject(value)) return fail(`must be described by an object, got ${describeJson(value)}`);
  const { dtype: storedDType, shape, data_offsets: offsets } = value;
  const known = typeof storedDType === 'string' ? DTYPES.get(storedDType) : undefined;
  if (known === undefined) {
    return fail(`has dtype ${describeJson(storedDType)}; expected one of ${[...DTYPES.keys()].join(', ')}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(`has shape ${describeJson(shape)}; expected an array of non-negative integers`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(`has data_offsets ${describeJson(offsets)}; expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > fileBytes - dataStart) {
    return fail(`lies at bytes ${begin} to ${end}, outside the ${fileBytes - dataStart} bytes of data in the file`);
  }
  const expected = shape.reduce((product: number, dim: number) => product * dim, known.bytes);
  if (expected !== end - begin) {
    return fail(
      `of dtype ${storedDType} and shape [${shape.join(', ')}] needs ${expected} bytes, but has ${end - begin}`,
    );
  }
  return {
    name,
    storedDType: storedDType as string,
    dtype: known.dtype,
    shape: shape as number[],
    begin: dataStart + begin,
    end: dataStart + end,
  };
}

/** The format demands that tensors fill the data from beginning to end: otherwise a file could hide what nobody sees. */
function requireFilled(entries: SafetensorsEntry[], path: string, dataStart: number, fileBytes: number): void {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = dataStart;
  let previous = 'the header';
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      const problem = begin < position ? 'overlaps' : `leaves a gap of ${begin - position} bytes after`;
      throw new FormatError(`${path}: tensor ${JSON.stringify(name)} ${problem} ${previous}; the file is damaged`);
    }
    position = end;
    previous = `tensor ${JSON.stringify(name)}`;
  }
  if (position !== fileBytes) {
    throw new FormatError(
      `${path}: ${fileBytes - position} bytes at the end belong to no tensor; the file is damaged, get it again`,
    );
  }
}
