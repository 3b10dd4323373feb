import { mapFile } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError } from '../errors.js';
import { contiguousStrides } from '../tensor/dim.js';
import { type ArrayOf, arrayConstructor, bytesPerElement, type DType } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import { parseSafetensorsHeader, type SafetensorsEntry } from './safetensors-header.js';

export type { SafetensorsEntry } from './safetensors-header.js';

/** Where named tensors are read from: one safetensors file, or several with an index. */
export interface TensorSource {
  /** The file or folder, for error messages. */
  readonly path: string;
  /** The names of all tensors, in no particular order. */
  names(): string[];
  has(name: string): boolean;
  /** Shape and element type of a tensor, without reading it. */
  entry(name: string): SafetensorsEntry;
  /**
   * A tensor, in place: its numbers are the file's own memory map where their alignment allows that, else a copy.
   *
   * @throws ArgumentError when there is no such tensor, DTypeError when gemmule has no such element type.
   */
  view(name: string): View;
  /** The same as a Tensor. */
  tensor(name: string): Tensor;
}

/**
 * A safetensors file, memory-mapped. Opening it reads and checks the header; numbers come from the disk as they are used.
 *
 * Tensors keep the map alive; it goes away when the garbage collector finds neither the file object nor any of them.
 */
export class SafetensorsFile implements TensorSource {
  readonly path: string;
  /** Free text that the writer left in the header. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly #buffer: ArrayBuffer;

  private constructor(path: string, buffer: ArrayBuffer) {
    const { metadata, entries } = parseSafetensorsHeader(new Uint8Array(buffer), path);
    this.path = path;
    this.metadata = metadata;
    this.#entries = entries;
    this.#buffer = buffer;
  }

  /**
   * Opens a file.
   *
   * @throws FileError when it cannot be read, FormatError when it is not a sound safetensors file.
   */
  static open(path: string): SafetensorsFile {
    return new SafetensorsFile(path, mapFile(path));
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  entry(name: string): SafetensorsEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new ArgumentError(`${this.path} has no tensor ${JSON.stringify(name)}; names() lists what it has`);
    }
    return entry;
  }

  view(name: string): View {
    const { dtype, storedDType, shape } = this.entry(name);
    if (dtype === null) {
      throw new DTypeError(
        `${this.path}: tensor ${JSON.stringify(name)} is ${storedDType}, which gemmule cannot read; convert it first`,
      );
    }
    return { dtype, dims: shape, strides: contiguousStrides(shape), offset: 0, data: this.#elements(name, dtype) };
  }

  tensor(name: string): Tensor {
    return Tensor.fromView(this.view(name));
  }

  #elements<D extends DType>(name: string, dtype: D): ArrayOf<D> {
    const { begin, end } = this.entry(name);
    const Constructor = arrayConstructor(dtype) as unknown as new (
      buffer: ArrayBuffer,
      byteOffset: number,
      length: number,
    ) => ArrayOf<D>;
    const itemBytes = bytesPerElement(dtype);
    const length = (end - begin) / itemBytes;
    // The file may hold any byte for a truth value, a tensor only 0 and 1.
    if (dtype === 'bool')
      return new Uint8Array(this.#buffer, begin, length).map((byte) => Number(byte !== 0)) as ArrayOf<D>;
    if (begin % itemBytes === 0) return new Constructor(this.#buffer, begin, length);
    return new Constructor(this.#buffer.slice(begin, end), 0, length);
  }
}
