import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/errors.js';
import { quantizeVectors, TextEmbedder, tensor, type VectorPrecision, vectorRanges, zeros } from '../../src/index.js';

const golden = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../fixtures/quantized-vectors/quantized.json'), 'utf8'),
) as { vectors: number[][]; ranges: number[][] } & Record<VectorPrecision, number[][]>;

const vectors = tensor(golden.vectors);
const ranges = tensor(golden.ranges);

describe('quantizeVectors', () => {
  it('finds the ranges of columns', () => {
    expect(vectorRanges(vectors).toArray()).toEqual(ranges.toArray());
  });

  it.each(['int8', 'uint8', 'binary', 'ubinary'] as const)('gives the %s of sentence-transformers', (precision) => {
    const { data, shape } = quantizeVectors(vectors, precision, { ranges });
    expect(shape).toEqual([12, precision.endsWith('binary') ? 3 : 24]);
    expect([...data]).toEqual(golden[precision].flat());
    expect(data).toBeInstanceOf(precision === 'int8' || precision === 'binary' ? Int8Array : Uint8Array);
  });

  it('keeps within the range, and divides none where there is none', () => {
    const narrow = tensor([
      [-1, 0, 5],
      [1, 0, 5],
    ]);
    const wild = tensor([
      [-9, 0, 6],
      [9, 1, 4],
      [Number.NaN, 0, 5],
    ]);
    expect([...quantizeVectors(wild, 'uint8', { ranges: narrow }).data]).toEqual([0, 0, 0, 255, 0, 0, 0, 0, 0]);
    expect([...quantizeVectors(tensor([[1, -1, 1, 1, 0, 0, 0, 0, 1]]), 'ubinary').data]).toEqual([
      0b10110000, 0b10000000,
    ]);
    expect(quantizeVectors(zeros([0, 8]), 'binary').data).toHaveLength(0);
  });

  it('refuses what it cannot quantise', () => {
    expect(() => quantizeVectors(vectors, 'int4' as VectorPrecision)).toThrow(
      /one of int8, uint8, binary, ubinary, got int4/,
    );
    expect(() => quantizeVectors(vectors, 'int8')).toThrow(ArgumentError);
    expect(() => quantizeVectors(vectors, 'int8')).toThrow(/needs ranges; take vectorRanges/);
    expect(() => quantizeVectors(vectors, 'int8', { ranges: zeros([2, 3]) })).toThrow(
      /ranges must be \[2, 24\], got \[2, 3\]/,
    );
    expect(() => quantizeVectors(zeros([3]), 'binary')).toThrow(ShapeError);
    expect(() => vectorRanges(zeros([0, 3]))).toThrow(/at least one row/);
  });
});

describe('embed', () => {
  it('quantises its vectors when asked to', async () => {
    using embedder = await TextEmbedder.load();
    const texts = ['a dog in the park', 'quarterly earnings'];
    using plain = await embedder.embed(texts);
    const bits = await embedder.embed(texts, { precision: 'ubinary' });
    expect(bits).toEqual(quantizeVectors(plain, 'ubinary'));
    using sample = vectorRanges(plain);
    const bytes = await embedder.embed(texts, { precision: 'int8', ranges: sample });
    expect(bytes).toEqual(quantizeVectors(plain, 'int8', { ranges: sample }));
    await expect(embedder.embed(texts, { precision: 'int8' })).rejects.toThrow(/embed: int8 needs ranges/);
    const wrong = embedder.embed(texts, { precision: 'float8' as VectorPrecision });
    await expect(wrong).rejects.toThrow(/precision must be one of/);
  });
});
