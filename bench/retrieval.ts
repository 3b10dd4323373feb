/*
 * How well search finds, beside exact search by sentence-transformers with the same model: nDCG@10 (Järvelin and
 * Kekäläinen 2002) over the STS benchmark's sentences. A query is the first sentence of a pair that people scored 4 or
 * more of 5; relevant is every second sentence paired with it so; the documents are all second sentences.
 *
 *   GEMMULE_STS              sts-dev.csv of the STS benchmark; required
 *   GEMMULE_MINILM_FLOAT32   folder of all-MiniLM-L6-v2 as its authors publish it; the built-in float16 one without it
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { engineInfo, TextEmbedder } from 'gemmule';
import { VECTOR_STORAGES, VectorIndex } from 'gemmule/search';
import { measureInPython, preparePython } from './lib/python.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';

const TOP = 10;
const RELEVANT_SCORE = 4;
const ROUNDS = 5;

interface Task {
  readonly documents: readonly string[];
  readonly queries: readonly string[];
  /** For each query the documents that are relevant. */
  readonly relevant: readonly ReadonlySet<number>[];
}

function readTask(file: string): Task {
  const pairs = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
    .map((fields) => ({ score: Number(fields[4]), query: fields[5] as string, document: fields[6] as string }));
  const documents = [...new Set(pairs.map(({ document }) => document))];
  const place = new Map(documents.map((document, index) => [document, index]));
  const relevant = new Map<string, Set<number>>();
  for (const { score, query, document } of pairs) {
    if (score < RELEVANT_SCORE) continue;
    const known = relevant.get(query) ?? new Set();
    relevant.set(query, known.add(place.get(document) as number));
  }
  return { documents, queries: [...relevant.keys()], relevant: [...relevant.values()] };
}

/** The mean over queries of the discounted gain of what was found to that of the best order there is. */
function meanGain(found: readonly (readonly number[])[], relevant: readonly ReadonlySet<number>[]): number {
  const discount = (rank: number): number => 1 / Math.log2(rank + 2);
  const gains = found.map((documents, query) => {
    const wanted = relevant[query] as ReadonlySet<number>;
    const best = Array.from({ length: Math.min(TOP, wanted.size) }, (_, rank) => discount(rank));
    const gained = documents.slice(0, TOP).map((document, rank) => (wanted.has(document) ? discount(rank) : 0));
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return sum(gained) / sum(best);
  });
  return gains.reduce((total, gain) => total + gain, 0) / gains.length;
}

const stsFile = process.env.GEMMULE_STS;
if (stsFile === undefined) throw new Error('set GEMMULE_STS to the sts-dev.csv of the STS benchmark');
const model = path.resolve(process.env.GEMMULE_MINILM_FLOAT32 ?? 'models/all-minilm-l6-v2');
const task = readTask(stsFile);
preparePython('requirements-torch.txt');
const { found } = measureInPython<{ found: number[][] }>(
  'retrieval_peer.py',
  { model, documents: task.documents, queries: task.queries },
  engineInfo().threads,
);
const exact = meanGain(found, task.relevant);
const rows: Row[] = [{ search: 'sentence-transformers, exact', 'nDCG@10': exact.toFixed(4), 'share of exact %': 100 }];

const embedder = await TextEmbedder.load(model);
const documents = await embedder.embed(task.documents);
const queries = await embedder.embed(task.queries);
for (const storage of VECTOR_STORAGES) {
  const index = new VectorIndex({ dimension: embedder.dimension, storage });
  index.add(
    task.documents.map((_, n) => ({ id: String(n) })),
    documents,
  );
  const times: number[] = [];
  let hits: string[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    hits = (await index.searchMany(queries, { topN: TOP })).map((each) => each.map(({ id }) => id));
    times.push(performance.now() - start);
  }
  const gain = meanGain(
    hits.map((each) => each.map(Number)),
    task.relevant,
  );
  rows.push({
    search: `gemmule ${storage}`,
    'nDCG@10': gain.toFixed(4),
    'share of exact %': (100 * gain) / exact,
    'µs a query': (1e3 * median(times)) / task.queries.length,
  });
  index.dispose();
}
embedder.dispose();
report('retrieval', `Retrieval of ${task.documents.length} sentences by ${task.queries.length} others`, rows);
