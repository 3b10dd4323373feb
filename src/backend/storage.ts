import { readFileSync } from 'node:fs';
import { toNamespacedPath } from 'node:path';
import { BackendError, FileError } from '../errors.js';
import { type ArrayOf, arrayConstructor, bytesPerElement, type DType, type StorageArray } from '../tensor/dtype.js';

/*
 * Where numbers live. Every tensor's storage is a typed array over an ArrayBuffer, so that each backend can read what
 * another wrote. Large buffers come from the engine's allocator when the native backend is loaded: aligned, not cleared,
 * recycled, and given back at once by `releaseStorage`; small ones and all of the reference's are V8's own. Making a buffer
 * costs V8 0.4 to 1 us, more than most small operations take, so what they compute lies in parts of larger ones.
 */

/** An allocator of ArrayBuffers, provided by the native backend when it is loaded. */
export interface StorageAllocator {
  /** An uninitialised buffer. */
  allocate(bytes: number): ArrayBuffer;
  /** Frees the memory now and detaches the buffer; false when it is not one of the allocator's. */
  release(buffer: ArrayBuffer): boolean;
  /** The contents of a file, mapped. Writes to the buffer do not reach the file. */
  mapFile(path: string): ArrayBuffer;
}

/** Below this many bytes a buffer of V8's own is cheaper than an external one. */
const NATIVE_THRESHOLD_BYTES = 64 * 1024;

interface StorageConstructor<A> {
  new (length: number): A;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): A;
}

let allocator: StorageAllocator | null = null;

/** How many tensors look into a buffer of the allocator's. */
const owners = new WeakMap<ArrayBufferLike, number>();

export function setStorageAllocator(next: StorageAllocator): void {
  allocator = next;
}

/**
 * Storage for `length` elements. Contents are unspecified: write every element.
 *
 * @throws BackendError with code ERR_OUT_OF_MEMORY when there is no such memory.
 */
export function allocateStorage<D extends DType>(dtype: D, length: number): ArrayOf<D> {
  const Constructor = arrayConstructor(dtype) as unknown as StorageConstructor<ArrayOf<D>>;
  const bytes = length * bytesPerElement(dtype);
  let buffer: ArrayBuffer | null = null;
  try {
    if (allocator === null || bytes < NATIVE_THRESHOLD_BYTES) return new Constructor(length);
    buffer = allocator.allocate(bytes);
    const data = new Constructor(buffer, 0, length);
    owners.set(buffer, 1);
    return data;
  } catch (cause) {
    if (buffer !== null) allocator?.release(buffer);
    throw allocationError(cause, dtype, length);
  }
}

/** Of the slots that results share buffers in; a result takes the smallest that holds it. */
const SLOT_BYTES = [64, 256, 1024, 4096, 8192, 16_384, 32_768] as const;

/** Of a shared buffer: a result that is kept keeps at most 64 times its own size alive, or 1 KiB. */
const poolBytes = (slotBytes: number): number => Math.min(16 * slotBytes, 256 * 1024);

/** Where Node has it without an import (from 20.16 and 22.3 on). */
const untransferable = (buffer: ArrayBuffer): void =>
  process.getBuiltinModule?.('node:worker_threads').markAsUntransferable(buffer);

interface Pool {
  readonly slotBytes: number;
  buffer: ArrayBuffer;
  used: number;
  /** Slots of this buffer that were given back, the last one last: it is still in the processor's cache. */
  readonly free: StorageArray[];
}

const pools: readonly Pool[] = SLOT_BYTES.map((slotBytes) => ({
  slotBytes,
  buffer: new ArrayBuffer(0),
  used: 0,
  free: [],
}));

const poolFor = (bytes: number): Pool | undefined => pools.find(({ slotBytes }) => bytes <= slotBytes);

