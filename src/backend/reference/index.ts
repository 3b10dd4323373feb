import { BackendError, DisposedError } from '../../errors.js';
import { concreteDim, contiguousStrides } from '../../tensor/dim.js';
import { arrayConstructor } from '../../tensor/dtype.js';
import type { Backend } from '../backend.js';
import type { Primitive } from '../primitive.js';
import { type AttributesOf, PRIMITIVES, type PrimitiveName } from '../primitives/index.js';
import { isPackedWeight, type Operand, type OutputSpec, SymbolicValue } from '../view.js';
import { decompositionKernels } from './decomposition.js';
import { elementCount } from './elements.js';
import { elementwiseKernels } from './elementwise.js';
import { indexingKernels } from './indexing.js';
import type { Kernel, KernelOperand, Kernels, Result } from './kernel.js';
import { matrixKernels } from './matrix.js';
import { packWeight, requireOwnWeight } from './packed-weight.js';
import { reductionKernels, scanKernels, sortingKernels } from './reduction.js';
import { searchKernels } from './search.js';
import { similarityKernels } from './similarity.js';
import { sparseKernels } from './sparse.js';
import { referenceTrainer } from './trainer.js';
import { transformerKernels } from './transformer.js';

const kernels: Kernels<PrimitiveName> = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...scanKernels,
  ...sortingKernels,
  ...indexingKernels,
  ...matrixKernels,
  ...sparseKernels,
  ...similarityKernels,
  ...decompositionKernels,
  ...transformerKernels,
  ...searchKernels,
};

function allocate(primitive: string, { dtype, dims }: OutputSpec): Result {
  const sizes = dims.map((dim) => concreteDim(dim, `${primitive}: the size of the result`));
  return {
    dtype,
    dims: sizes,
    strides: contiguousStrides(sizes) as number[],
    offset: 0,
    data: new (arrayConstructor(dtype))(elementCount(sizes)),
  };
}

function requireHost(primitive: string, operand: Operand): void {
  if (operand === null) return;
  if (isPackedWeight(operand)) {
    requireOwnWeight(primitive, operand);
    return;
  }
  if (operand.data instanceof SymbolicValue) {
    throw new BackendError(`${primitive}: a tensor of a recording has no data to compute with`);
  }
  if (operand.data.buffer.byteLength === 0 && operand.dims.every((dim) => dim !== 0)) {
    throw new DisposedError(`${primitive}: an argument was disposed`);
  }
}

/**
 * The plain TypeScript backend: eager and synchronous, one plain kernel a primitive. It is the numerical truth that other
 * backends are compared with, and what runs where the engine cannot be loaded.
 *
 * float32 results are computed in float64 and rounded once, except where `quantized.ts` defines otherwise.
 */
export const referenceBackend: Backend = {
  name: 'reference',
  run(name, operands, attributes) {
    const primitive = PRIMITIVES[name] as Primitive;
    const specs = primitive.infer(operands, attributes);
    for (const operand of operands) requireHost(name, operand);
    const results = specs.map((spec) => allocate(name, spec));
    const kernel = kernels[name] as Kernel<typeof name>;
    kernel(operands as readonly KernelOperand[], results, attributes as AttributesOf<typeof name>);
    return results;
  },
  pack: packWeight,
  trainer: referenceTrainer,
};
