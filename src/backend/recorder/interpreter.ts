import { setImmediate } from 'node:timers/promises';
import { DisposedError, GemmuleError } from '../../errors.js';
import { bindDim } from '../../tensor/dim.js';
import type { StorageArray } from '../../tensor/dtype.js';
import type { Backend } from '../backend.js';
import type { AttributesOf, PrimitiveName } from '../primitives/index.js';
import type { Operand, PackedWeight, View } from '../view.js';
import {
  bindInputs,
  bindSizes,
  formatProgram,
  type Program,
  type RecordedOperand,
  type RecordedProgram,
  type RunOptions,
} from './program.js';

/** How long operations run before the event loop gets a turn, in milliseconds. */
const SLICE_MILLISECONDS = 8;

/** A Program that runs operation by operation on an eager backend, giving the event loop a turn in between. */
export function interpret(recorded: RecordedProgram, backend: Backend): Program {
  let disposed = false;
  return {
    async run(inputs, options = {}) {
      if (disposed) throw new DisposedError('Program.run: the Program was disposed');
      options.signal?.throwIfAborted();
      return runRecorded(recorded, backend, inputs, options);
    },
    dispose() {
      disposed = true;
    },
    toString: () => formatProgram(recorded),
  };
}

async function runRecorded(
  recorded: RecordedProgram,
  backend: Backend,
  inputs: Readonly<Record<string, StorageArray>>,
  options: RunOptions,
): Promise<Record<string, StorageArray>> {
  const { tokens, sequences } = bindSizes(options);
  const arrays = new Map<number, StorageArray>();
  const given = bindInputs(recorded, inputs, tokens, sequences);
  for (const [index, id] of Object.values(recorded.inputs).entries()) arrays.set(id, given[index]);

  const bind = (operand: RecordedOperand): Operand => {
    if (operand === null) return null;
    if (operand.kind === 'packed') return recorded.constants[operand.constant] as PackedWeight;
    const data =
      operand.kind === 'constant'
        ? (recorded.constants[operand.constant] as StorageArray)
        : (arrays.get(operand.value) as StorageArray);
    return {
      dtype: operand.dtype,
      dims: operand.dims.map((dim) => bindDim(dim, tokens, sequences)),
      strides: operand.strides.map((stride) => bindDim(stride, tokens, sequences)),
      offset: bindDim(operand.offset, tokens, sequences),
      data,
    } satisfies View;
  };

  const lastUse = lastUses(recorded);
  let sliceEnd = performance.now() + SLICE_MILLISECONDS;
  for (const [index, operation] of recorded.operations.entries()) {
    const results = runOperation(backend, operation, operation.operands.map(bind));
    for (const [position, id] of operation.results.entries()) arrays.set(id, results[position].data as StorageArray);
    for (const id of lastUse[index]) arrays.delete(id);
    // After the last one, too: a Program may be one of many.
    if (performance.now() > sliceEnd) {
      await setImmediate();
      options.signal?.throwIfAborted();
      sliceEnd = performance.now() + SLICE_MILLISECONDS;
    }
  }
  return Object.fromEntries(
    Object.entries(recorded.outputs).map(([name, id]) => [name, arrays.get(id) as StorageArray]),
  );
}

function runOperation(backend: Backend, operation: RecordedProgram['operations'][number], operands: Operand[]): View[] {
  try {
    return backend.run(operation.primitive, operands, operation.attributes as AttributesOf<PrimitiveName>);
  } catch (error) {
    if (error instanceof GemmuleError && operation.scope !== '') error.message = `${operation.scope}: ${error.message}`;
    throw error;
  }
}

/** For each operation the values that nobody needs after it. */
function lastUses(recorded: RecordedProgram): number[][] {
  const kept = new Set([...Object.values(recorded.outputs), ...Object.values(recorded.inputs)]);
  const seen = new Set<number>();
  const result: number[][] = recorded.operations.map(() => []);
  for (let index = recorded.operations.length - 1; index >= 0; index--) {
    const { operands, results } = recorded.operations[index];
    const touched = [...results];
    for (const operand of operands) if (operand !== null && operand.kind === 'value') touched.push(operand.value);
    for (const id of touched) {
      if (seen.has(id) || kept.has(id)) continue;
      seen.add(id);
      result[index].push(id);
    }
  }
  return result;
}