/**
 * Storage for a result of `length` elements, as of `allocateStorage`, but small ones lie in a buffer that others share: a
 * part of a buffer costs a tenth of a buffer.
 *
 * @throws as `allocateStorage`.
 */
export function allocateResult<D extends DType>(dtype: D, length: number): ArrayOf<D> {
  const bytes = length * bytesPerElement(dtype);
  const pool = poolFor(bytes);
  if (pool === undefined) return allocateStorage(dtype, length);
  const Constructor = arrayConstructor(dtype) as unknown as StorageConstructor<ArrayOf<D>>;
  const { slotBytes } = pool;
  const slot = pool.free.pop();
  if (slot !== undefined) {
    const isAlike = slot.length === length && slot.constructor === Constructor;
    return isAlike ? (slot as ArrayOf<D>) : new Constructor(pool.buffer, slot.byteOffset, length);
  }
  if (pool.used + slotBytes > pool.buffer.byteLength) {
    try {
      pool.buffer = Buffer.allocUnsafeSlow(poolBytes(slotBytes)).buffer;
    } catch (cause) {
      throw allocationError(cause, dtype, length);
    }
    // Who transferred a result's buffer to another thread would take those of others along.
    untransferable(pool.buffer);
    pool.used = 0;
  }
  const data = new Constructor(pool.buffer, pool.used, length);
  pool.used += slotBytes;
  return data;
}

/**
 * Gives the slot of a result to the next one. For results that nobody else has seen: who had kept the array would find
 * other numbers in it. Does nothing with arrays that do not lie in a shared buffer, or in an earlier one.
 */
export function recycleResult(data: StorageArray): void {
  const pool = poolFor(data.byteLength);
  if (pool !== undefined && data.buffer === pool.buffer) pool.free.push(data);
}

/** What to throw where an allocation threw `cause`. */
function allocationError(cause: unknown, dtype: DType, length: number): unknown {
  if (!isOutOfMemory(cause)) return cause;
  return new BackendError(
    `cannot allocate ${length} elements of ${dtype} (${cause.message}); use smaller shapes`,
    { cause },
    'ERR_OUT_OF_MEMORY',
  );
}

/** Whether V8, or the engine, says that there is no such memory. */
function isOutOfMemory(error: unknown): error is Error {
  return (
    error instanceof RangeError || (error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_MEMORY')
  );
}

/** Notes one more owner of the storage: `releaseStorage` frees only when the last one lets go. */
export function retainStorage(data: StorageArray): void {
  if (data.byteLength < NATIVE_THRESHOLD_BYTES) return;
  const count = owners.get(data.buffer);
  if (count !== undefined) owners.set(data.buffer, count + 1);
}

/** Drops one owner. Storage of the engine is freed with the last; everything else is left to the garbage collector. */
export function releaseStorage(data: StorageArray): void {
  if (data.byteLength < NATIVE_THRESHOLD_BYTES) return;
  const count = owners.get(data.buffer);
  if (count === undefined) return;
  if (count > 1) {
    owners.set(data.buffer, count - 1);
    return;
  }
  owners.delete(data.buffer);
  allocator?.release(data.buffer as ArrayBuffer);
}

/** Does work that reads storage over several turns of the event loop; whoever disposes of it meanwhile must wait. */
export async function whileRetained<T>(storage: readonly StorageArray[], work: () => Promise<T>): Promise<T> {
  for (const data of storage) retainStorage(data);
  try {
    return await work();
  } finally {
    for (const data of storage) releaseStorage(data);
  }
}

/**
 * The contents of a file: a memory map with the native backend, else read into memory.
 *
 * @throws FileError when the file is missing or cannot be read.
 */
export function mapFile(path: string): ArrayBuffer {
  try {
    // Windows takes long names in a form of its own, which is how Node's functions give them to it, too.
    if (allocator !== null) return allocator.mapFile(toNamespacedPath(path));
    const bytes = readFileSync(path);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  } catch (cause) {
    throw new FileError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
