import { BackendError, IndexOutOfRangeError } from '../../errors.js';
import type { EncodedCorpus, Word2VecTask } from '../training.js';
import { Generator } from './generator.js';

const ALWAYS = 0xffffffff;

/** What a block adds to the progress. */
export interface Work {
  items: number;
  loss: number;
  terms: number;
}

/** Refuses a corpus with words that the vocabulary has not. */
export function checkCorpus({ tokens, blockStarts }: EncodedCorpus, words: number): void {
  for (const token of tokens) {
    if (token < -1 || token >= words) {
      throw new IndexOutOfRangeError('training: the corpus has a word that the vocabulary has not');
    }
  }
  for (let block = 0; block < blockStarts.length; block++) {
    if (!(blockStarts[block] >= (block === 0 ? 0 : blockStarts[block - 1]) && blockStarts[block] <= tokens.length)) {
      throw new BackendError('training: blocks must lie one after the other within the corpus');
    }
  }
}

/** Scored rows, and what each shall be scored. */
interface Targets {
  readonly rows: number[];
  readonly labels: number[];
}

/**
 * One step, as `wordStep` in `native/kernels/training.h` says it: the mean of some rows of `input` is taught to score rows of
 * `output`. All scores come before any change; then the targets learn, in order, then the inputs. Returns the loss.
 */
function learn(task: Word2VecTask, inputRows: readonly number[], { rows, labels }: Targets, rate: number): number {
  const { input, output, stride, dimensions } = task;
  const hidden = new Float32Array(dimensions);
  for (let d = 0; d < dimensions; d++) {
    let sum = 0;
    for (const row of inputRows) sum += input[row * stride + d];
    hidden[d] = sum / inputRows.length;
  }
  let loss = 0;
  const factors = rows.map((row, n) => {
    let score = 0;
    for (let d = 0; d < dimensions; d++) score += hidden[d] * output[row * stride + d];
    loss += Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - labels[n] * score;
    return Math.fround((labels[n] - 1 / (1 + Math.exp(-score))) * rate);
  });
  const gradient = new Float32Array(dimensions);
  for (const [n, row] of rows.entries()) {
    for (let d = 0; d < dimensions; d++) {
      const weight = output[row * stride + d];
      gradient[d] += factors[n] * weight;
      output[row * stride + d] = weight + factors[n] * hidden[d];
    }
  }
  for (const row of inputRows) {
    for (let d = 0; d < dimensions; d++) input[row * stride + d] += gradient[d];
  }
  return loss;
}

/** The rows that a word adds to the inputs. */
function inputRowsOf(task: Word2VecTask, word: number): readonly number[] {
  const { subwords } = task;
  return subwords === null ? [word] : [...subwords.rows.subarray(subwords.offsets[word], subwords.offsets[word + 1])];
}

/** Adds a word, and what it is told from, to the targets. */
function addTarget(task: Word2VecTask, word: number, generator: Generator, { rows, labels }: Targets): void {
  const { objective } = task;
  if (objective.kind === 'hierarchicalSoftmax') {
    for (let n = objective.offsets[word]; n < objective.offsets[word + 1]; n++) {
      rows.push(objective.nodes[n]);
      labels.push(objective.labels[n]);
    }
    return;
  }
  rows.push(word);
  labels.push(1);
  for (let n = 0; n < objective.negatives; n++) {
    const column = generator.below(task.words);
    const sample = generator.next() < objective.thresholds[column] ? column : objective.aliases[column];
    if (sample === word) continue;
    rows.push(sample);
    labels.push(0);
  }
}

/** Trains on the words of a sentence that were kept. */
function learnSentence(
  task: Word2VecTask,
  sentence: readonly number[],
  rate: number,
  generator: Generator,
  work: Work,
): void {
  const reaches = sentence.map(() => 1 + generator.below(task.window));
  for (const [centre, word] of sentence.entries()) {
    const context = sentence.slice(Math.max(centre - reaches[centre], 0), centre + reaches[centre] + 1);
    context.splice(Math.min(centre, reaches[centre]), 1);
    if (context.length === 0) continue;
    const isBag = task.architecture === 'continuousBag';
    const inputRows = isBag ? context.flatMap((other) => inputRowsOf(task, other)) : inputRowsOf(task, word);
    const targets: Targets = { rows: [], labels: [] };
    for (const target of isBag ? [word] : context) addTarget(task, target, generator, targets);
    if (inputRows.length === 0 || targets.rows.length === 0) continue;
    work.loss += learn(task, inputRows, targets, rate);
    work.terms += targets.rows.length;
  }
}

/** Trains on one block, sentence by sentence: yields between them, so that others may have the event loop. */
export function* learnBlock(task: Word2VecTask, block: number, work: Work): Iterable<void> {
  const { tokens, blockStarts } = task.corpus;
  const blocks = blockStarts.length - 1;
  const epoch = Math.floor(block / blocks);
  const within = block % blocks;
  const done = (epoch * tokens.length + blockStarts[within]) / (task.epochs * tokens.length);
  const rate = Math.fround(task.firstRate + (task.lastRate - task.firstRate) * done);
  const generator = new Generator(...task.seed, epoch, within);
  for (let position = blockStarts[within]; position < blockStarts[within + 1]; position++) {
    const sentence: number[] = [];
    for (; position < blockStarts[within + 1] && tokens[position] >= 0; position++) {
      const keep = task.keep[tokens[position]];
      work.items++;
      if (keep === ALWAYS || generator.next() < keep) sentence.push(tokens[position]);
    }
    learnSentence(task, sentence, rate, generator, work);
    yield;
  }
}
