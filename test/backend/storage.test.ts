import { describe, expect, it } from 'vitest';
import { allocateResult } from '../../src/backend/storage.js';
import { Random } from '../../src/index.js';
import type { StorageArray } from '../../src/tensor/dtype.js';

const end = (data: StorageArray): number => data.byteOffset + data.byteLength;

describe('storage of small results', () => {
  it('never overlaps, whatever the sizes', () => {
    const lengths = [1, 16, 17, 64, 65, 1000, 1024, 1025, 4096, 4097, 8192, 8193, 16_384, 20_000];
    const random = new Random(5).integers(0, lengths.length, [400]).toTypedArray();
    const kept = [...random].map((choice, index) => {
      const dtype = index % 3 === 0 ? 'float64' : 'float32';
      const length = lengths[choice] as number;
      const data = allocateResult(dtype, length);
      expect([data.length, data.byteOffset % 64]).toEqual([length, 0]);
      return data.fill(index);
    });
    for (const [index, data] of kept.entries()) {
      expect([data[0], data[data.length - 1]]).toEqual([index, index]);
      const neighbours = kept.filter((other) => other !== data && other.buffer === data.buffer);
      for (const other of neighbours) {
        expect(end(other) <= data.byteOffset || end(data) <= other.byteOffset).toBe(true);
      }
    }
  });

  it('keeps at most 64 times its own size alive, or a kibibyte', () => {
    for (let length = 1; length < 20_000; length += 37) {
      const data = allocateResult('float32', length);
      expect(data.buffer.byteLength).toBeLessThanOrEqual(Math.max(1024, 64 * data.byteLength));
    }
  });

  it('of no elements is empty', () => {
    expect(allocateResult('float64', 0)).toHaveLength(0);
  });

  it('cannot be transferred away, and the results beside it with it', () => {
    const first = allocateResult('float32', 8).fill(1);
    const second = allocateResult('float32', 8).fill(2);
    expect(second.buffer).toBe(first.buffer);
    try {
      // Newer versions of Node throw, older ones copy.
      structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
    } catch (error) {
      expect((error as Error).name).toBe('DataCloneError');
    }
    expect([...second]).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
  });
});
