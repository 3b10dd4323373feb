import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { SafetensorsFile } from '../../src/io/safetensors.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { Corpus } from '../../src/words/corpus.js';
import { hierarchicalSoftmax, keepThresholds, negativeSampling } from '../../src/words/sampling.js';
import type { WordVectors } from '../../src/words/word-vectors.js';
import { Word2Vec, type Word2VecOptions } from '../../src/words/word2vec.js';
import { expectTopics, topicSentences } from './topics.js';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-word2vec-'));
afterAll(() => rmSync(folder, { recursive: true }));

const numbersOf = (vectors: WordVectors): Float32Array => vectors.vectors.toTypedArray();

/** 66,000 words of novels and speeches. */
let english: Corpus;
let topics: Corpus;

beforeAll(async () => {
  english = await Corpus.read(path.join(root, 'bench/data/english.txt'));
  topics = await Corpus.read(topicSentences(3000));
});

describe('sampling', () => {
  const counts = Float64Array.of(1000, 300, 90, 50, 10, 5, 5, 1);

  it('draws words in proportion to a power of their counts', () => {
    const { thresholds, aliases } = negativeSampling(counts, 0.75, 5);
    const shares = new Float64Array(counts.length);
    for (const [column, threshold] of thresholds.entries()) {
      const stays = (threshold + Number(threshold === 2 ** 32 - 1)) / 2 ** 32;
      shares[column] += stays / counts.length;
      shares[aliases[column]] += (1 - stays) / counts.length;
    }
    const weights = counts.map((count) => count ** 0.75);
    const sum = weights.reduce((a, b) => a + b);
    for (const [word, share] of shares.entries()) expect(share).toBeCloseTo(weights[word] / sum, 8);
  });

  it('asks fewest questions about frequent words', () => {
    const { offsets, nodes, labels } = hierarchicalSoftmax(counts);
    const lengths = Array.from(counts, (_, word) => offsets[word + 1] - offsets[word]);
    for (let word = 1; word < counts.length; word++) expect(lengths[word]).toBeGreaterThanOrEqual(lengths[word - 1]);
    // The mean length of an optimal code is within one bit of the entropy.
    const total = counts.reduce((a, b) => a + b);
    const entropy = counts.reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0);
    const mean = lengths.reduce((sum, length, word) => sum + (length * counts[word]) / total, 0);
    expect(mean).toBeGreaterThanOrEqual(entropy);
    expect(mean).toBeLessThan(entropy + 1);
    // No word's path begins another's: from the root on, answers tell all words apart.
    const paths = lengths.map((_, word) => {
      const steps = Array.from(nodes.subarray(offsets[word], offsets[word + 1]), (node, n) => [
        node,
        labels[offsets[word] + n],
      ]);
      return `${steps.reverse().join(' ')} `;
    });
    for (const a of paths) for (const b of paths) if (a !== b) expect(a.startsWith(b)).toBe(false);
    expect(Math.max(...nodes)).toBe(counts.length - 2);
    expect(hierarchicalSoftmax(Float64Array.of(7)).nodes.length).toBe(0);
  });

  it('keeps rare words always', () => {
    const keep = keepThresholds(counts, 1e-2);
    expect(keep.at(-1)).toBe(2 ** 32 - 1);
    const ratio = (1e-2 * 1461) / 1000;
    expect(keep[0] / 2 ** 32).toBeCloseTo(Math.sqrt(ratio) + ratio, 8);
    expect([...keepThresholds(counts, 0)]).toEqual(Array(counts.length).fill(2 ** 32 - 1));
  });
});

const KINDS: readonly (readonly [string, Word2VecOptions])[] = [
  ['skip-gram', {}],
  ['skip-gram, hierarchical softmax', { objective: 'hierarchicalSoftmax' }],
  ['continuous bag', { architecture: 'continuousBag' }],
  ['continuous bag, hierarchical softmax', { architecture: 'continuousBag', objective: 'hierarchicalSoftmax' }],
  ['skip-gram, subwords', { subwords: { buckets: 500 } }],
];

