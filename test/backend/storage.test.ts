import { describe, expect, it } from 'vitest';
import { defaultBackend } from '../../src/backend/index.js';
import { allocateResult } from '../../src/backend/storage.js';
import { BORROWED } from '../../src/backend/view.js';
import { full, Random, Tensor } from '../../src/index.js';
import type { StorageArray } from '../../src/tensor/dtype.js';

/** Without its counting as seen. */
const slotOf = (tensor: Tensor): StorageArray => tensor[BORROWED] as StorageArray;

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

describe('storage of small results that are disposed of', () => {
  const isNative = defaultBackend().name === 'native';
  const ones = full([16], 1, { dtype: 'float32' });

  it.runIf(isNative)('is given to the next ones, the last first', () => {
    let [first, second] = [ones.add(1), ones.add(2)];
    // Where a buffer was full between the two.
    if (slotOf(first).buffer !== slotOf(second).buffer) [first, second] = [ones.add(1), ones.add(2)];
    const slots = [slotOf(first), slotOf(second)];
    first.dispose();
    second.dispose();
    second.dispose();
    const next = [ones.add(3), ones.add(4), ones.add(5)];
    expect(slotOf(next[0] as Tensor)).toBe(slots[1]);
    expect(slotOf(next[1] as Tensor)).toBe(slots[0]);
    expect(slots).not.toContain(slotOf(next[2] as Tensor));
    expect(next.map((tensor) => tensor.at(15))).toEqual([4, 5, 6]);
  });

  it.runIf(isNative)('is given to the next ones after operations have read it', () => {
    const reused = Array.from({ length: 20 }, () => {
      const first = ones.add(1);
      const slot = slotOf(first);
      const read = first.add(first).maximum(first);
      first.dispose();
      const second = ones.add(2);
      expect([second.at(0), read.at(0)]).toEqual([3, 4]);
      return slotOf(second) === slot;
    });
    // Not where a new buffer has been begun meanwhile.
    expect(reused.filter(Boolean).length).toBeGreaterThan(10);
  });

  it('is given to results of other types and lengths', () => {
    for (let round = 0; round < 100; round++) {
      const length = 1 + (round % 16);
      const result = full([length], round, { dtype: 'float32' }).equal(round);
      expect(result.toArray()).toEqual(Array(length).fill(true));
      const sums = full([length], round, { dtype: round % 2 === 0 ? 'float32' : 'float64' }).add(1);
      expect(sums.sum().item()).toBe(length * (round + 1));
      result.dispose();
      sums.dispose();
    }
  });

  const KEEPERS: Record<string, (result: Tensor) => () => number | undefined> = {
    'its array': (result) => {
      const numbers = result.toTypedArray();
      return () => numbers[7];
    },
    'its data': (result) => {
      const data = result.data as Float32Array;
      return () => data[7];
    },
    'a view': (result) => {
      const view = result.reshape(4, 4);
      return () => view.at(1, 3) as number;
    },
    'a part': (result) => {
      const part = [...result][7];
      return () => part?.item() as number;
    },
    'the same in its own type': (result) => {
      const same = result.to('float32');
      return () => same.at(7) as number;
    },
    'a tensor of its view': (result) => {
      const tensor = Tensor.fromView(result);
      return () => tensor.at(7) as number;
    },
    'a view of a view': (result) => {
      const view = result.unsqueeze(0);
      const part = view.slice(0, [4, 8]);
      view.dispose();
      return () => part.at(3) as number;
    },
  };

  it.each(Object.entries(KEEPERS))('stays what it is for who has kept %s', (_, keep) => {
    const result = ones.add(41);
    const read = keep(result);
    result.dispose();
    const later = Array.from({ length: 64 }, (_, index) => ones.add(index));
    expect(read()).toBe(42);
    for (const tensor of later) tensor.dispose();
    expect(ones.add(1).at(3)).toBe(2);
    expect(read()).toBe(42);
  });

  it('holds the right numbers in any order of operations, views and disposals', () => {
    const random = new Random(17);
    const choose = (below: number): number => random.integers(0, below, []).item();
    /** Tensors, and the numbers that each must have. */
    let live: { readonly tensor: Tensor; readonly numbers: readonly number[] }[] = [];
    const make = (length: number, value: number) => ({
      tensor: full([length], value, { dtype: 'float64' }) as Tensor,
      numbers: Array<number>(length).fill(value),
    });
    for (let step = 0; step < 4000; step++) {
      const picked = live[choose(Math.max(live.length, 1))] ?? make(1 + choose(300), step);
      const { tensor, numbers } = picked;
      switch (choose(8)) {
        case 0:
          live.push(make(1 + choose(300), step));
          break;
        case 1:
          live.push({ tensor: tensor.add(step), numbers: numbers.map((value) => value + step) });
          break;
        case 2:
          live.push({ tensor: tensor.add(tensor).negative(), numbers: numbers.map((value) => -2 * value) });
          break;
        case 3:
          live.push({ tensor: tensor.flip(), numbers: [...numbers].reverse() });
          break;
        case 4:
          live.push({ tensor: tensor.slice([0, 1 + choose(numbers.length)]), numbers: [] });
          live.pop()?.tensor.dispose();
          break;
        case 5:
          live.push({ tensor: tensor.maximum(0).clone(), numbers: numbers.map((value) => Math.max(value, 0)) });
          break;
        default:
          tensor.dispose();
          live = live.filter((other) => other !== picked);
      }
      const seen = live[choose(Math.max(live.length, 1))];
      // Of most tensors nobody has seen the storage: only a copy is looked at.
      if (seen !== undefined) expect(seen.tensor.clone().toArray()).toEqual(seen.numbers);
    }
    for (const { tensor, numbers } of live) expect(tensor.toArray()).toEqual(numbers);
  });
});
