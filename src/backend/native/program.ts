import { BackendError, DisposedError } from '../../errors.js';
import { bindDim, coefficients, type Dim, sizeOf } from '../../tensor/dim.js';
import { dtypeCode, type StorageArray } from '../../tensor/dtype.js';
import type { Primitive } from '../primitive.js';
import { PRIMITIVES } from '../primitives/index.js';
import {
  bindInputs,
  bindSizes,
  formatProgram,
  type Program,
  type RecordedOperand,
  type RecordedProgram,
  type RunOptions,
  type RunSignal,
} from '../recorder/program.js';
import { allocateStorage } from '../storage.js';
import { isPackedWeight, type Operand } from '../view.js';
import type { Addon, PackedHandle, ProgramHandle } from './addon.js';
import { engineError } from './command.js';

/*
 * A Program as float64 words. A size is three words (t, s, c) and means t * tokens + s * sequences + c.
 *
 *   magic, version, constants, inputs, values, operations, outputs,
 *   per constant:  1, -1 (packed weight) | 2, dtype (array)
 *   per input:     dtype, rank, dims x size
 *   per operation: opcode, scope, operands, attributes, results, attribute...,
 *     per operand: 0 | 1, value | 2, value, dtype, rank, offset, dims..., strides... (each a size)
 *     per result:  value, dtype, rank, dims...
 *   per output:    value
 *
 * Values are numbered: constants, inputs, then results in order. Scopes index the list of names, -1 is none.
 */

const MAGIC = 0x47454d4d;
const VERSION = 1;

/** A recording in the engine's form. */
export interface EncodedProgram {
  readonly words: Float64Array;
  readonly names: readonly string[];
}

/** Writes a recording as words. `opcodes` gives the number of each primitive. */
function encodeProgram(recorded: RecordedProgram, opcodes: ReadonlyMap<string, number>): EncodedProgram {
  const words: number[] = [];
  const names: string[] = [];
  const nameIds = new Map<string, number>();
  const numConstants = recorded.constants.length;
  const size = (dim: Dim): void => void words.push(...coefficients(dim));
  const inputs = Object.values(recorded.inputs);
  const outputs = Object.values(recorded.outputs);
  words.push(MAGIC, VERSION, numConstants, inputs.length, numConstants + recorded.values.length);
  words.push(recorded.operations.length, outputs.length);
  const constantDTypes = constantsByDType(recorded);
  for (const [index, constant] of recorded.constants.entries()) {
    if ('packed' in constant) words.push(1, -1);
    else words.push(2, constantDTypes.get(index) as number);
  }
  for (const id of inputs) {
    const { dtype, dims } = recorded.values[id];
    words.push(dtypeCode(dtype), dims.length);
    dims.forEach(size);
  }
  const operand = (recordedOperand: RecordedOperand): void => {
    if (recordedOperand === null) {
      words.push(0);
    } else if (recordedOperand.kind === 'packed') {
      words.push(1, recordedOperand.constant);
    } else {
      const { dtype, dims, strides, offset } = recordedOperand;
      const value =
        recordedOperand.kind === 'constant' ? recordedOperand.constant : numConstants + recordedOperand.value;
      words.push(2, value, dtypeCode(dtype), dims.length);
      size(offset);
      dims.forEach(size);
      strides.forEach(size);
    }
  };
  for (const { primitive, attributes, operands, results, scope } of recorded.operations) {
    const opcode = opcodes.get(primitive);
    if (opcode === undefined) throw new BackendError(`the native engine has no primitive ${primitive}`);
    let scopeId = -1;
    if (scope !== '') {
      scopeId = nameIds.get(scope) ?? names.push(scope) - 1;
      nameIds.set(scope, scopeId);
    }
    const encoded = (PRIMITIVES[primitive] as Primitive).encode(attributes);
    words.push(opcode, scopeId, operands.length, encoded.length, results.length, ...encoded);
    operands.forEach(operand);
    for (const id of results) {
      const { dtype, dims } = recorded.values[id];
      words.push(numConstants + id, dtypeCode(dtype), dims.length);
      dims.forEach(size);
    }
  }
  for (const id of outputs) words.push(numConstants + id);
  return { words: Float64Array.from(words), names };
}

/** The dtype code under which each array constant is read. */
function constantsByDType(recorded: RecordedProgram): Map<number, number> {
  const dtypes = new Map<number, number>();
  for (const { operands } of recorded.operations) {
    for (const operand of operands) {
      if (operand !== null && operand.kind === 'constant') dtypes.set(operand.constant, dtypeCode(operand.dtype));
    }
  }
  return dtypes;
}

/** A Program on the engine's own thread. */
export class NativeProgram implements Program {
  readonly #addon: Addon;
  readonly #recorded: RecordedProgram;
  readonly #outputs: readonly (readonly [string, number])[];
  #handle: ProgramHandle | null;

  constructor(
    addon: Addon,
    opcodes: ReadonlyMap<string, number>,
    recorded: RecordedProgram,
    handleOf: (operand: Operand) => PackedHandle,
  ) {
    this.#addon = addon;
    this.#recorded = recorded;
    this.#outputs = Object.entries(recorded.outputs);
    const { words, names } = encodeProgram(recorded, opcodes);
    const constants = recorded.constants.map((constant) =>
      'packed' in constant && isPackedWeight(constant) ? handleOf(constant) : (constant as StorageArray),
    );
    try {
      this.#handle = addon.createProgram(words, names, constants);
    } catch (error) {
      throw engineError((error as Error).message, (error as { code?: string }).code, error);
    }
  }

  async run(
    inputs: Readonly<Record<string, StorageArray>>,
    options: RunOptions = {},
  ): Promise<Record<string, StorageArray>> {
    const handle = this.#handle;
    if (handle === null) throw new DisposedError('Program.run: the Program was disposed');
    const { signal } = options;
    signal?.throwIfAborted();
    const { tokens, sequences } = bindSizes(options);
    const bound = bindInputs(this.#recorded, inputs, tokens, sequences);
    const results = this.#outputs.map(([, id]) => {
      const { dtype, dims } = this.#recorded.values[id];
      return allocateStorage(dtype, bindDim(sizeOf(dims), tokens, sequences));
    });
    await this.#submit(handle, bound, tokens, sequences, results, signal);
    return Object.fromEntries(this.#outputs.map(([name], index) => [name, results[index]]));
  }

  dispose(): void {
    if (this.#handle !== null) this.#addon.disposeProgram(this.#handle);
    this.#handle = null;
  }

  toString(): string {
    return formatProgram(this.#recorded);
  }

  #submit(
    handle: ProgramHandle,
    inputs: StorageArray[],
    tokens: number,
    sequences: number,
    results: StorageArray[],
    signal: RunSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let run = 0;
      const abort = (): void => {
        this.#addon.cancelRun(handle, run);
        // At once: the run, which may be waiting behind others, works on copies of the inputs and writes to what nobody sees.
        reject(signal?.reason);
      };
      try {
        run = this.#addon.runProgram(handle, inputs, tokens, sequences, results, (message, code) => {
          signal?.removeEventListener('abort', abort);
          if (message === null) resolve();
          else reject(engineError(message, code));
        });
      } catch (error) {
        throw engineError((error as Error).message, (error as { code?: string }).code, error);
      }
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
