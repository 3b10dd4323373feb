import { requireCount } from './arguments.js';
import { defaultBackend } from './backend/index.js';
import { type MemoryUsage, NativeBackend } from './backend/native/index.js';

export type { MemoryUsage };

/** What the engine's team of threads can be. */
const MAX_THREADS = 256;

/** What computes, and on what. */
export interface EngineSummary {
  readonly backend: 'native' | 'reference';
  /** Instruction set in use: baseline, avx2, avx512 or neon; `none` for the reference backend. */
  readonly isa: string;
  /** What the processor offers beyond the baseline, as the engine sees it. */
  readonly features: readonly string[];
  /** Threads that compute, the caller's included. */
  readonly threads: number;
  /** Processors that this process may use. */
  readonly processors: number;
  /** The BLAS library linked in; `none` for the reference backend. */
  readonly blas: string;
}

/** The engine in use. Loads the native backend if nothing has yet. */
export function engineInfo(): EngineSummary {
  const backend = defaultBackend();
  if (!(backend instanceof NativeBackend)) {
    return { backend: 'reference', isa: 'none', features: [], threads: 1, processors: 1, blas: 'none' };
  }
  const { isa, features, threads, processors, blas } = backend.info();
  return { backend: 'native', isa, features, threads, processors, blas };
}

/** Native memory in use by this process, in bytes, by what holds it; all zero with the reference backend. */
export function memory(): MemoryUsage {
  const backend = defaultBackend();
  if (backend instanceof NativeBackend) return backend.memory();
  return { tensors: 0, packedWeights: 0, arenas: 0, mappedFiles: 0 };
}

/**
 * Sets how many threads the engine computes with, in the whole process. Results do not depend on it.
 *
 * @param threads - 1 to 256; by default `GEMMULE_NUM_THREADS`, else as many as the process may use.
 */
export function setThreads(threads: number): void {
  requireCount('setThreads', 'threads', threads, 1, MAX_THREADS);
  const backend = defaultBackend();
  if (backend instanceof NativeBackend) backend.setThreads(threads);
}
