import { describe, expect, it } from 'vitest';
import { getBackend } from '../../src/backend/index.js';
import { Generator } from '../../src/backend/reference/generator.js';
import type { CooccurrenceTask, GloVeTask, TaskRun, Trainer, Word2VecTask } from '../../src/backend/training.js';
import { hierarchicalSoftmax, keepThresholds, negativeSampling } from '../../src/words/sampling.js';

/* Both trainers take the same random numbers and the same steps: they differ by rounding alone. */

const native = getBackend('native').trainer as Trainer;
const reference = getBackend('reference').trainer as Trainer;

const WORDS = 60;
const DIMENSIONS = 20;
const STRIDE = 32;
const BUCKETS = 15;

/** Sentences of 1 to 19 words, frequent ones first among the ids. */
function randomCorpus(sentences: number): { tokens: Int32Array; blockStarts: Float64Array } {
  const generator = new Generator(3);
  const tokens: number[] = [];
  const starts = [0];
  for (let sentence = 0; sentence < sentences; sentence++) {
    for (let length = 1 + generator.below(19); length > 0; length--) {
      tokens.push(Math.min(generator.below(WORDS), generator.below(WORDS)));
    }
    tokens.push(-1);
    if (sentence % 9 === 8) starts.push(tokens.length);
  }
  if (starts.at(-1) !== tokens.length) starts.push(tokens.length);
  return { tokens: Int32Array.from(tokens), blockStarts: Float64Array.from(starts) };
}

function randomRows(rows: number, seed: number, scale: number): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: rows * STRIDE }, (_, n) => {
    const value = (generator.next() / 2 ** 32 - 0.5) * scale;
    return n % STRIDE < DIMENSIONS ? value : 0;
  });
}

const corpus = randomCorpus(50);
const counts = new Float64Array(WORDS);
for (const token of corpus.tokens) if (token >= 0) counts[token]++;

function taskOf(variant: number): Word2VecTask {
  const subwords = (variant & 4) !== 0;
  const blocks = corpus.blockStarts.length - 1;
  return {
    architecture: (variant & 1) === 0 ? 'skipGram' : 'continuousBag',
    words: WORDS,
    dimensions: DIMENSIONS,
    stride: STRIDE,
    window: 4,
    firstRate: 0.05,
    lastRate: 0.01,
    epochs: 2,
    seed: [11, 5],
    firstBlock: 0,
    endBlock: 2 * blocks,
    input: randomRows(WORDS + BUCKETS, 1, 1),
    output: randomRows(WORDS, 2, 1),
    corpus,
    keep: keepThresholds(counts, 0.01),
    objective: (variant & 2) === 0 ? negativeSampling(counts, 0.75, 3) : hierarchicalSoftmax(counts),
    subwords: subwords
      ? {
          offsets: Int32Array.from({ length: WORDS + 1 }, (_, word) => 2 * word),
          rows: Int32Array.from({ length: 2 * WORDS }, (_, n) => (n % 2 === 0 ? n / 2 : WORDS + (n % BUCKETS))),
        }
      : null,
  };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, n) => Math.max(largest, Math.abs(value - b[n])), 0);
}

const VARIANTS = Array.from({ length: 8 }, (_, variant) => {
  const { architecture, objective, subwords } = taskOf(variant);
  return { variant, name: `${architecture}, ${objective.kind}${subwords === null ? '' : ', subwords'}` };
});

