import { ArgumentError } from '../../errors.js';

/** The element types of the tensors that pipelines give. */
export type PipelineTensorType = 'float32' | 'int8' | 'uint8';
type Data = Float32Array | Int8Array | Uint8Array;

/** Numbers in arrays in arrays, as deep as a tensor has axes. */
export type NestedNumbers = number | NestedNumbers[];

/**
 * What pipelines give: the part of transformers.js's `Tensor` that its users read results by. It is theirs; there is nothing
 * to dispose. For arithmetic there is gemmule's own `Tensor`: `tensor(output.tolist())`.
 */
export class PipelineTensor {
  readonly type: PipelineTensorType;
  readonly data: Data;
  readonly dims: readonly number[];

  constructor(type: PipelineTensorType, data: Data, dims: readonly number[]) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (size !== data.length) {
      throw new ArgumentError(`PipelineTensor: dims [${dims}] are ${size} numbers, but data has ${data.length}`);
    }
    this.type = type;
    this.data = data;
    this.dims = dims;
  }

  get size(): number {
    return this.data.length;
  }

  /** Numbers in arrays. */
  tolist(): NestedNumbers {
    const build = (axis: number, start: number, size: number): NestedNumbers => {
      if (axis === this.dims.length) return this.data[start] as number;
      const step = size / (this.dims[axis] as number);
      return Array.from({ length: this.dims[axis] as number }, (_, index) =>
        build(axis + 1, start + index * step, step),
      );
    };
    return build(0, 0, this.data.length);
  }

  /** The only number. @throws ArgumentError when there are others. */
  item(): number {
    if (this.data.length !== 1) throw new ArgumentError(`item: the tensor must have one number, it has ${this.size}`);
    return this.data[0] as number;
  }

  /** What stands at a place of the first axis; its numbers are shared. */
  at(index: number): PipelineTensor {
    const [count = 0, ...dims] = this.dims;
    const place = index < 0 ? index + count : index;
    if (!Number.isInteger(place) || place < 0 || place >= count) {
      throw new ArgumentError(`at: index must be a whole number from ${-count} to ${count - 1}, got ${index}`);
    }
    const size = this.data.length / count;
    return new PipelineTensor(this.type, this.data.subarray(place * size, (place + 1) * size), dims);
  }

  /** The places of the first axis, in turn. */
  *[Symbol.iterator](): Generator<PipelineTensor> {
    for (let index = 0; index < (this.dims[0] ?? 0); index++) yield this.at(index);
  }
}
