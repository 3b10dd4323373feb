import { DTypeError, FormatError } from '../errors.js';
import type { DType } from '../tensor/dtype.js';

/*
 * The header of a NumPy file: a magic string, the version, the header's length, then a Python literal that gives the element
 * type, the order of the axes in memory and the shape. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/** Whether a file begins as `.npy` files do. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** Magic string and version. */
const VERSION_END = 8;

/** Data begins at a multiple of this many bytes, so that it can be mapped. */
const ALIGNMENT = 64;

/** Headers are as long as if the first axis had this many digits: a writer can fill in the number of rows at the end. */
const LONGEST_DIGITS = 21;

/** The largest header that is read; NumPy writes a few dozen bytes for any shape. */
const MAX_HEADER_BYTES = 1 << 16;

/** NumPy allows as many axes. */
const MAX_AXES = 64;

/** How NumPy stores the dtypes that both have. */
const DESCRIPTIONS = {
  float32: 'f4',
  float64: 'f8',
  float16: 'f2',
  int32: 'i4',
  uint8: 'u1',
  bool: 'b1',
} as const satisfies Partial<Record<DType, string>>;

/** Integers that gemmule has no dtype for, and reads as int32. */
const OTHER_INTEGERS = ['i1', 'i2', 'i8', 'u2', 'u4', 'u8'] as const;

/** NumPy's name of an element type without its byte order: the kind and the bytes. */
export type NpyElement = (typeof DESCRIPTIONS)[keyof typeof DESCRIPTIONS] | (typeof OTHER_INTEGERS)[number];

export interface NpyHeader {
  readonly element: NpyElement;
  /** The dtype that a tensor of these elements has. */
  readonly dtype: DType;
  readonly bigEndian: boolean;
  /** Whether the first axis is the one whose elements lie side by side. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Bytes of one element. */
  readonly elementBytes: number;
  /** Where the elements begin and end, in bytes from the beginning of the file. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The header of a file of elements in row-major order, version 1.0. Its length depends on the shape's first axis in no way.
 *
 * @throws DTypeError for bfloat16, which NumPy does not have.
 */
export function npyHeader(dtype: DType, shape: readonly number[]): Uint8Array {
  if (dtype === 'bfloat16') {
    throw new DTypeError("npy: NumPy has no bfloat16; convert the tensor with to('float32') first");
  }
  const description = DESCRIPTIONS[dtype];
  const order = description.endsWith('1') ? '|' : '<';
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${order}${description}', 'fortran_order': False, 'shape': (${axes}), }`;
  const spare = shape.length > 0 ? LONGEST_DIGITS - String(shape[0]).length : 0;
  const start = VERSION_END + 2;
  const length = Math.ceil((start + text.length + spare + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(length, ' ');
  MAGIC.copy(header);
  header.set([1, 0], MAGIC.length);
  header.writeUInt16LE(length - start, VERSION_END);
  header.write(text, start, 'latin1');
  header.write('\n', length - 1, 'latin1');
  return header;
}

/**
 * The header of a NumPy file, checked against the file's length.
 *
 * @param file - the whole file.
 * @param path - where it came from, for error messages.
 * @throws FormatError for what is no NumPy file or damaged, DTypeError for element types that gemmule cannot read.
 */
export function parseNpyHeader(file: Uint8Array, path: string): NpyHeader {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (!isNpy(bytes)) {
    throw new FormatError(
      `${path} is not a .npy file: it does not begin as numpy.save writes; of .npz take one member`,
    );
  }
  const major = bytes[MAGIC.length] as number;
  const lengthBytes = major === 1 ? 2 : 4;
  const start = VERSION_END + lengthBytes;
  if (bytes.length < start) throw new FormatError(`${path} ends within its header; the file is damaged, get it again`);
  if (major < 1 || major > 3) throw new FormatError(`${path} has version ${major}; versions 1 to 3 of .npy are known`);
  const length = bytes.readUIntLE(VERSION_END, lengthBytes);
  const begin = start + length;
  if (length > MAX_HEADER_BYTES || begin > bytes.length) {
    throw new FormatError(
      `${path}: the header is said to have ${length} bytes, of a file of ${bytes.length}; the file is damaged`,
    );
  }
  const fields = parseFields(bytes.toString(major === 3 ? 'utf8' : 'latin1', start, begin), path);
  const { element, dtype, bigEndian } = parseElementType(fields.descr, path);
  const elementBytes = Number(element[1]);
  const end = begin + fields.shape.reduce((product, axis) => product * axis, elementBytes);
  if (!(end <= bytes.length)) {
    const shape = `[${fields.shape.join(', ')}]`;
    throw new FormatError(
      `${path}: shape ${shape} of ${element} needs ${end - begin} bytes, the file has ${bytes.length - begin}; it is cut off`,
    );
  }
  return { ...fields, element, dtype, bigEndian, elementBytes, begin, end };
}

interface Fields {
  /** As written, quotes included where it is a string. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** The three fields of the header's dictionary, in any order. Python 2 wrote lengths as `3L`. */
function parseFields(text: string, path: string): Fields {
  const wrong = (what: string) =>
    new FormatError(`${path}: the header ${what}: ${JSON.stringify(text.trim().slice(0, 100))}; the file is damaged`);
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) throw wrong('is not a dictionary');
  const fields = new Map<string, string>();
  // One field: a quoted key, and a value that is a string, a word, a tuple or a list.
  const field = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|\w+|\([^()]*\)|\[.*\])\s*(?:,|$)\s*/sy;
  while (field.lastIndex < body.length) {
    const match = field.exec(body);
    if (match === null) throw wrong('cannot be read');
    const [, , key = '', value = ''] = match;
    if (fields.has(key)) throw wrong(`names ${key} twice`);
    fields.set(key, value);
  }
  const [descr, order, shape] = ['descr', 'fortran_order', 'shape'].map((key) => fields.get(key));
  if (descr === undefined || order === undefined || shape === undefined || fields.size !== 3) {
    throw wrong('must have exactly descr, fortran_order and shape');
  }
  if (order !== 'True' && order !== 'False') throw wrong('has a fortran_order that is neither True nor False');
  if (!/^\(\s*(?:\d+L?\s*,\s*)*(?:\d+L?\s*)?\)$/.test(shape) || /^\(\s*\d+L?\s*\)$/.test(shape)) {
    throw wrong('has a shape that is not a tuple of lengths');
  }
  const lengths = (shape.match(/\d+/g) ?? []).map(Number);
  if (lengths.length > MAX_AXES || !lengths.every(Number.isSafeInteger)) throw wrong('has a shape beyond all bounds');
  return { descr, fortranOrder: order === 'True', shape: lengths };
}

function parseElementType(descr: string, path: string): Pick<NpyHeader, 'element' | 'dtype' | 'bigEndian'> {
  const [, order = '', element = ''] = /^['"]([<>|=]?)(\w+)['"]$/.exec(descr) ?? [];
  const bigEndian = order === '>';
  for (const [dtype, known] of Object.entries(DESCRIPTIONS) as [DType, NpyElement][]) {
    if (known === element) return { element: known, dtype, bigEndian };
  }
  const integer = OTHER_INTEGERS.find((known) => known === element);
  if (integer !== undefined) return { element: integer, dtype: 'int32', bigEndian };
  throw new DTypeError(
    `${path} has elements of type ${descr.slice(0, 100)}, which gemmule cannot read; convert it first, as with astype('float32')`,
  );
}