describe('word2vec training', () => {
  it.each(VARIANTS)('is the same on both backends: $name', async ({ variant }) => {
    const tasks = [taskOf(variant), taskOf(variant)] as const;
    const fast = await native.word2vec(tasks[0], 1).ended;
    const slow = await reference.word2vec(tasks[1], 1).ended;
    expect(fast.next).toBe(tasks[0].endBlock);
    expect({ next: fast.next, items: fast.items, terms: fast.terms }).toEqual({
      next: slow.next,
      items: slow.items,
      terms: slow.terms,
    });
    // Of some 100 steps that touch a row, each errs by the rounding of 20 products, times 25 scores, times the rate of 0.05.
    const bound = 2 ** -24 * 100 * 22 * 25 * 0.05;
    expect(largestDifference(tasks[0].input, tasks[1].input)).toBeLessThan(bound);
    expect(largestDifference(tasks[0].output, tasks[1].output)).toBeLessThan(bound);
    expect(Math.abs(fast.loss / slow.loss - 1)).toBeLessThan(1e-5);
    // And not because nothing was learnt.
    expect(largestDifference(tasks[0].input, taskOf(variant).input)).toBeGreaterThan(0.01);
    expect(largestDifference(tasks[0].output, taskOf(variant).output)).toBeGreaterThan(0.01);
  });

  it.each([
    ['native', native],
    ['reference', reference],
  ])('goes on after an interruption as if there had been none: %s', async (_, trainer) => {
    const whole = taskOf(0);
    await trainer.word2vec(whole, 1).ended;
    const parts = taskOf(0);
    await trainer.word2vec({ ...parts, endBlock: 4 }, 1).ended;
    await trainer.word2vec({ ...parts, firstBlock: 4 }, 1).ended;
    expect(parts.input).toEqual(whole.input);
    expect(parts.output).toEqual(whole.output);
  });

  it.each([
    ['native', native],
    ['reference', reference],
  ])('ends when it is cancelled, after whole blocks: %s', async (_, trainer) => {
    const task = { ...taskOf(0), epochs: 100_000, endBlock: 100_000 * (corpus.blockStarts.length - 1) };
    const run = trainer.word2vec(task, 2);
    while (run.progress().items === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    run.cancel();
    const { next, items } = await run.ended;
    expect(next).toBeGreaterThan(0);
    expect(next).toBeLessThan(task.endBlock);
    const lengths = Array.from(task.corpus.blockStarts.subarray(1), (end, block) =>
      corpus.tokens.subarray(corpus.blockStarts[block], end).reduce((sum, token) => sum + Number(token >= 0), 0),
    );
    const blocks = lengths.length;
    let expected = 0;
    for (let block = 0; block < next; block++) expected += lengths[block % blocks];
    expect(items).toBe(expected);
    expect(run.progress()).toEqual(await run.ended);
    run.cancel();
  });

  it('refuses a corpus that does not fit, on both backends', async () => {
    const wrong = {
      ...taskOf(0),
      corpus: { ...corpus, tokens: corpus.tokens.map((token, n) => (n === 5 ? WORDS : token)) },
    };
    await expect((async () => native.word2vec(wrong, 1).ended)()).rejects.toMatchObject({ code: 'ERR_INDEX' });
    await expect((async () => reference.word2vec(wrong, 1).ended)()).rejects.toMatchObject({ code: 'ERR_INDEX' });
    await expect(native.word2vec({ ...taskOf(0), stride: 20 }, 1).ended).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    await expect(native.word2vec({ ...taskOf(0), words: 1.5 }, 1).ended).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    await expect(native.word2vec(taskOf(0), 0).ended).rejects.toMatchObject({ code: 'ERR_BACKEND' });
  });

  it('does several trainings at once', async () => {
    const tasks = [taskOf(0), taskOf(3), taskOf(0)];
    const runs: TaskRun[] = tasks.map((task) => native.word2vec(task, 1));
    await Promise.all(runs.map((run) => run.ended));
    expect(tasks[2].input).toEqual(tasks[0].input);
  });
});

function gloveTask(): GloVeTask {
  const generator = new Generator(9);
  const pairs = 500;
  const rows = randomRows(WORDS, 3, 0.5);
  const columns = randomRows(WORDS, 4, 0.5);
  for (let word = 0; word < WORDS; word++) {
    rows[word * STRIDE + DIMENSIONS + 1] = 1;
    columns[word * STRIDE + DIMENSIONS] = 1;
  }
  return {
    words: WORDS,
    dimensions: DIMENSIONS,
    stride: STRIDE,
    learningRate: 0.05,
    epochs: 3,
    blockPairs: 64,
    firstBlock: 0,
    endBlock: 3 * Math.ceil(pairs / 64),
    rows,
    columns,
    rowSquares: new Float32Array(WORDS * STRIDE).fill(1),
    columnSquares: new Float32Array(WORDS * STRIDE).fill(1),
    pairRows: Int32Array.from({ length: pairs }, () => generator.below(WORDS)),
    pairColumns: Int32Array.from({ length: pairs }, () => generator.below(WORDS)),
    pairTargets: Float32Array.from({ length: pairs }, () => generator.below(4)),
    pairWeights: Float32Array.from({ length: pairs }, () => generator.below(100) / 100),
  };
}

describe('GloVe training', () => {
  it('is the same on both backends', async () => {
    const [a, b] = [gloveTask(), gloveTask()];
    const fast = await native.glove(a, 1).ended;
    const slow = await reference.glove(b, 1).ended;
    expect(fast.items).toBe(1500);
    expect(slow.items).toBe(1500);
    // Each word is in some 50 steps, which err by the rounding of 22 products, times the rate of 0.05, divided by a root.
    const bound = 2 ** -24 * 50 * 24 * 4;
    for (const name of ['rows', 'columns', 'rowSquares', 'columnSquares'] as const) {
      expect(largestDifference(a[name], b[name])).toBeLessThan(bound);
    }
    expect(largestDifference(a.rows, gloveTask().rows)).toBeGreaterThan(0.05);
    expect(Math.abs(fast.loss / slow.loss - 1)).toBeLessThan(1e-5);
  });

  it.each([
    ['native', native],
    ['reference', reference],
  ])('says when numbers run away: %s', async (_, trainer) => {
    const task = gloveTask();
    task.rows.fill(1e30);
    task.columns.fill(1e30);
    await expect(trainer.glove(task, 1).ended).rejects.toMatchObject({ code: 'ERR_NUMERICAL' });
  });
});

describe('cooccurrences', () => {
  async function count(trainer: Trainer, threads: number) {
    const rowCounts = new Float64Array(WORDS);
    const base: CooccurrenceTask = {
      words: WORDS,
      corpus,
      weights: Float64Array.of(1, 1 / 2, 1 / 3),
      rowCounts,
      rowOffsets: new Float64Array(),
      columns: new Int32Array(),
      values: new Float32Array(),
    };
    await trainer.cooccurrences(base, threads).ended;
    const rowOffsets = new Float64Array(WORDS + 1);
    for (let word = 0; word < WORDS; word++) rowOffsets[word + 1] = rowOffsets[word] + rowCounts[word];
    const columns = new Int32Array(rowOffsets[WORDS]);
    const values = new Float32Array(rowOffsets[WORDS]);
    await trainer.cooccurrences({ ...base, rowOffsets, columns, values }, threads).ended;
    return { rowOffsets, columns, values };
  }

  it('are the same on both backends and any number of threads', async () => {
    const slow = await count(reference, 1);
    expect(await count(native, 1)).toEqual(slow);
    expect(await count(native, 3)).toEqual(slow);
    expect(slow.columns.length).toBeGreaterThan(WORDS);
  });

  it('refuse rows of another corpus', async () => {
    const { rowOffsets, columns, values } = await count(native, 1);
    const shifted = rowOffsets.map((offset, row) => (row === 5 ? offset - 1 : offset));
    for (const trainer of [native, reference]) {
      const task = {
        words: WORDS,
        corpus,
        weights: Float64Array.of(1, 1 / 2, 1 / 3),
        rowCounts: new Float64Array(WORDS),
        rowOffsets: shifted,
        columns,
        values,
      };
      await expect(trainer.cooccurrences(task, 1).ended).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    }
  });
});
