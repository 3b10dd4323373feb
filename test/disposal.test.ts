import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seat } from '../src/bias/index.js';
import { embedFiles } from '../src/bulk/index.js';
import {
  MultiVectorEmbedder,
  Reranker,
  SparseEmbedder,
  StaticEmbedder,
  TextClassifier,
  TokenClassifier,
} from '../src/heads/index.js';
import { eye, GemmuleError, Random, Tensor, TextEmbedder, writeNpy, writeSafetensors } from '../src/index.js';
import * as linalg from '../src/linalg/index.js';
import { mapTexts } from '../src/pictures/index.js';
import { indexFolder, VectorIndex } from '../src/search/index.js';
import {
  Corpus,
  countCooccurrences,
  GloVe,
  informationVectors,
  Subwords,
  Word2Vec,
  WordVectors,
} from '../src/words/index.js';
import { headFolder } from './heads/golden.js';
import { modelFolder } from './models/golden.js';

/*
 * What takes or holds memory of the engine and gives a promise must survive that the memory is given back meanwhile: either it
 * finishes with the right data, or it rejects with a DisposedError and leaves files as they were.
 */

interface Disposable {
  dispose(): void;
}

/** A call that has not been made yet. */
interface Prepared {
  readonly call: () => Promise<unknown>;
  /** What is disposed of while the promise is pending. */
  readonly objects: readonly Disposable[];
  /** The file that the call writes. */
  readonly file?: string;
}

interface Case {
  readonly name: string;
  readonly prepare: () => Prepared | Promise<Prepared>;
  /** Whether it must finish, since its documentation says so. */
  readonly finishes?: boolean;
}

const OLD = 'what was there before';

let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-disposal-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function oldFile(ending: string): string {
  files += 1;
  const file = path.join(folder, `${files}${ending}`);
  writeFileSync(file, OLD);
  return file;
}

/** Large enough to lie in memory that is freed at once. */
const SIDE = 160;
const matrix = (seed: number): Tensor<'float64'> => new Random(seed).normal([SIDE, SIDE], { dtype: 'float64' });
const positive = (seed: number): Tensor<'float64'> => {
  using a = matrix(seed);
  return a.matmul(a.T).add(eye(SIDE, SIDE, { dtype: 'float64' })) as Tensor<'float64'>;
};

const ofOne = (name: string, call: (a: Tensor<'float64'>) => Promise<unknown>): Case => ({
  name,
  finishes: true,
  prepare: () => {
    const a = positive(1);
    return { call: () => call(a), objects: [a] };
  },
});

const ofTwo = (name: string, call: (a: Tensor<'float64'>, b: Tensor<'float64'>) => Promise<unknown>): Case => ({
  name,
  finishes: true,
  prepare: () => {
    const [a, b] = [positive(1), matrix(2)];
    return { call: () => call(a, b), objects: [a, b] };
  },
});

const LINALG: readonly Case[] = [
  ofTwo('solveAsync', linalg.solveAsync),
  ofTwo('solveTriangularAsync', (a, b) => linalg.solveTriangularAsync(a, b)),
  ofTwo('lstsqAsync', linalg.lstsqAsync),
  ofOne('invAsync', linalg.invAsync),
  ofOne('pinvAsync', linalg.pinvAsync),
  ofOne('detAsync', linalg.detAsync),
  ofOne('slogdetAsync', linalg.slogdetAsync),
  ofOne('matrixRankAsync', linalg.matrixRankAsync),
  ofOne('normAsync', (a) => linalg.normAsync(a, { order: 2 })),
  ofOne('condAsync of order 2', linalg.condAsync),
  ofOne('condAsync of order 1', (a) => linalg.condAsync(a, { order: 1 })),
  ofOne('randomizedSvdAsync', (a) => linalg.randomizedSvdAsync(a, 5)),
  ofOne('expmAsync', (a) => linalg.expmAsync(a.divide(1000) as Tensor<'float64'>)),
  ofOne('expmAsync of small elements', linalg.expmAsync),
  ofOne('matrixPowerAsync', (a) => linalg.matrixPowerAsync(a, 5)),
  ofOne('matrixPowerAsync of the inverse', (a) => linalg.matrixPowerAsync(a, -3)),
  ofOne('sqrtmAsync', linalg.sqrtmAsync),
  ofOne('sqrtmAsync, complex', (a) => linalg.sqrtmAsync(a, { output: 'complex' })),
  ofOne('svdAsync', linalg.svdAsync),
  ofOne('svdvalsAsync', linalg.svdvalsAsync),
  ofOne('eighAsync', linalg.eighAsync),
  ofOne('eigvalshAsync', linalg.eigvalshAsync),
  ofOne('eigAsync', linalg.eigAsync),
  ofOne('eigvalsAsync', linalg.eigvalsAsync),
  ofOne('qrAsync', linalg.qrAsync),
  ofOne('choleskyAsync', linalg.choleskyAsync),
  ofOne('luAsync', linalg.luAsync),
  ofOne('schurAsync', linalg.schurAsync),
  ofOne('schurAsync, complex', (a) => linalg.schurAsync(a, { output: 'complex' })),
];

