import { contiguousStrides } from '../../tensor/dim.js';
import type { StorageArray } from '../../tensor/dtype.js';
import type { Backend } from '../backend.js';
import type { AttributesOf, PrimitiveName } from '../primitives/index.js';
import { type HostView, isContiguous, type SymbolicValue, type View } from '../view.js';
import { recordProgram } from './recorder.js';

/** The elements in row-major order, without a copy where they lie so. */
function elementsOf(backend: Backend, view: HostView): StorageArray {
  const whole = isContiguous(view) ? view : (backend.run('cast', [view], { dtype: view.dtype })[0] as HostView);
  const size = whole.dims.reduce((product, dim) => product * dim, 1);
  return whole.data.subarray(whole.offset, whole.offset + size);
}

/**
 * Runs one primitive off the event loop: as a Program of one operation. Operands are read at once, so that they may change
 * afterwards.
 *
 * @param operands - views of numbers, at least one.
 * @throws whatever the primitive's `infer` does, at once; the promise rejects with the signal's reason when aborted.
 */
export async function runOnce<P extends PrimitiveName>(
  backend: Backend,
  primitive: P,
  operands: readonly HostView[],
  attributes: AttributesOf<P> & object,
  signal?: AbortSignal,
): Promise<View[]> {
  const specs: View[] = [];
  const program = recordProgram({
    backend,
    inputs: Object.fromEntries(operands.map(({ dtype, dims }, index) => [`operand${index}`, { dtype, dims }])),
    forward: (inputs) => {
      const symbols = Object.values(inputs);
      const recorder = (symbols[0].data as SymbolicValue).recorder as Backend;
      specs.push(...recorder.run(primitive, symbols, attributes));
      return Object.fromEntries(specs.map((view, index) => [`result${index}`, view]));
    },
  });
  try {
    const arrays = operands.map((view, index) => [`operand${index}`, elementsOf(backend, view)]);
    const results = await program.run(Object.fromEntries(arrays), { signal });
    return specs.map(({ dtype, dims }, index) => ({
      dtype,
      dims,
      strides: contiguousStrides(dims),
      offset: 0,
      data: results[`result${index}`],
    }));
  } finally {
    program.dispose();
  }
}
