import { IndexOutOfRangeError } from '../../errors.js';
import { elementCount, storageIndices, storedElements } from './elements.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';
import { PhiloxStream } from './philox.js';

/** An index from the end made one from the start; anything beyond either end is an error. */
function resolveIndex(primitive: string, index: number, length: number): number {
  if (index < -length || index >= length) {
    throw new IndexOutOfRangeError(
      `${primitive}: index ${index} is out of range for an axis of ${length} elements; expected ${-length} to ${length - 1}`,
    );
  }
  return index < 0 ? index + length : index;
}

/** y [before, sum of lengths, after]: each operand's [before, length, after] goes to its place along the axis. */
const concatKernel: Kernel<'concat'> = (operands, [y], { axis }) => {
  const before = elementCount(y.dims.slice(0, axis));
  const rowLength = elementCount(y.dims.slice(axis));
  let start = 0;
  for (let index = 0; index < operands.length; index++) {
    const x = viewAt(operands, index);
    const stored = storedElements(x);
    const length = elementCount(x.dims.slice(axis));
    for (let row = 0; row < before; row++) {
      for (let n = 0; n < length; n++) y.data[row * rowLength + start + n] = stored[row * length + n];
    }
    start += length;
  }
};

/** y [before, ...indices, after] = x [before, axis, after]; storage indices of the three parts add up. */
const takeKernel: Kernel<'take'> = (operands, [y], { axis }) => {
  const x = viewAt(operands, 0);
  const indices = storedElements(viewAt(operands, 1));
  const before = storageIndices(x.dims.slice(0, axis), x.strides.slice(0, axis), x.offset);
  const after = storageIndices(x.dims.slice(axis + 1), x.strides.slice(axis + 1));
  const chosen = Array.from(indices, (index) => resolveIndex('take', index, x.dims[axis]) * x.strides[axis]);
  let n = 0;
  for (const outer of before) {
    for (const middle of chosen) {
      for (const inner of after) y.data[n++] = x.data[outer + middle + inner];
    }
  }
};

const takeAlongAxisKernel: Kernel<'takeAlongAxis'> = (operands, [y], { axis }) => {
  const x = viewAt(operands, 0);
  const indices = storedElements(viewAt(operands, 1));
  // With a stride of zero along the axis these are the storage indices of x[..., 0, ...] for every element of the result.
  const starts = storageIndices(y.dims, x.strides.with(axis, 0), x.offset);
  for (let n = 0; n < starts.length; n++) {
    y.data[n] = x.data[starts[n] + resolveIndex('takeAlongAxis', indices[n], x.dims[axis]) * x.strides[axis]];
  }
};

const randomKernel: Kernel<'random'> = (_operands, [y], { distribution, seedLow, seedHigh, stream, dtype }) => {
  const words = new PhiloxStream(seedLow, seedHigh, stream);
  const uniform =
    dtype === 'float32'
      ? (i: number) => (words.at(i) >>> 8) * 2 ** -24
      : (i: number) => ((words.at(2 * i) >>> 5) * 2 ** 26 + (words.at(2 * i + 1) >>> 6)) * 2 ** -53;
  const count = y.data.length;
  if (distribution === 'uniform') {
    for (let i = 0; i < count; i++) y.data[i] = uniform(i);
    return;
  }
  // Box and Muller, "A note on the generation of random normal deviates", 1958: two uniforms give two normals.
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(i)));
    const angle = 2 * Math.PI * uniform(i + 1);
    y.data[i] = radius * Math.cos(angle);
    if (i + 1 < count) y.data[i + 1] = radius * Math.sin(angle);
  }
};

export const indexingKernels: Kernels<'concat' | 'take' | 'takeAlongAxis' | 'random'> = {
  concat: concatKernel,
  take: takeKernel,
  takeAlongAxis: takeAlongAxisKernel,
  random: randomKernel,
};
