import { ArgumentError, RecordingError, ShapeError } from '../../errors.js';
import { contiguousStrides, type Dim, equalShapes } from '../../tensor/dim.js';
import type { DType, StorageArray } from '../../tensor/dtype.js';
import type { Backend } from '../backend.js';
import type { Primitive } from '../primitive.js';
import { type AttributesOf, PRIMITIVES, type PrimitiveName } from '../primitives/index.js';
import { currentScope } from '../scope.js';
import {
  isContiguous,
  isPackedWeight,
  type Operand,
  type PackedWeight,
  type PackFormat,
  type PackScales,
  SymbolicValue,
  type View,
} from '../view.js';
import { interpret } from './interpreter.js';
import type { Program, RecordedOperand, RecordedOperation, RecordedProgram, ValueSpec } from './program.js';

/** The named inputs of a recording, with their shapes in tokens and sequences. */
export type { Program } from './program.js';

export type InputSpecs = Readonly<Record<string, { readonly dtype: DType; readonly dims: readonly Dim[] }>>;

/**
 * A backend that computes nothing: it writes every primitive into a flat list.
 *
 * Tensors with data that meet a symbolic one become constants of the recording, by reference.
 */
export class Recorder implements Backend {
  readonly name = 'recorder';
  readonly #target: Backend;
  readonly #constants: (StorageArray | PackedWeight)[] = [];
  readonly #constantIds = new Map<StorageArray | PackedWeight, number>();
  readonly #values: ValueSpec[] = [];
  readonly #operations: RecordedOperation[] = [];

  /** @param target - the backend that will run the Program, and packs weights for it. */
  constructor(target: Backend) {
    this.#target = target;
  }

  pack(weight: View, format: PackFormat, scales?: PackScales): PackedWeight {
    return this.#target.pack(weight, format, scales);
  }

  /** A new symbolic value of the given shape. */
  input(dtype: DType, dims: readonly Dim[]): View {
    return this.#define({ dtype, dims });
  }

  run<P extends PrimitiveName>(name: P, operands: readonly Operand[], attributes: AttributesOf<P> & object): View[] {
    const primitive = PRIMITIVES[name] as Primitive;
    const specs = primitive.infer(operands, attributes);
    const recorded = operands.map((operand) => this.#operand(name, operand));
    const results = specs.map((spec) => this.#define(spec));
    this.#operations.push({
      primitive: name,
      attributes,
      operands: recorded,
      results: results.map((view) => (view.data as SymbolicValue).id),
      scope: currentScope(),
    });
    return results;
  }

  /** The recording, with `outputs` as its results. Views of a value are copied into a value of their own. */
  finish(inputs: Readonly<Record<string, View>>, outputs: Readonly<Record<string, View>>): RecordedProgram {
    const whole: Record<string, number> = {};
    const taken = new Set<number>();
    for (const [name, view] of Object.entries(outputs)) {
      if (!(view.data instanceof SymbolicValue)) {
        throw new RecordingError(`output ${name} does not depend on any input of the recording`);
      }
      whole[name] = this.#wholeValue(view, inputs, taken);
      taken.add(whole[name]);
    }
    return {
      constants: this.#constants,
      values: this.#values,
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, view]) => [name, (view.data as SymbolicValue).id])),
      operations: this.#operations,
      outputs: whole,
    };
  }

  #wholeValue(view: View, inputs: Readonly<Record<string, View>>, taken: ReadonlySet<number>): number {
    const { id } = view.data as SymbolicValue;
    const isInput = Object.values(inputs).some((input) => (input.data as SymbolicValue).id === id);
    const isWhole = equalShapes(view.dims, this.#values[id].dims) && view.offset === 0 && isContiguous(view);
    if (isWhole && !isInput && !taken.has(id)) return id;
    const [copy] = this.run('cast', [view], { dtype: view.dtype });
    return (copy.data as SymbolicValue).id;
  }

  #define(spec: ValueSpec): View {
    const id = this.#values.length;
    this.#values.push(spec);
    return {
      dtype: spec.dtype,
      dims: spec.dims,
      strides: contiguousStrides(spec.dims),
      offset: 0,
      data: new SymbolicValue(this, id),
    };
  }

  #operand(primitive: string, operand: Operand): RecordedOperand {
    if (operand === null) return null;
    if (isPackedWeight(operand)) {
      if (operand.backend !== this.#target.name) {
        throw new ArgumentError(
          `${primitive}: the weight was packed for the ${operand.backend} backend, the Program runs on ${this.#target.name}`,
        );
      }
      return { kind: 'packed', constant: this.#constant(operand) };
    }
    const { dtype, dims, strides, offset, data } = operand;
    if (!(data instanceof SymbolicValue)) {
      return { kind: 'constant', constant: this.#constant(data), dtype, dims, strides, offset };
    }
    if (data.recorder !== this) {
      throw new RecordingError(`${primitive}: an argument belongs to another recording, which has ended`);
    }
    return { kind: 'value', value: data.id, dtype, dims, strides, offset };
  }

  #constant(constant: StorageArray | PackedWeight): number {
    let id = this.#constantIds.get(constant);
    if (id === undefined) {
      id = this.#constants.length;
      this.#constants.push(constant);
      this.#constantIds.set(constant, id);
    }
    return id;
  }
}

/**
 * Records `forward` once, on symbolic tensors, into a Program that can be run many times.
 *
 * Shapes are numbers or linear forms in `TOKENS` and `SEQUENCES`, which each run binds. Shape errors are thrown here, with
 * the caller's frame on the stack; control flow that asks for a symbolic size or for a number is a RecordingError.
 *
 * @param options.backend - runs the Program.
 * @param options.inputs - name, dtype and shape of each input.
 * @param options.forward - given the inputs as views, returns the outputs by name.
 */
export function recordProgram(options: {
  readonly backend: Backend;
  readonly inputs: InputSpecs;
  readonly forward: (inputs: Readonly<Record<string, View>>) => Readonly<Record<string, View>>;
}): Program {
  const recorder = new Recorder(options.backend);
  const inputs: Record<string, View> = {};
  for (const [name, { dtype, dims }] of Object.entries(options.inputs)) {
    for (const dim of dims) {
      if (typeof dim === 'number' && !(Number.isInteger(dim) && dim >= 0)) {
        throw new ShapeError(`recordProgram: input ${name} has a dimension of ${dim}; expected a non-negative integer`);
      }
    }
    inputs[name] = recorder.input(dtype, dims);
  }
  const recorded = recorder.finish(inputs, options.forward(inputs));
  return options.backend.compile?.(recorded) ?? interpret(recorded, options.backend);
}
