import { ArgumentError, ProgramError } from '../../errors.js';
import { bindDim, type Dim, sizeOf } from '../../tensor/dim.js';
import { arrayConstructor, type DType, type StorageArray } from '../../tensor/dtype.js';
import type { PrimitiveName } from '../primitives/index.js';
import type { PackedWeight } from '../view.js';

/** Shape and dtype of a value of a Program; all values are contiguous. */
export interface ValueSpec {
  readonly dtype: DType;
  readonly dims: readonly Dim[];
}

interface RecordedWindow {
  readonly dtype: DType;
  readonly dims: readonly Dim[];
  readonly strides: readonly Dim[];
  readonly offset: Dim;
}

/** An argument of a recorded operation. `constant` and `value` are indices into the program's lists. */
export type RecordedOperand =
  | null
  | { readonly kind: 'packed'; readonly constant: number }
  | ({ readonly kind: 'constant'; readonly constant: number } & RecordedWindow)
  | ({ readonly kind: 'value'; readonly value: number } & RecordedWindow);

export interface RecordedOperation {
  readonly primitive: PrimitiveName;
  readonly attributes: object;
  readonly operands: readonly RecordedOperand[];
  /** Values that the operation defines. */
  readonly results: readonly number[];
  /** Path of the module that recorded it. */
  readonly scope: string;
}

/** A forward pass as a flat list of operations in execution order. */
export interface RecordedProgram {
  readonly constants: readonly (StorageArray | PackedWeight)[];
  /** Inputs first, then results in order of definition. */
  readonly values: readonly ValueSpec[];
  readonly inputs: Readonly<Record<string, number>>;
  readonly operations: readonly RecordedOperation[];
  readonly outputs: Readonly<Record<string, number>>;
}

/** What a run needs of an `AbortSignal`. */
export interface RunSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What a run binds. */
export interface RunOptions {
  /** Total number of tokens, default 0. */
  readonly tokens?: number;
  /** Number of sequences, default 0. */
  readonly sequences?: number;
  /** Stops the run between operations; the promise rejects with the signal's reason. */
  readonly signal?: RunSignal | undefined;
}

/** A recorded forward pass, ready to run off the event loop. */
export interface Program {
  /**
   * Runs with the given inputs. Input arrays must not change until the promise settles.
   *
   * @returns the outputs by name, each freshly allocated and contiguous.
   * @throws ProgramError when an input is missing, superfluous or has the wrong length.
   */
  run(inputs: Readonly<Record<string, StorageArray>>, options?: RunOptions): Promise<Record<string, StorageArray>>;
  /** Frees what the Program holds. Running it afterwards is a DisposedError. */
  dispose(): void;
  /** The operations, one a line, for reading. */
  toString(): string;
}

/** Sizes of a run, checked. */
export function bindSizes(options: RunOptions): { tokens: number; sequences: number } {
  const { tokens = 0, sequences = 0 } = options;
  for (const [name, value] of Object.entries({ tokens, sequences })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new ArgumentError(`Program.run: ${name} must be a non-negative integer, got ${value}`);
    }
  }
  return { tokens, sequences };
}

/** The inputs in the order of the recording, each of the right kind and length. */
export function bindInputs(
  recorded: RecordedProgram,
  inputs: Readonly<Record<string, StorageArray>>,
  tokens: number,
  sequences: number,
): StorageArray[] {
  for (const name of Object.keys(inputs)) {
    if (!Object.hasOwn(recorded.inputs, name)) {
      throw new ProgramError(
        `Program.run: unknown input ${name}; the Program takes ${Object.keys(recorded.inputs).join(', ')}`,
      );
    }
  }
  return Object.entries(recorded.inputs).map(([name, id]) => {
    const { dtype, dims } = recorded.values[id];
    const array = inputs[name];
    const length = bindDim(sizeOf(dims), tokens, sequences);
    const Constructor = arrayConstructor(dtype);
    if (!(array instanceof Constructor) || array.length !== length) {
      const came = ArrayBuffer.isView(array) ? `${array.constructor.name} of ${array.length}` : typeof array;
      throw new ProgramError(
        `Program.run: input ${name} must be a ${Constructor.name} of length ${length}, got ${came}`,
      );
    }
    return array;
  });
}

function formatOperand(operand: RecordedOperand): string {
  if (operand === null) return '-';
  if (operand.kind === 'packed') return `weight${operand.constant}`;
  const name = operand.kind === 'constant' ? `constant${operand.constant}` : `%${operand.value}`;
  return `${name}[${operand.dims.join(', ')}]`;
}

/** The program as text, one operation a line. */
export function formatProgram(recorded: RecordedProgram): string {
  const lines = Object.entries(recorded.inputs).map(
    ([name, id]) => `%${id} = input ${name} ${recorded.values[id].dtype}[${recorded.values[id].dims.join(', ')}]`,
  );
  for (const { primitive, attributes, operands, results, scope } of recorded.operations) {
    const left = results.map((id) => `%${id}`).join(', ');
    const shape = results
      .map((id) => `${recorded.values[id].dtype}[${recorded.values[id].dims.join(', ')}]`)
      .join(', ');
    const settings = Object.keys(attributes).length > 0 ? ` ${JSON.stringify(attributes)}` : '';
    const where = scope === '' ? '' : `  # ${scope}`;
    lines.push(`${left} = ${primitive}(${operands.map(formatOperand).join(', ')})${settings} : ${shape}${where}`);
  }
  for (const [name, id] of Object.entries(recorded.outputs)) lines.push(`output ${name} = %${id}`);
  return lines.join('\n');
}
