import { requirePath } from '../arguments.js';
import { mapFile, whileRetained } from '../backend/storage.js';
import { DTypeError } from '../errors.js';
import { concreteDim, contiguousStrides } from '../tensor/dim.js';
import { arrayConstructor, bytesPerElement, type DType, type StorageArray } from '../tensor/dtype.js';
import { contiguousView, requireView } from '../tensor/execute.js';
import { Tensor } from '../tensor/tensor.js';
import { writeFileAtomically } from './atomic-file.js';
import { type NpyHeader, npyHeader, parseNpyHeader } from './npy-header.js';

/** Written at once: no part of a large tensor is larger than what one call of the operating system takes. */
const CHUNK_BYTES = 1 << 28;

/**
 * Reads a tensor that `numpy.save` or `writeNpy` wrote. Its numbers are the file's own memory map where they can be, so
 * that a large file is open at once; writing to them does not change the file.
 *
 * Arrays in Fortran's order become tensors with such strides. Integers that gemmule has no dtype for, such as int64, which is
 * NumPy's default, become int32 if all of them fit.
 *
 * @throws FileError when it cannot be read, FormatError when it is not a sound .npy file, DTypeError when gemmule has no
 *     dtype for its elements (complex numbers, strings, records, objects, integers beyond int32).
 */
export function readNpy(path: string): Tensor {
  const buffer = mapFile(path);
  const header = parseNpyHeader(new Uint8Array(buffer), path);
  const { dtype, shape, fortranOrder } = header;
  const strides = fortranOrder ? contiguousStrides(shape.toReversed()).toReversed() : contiguousStrides(shape);
  return Tensor.fromView({ dtype, dims: shape, strides, offset: 0, data: elements(buffer, header, path) });
}

/**
 * Writes a tensor as `numpy.load` and `readNpy` read it, in row-major order. The file appears under its name only once it is
 * complete. The tensor may be disposed of meanwhile.
 *
 * @param path - the file to write; one that is there is replaced.
 * @throws ArgumentError for what is no path or no tensor, DTypeError for bfloat16, which NumPy does not have; FileError when the file cannot be written.
 */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  requirePath('writeNpy', 'path', path);
  requireView('writeNpy', 'tensor', tensor);
  const shape = tensor.dims.map((dim) => concreteDim(dim, 'writeNpy: the shape'));
  const header = npyHeader(tensor.dtype, shape);
  const { data, offset } = contiguousView(tensor);
  const storage = data as StorageArray;
  const { buffer, byteOffset } = storage;
  const itemBytes = bytesPerElement(tensor.dtype);
  const bytes = new Uint8Array(buffer, byteOffset + (offset as number) * itemBytes, tensor.size * itemBytes);
  await whileRetained([storage], () =>
    writeFileAtomically(path, async (file) => {
      await file.writeFile(header);
      for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
        await file.writeFile(bytes.subarray(start, start + CHUNK_BYTES));
      }
    }),
  );
}

function elements(buffer: ArrayBuffer, header: NpyHeader, path: string): StorageArray {
  const { dtype, element, elementBytes, bigEndian, begin, end } = header;
  if (!isStoredAs(dtype, element)) return narrowedIntegers(buffer, header, path);
  // The file may hold any byte for a truth value, a tensor only 0 and 1.
  if (dtype === 'bool') return new Uint8Array(buffer, begin, end - begin).map((byte) => Number(byte !== 0));
  const aligned = begin % elementBytes === 0 && !bigEndian;
  const [bytes, start] = aligned ? [buffer, begin] : [buffer.slice(begin, end), 0];
  if (bigEndian && elementBytes > 1) swapBytes(Buffer.from(bytes), elementBytes);
  const Constructor = arrayConstructor(dtype) as unknown as new (
    buffer: ArrayBuffer,
    byteOffset: number,
    length: number,
  ) => StorageArray;
  return new Constructor(bytes, start, (end - begin) / elementBytes);
}

function isStoredAs(dtype: DType, element: string): boolean {
  return dtype !== 'int32' || element === 'i4';
}

function swapBytes(bytes: Buffer, elementBytes: number): void {
  if (elementBytes === 2) bytes.swap16();
  else if (elementBytes === 4) bytes.swap32();
  else bytes.swap64();
}

/** Integers of other widths as int32. */
function narrowedIntegers(buffer: ArrayBuffer, header: NpyHeader, path: string): Int32Array {
  const { element, elementBytes, bigEndian, begin, end } = header;
  const view = new DataView(buffer, begin, end - begin);
  const read = INTEGER_READERS[element as keyof typeof INTEGER_READERS];
  const numbers = new Int32Array((end - begin) / elementBytes);
  for (let index = 0; index < numbers.length; index++) {
    const value = read(view, index * elementBytes, !bigEndian);
    numbers[index] = value;
    if (numbers[index] !== value) {
      throw new DTypeError(`${path} has the integer ${value}, which int32 cannot hold; save it as float64 instead`);
    }
  }
  return numbers;
}

type IntegerReader = (view: DataView, position: number, littleEndian: boolean) => number;

const INTEGER_READERS = {
  i1: (view, position) => view.getInt8(position),
  i2: (view, position, littleEndian) => view.getInt16(position, littleEndian),
  i8: (view, position, littleEndian) => Number(view.getBigInt64(position, littleEndian)),
  u2: (view, position, littleEndian) => view.getUint16(position, littleEndian),
  u4: (view, position, littleEndian) => view.getUint32(position, littleEndian),
  u8: (view, position, littleEndian) => Number(view.getBigUint64(position, littleEndian)),
} as const satisfies Record<string, IntegerReader>;
