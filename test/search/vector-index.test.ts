import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getBackend } from '../../src/backend/index.js';
import { GemmuleError } from '../../src/errors.js';
import { type Hit, VECTOR_STORAGES, VectorIndex } from '../../src/search/index.js';
import { full, tensor } from '../../src/tensor/creation.js';
import { Random } from '../../src/tensor/random.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-search-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DIMENSION = 24;

function vectorsOf(count: number, seed: number, dimension = DIMENSION): number[][] {
  return new Random(seed).normal([count, dimension]).toArray() as number[][];
}

function items(count: number, from = 0): { id: string; metadata: { group: number; even: boolean } }[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `item ${from + n}`,
    metadata: { group: (from + n) % 5, even: (from + n) % 2 === 0 },
  }));
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, n) => sum + value * (b[n] as number), 0);
  return dot / Math.hypot(...a) / Math.hypot(...b);
}

/** All rows by their cosine, by the plainest loop. */
function ranked(vectors: readonly (readonly number[])[], query: readonly number[]): { row: number; score: number }[] {
  return vectors
    .map((vector, row) => ({ row, score: cosine(vector, query) }))
    .sort((a, b) => b.score - a.score || a.row - b.row);
}

const idsOf = (hits: readonly Hit[]): string[] => hits.map(({ id }) => id);

describe.each(['native', 'reference'] as const)('VectorIndex on the %s backend', (name) => {
  const backend = getBackend(name);

  it('finds what a plain loop finds, in its order and with its scores', async () => {
    const vectors = vectorsOf(400, 1);
    using index = new VectorIndex({ dimension: DIMENSION, backend });
    index.add(items(400), vectors);
    for (const query of vectorsOf(20, 2)) {
      const hits = await index.search(query, { topN: 7 });
      const truth = ranked(vectors, query).slice(0, 7);
      expect(idsOf(hits)).toEqual(truth.map(({ row }) => `item ${row}`));
      for (const [n, { score }] of hits.entries()) expect(score).toBeCloseTo(truth[n]?.score as number, 5);
    }
  });

  it.each(VECTOR_STORAGES)('keeps scores near the truth in %s', async (storage) => {
    const vectors = vectorsOf(300, 3);
    using index = new VectorIndex({ dimension: DIMENSION, storage, backend });
    index.add(items(300), vectors);
    // Each of 24 numbers is at most half a step of 1/127 of the greatest one away.
    for (const [row, query] of vectors.slice(0, 30).entries()) {
      const [best] = await index.search(query, { topN: 1 });
      expect(best?.id).toBe(`item ${row}`);
      expect(Math.abs((best?.score as number) - 1)).toBeLessThan(storage === 'float32' ? 1e-6 : 0.02);
    }
  });

  it.each(VECTOR_STORAGES)('gives what is found alone and among many queries alike, in %s', async (storage) => {
    using index = new VectorIndex({ dimension: DIMENSION, storage, backend });
    index.add(items(150), vectorsOf(150, 4));
    const queries = vectorsOf(9, 5);
    const together = await index.searchMany(queries, { topN: 5 });
    for (const [n, query] of queries.entries()) expect(await index.search(query, { topN: 5 })).toEqual(together[n]);
  });
});