const FILES: readonly Case[] = [
  {
    name: 'writeNpy',
    finishes: true,
    prepare: () => {
      const [a, file] = [matrix(1), oldFile('.npy')];
      return { call: () => writeNpy(file, a), objects: [a], file };
    },
  },
  {
    name: 'writeNpy of a transposed tensor',
    finishes: true,
    prepare: () => {
      const [a, file] = [matrix(1), oldFile('.npy')];
      const b = a.T;
      return { call: () => writeNpy(file, b), objects: [a, b], file };
    },
  },
  {
    name: 'writeSafetensors',
    finishes: true,
    prepare: () => {
      const [a, b, file] = [matrix(1), matrix(2), oldFile('.safetensors')];
      const c = b.T;
      return { call: () => writeSafetensors(file, { a, c }), objects: [a, b, c], file };
    },
  },
];

const WORDS = Array.from({ length: 600 }, (_, n) => `w${n}`);

function someWords(withSubwords = false): WordVectors {
  const vectors = new Random(3).normal([WORDS.length, 50]);
  const subwords = withSubwords
    ? new Subwords({ minLength: 2, maxLength: 3 }, new Random(4).normal([500, 50]))
    : undefined;
  const words = WordVectors.from(WORDS, vectors, subwords === undefined ? {} : { subwords });
  vectors.dispose();
  return words;
}

const savedWords = (ending: string, options = {}, withSubwords = false): Case => ({
  name: `WordVectors.save to ${ending} ${JSON.stringify(options)}`,
  finishes: true,
  prepare: () => {
    const [words, file] = [someWords(withSubwords), oldFile(ending)];
    return { call: () => words.save(file, options), objects: [words], file };
  },
});

const ofWords = (name: string, call: (words: WordVectors) => Promise<unknown>): Case => ({
  name,
  finishes: true,
  prepare: () => {
    const words = someWords();
    return { call: () => call(words), objects: [words] };
  },
});

/** More than are answered at once. */
const MANY = 4200;
const QUERIES = Array.from({ length: MANY }, (_, n) => ({ positive: [`w${n % 600}`, `w${(n * 7) % 600}`] }));

function oneCorpus(): Promise<Corpus> {
  const words = new Random(5).integers(0, 400, [40_000]).toTypedArray();
  const lines = Array.from({ length: 400 }, (_, n) => [...words.subarray(n * 100, n * 100 + 100)].map((w) => `v${w}`));
  return Corpus.read(
    lines.map((line) => line.join(' ')),
    { minCount: 1 },
  );
}

const ofCorpus = (name: string, call: (corpus: Corpus) => Promise<unknown>): Case => ({
  name,
  prepare: async () => {
    const corpus = await oneCorpus();
    return { call: () => call(corpus), objects: [corpus] };
  },
});