describe('Word2Vec', () => {
  it.each(KINDS)('learns which words belong together: %s', async (_, options) => {
    const model = new Word2Vec(topics, { dimensions: 20, learningRate: 0.1, subsample: 0, epochs: 15, ...options });
    expect(model.isTrained).toBe(false);
    await model.train({ threads: 1 });
    expect(model.isTrained).toBe(true);
    expectTopics(model.vectors());
    model.dispose();
  });

  it('learns from real text', async () => {
    using model = new Word2Vec(english, { dimensions: 50, epochs: 3 });
    const losses: number[] = [];
    await model.train({ onProgress: ({ loss }) => losses.push(loss) });
    // Before training, every score is 0 and every loss log 2.
    expect(losses.at(-1)).toBeLessThan(0.9 * Math.LN2);
    const vectors = model.vectors();
    expect(vectors.size).toBe(english.words.length);
    expect(vectors.dimension).toBe(50);
  });

  it('gives the same vectors for the same seed on one thread', async () => {
    const train = async (seed: number): Promise<Float32Array> => {
      using model = new Word2Vec(topics, { dimensions: 10, epochs: 2, seed });
      await model.train({ threads: 1 });
      return numbersOf(model.vectors());
    };
    const first = await train(5);
    expect(await train(5)).toEqual(first);
    expect(await train(6)).not.toEqual(first);
  });

  it('trains alike on the reference backend', async () => {
    const train = async (): Promise<Float32Array> => {
      using model = new Word2Vec(topics, { dimensions: 10, epochs: 1 });
      await model.train({ threads: 1 });
      return numbersOf(model.vectors());
    };
    const native = await train();
    setDefaultBackend('reference');
    try {
      const reference = await train();
      for (const [n, value] of reference.entries()) expect(Math.abs(value - native[n])).toBeLessThan(1e-4);
    } finally {
      setDefaultBackend('native');
    }
  });

  it('goes on after it was aborted, and after it was saved and loaded', async () => {
    const options = { dimensions: 16, epochs: 6, seed: 3 };
    using whole = new Word2Vec(topics, options);
    await whole.train({ threads: 1 });

    using model = new Word2Vec(topics, options);
    const controller = new AbortController();
    const reason = new Error('lunch');
    const file = path.join(folder, 'model.safetensors');
    const onEpoch = async (epoch: number): Promise<void> => {
      if (epoch !== 1) return;
      await model.save(file);
      controller.abort(reason);
    };
    await expect(model.train({ threads: 1, signal: controller.signal, onEpoch })).rejects.toBe(reason);
    expect(model.isTrained).toBe(false);
    await model.train({ threads: 1 });
    expect(numbersOf(model.vectors())).toEqual(numbersOf(whole.vectors()));

    using loaded = Word2Vec.load(file, topics);
    expect(loaded.isTrained).toBe(false);
    await loaded.train({ threads: 1 });
    expect(numbersOf(loaded.vectors())).toEqual(numbersOf(whole.vectors()));
    await loaded.train();
    expect(numbersOf(loaded.vectors())).toEqual(numbersOf(whole.vectors()));
  });

  it('stops soon after a signal, wherever it is', async () => {
    using model = new Word2Vec(english, { dimensions: 50, epochs: 1000 });
    const controller = new AbortController();
    const reason = new Error('enough');
    const training = model.train({ signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(training).rejects.toBe(reason);
    await expect(model.train({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(model.isTrained).toBe(false);
    expect(model.vectors().size).toBe(english.words.length);
  });

  it('rejects with what callbacks throw, and can be trained on', async () => {
    using model = new Word2Vec(english, { dimensions: 50, epochs: 200 });
    const mistake = new Error('no such meter');
    const throws = (): never => {
      throw mistake;
    };
    await expect(model.train({ onProgress: throws })).rejects.toBe(mistake);
    using small = new Word2Vec(topics, { dimensions: 4, epochs: 2 });
    await expect(small.train({ onEpoch: throws })).rejects.toBe(mistake);
    await small.train();
    expect(small.isTrained).toBe(true);
  });

  it('reports progress', async () => {
    using model = new Word2Vec(topics, { dimensions: 8, epochs: 2 });
    const reports: { epoch: number; fraction: number; words: number }[] = [];
    const epochs: number[] = [];
    await model.train({
      onProgress: ({ epoch, fraction, words }) => reports.push({ epoch, fraction, words }),
      onEpoch: (epoch) => void epochs.push(epoch),
    });
    expect(epochs).toEqual([0, 1]);
    expect(reports.at(-1)).toEqual({ epoch: 1, fraction: 1, words: topics.size });
  });

  it('does one thing at a time', async () => {
    using model = new Word2Vec(topics, { dimensions: 8, epochs: 50 });
    const training = model.train();
    for (const use of [() => model.vectors(), () => model.dispose()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_BACKEND' }));
    }
    await expect(model.train()).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    await expect(model.save(path.join(folder, 'busy'))).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    await training;
  });

  it('gives unseen words vectors from their parts', async () => {
    using model = new Word2Vec(topics, { dimensions: 8, epochs: 1, subwords: { buckets: 300, minLength: 2 } });
    await model.train();
    const vectors = model.vectors();
    expect(vectors.subwords?.buckets).toBe(300);
    expect(vectors.subwords?.vectorOf('stocks')).toHaveLength(8);
  });

  it('trains a vocabulary of one word', async () => {
    const corpus = await Corpus.read(['a a a a a a']);
    for (const [, options] of KINDS) {
      using model = new Word2Vec(corpus, { dimensions: 4, ...options });
      await model.train();
      expect(numbersOf(model.vectors()).every(Number.isFinite)).toBe(true);
    }
  });

  it('refuses settings out of range', () => {
    const wrong: readonly object[] = [
      { architecture: 'glove' },
      { objective: 'softmax' },
      { dimensions: 0 },
      { dimensions: 1e9 },
      { window: 2.5 },
      { negatives: -1 },
      { samplingPower: Number.NaN },
      { subsample: 2 },
      { learningRate: -0.1 },
      { finalLearningRate: '0' },
      { epochs: Number.POSITIVE_INFINITY },
      { seed: -1 },
      { subwords: { minLength: 5, maxLength: 4 } },
      { subwords: { buckets: 2 ** 40 } },
    ];
    for (const options of wrong) {
      expect(() => new Word2Vec(topics, options), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      );
    }
  });

  it.each([0, 1.5, 257, '2'])('refuses %s threads', async (threads) => {
    using model = new Word2Vec(topics, { dimensions: 4 });
    await expect(model.train({ threads: threads as number })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  it('refuses use after dispose', async () => {
    const model = new Word2Vec(topics, { dimensions: 4 });
    model.dispose();
    model.dispose();
    await expect(model.train()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    expect(() => model.vectors()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });

  describe('load', () => {
    const file = path.join(folder, 'sound.safetensors');
    const damaged = path.join(folder, 'damaged.safetensors');

    beforeAll(async () => {
      using model = new Word2Vec(topics, { dimensions: 4 });
      await model.save(file);
    });

    async function damage(change: {
      tensors?: (tensors: Record<string, ReturnType<SafetensorsFile['tensor']>>) => void;
      metadata?: (metadata: Record<string, string>) => void;
    }): Promise<() => Word2Vec> {
      const sound = SafetensorsFile.open(file);
      const tensors = { input: sound.tensor('input'), output: sound.tensor('output') };
      const metadata = Object.fromEntries(sound.metadata);
      change.tensors?.(tensors);
      change.metadata?.(metadata);
      await writeSafetensors(damaged, tensors, metadata);
      return () => Word2Vec.load(damaged, topics);
    }

    it('refuses another corpus', () => {
      expect(() => Word2Vec.load(file, english)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    });

    it('refuses what is no model of ours', async () => {
      const bad = expect.objectContaining({ code: 'ERR_FORMAT' });
      writeFileSync(damaged, readFileSync(file).subarray(0, 300));
      expect(() => Word2Vec.load(damaged, topics)).toThrow(bad);
      const changes: Parameters<typeof damage>[0][] = [
        { metadata: (metadata) => delete metadata.format },
        { metadata: (metadata) => Object.assign(metadata, { version: '9' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '{' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '[]' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '{"settings":{},"block":-1}' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '{"settings":{"window":0},"block":0}' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '{"settings":{"dimensions":null},"block":0}' }) },
        { metadata: (metadata) => Object.assign(metadata, { state: '{"settings":{"dimensions":40},"block":0}' }) },
        {
          metadata: (metadata) =>
            Object.assign(metadata, { state: metadata.state.replace('"block":0', '"block":1000000') }),
        },
        { tensors: (tensors) => delete tensors.input },
        { tensors: (tensors) => Object.assign(tensors, { output: tensors.output.transpose() }) },
        { tensors: (tensors) => Object.assign(tensors, { output: tensors.output.to('float64') }) },
      ];
      for (const change of changes) expect(await damage(change)).toThrow(bad);
      await damage({});
      expect(Word2Vec.load(damaged, topics).isTrained).toBe(false);
    });
  });
});