describe('VectorIndex', () => {
  it('keeps to a filter exactly, however few items it leaves', async () => {
    const vectors = vectorsOf(200, 6);
    const [query = []] = vectorsOf(1, 7);
    for (const storage of VECTOR_STORAGES) {
      using index = new VectorIndex<{ group: number; even: boolean }>({ dimension: DIMENSION, storage });
      index.add(items(200), vectors);
      const truth = ranked(vectors, query).filter(({ row }) => row % 5 === 3 && row % 2 === 0);
      const wanted = truth.map(({ row }) => `item ${row}`);
      expect(idsOf(await index.search(query, { topN: 100, filter: { group: 3, even: true } })).sort()).toEqual(
        wanted.sort(),
      );
      const byFunction = await index.search(query, { topN: 100, filter: (data) => data?.group === 3 && data.even });
      expect(idsOf(byFunction).sort()).toEqual(wanted);
      expect(await index.search(query, { filter: { group: 99 } })).toEqual([]);
    }
  });

  it('replaces what has the same name, and forgets what is deleted', async () => {
    const vectors = vectorsOf(10, 8);
    for (const storage of VECTOR_STORAGES) {
      using index = new VectorIndex({ dimension: DIMENSION, storage });
      index.add(items(10), vectors);
      index.add([{ id: 'item 3', metadata: { group: 7, even: false } }], [vectors[4] as number[]]);
      expect(index.size).toBe(10);
      expect(index.get('item 3')?.metadata).toEqual({ group: 7, even: false });
      expect(idsOf(await index.search(vectors[4] as number[], { topN: 2 })).sort()).toEqual(['item 3', 'item 4']);
      expect(index.delete(['item 4', 'item 3', 'nothing'])).toBe(2);
      expect(index.has('item 4')).toBe(false);
      const left = await index.search(vectors[4] as number[], { topN: 100 });
      expect(left.length).toBe(8);
      expect(idsOf(left)).not.toContain('item 4');
    }
  });

  it('does as a plain list does, through any course of adding, deleting, saving and opening', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), ids: fc.uniqueArray(fc.nat({ max: 12 }), { maxLength: 6 }) }),
      fc.record({ kind: fc.constant('delete' as const), ids: fc.array(fc.nat({ max: 12 }), { maxLength: 6 }) }),
      fc.record({ kind: fc.constant('reopen' as const), ids: fc.constant([]) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...VECTOR_STORAGES),
        fc.array(step, { maxLength: 10 }),
        async (storage, steps) => {
          const file = path.join(folder, 'course.safetensors');
          let index = new VectorIndex({ dimension: 3, storage });
          const model = new Map<string, number[]>();
          let seed = 0;
          for (const { kind, ids } of steps) {
            const names = ids.map((id) => `n${id}`);
            if (kind === 'add') {
              const vectors = vectorsOf(ids.length, seed++, 3);
              index.add(
                names.map((id) => ({ id })),
                vectors,
              );
              for (const [n, id] of names.entries()) model.set(id, vectors[n] as number[]);
            } else if (kind === 'delete') {
              index.delete(names);
              for (const id of names) model.delete(id);
            } else {
              await index.save(file);
              index.dispose();
              index = VectorIndex.open(file);
            }
          }
          expect(index.size).toBe(model.size);
          expect([...index.ids()].sort()).toEqual([...model.keys()].sort());
          for (const [id, vector] of model) {
            const hits = await index.search(vector, { topN: 20 });
            expect(hits.length).toBe(model.size);
            expect(hits.find((hit) => hit.id === id)?.score).toBeCloseTo(1, 1);
          }
          index.dispose();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('lets a search see what was there when it began', async () => {
    const vectors = vectorsOf(2000, 9);
    using index = new VectorIndex({ dimension: DIMENSION });
    index.add(items(2000), vectors);
    const [query = []] = vectorsOf(1, 10);
    const before = index.search(query, { topN: 5 });
    index.delete(items(2000).map(({ id }) => id));
    index.add(items(500, 5000), vectorsOf(500, 11));
    const truth = ranked(vectors, query).slice(0, 5);
    expect(idsOf(await before)).toEqual(truth.map(({ row }) => `item ${row}`));
    expect(idsOf(await index.search(query, { topN: 500 })).every((id) => Number(id.slice(5)) >= 5000)).toBe(true);
  });

  it('takes tensors, keeps notes and metadata in its file, and leaves nothing else there', async () => {
    const file = path.join(folder, 'whole.safetensors');
    using vectors = new Random(12).normal([20, DIMENSION]);
    using index = new VectorIndex({ dimension: DIMENSION, metric: 'dot' });
    index.add(items(20), vectors);
    index.notes.set('model', 'ours');
    await index.save(file);
    using opened = VectorIndex.open<{ group: number }>(file);
    expect(opened.metric).toBe('dot');
    expect(opened.notes.get('model')).toBe('ours');
    expect(opened.get('item 7')).toEqual({ id: 'item 7', metadata: { group: 2, even: false } });
    const flat = tensor((vectors.toArray() as number[][])[5] as number[]);
    expect(await opened.search(flat)).toEqual(await index.search(flat));
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('answers more queries than a call has arguments', async () => {
    using index = new VectorIndex({ dimension: 1 });
    index.add([{ id: 'only' }], [[1]]);
    using queries = full([130_000, 1], 2);
    const hits = await index.searchMany(queries, { topN: 1 });
    expect(hits).toHaveLength(130_000);
    expect(hits.at(-1)).toEqual([{ id: 'only', score: 1, metadata: undefined }]);
  });

  it('is fine without items, without queries, and with vectors of zeros', async () => {
    using index = new VectorIndex({ dimension: 2 });
    expect(await index.search([1, 0])).toEqual([]);
    index.add([], []);
    index.add([{ id: 'zero' }], [[0, 0]]);
    expect(await index.search([1, 0])).toEqual([{ id: 'zero', score: 0, metadata: undefined }]);
    expect(await index.searchMany([])).toEqual([]);
    const file = path.join(folder, 'empty.safetensors');
    await new VectorIndex({ dimension: 2, storage: 'binary' }).save(file);
    expect(VectorIndex.open(file).size).toBe(0);
  });

  it('refuses what it cannot keep, by name, and is then as before', async () => {
    using index = new VectorIndex({ dimension: 2 });
    index.add([{ id: 'a' }], [[1, 0]]);
    const bad: [() => unknown, RegExp][] = [
      [() => new VectorIndex({ dimension: 0 }), /dimension must be a whole number/],
      [() => new VectorIndex({ dimension: 2, storage: 'int4' as 'int8' }), /storage must be one of/],
      [
        () => index.add([{ id: 'b' }], ['cd' as unknown as number[]]),
        /vectors\[0\] must be an array of 2 numbers, got string/,
      ],
      [() => index.add([{ id: 'b' }], [[1, 2, 3]]), /vectors\[0\] must have 2 numbers, got 3/],
      [() => index.add([{ id: 'b' }], [[Number.NaN, 0]]), /vectors\[0\] must be finite/],
      [
        () =>
          index.add(
            [{ id: 'b' }, { id: 'b' }],
            [
              [1, 0],
              [0, 1],
            ],
          ),
        /"b" is there twice/,
      ],
      [() => index.add([{ id: 7 as unknown as string }], [[1, 0]]), /items\[0\].id must be a string/],
      [() => index.add([{ id: 'b' }], []), /vectors must be \[1, 2\]/],
      [() => index.search([1]), /must have 2 numbers/],
      [() => index.search([1, 0], { topN: 0 }), /topN must be/],
      [() => index.search([1, 0], { filter: { a: { near: 3 } } as never }), /filter.a must be/],
      [() => index.search([1, 0], { filter: [] as never }), /filter must be/],
      [() => index.search([1, 0], { signal: AbortSignal.abort(new Error('enough')) }), /enough/],
    ];
    for (const [act, message] of bad) await expect(async () => act()).rejects.toThrow(message);
    expect(index.size).toBe(1);
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    index.add([{ id: 'c', metadata: cyclic }], [[1, 1]]);
    await expect(index.save(path.join(folder, 'cyclic.safetensors'))).rejects.toThrow(/metadata of "c"/);
    index.dispose();
    await expect(async () => index.search([1, 0])).rejects.toThrow(/disposed/);
  });

  it('opens a damaged file with an error or as a whole index, never with a crash', async () => {
    const file = path.join(folder, 'sound.safetensors');
    for (const storage of VECTOR_STORAGES) {
      using index = new VectorIndex({ dimension: 5, storage });
      index.add(items(8), vectorsOf(8, 13, 5));
      await index.save(file);
      const sound = readFileSync(file);
      const damaged = path.join(folder, 'damaged.safetensors');
      const change = fc.record({
        at: fc.nat({ max: sound.length - 1 }),
        byte: fc.nat({ max: 255 }),
        length: fc.nat({ max: sound.length }),
        cut: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(change, async ({ at, byte, length, cut }) => {
          const bytes = Buffer.from(cut ? sound.subarray(0, length) : sound);
          if (at < bytes.length) bytes[at] = byte;
          writeFileSync(damaged, bytes);
          try {
            using opened = VectorIndex.open(damaged);
            await opened.search([1, 0, 0, 0, 0], { filter: { even: true } });
          } catch (error) {
            expect(error).toBeInstanceOf(GemmuleError);
          }
        }),
        { numRuns: 150 },
      );
    }
  });

  it('filters by values, sets, ranges and members of arrays', async () => {
    using index = new VectorIndex({ dimension: 1, metric: 'dot' });
    index.add(
      [
        { id: 'a', metadata: { year: 1999, tags: ['x', 'y'], name: 'anna' } },
        { id: 'b', metadata: { year: 2004, tags: [], name: 'bert' } },
        { id: 'c', metadata: { tags: ['y'], name: null } },
        { id: 'd' },
      ],
      [[4], [3], [2], [1]],
    );
    const found = async (filter: never) => idsOf(await index.search([1], { filter })).join('');
    expect(await found({ year: { from: 2000 } } as never)).toBe('b');
    expect(await found({ year: { from: 1999, to: 2004 } } as never)).toBe('ab');
    expect(await found({ name: { to: 'b' } } as never)).toBe('a');
    expect(await found({ tags: 'y' } as never)).toBe('ac');
    expect(await found({ tags: ['x', 'z'] } as never)).toBe('a');
    expect(await found({ name: null } as never)).toBe('c');
    expect(await found({ year: 1999, tags: 'y' } as never)).toBe('a');
    expect(await found({} as never)).toBe('abcd');
    expect(await found({ toString: 'x' } as never)).toBe('');
  });
});