const WORD_VECTORS: readonly Case[] = [
  savedWords('.txt'),
  savedWords('.txt.gz'),
  savedWords('.vec'),
  savedWords('.bin'),
  savedWords('.bin.gz'),
  savedWords('.glove', { format: 'glove' }),
  savedWords('.gemmule'),
  savedWords('.gemmule', { dtype: 'float16' }),
  savedWords('.bin', { format: 'fasttext-bin' }, true),
  savedWords('.gemmule', {}, true),
  ofWords('mostSimilarAll', (words) => words.mostSimilarAll(QUERIES, { topN: 2 })),
  ofWords('mostSimilarAll by products', (words) => words.mostSimilarAll(QUERIES, { topN: 2, method: '3CosMul' })),
  ofWords('nearestAll', (words) => words.nearestAll(new Random(6).normal([MANY, 50]), { topN: 2 })),
  {
    name: 'nearestAll, of the queries',
    prepare: () => {
      const [words, queries] = [someWords(), new Random(6).normal([MANY, 50])];
      return { call: () => words.nearestAll(queries, { topN: 2 }), objects: [queries] };
    },
  },
  ofWords('evaluateAnalogies', (words) => {
    const file = path.join(folder, 'questions.txt');
    writeFileSync(
      file,
      Array.from({ length: MANY }, (_, n) => [n, n + 1, n * 5, n * 7].map((w) => `w${w % 600}`).join(' ')).join('\n'),
    );
    return words.evaluateAnalogies(file);
  }),
  ofCorpus('Word2Vec.train', async (corpus) => {
    const model = new Word2Vec(corpus, { dimensions: 32, epochs: 2 });
    await model.train({ threads: 1 });
    return model.vectors().vectors;
  }),
  ofCorpus('GloVe.train', async (corpus) => {
    const model = new GloVe(corpus, { dimensions: 32, epochs: 2 });
    await model.train({ threads: 1 });
    return model.vectors().vectors;
  }),
  ofCorpus('countCooccurrences', async (corpus) => (await countCooccurrences(corpus)).toDense()),
  ofCorpus('informationVectors', async (corpus) => (await informationVectors(corpus, { dimensions: 8 })).vectors),
  {
    name: 'Word2Vec.save',
    prepare: async () => {
      const [corpus, file] = [await oneCorpus(), oldFile('.safetensors')];
      const model = new Word2Vec(corpus, { dimensions: 64 });
      return { call: () => model.save(file), objects: [model, corpus], file };
    },
  },
];

const oneIndex = (storage: 'float32' | 'int8' | 'binary'): VectorIndex => {
  const index = new VectorIndex({ dimension: 64, storage });
  using vectors = new Random(7).normal([1000, 64]);
  index.add(
    Array.from({ length: 1000 }, (_, n) => ({ id: `${n}` })),
    vectors,
  );
  return index;
};

const SEARCH: readonly Case[] = (['float32', 'int8', 'binary'] as const).flatMap((storage): Case[] => [
  {
    name: `VectorIndex.search in ${storage}`,
    prepare: () => {
      const index = oneIndex(storage);
      return { call: () => index.search(new Random(8).normal([64])), objects: [index] };
    },
  },
  {
    name: `VectorIndex.searchMany in ${storage}`,
    prepare: () => {
      const [index, queries] = [oneIndex(storage), new Random(8).normal([400, 64])];
      return { call: () => index.searchMany(queries), objects: [queries, index] };
    },
  },
  {
    name: `VectorIndex.save in ${storage}`,
    prepare: () => {
      const [index, file] = [oneIndex(storage), oldFile('.index')];
      return { call: () => index.save(file), objects: [index], file };
    },
  },
]);

const TEXTS = Array.from({ length: 40 }, (_, n) => `river bank number ${n} and the king of money`.repeat(1 + (n % 3)));

const ofModel = <M extends Disposable>(
  name: string,
  load: () => Promise<M>,
  call: (model: M) => Promise<unknown>,
): Case => ({
  name,
  prepare: async () => {
    const model = await load();
    return { call: () => call(model), objects: [model] };
  },
});

const ofHead = <M extends Disposable>(
  name: string,
  heads: { load(folder: string): Promise<M> },
  folder: string,
  call: (model: M) => Promise<unknown>,
): Case => ofModel(name, () => heads.load(headFolder(folder)), call);

const embedder = (): Promise<TextEmbedder> => TextEmbedder.load(modelFolder('bert'));
const IDS = Array.from({ length: 40 }, (_, n) => [2, 5 + n, 6, 7, 3]);

