import { BackendError, DisposedError, ShapeError } from '../../errors.js';
import { concreteDim, contiguousStrides, formatShape, sizeOf } from '../../tensor/dim.js';
import type { Backend } from '../backend.js';
import { checkPackArguments } from '../pack.js';
import type { Primitive } from '../primitive.js';
import { type AttributesOf, PRIMITIVES, type PrimitiveName } from '../primitives/index.js';
import type { Program, RecordedProgram } from '../recorder/program.js';
import { allocateResult, setStorageAllocator } from '../storage.js';
import {
  borrow,
  type HostView,
  isPackedWeight,
  type Operand,
  type OutputSpec,
  type PackedWeight,
  type PackFormat,
  type PackScales,
  SymbolicValue,
  type View,
} from '../view.js';
import type { Addon, EngineInfo, MemoryUsage, PackedHandle } from './addon.js';
import { CommandWriter, engineError, MAX_AXES } from './command.js';
import { loadAddon } from './load.js';
import { NativeProgram } from './program.js';
import { NativeTrainer } from './trainer.js';

export type { EngineInfo, MemoryUsage } from './addon.js';

const FORMAT_CODES: Record<PackFormat, number> = { float32: 0, bfloat16: 1, int8: 2, bfloat16Products: 3 };

/** Opcode and counts of a command. */
const HEAD_WORDS = 4;

class NativePackedWeight implements PackedWeight {
  readonly packed = true;
  readonly backend = 'native';

  constructor(
    readonly handle: PackedHandle,
    readonly format: PackFormat,
    readonly outFeatures: number,
    readonly inFeatures: number,
    readonly bytes: number,
  ) {}
}

/** The C++ engine. Eager operations run at once, on the caller's thread and the team's; Programs run on the engine's thread. */
export class NativeBackend implements Backend {
  readonly name = 'native';
  readonly trainer: NativeTrainer;
  readonly #addon: Addon;
  readonly #opcodes: ReadonlyMap<string, number>;
  readonly #command: CommandWriter;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#opcodes = new Map(addon.primitives().map((name, opcode) => [name, opcode]));
    this.#command = new CommandWriter(addon);
    this.trainer = new NativeTrainer(addon);
  }

  run<P extends PrimitiveName>(name: P, operands: readonly Operand[], attributes: AttributesOf<P> & object): View[] {
    const opcode = this.#opcodes.get(name);
    if (opcode === undefined) throw new BackendError(`the native engine has no primitive ${name}`);
    const primitive = PRIMITIVES[name] as Primitive;
    const specs = primitive.infer(operands, attributes);
    const results: HostView[] = new Array(specs.length);
    for (let index = 0; index < specs.length; index++) results[index] = resultView(name, specs[index] as OutputSpec);
    const command = this.#command;
    const encoded = primitive.encode(attributes);
    command.begin(operands.length + results.length, HEAD_WORDS + encoded.length);
    command.word(opcode);
    command.word(operands.length);
    command.word(encoded.length);
    command.word(results.length);
    for (let index = 0; index < encoded.length; index++) command.word(encoded[index] as number);
    for (let index = 0; index < operands.length; index++) {
      const operand = operands[index] as Operand;
      if (operand === null) command.none();
      else if (isPackedWeight(operand)) command.packed(handleOf(operand));
      else command.operand(hostView(name, operand));
    }
    for (let index = 0; index < results.length; index++) command.result(results[index] as HostView);
    try {
      command.execute();
    } catch (error) {
      throw engineError((error as Error).message, (error as { code?: string }).code, error);
    }
    return results;
  }

  pack(weight: View, format: PackFormat, scales: PackScales = {}): PackedWeight {
    const { outFeatures, inFeatures } = checkPackArguments(weight, format, scales);
    this.#command.begin(3, 0);
    this.#command.operand(hostView('pack', weight));
    for (const scale of [scales.inputScale, scales.groupScale]) {
      if (scale) this.#command.operand(hostView('pack', scale));
      else this.#command.none();
    }
    try {
      const { handle, bytes } = this.#command.pack(FORMAT_CODES[format]);
      return new NativePackedWeight(handle, format, outFeatures, inFeatures, bytes);
    } catch (error) {
      throw engineError((error as Error).message, (error as { code?: string }).code, error);
    }
  }

  compile(recorded: RecordedProgram): Program {
    return new NativeProgram(this.#addon, this.#opcodes, recorded, handleOf);
  }

  /** The engine, its instruction set and its threads. */
  info(): EngineInfo {
    return this.#addon.info();
  }

  /** Native memory in use by this process. */
  memory(): MemoryUsage {
    return this.#addon.memory();
  }

  /** Sets the lanes of the process's thread team, 1 or more. */
  setThreads(threads: number): void {
    this.#addon.setThreads(threads);
  }
}

function handleOf(operand: Operand): PackedHandle {
  if (!(operand instanceof NativePackedWeight)) {
    throw new BackendError('a weight packed for another backend cannot be used by the native one; pack it again');
  }
  return operand.handle;
}

/** Fresh storage for a result. */
function resultView(primitive: string, { dtype, dims }: OutputSpec): HostView {
  const size = sizeOf(dims);
  return {
    dtype,
    dims: dims as readonly number[],
    strides: contiguousStrides(dims) as number[],
    offset: 0,
    data: allocateResult(
      dtype,
      typeof size === 'number' ? size : concreteDim(size, `${primitive}: the size of the result`),
    ),
  };
}

function hostView(primitive: string, view: View): HostView {
  const data = borrow(view);
  if (data instanceof SymbolicValue) {
    throw new BackendError(`${primitive}: a tensor of a recording has no data to compute with`);
  }
  if (view.dims.length > MAX_AXES) {
    throw new ShapeError(
      `${primitive}: the native engine takes at most ${MAX_AXES} axes, got shape ${formatShape(view.dims)}; merge some with reshape()`,
    );
  }
  if (data.length === 0 && view.dims.every((dim) => dim !== 0)) {
    throw new DisposedError(`${primitive}: an argument was disposed`);
  }
  return view as HostView;
}

let backend: NativeBackend | null = null;
let warned = false;

/** The native backend; throws a BackendError that says what was tried when there is none. */
export function requireNativeBackend(): NativeBackend {
  if (backend === null) {
    const addon = loadAddon();
    if (addon instanceof BackendError) throw addon;
    backend = new NativeBackend(addon);
    setStorageAllocator(addon);
  }
  return backend;
}

/** The native backend, or null where it cannot be loaded: then a warning, once, says why and what to do. */
export function loadNativeBackend(): NativeBackend | null {
  try {
    return requireNativeBackend();
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    if (!warned) {
      warned = true;
      process.emitWarning(`${error.message}\nThe slow reference backend is used instead.`, {
        type: 'GemmuleWarning',
        code: 'GEMMULE_REFERENCE_BACKEND',
      });
    }
    return null;
  }
}
