/*
 * Loading word vectors, and answering analogies with them, beside gensim; and 10,000 queries over 400,000 vectors at once.
 *
 *   GEMMULE_GLOVE        a text file of GloVe, packed by gzip or not, such as the first 100,000 lines of glove.6B.50d.txt
 *   GEMMULE_QUESTIONS    Google's questions-words.txt; without it, no analogies are evaluated
 *   GEMMULE_BENCH_ROUNDS 3 without it
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { engineInfo, Random } from 'gemmule';
import { WordVectors } from 'gemmule/words';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';

const { GEMMULE_GLOVE: glove, GEMMULE_QUESTIONS: questions } = process.env;
const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const [BATCH, VECTORS, DIMENSION] = [10_000, 400_000, 100];
const QUERIES: readonly (readonly [string, string, string])[] = Array.from({ length: 50 }, (_, n) =>
  n % 2 === 0 ? (['king', 'man', 'woman'] as const) : (['berlin', 'germany', 'france'] as const),
);

interface Measured {
  readonly packed: number;
  readonly plain: number;
  readonly binary: number;
  readonly cache: number;
  readonly query: number;
  readonly analogies?: number;
  readonly correct?: number;
  readonly asked?: number;
}

async function seconds(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1e3;
}

async function loadAndForget(file: string): Promise<void> {
  (await WordVectors.load(file)).dispose();
}

async function measure(files: Files): Promise<Measured> {
  const packed = await seconds(() => loadAndForget(files.packed));
  const plain = await seconds(() => loadAndForget(files.plain));
  const binary = await seconds(() => loadAndForget(files.binary));
  const cache = await seconds(() => loadAndForget(files.cache));
  using words = await WordVectors.load(files.binary);
  words.analogy('king', 'man', 'woman');
  const query = (await seconds(() => QUERIES.map((query) => words.analogy(...query)))) / QUERIES.length;
  if (questions === undefined) return { packed, plain, binary, cache, query };
  let answered = { correct: 0, total: 0 };
  const analogies = await seconds(async () => {
    answered = (await words.evaluateAnalogies(questions)).total;
  });
  return { packed, plain, binary, cache, query, analogies, correct: answered.correct, asked: answered.total };
}

interface Files {
  readonly packed: string;
  readonly plain: string;
  readonly binary: string;
  readonly cache: string;
}

/** The same words in every format. */
async function prepare(file: string, folder: string): Promise<Files> {
  const files = Object.fromEntries(
    Object.entries({ packed: 'glove.txt.gz', plain: 'glove.txt', binary: 'glove.bin', cache: 'glove.gemmule' }).map(
      ([name, ending]) => [name, path.join(folder, ending)],
    ),
  ) as unknown as Files;
  using words = await WordVectors.load(file, { format: 'glove' });
  await words.save(files.packed, { format: 'glove' });
  await words.save(files.plain, { format: 'glove' });
  await words.save(files.binary);
  await words.save(files.cache);
  return files;
}

async function besideGensim(file: string): Promise<Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-bench-'));
  try {
    const files = await prepare(file, folder);
    preparePython('requirements-gensim.txt');
    const ours: Measured[] = [];
    const theirs: Measured[] = [];
    const job = {
      repeats: 1,
      texts: { packed: files.packed, plain: files.plain },
      binary: files.binary,
      cache: path.join(folder, 'gensim.kv'),
      queries: QUERIES,
      questions: questions === undefined ? '' : path.resolve(questions),
    };
    await measure(files);
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await measure(files));
      theirs.push(measureInPython<Measured>('word_vectors_peer.py', job, engineInfo().threads));
    }
    const names = {
      packed: 'load text, gzip',
      plain: 'load text',
      binary: 'load word2vec binary',
      cache: 'open the own format',
      query: 'one analogy',
      analogies: 'questions-words.txt',
    } as const;
    const rows: Row[] = [];
    for (const [key, name] of Object.entries(names) as [keyof typeof names, string][]) {
      const [mine, peer] = [ours, theirs].map(
        (all) => median(all.map((measured) => measured[key] ?? Number.NaN)) * 1e3,
      );
      if (Number.isNaN(mine)) continue;
      rows.push({
        case: name,
        'gemmule ms': mine,
        'gensim ms': peer,
        'times faster': (peer as number) / (mine as number),
      } as Row);
    }
    const right = ({ correct, asked }: Measured): string => `${correct} of ${asked}`;
    if (questions !== undefined) {
      process.stdout.write(
        `analogies right: gemmule ${right(ours[0] as Measured)}, gensim ${right(theirs[0] as Measured)}\n`,
      );
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Many queries at once, and what memory they take beyond the vectors. */
async function batch(): Promise<Row> {
  const random = new Random(1);
  const names = Array.from({ length: VECTORS }, (_, n) => `w${n}`);
  using words = WordVectors.from(names, random.normal([VECTORS, DIMENSION]));
  using queries = random.normal([BATCH, DIMENSION]);
  await words.nearestAll(queries.slice([0, 500]));
  const before = process.memoryUsage.rss();
  let peak = before;
  const taken = await seconds(() =>
    words.nearestAll(queries, {
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage.rss());
      },
    }),
  );
  return {
    case: `${BATCH} queries, ${VECTORS} x ${DIMENSION}, best 10`,
    seconds: taken,
    'GFLOP/s': (2 * BATCH * VECTORS * DIMENSION) / taken / 1e9,
    'more MiB': (peak - before) / 2 ** 20,
  };
}

if (glove === undefined) {
  process.stdout.write('GEMMULE_GLOVE names no file: nothing is compared with gensim\n');
} else {
  report('word-vectors', `Word vectors beside gensim, medians of ${ROUNDS} rounds`, await besideGensim(glove));
}
report('word-vectors-batch', 'Many queries at once', [await batch()]);