const MODELS: readonly Case[] = [
  ofModel('TextEmbedder.embed', embedder, (model) => model.embed(TEXTS)),
  ofModel('TextEmbedder.embed as bits', embedder, (model) => model.embed(TEXTS, { precision: 'ubinary' })),
  ofModel('TextEmbedder.embedIds', embedder, (model) => model.embedIds(IDS)),
  ofModel('TextEmbedder.embedTokens', embedder, (model) => model.embedTokens(TEXTS)),
  ofModel('TextEmbedder.attention', embedder, (model) => model.attention(TEXTS[0] as string)),
  ofModel('TextEmbedder.hiddenStates', embedder, (model) => model.hiddenStates(TEXTS[0] as string)),
  ofHead('Reranker.rerank', Reranker, 'reranker-bert', (model) => model.rerank('who?', TEXTS)),
  ofHead('TextClassifier.classify', TextClassifier, 'classifier-distilbert', (model) => model.classify(TEXTS)),
  ofHead('TokenClassifier.classify', TokenClassifier, 'ner-bert', (model) => model.classify(TEXTS)),
  ofHead('SparseEmbedder.embed', SparseEmbedder, 'splade-bert', (model) => model.embed(TEXTS)),
  ofHead('MultiVectorEmbedder.rerank', MultiVectorEmbedder, 'colbert-stanford', (model) => model.rerank('who?', TEXTS)),
  ofHead('StaticEmbedder.embed', StaticEmbedder, 'static-model2vec', (model) => model.embed(TEXTS)),
  ofModel('seat', embedder, (model) => {
    const [x, y, a, b] = [['king'], ['river'], ['money', 'bank'], ['water', 'data']] as const;
    return seat(model, { x, y, a, b });
  }),
  {
    name: 'mapTexts',
    prepare: () => {
      const vectors = new Random(9).normal([300, 64]);
      const texts = Array.from({ length: 300 }, (_, n) => `${n}`);
      return { call: () => mapTexts(texts, vectors, { iterations: 20 }), objects: [vectors] };
    },
  },
  {
    name: 'indexFolder',
    prepare: async () => {
      const [model, file] = [await embedder(), oldFile('.index')];
      rmSync(file);
      const documents = path.join(folder, `documents-${files}`);
      mkdirSync(documents);
      writeFileSync(path.join(documents, 'a.md'), TEXTS.join('\n\n'));
      return { call: () => indexFolder(documents, model, { file }).then(({ added }) => added), objects: [model] };
    },
  },
  {
    name: 'embedFiles',
    prepare: async () => {
      const model = await embedder();
      files += 1;
      const [input, output] = [path.join(folder, `${files}.jsonl`), path.join(folder, `out-${files}`)];
      writeFileSync(input, TEXTS.map((text) => JSON.stringify({ text })).join('\n'));
      const call = async () => {
        const { rows } = await embedFiles({ inputs: [input], output, format: 'npy' }, model);
        return rows;
      };
      return { call, objects: [model] };
    },
  },
];

/** Everything as plain values that can be compared. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return { shape: value.shape, numbers: [...value.toTypedArray()] };
  if (ArrayBuffer.isView(value)) return [...(value as Float32Array)];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Takes the memory that has just been freed, and writes over it. */
function reuseFreedMemory(): Tensor[] {
  return [SIDE * SIDE * 8, WORDS.length * 50 * 4, 160_000, 256_000, 102_400].map((bytes) =>
    new Random(99).uniform([Math.ceil(bytes / 4)]).add(1000),
  );
}

const contentsOf = (file: string | undefined): string | null =>
  file === undefined || !existsSync(file) ? null : readFileSync(file, 'latin1');

describe('what is disposed of while a promise is pending', () => {
  it.each([...LINALG, ...FILES, ...WORD_VECTORS, ...SEARCH, ...MODELS])('$name', async ({ prepare, finishes }) => {
    const undisturbed = await prepare();
    const expected = plain(await undisturbed.call());
    const expectedFile = contentsOf(undisturbed.file);
    for (const turns of [0, 1, 2, 5, 12]) {
      const { call, objects, file } = await prepare();
      const before = contentsOf(file);
      const pending = call().then(
        (value) => ({ value: plain(value) }),
        (error: unknown) => ({ error }),
      );
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      for (const object of objects) {
        try {
          object.dispose();
        } catch (error) {
          // It may refuse to go while it is needed.
          expect(error).toBeInstanceOf(GemmuleError);
        }
      }
      const garbage = reuseFreedMemory();
      const outcome = await pending;
      for (const one of garbage) one.dispose();
      if ('error' in outcome) {
        expect(outcome.error).toMatchObject({ code: 'ERR_DISPOSED' });
        expect(finishes, String((outcome.error as Error).message)).not.toBe(true);
        expect(contentsOf(file)).toBe(before);
      } else {
        expect(outcome.value).toEqual(expected);
        if (file !== undefined) expect(contentsOf(file) === expectedFile, `contents of ${file}`).toBe(true);
      }
    }
  });
});
