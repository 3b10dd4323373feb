import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recordProgram } from '../../../src/backend/recorder/recorder.js';
import { allocateStorage, mapFile, releaseStorage } from '../../../src/backend/storage.js';
import type { View } from '../../../src/backend/view.js';
import { BackendError, FileError } from '../../../src/errors.js';
import { addon, collectUntil, native } from './addon.js';

const MEBIBYTE = 2 ** 20;

const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

function matrix(data: Float32Array, rows: number, columns: number): View<'float32'> {
  return { dtype: 'float32', dims: [rows, columns], strides: [columns, 1], offset: 0, data };
}

describe('native memory', () => {
  it('comes back at once when storage is released', () => {
    const before = native.memory().tensors;
    const data = allocateStorage('float32', MEBIBYTE);
    expect(native.memory().tensors - before).toBe(4 * MEBIBYTE);
    releaseStorage(data);
    expect(native.memory().tensors).toBe(before);
    expect(data.length).toBe(0);
    expect(addon.release(data.buffer as ArrayBuffer)).toBe(false);
    expect(addon.release(new ArrayBuffer(8))).toBe(false);
  });

  it('comes back from the garbage collector', async () => {
    const before = native.memory().tensors;
    for (let round = 0; round < 20; round++) addon.allocate(MEBIBYTE);
    expect(native.memory().tensors).toBeGreaterThan(before);
    expect(await collectUntil(() => native.memory().tensors <= before)).toBe(true);
  });

  it('is known to V8, so that garbage collection comes in time', async () => {
    // V8 still counts what other tests have dropped until it has swept it, which it does beside the program.
    let last = Number.POSITIVE_INFINITY;
    const isSwept = (): boolean => {
      const now = process.memoryUsage().external;
      const change = Math.abs(last - now);
      last = now;
      return change < MEBIBYTE;
    };
    expect(await collectUntil(isSwept)).toBe(true);
    const before = process.memoryUsage().external;
    const buffer = addon.allocate(64 * MEBIBYTE);
    expect(process.memoryUsage().external - before).toBeGreaterThan(60 * MEBIBYTE);
    addon.release(buffer);
    expect(process.memoryUsage().external - before).toBeLessThan(4 * MEBIBYTE);
  });

  it('stays bounded in a loop that never lets the event loop turn', async () => {
    const before = native.memory().tensors;
    for (let round = 0; round < 300; round++) addon.allocate(8 * MEBIBYTE);
    expect(native.memory().tensors - before).toBeLessThanOrEqual(512 * MEBIBYTE);
    expect(await collectUntil(() => native.memory().tensors <= before)).toBe(true);
  });

  it('of packed weights comes back from the garbage collector', async () => {
    const before = native.memory().packedWeights;
    const { bytes } = native.pack(matrix(new Float32Array(MEBIBYTE), 1024, 1024), 'float32');
    expect(bytes).toBe(4 * MEBIBYTE);
    expect(native.memory().packedWeights - before).toBe(bytes);
    expect(await collectUntil(() => native.memory().packedWeights <= before)).toBe(true);
  });

  it('of a Program comes back when it is disposed', async () => {
    const before = native.memory().packedWeights;
    const program = recordProgram({
      backend: native,
      inputs: { x: { dtype: 'float32', dims: [1, 300] } },
      forward: ({ x }) => {
        const recorder = (x.data as unknown as { recorder: typeof native }).recorder;
        return { y: recorder.run('matmul', [x, matrix(new Float32Array(300 * 300).fill(1), 300, 300)], {})[0] };
      },
    });
    expect(native.memory().packedWeights - before).toBe(300 * 300 * 4);
    const { y } = await program.run({ x: new Float32Array(300).fill(1) });
    expect(y[299]).toBe(300);
    program.dispose();
    expect(await collectUntil(() => native.memory().packedWeights <= before)).toBe(true);
  });

  it('of a constant stays for a Program after its storage was released', async () => {
    const data = allocateStorage('float32', 512 * 512);
    data.fill(0.5);
    const before = native.memory().tensors;
    const program = recordProgram({
      backend: native,
      inputs: { x: { dtype: 'float32', dims: [2, 512] } },
      forward: ({ x }) => {
        const recorder = (x.data as unknown as { recorder: typeof native }).recorder;
        return { y: recorder.run('matmul', [x, matrix(data, 512, 512)], {})[0] };
      },
    });
    releaseStorage(data);
    // Whoever asks next must not get the memory that the Program still reads.
    const other = allocateStorage('float32', 512 * 512);
    other.fill(7);
    const { y } = await program.run({ x: new Float32Array(1024).fill(1) });
    expect(y).toEqual(new Float32Array(1024).fill(256));
    releaseStorage(other);
    program.dispose();
    expect(await collectUntil(() => native.memory().tensors < before)).toBe(true);
  });

  it('that no machine has is an error', () => {
    // Systems that overcommit promise all that they have addresses for: eight times this is more.
    const most = 2 ** 46;
    const kept: ArrayBuffer[] = [];
    expect(() => {
      for (let n = 0; n < 8; n++) kept.push(addon.allocate(most));
    }).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
    for (const buffer of kept) addon.release(buffer);
    expect(() => allocateStorage('uint8', most)).toThrow(BackendError);
    expect(() => allocateStorage('uint8', most)).toThrow(/cannot allocate \d+ elements of uint8 .*use smaller shapes/);
    for (const bytes of [-1, 0.5, Number.NaN, 2 ** 60]) {
      expect(() => addon.allocate(bytes)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    expect(addon.allocate(0).byteLength).toBe(0);
  });
});

describe('a mapped file', () => {
  it('shows the contents, counts, and keeps writes to itself', () => {
    const file = path.join(folder, 'wörter.bin');
    writeFileSync(file, 'contents of a file');
    const before = native.memory().mappedFiles;
    const buffer = mapFile(file);
    expect(Buffer.from(buffer).toString()).toBe('contents of a file');
    expect(native.memory().mappedFiles - before).toBe(18);
    new Uint8Array(buffer)[0] = 0x43;
    expect(readFileSync(file, 'utf8')).toBe('contents of a file');
    expect(addon.release(buffer)).toBe(true);
    expect(native.memory().mappedFiles).toBe(before);
  });

  it('may be empty', () => {
    const file = path.join(folder, 'empty.bin');
    writeFileSync(file, '');
    expect(mapFile(file).byteLength).toBe(0);
  });

  it('that cannot be mapped is an error with the path and the reason', () => {
    expect(() => mapFile(path.join(folder, 'missing.bin'))).toThrow(FileError);
    expect(() => mapFile(path.join(folder, 'missing.bin'))).toThrow(/missing\.bin: .*No such file/);
    expect(() => mapFile(folder)).toThrow(/not a regular file/);
    expect(() => mapFile(`${folder}\0/file`)).toThrow(FileError);
  });
});

describe('packed weights', () => {
  it('that were released are refused, and unknown handles too', () => {
    const words = new Float64Array(64);
    words.set([2, 0, 0, 2, 0, 2, 3, 3, 1, 0, 0]);
    addon.setCommandBuffer(words);
    const { handle, bytes } = addon.pack(0, [new Float32Array(6)]);
    expect(bytes).toBeGreaterThan(0);
    addon.releasePacked(handle);
    expect(() => addon.execute(handle)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(() => addon.releasePacked({} as typeof handle)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('of another backend are refused', () => {
    const x = matrix(new Float32Array(4), 2, 2);
    const foreign = { packed: true, backend: 'reference', format: 'float32', outFeatures: 2, inFeatures: 2, bytes: 16 };
    expect(() => native.run('linear', [x, foreign as never, null, null], { activation: 'none' } as never)).toThrow(
      BackendError,
    );
  });
});
