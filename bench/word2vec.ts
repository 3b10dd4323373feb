/*
 * Learning word vectors beside gensim: words a second on one thread and on all, and how good the vectors are. Both read the
 * same sentences, make the same number of epochs with the same settings, and are timed without the reading.
 *
 *   GEMMULE_CORPUS            a text file; without it bench/data/english.txt, which is too small for good vectors
 *   GEMMULE_WORDSIM           WordSim-353, tab separated; without it that column stays empty
 *   GEMMULE_BENCH_ROUNDS      3 without it
 *   GEMMULE_BENCH_EPOCHS      5 without it
 *   GEMMULE_BENCH_REFERENCE   1 measures the reference backend, too, on a small part of the text
 *
 * The held-out test asks of pairs of words that stand within 3 words of each other in a twentieth of the text which nobody
 * learnt from: is one nearer to the other than a random word as frequent? 50 % is chance.
 */
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { engineInfo, setDefaultBackend } from 'gemmule';
import { Corpus, sentencesOf, Word2Vec, type Word2VecOptions, WordVectors } from 'gemmule/words';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';

const CORPUS = process.env.GEMMULE_CORPUS ?? 'bench/data/english.txt';
const WORDSIM = process.env.GEMMULE_WORDSIM;
const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const EPOCHS = Number(process.env.GEMMULE_BENCH_EPOCHS ?? 5);
const REFERENCE = process.env.GEMMULE_BENCH_REFERENCE === '1';

/** Every so many sentences one is held out. */
const HELD_OUT = 20;
const REACH = 3;
/** Ranks of the words that are asked about: neither those that stand everywhere nor those that few have learnt. */
const [FIRST_RANK, LAST_RANK] = [100, 5000];

const VARIANTS: Readonly<Record<string, Word2VecOptions>> = {
  'skip-gram': {},
  'skip-gram, hierarchical': { objective: 'hierarchicalSoftmax' },
  'continuous bag': { architecture: 'continuousBag' },
  'skip-gram, subwords': { subwords: { buckets: 200_000 } },
};

interface Trained {
  readonly seconds: number;
  readonly vectors: string;
}

const folder = path.resolve('build/peers/word2vec');

/** Cuts the text into sentences, writes those to learn from, and keeps the others. */
async function prepare(): Promise<{ file: string; words: number; heldOut: (readonly string[])[] }> {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'sentences.txt');
  const out = createWriteStream(file);
  const heldOut: (readonly string[])[] = [];
  let words = 0;
  let sentences = 0;
  for await (const sentence of sentencesOf(CORPUS, { unit: 'paragraph' })) {
    if (sentence.length === 0) continue;
    if (sentences++ % HELD_OUT === HELD_OUT - 1) {
      heldOut.push(sentence);
    } else {
      words += sentence.length;
      out.write(`${sentence.join(' ')}\n`);
    }
  }
  out.end();
  await finished(out);
  return { file, words, heldOut };
}

async function train(corpus: Corpus, name: string, threads: number, seed: number): Promise<Trained> {
  using model = new Word2Vec(corpus, { ...VARIANTS[name], epochs: EPOCHS, seed });
  const start = performance.now();
  await model.train({ threads });
  const seconds = (performance.now() - start) / 1e3;
  const file = path.join(folder, 'gemmule.txt');
  await model.vectors().save(file);
  return { seconds, vectors: file };
}

/** The share of held-out pairs that are nearer than a word as frequent. */
function heldOutShare(vectors: WordVectors, corpus: Corpus, heldOut: readonly (readonly string[])[]): number {
  const ranks = new Map(corpus.words.map((word, rank) => [word, rank]));
  const isAsked = (rank: number | undefined): rank is number =>
    rank !== undefined && rank >= FIRST_RANK && rank < Math.min(LAST_RANK, corpus.words.length - 1);
  let right = 0;
  let pairs = 0;
  for (const sentence of heldOut) {
    for (const [position, word] of sentence.entries()) {
      if (!isAsked(ranks.get(word))) continue;
      for (const other of sentence.slice(position + 1, position + 1 + REACH)) {
        const rank = ranks.get(other);
        if (other === word || !isAsked(rank)) continue;
        // The next in order of counts is as frequent.
        const random = corpus.words[rank + 1] as string;
        if (random === word) continue;
        right += Number(vectors.similarity(word, other) > vectors.similarity(word, random));
        pairs++;
      }
    }
  }
  return right / pairs;
}

async function qualityOf(file: string, corpus: Corpus, heldOut: readonly (readonly string[])[]) {
  using vectors = await WordVectors.load(file);
  return {
    wordsim: WORDSIM === undefined ? Number.NaN : vectors.evaluateSimilarity(WORDSIM).spearman,
    heldOut: heldOutShare(vectors, corpus, heldOut),
  };
}

preparePython('requirements-gensim.txt');
const { file, words, heldOut } = await prepare();
const corpus = await Corpus.read(file, { tokenize: 'whitespace' });
const all = engineInfo().threads;
const rows: Row[] = [];
for (const [name, options] of Object.entries(VARIANTS)) {
  const times: Record<string, number[]> = {};
  const note = (key: string, seconds: number): void => {
    times[key] = [...(times[key] ?? []), seconds];
  };
  const quality: Record<string, { wordsim: number[]; heldOut: number[] }> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const threads of all === 1 ? [1] : [1, all]) {
      const ours = await train(corpus, name, threads, round + 1);
      const job = { sentences: file, epochs: EPOCHS, threads, options, vectors: path.join(folder, 'gensim.txt') };
      const theirs = measureInPython<Trained>('word2vec_peer.py', { ...job, seed: round + 1 }, 1);
      for (const [who, { seconds, vectors }] of Object.entries({ gemmule: ours, gensim: theirs })) {
        note(`${who} ${threads}`, seconds);
        if (threads !== all) continue;
        const measured = await qualityOf(vectors, corpus, heldOut);
        quality[who] ??= { wordsim: [], heldOut: [] };
        quality[who].wordsim.push(measured.wordsim);
        quality[who].heldOut.push(measured.heldOut);
      }
    }
  }
  const rate = (key: string): number => Math.round((words * EPOCHS) / median(times[key] ?? []));
  for (const who of ['gemmule', 'gensim']) {
    rows.push({
      training: name,
      by: who,
      'words/s, 1 thread': rate(`${who} 1`),
      [`words/s, ${all} threads`]: rate(`${who} ${all}`),
      ...(WORDSIM === undefined ? {} : { 'WordSim-353': median(quality[who]?.wordsim ?? []) }),
      'held out %': median(quality[who]?.heldOut ?? []) * 100,
    });
  }
}
if (REFERENCE) {
  setDefaultBackend('reference');
  const part = await Corpus.read('bench/data/english.txt');
  using model = new Word2Vec(part, { epochs: 1 });
  const start = performance.now();
  await model.train();
  const seconds = (performance.now() - start) / 1e3;
  rows.push({ training: 'skip-gram', by: 'reference', 'words/s, 1 thread': Math.round(part.wordsRead / seconds) });
}
const title = `Word vectors of ${words.toLocaleString('en')} words, 100 dimensions, ${EPOCHS} epochs, medians of ${ROUNDS} rounds`;
report('word2vec', title, rows);
