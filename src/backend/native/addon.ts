import type { StorageArray } from '../../tensor/dtype.js';
import type { TaskProgress } from '../training.js';

/** A packed weight, owned by the engine. */
export interface PackedHandle {
  readonly __packed: unique symbol;
}

/** A validated Program, owned by the engine. */
export interface ProgramHandle {
  readonly __program: unique symbol;
}

/** What a command refers to. */
export type CommandArgument = StorageArray | PackedHandle;

/** What a task reads and writes. */
export type TaskArray = StorageArray | Uint32Array;

/** What the engine and the processor are. */
export interface EngineInfo {
  readonly version: string;
  /** Instruction set in use: baseline, avx2, avx512 or neon. */
  readonly isa: string;
  /** What the processor offers. */
  readonly features: readonly string[];
  /** Lanes of the thread team, the caller's included. */
  readonly threads: number;
  /** Processors that this process may use. */
  readonly processors: number;
  /** The BLAS library linked in. */
  readonly blas: string;
}

/**
 * Native memory in bytes, by what holds it, of the whole process. Small tensors, and those beyond half a gigabyte, lie in
 * memory of V8's own, which `process.memoryUsage().arrayBuffers` counts.
 */
export interface MemoryUsage {
  readonly tensors: number;
  readonly packedWeights: number;
  readonly arenas: number;
  readonly mappedFiles: number;
}

/** The addon, as `native/binding` exports it. `docs/design.md` has the layout of commands and Programs. */
export interface Addon {
  /** Names of the primitives; the index is the opcode. */
  primitives(): string[];
  info(): EngineInfo;
  memory(): MemoryUsage;
  setThreads(threads: number): void;
  /** An uninitialised buffer. */
  allocate(bytes: number): ArrayBuffer;
  /** Frees the memory of a buffer of `allocate` or `mapFile` now and detaches it; false for any other. */
  release(buffer: ArrayBuffer): boolean;
  mapFile(path: string): ArrayBuffer;
  /** The memory through which `execute` and `pack` read their commands. */
  setCommandBuffer(words: Float64Array): void;
  /** Takes its arguments one by one, which is faster, or as one array, which may be as long as one likes. */
  execute(...args: readonly CommandArgument[] | readonly [readonly CommandArgument[]]): void;
  pack(format: number, args: readonly StorageArray[]): { handle: PackedHandle; bytes: number };
  /** Lets go of the weight now; Programs that use it keep it. */
  releasePacked(handle: PackedHandle): void;
  /** Checks and keeps a Program. Constants of V8's own memory are copied; the engine's are shared. */
  createProgram(
    words: Float64Array,
    names: readonly string[],
    constants: readonly (StorageArray | PackedHandle)[],
  ): ProgramHandle;
  /**
   * Starts a run, of which inputs are copied; the callback comes once, later. `outputs` must be fresh.
   *
   * @returns the run's number, for `cancelRun`.
   */
  runProgram(
    program: ProgramHandle,
    inputs: readonly StorageArray[],
    tokens: number,
    sequences: number,
    outputs: readonly StorageArray[],
    callback: (error: string | null, code: string) => void,
  ): number;
  cancelRun(program: ProgramHandle, run: number): void;
  disposeProgram(program: ProgramHandle): void;
  /**
   * Starts a task of `native/training` on threads of its own, which work on the arrays in place; the callback comes once,
   * later, when none does any more.
   *
   * @returns the task's number.
   */
  startTask(
    name: string,
    numbers: Float64Array,
    arrays: readonly TaskArray[],
    threads: number,
    callback: (error: string | null, code: string, progress: TaskProgress) => void,
  ): number;
  /** Null when the task has ended. */
  taskProgress(task: number): TaskProgress | null;
  cancelTask(task: number): void;
}
