import { beforeAll, describe, expect, it, vi } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { SparseMatrix } from '../../src/linalg/sparse-matrix.js';
import { countCooccurrences } from '../../src/words/cooccurrences.js';
import { Corpus } from '../../src/words/corpus.js';
import { GloVe } from '../../src/words/glove.js';
import {
  informationVectors,
  positivePointwiseMutualInformation,
} from '../../src/words/pointwise-mutual-information.js';
import type { WordVectors } from '../../src/words/word-vectors.js';
import { expectTopics, topicSentences } from './topics.js';

let topics: Corpus;
let tiny: Corpus;

beforeAll(async () => {
  topics = await Corpus.read(topicSentences(1000));
  tiny = await Corpus.read(['a b c', 'a b', 'a'], { minCount: 1 });
});

const numbersOf = (vectors: WordVectors): Float32Array => vectors.vectors.toTypedArray();

describe('countCooccurrences', () => {
  const dense = (matrix: SparseMatrix): number[][] => {
    const rows = Array.from({ length: matrix.shape[0] }, () => Array<number>(matrix.shape[1]).fill(0));
    for (const [row, numbers] of rows.entries()) {
      for (let entry = matrix.rowOffsets[row]; entry < matrix.rowOffsets[row + 1]; entry++) {
        numbers[matrix.columnIndices[entry]] = matrix.values[entry];
      }
    }
    return rows;
  };

  it('counts by distance, on both sides, within sentences', async () => {
    expect(dense(await countCooccurrences(tiny))).toEqual([
      [0, 2, 0.5],
      [2, 0, 1],
      [0.5, 1, 0],
    ]);
    expect(dense(await countCooccurrences(tiny, { weighting: 'constant' }))[0]).toEqual([0, 2, 1]);
    expect(dense(await countCooccurrences(tiny, { weighting: 'linear', window: 2 }))[0]).toEqual([0, 2, 0.5]);
    expect(dense(await countCooccurrences(tiny, { window: 1 }))[0]).toEqual([0, 2, 0]);
  });

  it('stops at a signal, and refuses settings out of range', async () => {
    const reason = new Error('enough');
    await expect(countCooccurrences(topics, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const options of [{ window: 0 }, { weighting: 'quadratic' }, { threads: 0 }]) {
      await expect(countCooccurrences(topics, options as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
  });
});

describe('GloVe', () => {
  it('learns which words belong together', async () => {
    using model = new GloVe(topics, { dimensions: 12, saturation: 1000, window: 5 });
    expect(model.isTrained).toBe(false);
    const losses: number[] = [];
    await model.train({ onProgress: ({ loss }) => losses.push(loss) });
    expect(model.isTrained).toBe(true);
    expect(losses.length).toBeGreaterThan(0);
    expectTopics(model.vectors());
  });

  it('gives the same vectors for the same seed on one thread, also after an interruption', async () => {
    const options = { dimensions: 6, epochs: 400, seed: 4 };
    using whole = new GloVe(topics, options);
    await whole.train({ threads: 1 });
    using model = new GloVe(topics, options);
    const controller = new AbortController();
    const reason = new Error('enough');
    const stop = (): void => controller.abort(reason);
    setTimeout(stop, 5);
    await model.train({ threads: 1, signal: controller.signal }).catch((error) => expect(error).toBe(reason));
    await model.train({ threads: 1 });
    expect(numbersOf(model.vectors())).toEqual(numbersOf(whole.vectors()));
    using other = new GloVe(topics, { ...options, seed: 5 });
    await other.train({ threads: 1 });
    expect(numbersOf(other.vectors())).not.toEqual(numbersOf(whole.vectors()));
  });

  it('trains alike on the reference backend', async () => {
    const train = async (): Promise<Float32Array> => {
      using model = new GloVe(topics, { dimensions: 6, epochs: 3 });
      await model.train({ threads: 1 });
      return numbersOf(model.vectors());
    };
    const native = await train();
    setDefaultBackend('reference');
    try {
      for (const [n, value] of (await train()).entries()) expect(Math.abs(value - native[n])).toBeLessThan(1e-4);
    } finally {
      setDefaultBackend('native');
    }
  });

  it('says when numbers run away', async () => {
    using model = new GloVe(topics, { dimensions: 6, learningRate: 1e30 });
    await expect(model.train()).rejects.toMatchObject({ code: 'ERR_NUMERICAL' });
  });

  it('refuses settings out of range, use after dispose, and a text without pairs', async () => {
    for (const options of [
      { dimensions: 0 },
      { saturation: -1 },
      { weightPower: Number.NaN },
      { learningRate: 0 },
      { epochs: 1.5 },
      { seed: -1 },
    ]) {
      expect(() => new GloVe(topics, options)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    const model = new GloVe(topics, { dimensions: 4 });
    model.dispose();
    await expect(model.train()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    using lonely = new GloVe(await Corpus.read(['a', 'a', 'b'], { minCount: 1 }), { dimensions: 4 });
    await expect(lonely.train()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});

describe('positivePointwiseMutualInformation', () => {
  const counts = SparseMatrix.fromTriplets({ rows: [0, 0, 1, 1], columns: [0, 1, 0, 1], values: [4, 1, 1, 2] }, [2, 2]);

  it('is how much more often words meet than by chance', () => {
    const { values, columnIndices, rowOffsets } = positivePointwiseMutualInformation(counts, { contextPower: 1 });
    expect([...columnIndices]).toEqual([0, 1]);
    expect([...rowOffsets]).toEqual([0, 1, 2]);
    expect(values[0]).toBeCloseTo(Math.log(4 / 8 / ((5 / 8) * (5 / 8))), 6);
    expect(values[1]).toBeCloseTo(Math.log(2 / 8 / ((3 / 8) * (3 / 8))), 6);
  });

  it('smooths contexts, and is shifted', () => {
    const smoothed = positivePointwiseMutualInformation(counts);
    const [a, b] = [5 ** 0.75, 3 ** 0.75];
    expect(smoothed.values[0]).toBeCloseTo(Math.log(((4 / 5) * (a + b)) / a), 6);
    const shifted = positivePointwiseMutualInformation(counts, { contextPower: 1, negatives: 1.1 });
    expect(shifted.values[0]).toBeCloseTo(Math.log(4 / 8 / ((5 / 8) * (5 / 8))) - Math.log(1.1), 6);
    expect(positivePointwiseMutualInformation(counts, { negatives: 100 }).values).toHaveLength(0);
  });

  it('refuses settings and counts out of range', () => {
    for (const options of [{ contextPower: 0 }, { contextPower: '1' }, { negatives: Infinity }]) {
      expect(() => positivePointwiseMutualInformation(counts, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      );
    }
    const negative = SparseMatrix.fromTriplets({ rows: [0], columns: [0], values: [-1] }, [1, 1]);
    expect(() => positivePointwiseMutualInformation(negative)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    );
  });
});

describe('informationVectors', () => {
  it('tells which words belong together', async () => {
    expectTopics(await informationVectors(topics, { dimensions: 4 }));
  });

  it('gives the same vectors every time, and no more dimensions than words', async () => {
    const first = await informationVectors(topics, { dimensions: 4, threads: 1 });
    expect(numbersOf(await informationVectors(topics, { dimensions: 4, threads: 2 }))).toEqual(numbersOf(first));
    expect((await informationVectors(tiny)).dimension).toBe(3);
  });

  it('stops while it decomposes when it is told to', async () => {
    const reason = new Error('nobody waits any more');
    const controller = new AbortController();
    const make = SparseMatrix.fromCompressedRows.bind(SparseMatrix);
    // The matrix is made between counting and decomposing it.
    const spy = vi.spyOn(SparseMatrix, 'fromCompressedRows').mockImplementationOnce((...parts) => {
      controller.abort(reason);
      return make(...parts) as never;
    });
    try {
      const pending = informationVectors(topics, { dimensions: 4, signal: controller.signal });
      await expect(pending).rejects.toBe(reason);
      expect(controller.signal.aborted).toBe(true);
    } finally {
      spy.mockRestore();
    }
  });

  it('refuses settings out of range', async () => {
    await expect(informationVectors(topics, { singularValuePower: -1 })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    });
    await expect(informationVectors(topics, { dimensions: 0.5 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});
