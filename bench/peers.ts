/*
 * The proof beside every rival: all peers on the same texts, tokens cut alike, in turn, each in a process of its own, over
 * several rounds. See docs/performance.md for the method. Settings:
 *
 *   GEMMULE_MINILM_FLOAT32   folder of all-MiniLM-L6-v2 as its authors publish it; the built-in float16 one without it
 *   GEMMULE_STS              sts-dev.csv of the STS benchmark, for the short texts; sentences of novels without it
 *   GEMMULE_BENCH_ROUNDS     3 without it
 *   GEMMULE_BENCH_TORCH=1    sentence-transformers on PyTorch, too (pip brings several gigabytes)
 *   GEMMULE_BENCH_PEERS      only peers whose names contain one of these words, separated by commas
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TextEmbedder } from 'gemmule';
import { type Row, report } from './lib/report.js';
import { median, spreadOf } from './lib/statistics.js';
import { embeddingWorkloads, type Workload } from './lib/workloads.js';
import { allPeers, type Peer } from './peers/list.js';
import { preparePeers } from './peers/prepare.js';

const MAX_TOKENS = 256;
const ROUNDS = Number(process.env.GEMMULE_BENCH_ROUNDS ?? 3);
const TORCH = process.env.GEMMULE_BENCH_TORCH === '1';
const GOLDEN_FILE = path.resolve('test/fixtures/minilm.json');

interface Golden {
  readonly cases: readonly { readonly text: string; readonly embedding: readonly number[] }[];
}

/** What a peer's process prints. */
interface Measurement {
  readonly firstVector: number;
  readonly throughput: Readonly<Record<string, number>>;
  readonly peakMebibytes: number;
  readonly latency: { readonly p50: number; readonly p99: number };
  /** The same texts from 32 callers that ask for one at a time, and in one call. */
  readonly callers?: { readonly milliseconds: number; readonly together: number };
  readonly timerDelay?: number;
  readonly golden: readonly (readonly number[])[];
}

function runPeer(peer: Peer, jobFile: string): Measurement | null {
  const [program = '', ...args] = peer.command(jobFile);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const last = stdout?.trimEnd().split('\n').at(-1) ?? '';
  if (status === 0 && last.startsWith('{')) return JSON.parse(last) as Measurement;
  process.stderr.write(`${peer.name} failed: ${stderr?.trim().split('\n').at(-1) ?? 'could not be started'}\n`);
  return null;
}

/** Bytes of a file, or of all files in a folder. */
function bytesOf(where: string): number {
  const status = statSync(where);
  if (!status.isDirectory()) return status.size;
  return readdirSync(where, { withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .reduce((sum, entry) => sum + bytesOf(path.join(where, entry.name)), 0);
}

function worstDifference(vectors: Measurement['golden'], golden: Golden): { worst: number; leastCosine: number } {
  let worst = 0;
  let leastCosine = 1;
  for (const [index, vector] of vectors.entries()) {
    const truth = golden.cases[index]?.embedding ?? [];
    let dot = 0;
    for (const [i, value] of vector.entries()) {
      worst = Math.max(worst, Math.abs(value - (truth[i] as number)));
      dot += value * (truth[i] as number);
    }
    leastCosine = Math.min(leastCosine, dot / Math.hypot(...vector));
  }
  return { worst, leastCosine };
}

function summarise(
  peer: Peer,
  rounds: readonly Measurement[],
  tokens: ReadonlyMap<string, number>,
  golden: Golden,
): Row {
  const over = (value: (measurement: Measurement) => number | undefined): number =>
    median(rounds.map(value).filter((number) => number !== undefined));
  const rates = [...tokens].map(([name, count]): [string, number] => [
    `${name} tokens/s`,
    Math.round((count * 1000) / over((round) => round.throughput[name])),
  ]);
  const { worst, leastCosine } = worstDifference(rounds[0]?.golden ?? [], golden);
  const hasCallers = rounds[0]?.callers !== undefined;
  return {
    peer: peer.name,
    ...Object.fromEntries(rates),
    'spread %': Math.round(
      100 * Math.max(...[...tokens.keys()].map((name) => spreadOf(rounds.map((r) => r.throughput[name] ?? 0)))),
    ),
    'p50 ms': over((round) => round.latency.p50),
    'p99 ms': over((round) => round.latency.p99),
    ...(hasCallers
      ? {
          '32 callers %': Math.round(100 * over((r) => r.callers && r.callers.together / r.callers.milliseconds)),
        }
      : {}),
    'peak MB': Math.round(over((round) => round.peakMebibytes)),
    'first ms': Math.round(over((round) => round.firstVector)),
    ...(hasCallers ? { 'delay ms': Math.round(over((round) => round.timerDelay)) } : {}),
    'install MB': Math.round(peer.installs.reduce((sum, where) => sum + bytesOf(where), 0) / 2 ** 20),
    'worst error': worst.toExponential(1),
    'least cosine': leastCosine.toFixed(6),
  };
}

function ratios(peers: readonly Peer[], rows: readonly Row[], workloads: readonly Workload[]): Row[] {
  return (['float32', 'bfloat16', 'int8'] as const).flatMap((precision) => {
    const of = (ours: boolean) =>
      rows.filter((row) => peers.some((p) => p.name === row.peer && p.ours === ours && p.precision === precision));
    const [own] = of(true);
    const rivals = of(false);
    if (own === undefined || rivals.length === 0) return [];
    const columns = workloads.map(({ name }): [string, number] => {
      const column = `${name} tokens/s`;
      return [name, Number(own[column]) / Math.max(...rivals.map((row) => Number(row[column])))];
    });
    return [{ 'ours to the best rival': precision, ...Object.fromEntries(columns) }];
  });
}

const modelFolder = path.resolve(process.env.GEMMULE_MINILM_FLOAT32 ?? 'models/all-minilm-l6-v2');
const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as Golden;
const workloads = embeddingWorkloads();
preparePeers(modelFolder, TORCH);

const embedder = await TextEmbedder.load(modelFolder);
const tokens = new Map(
  workloads.map(({ name, texts }) => [
    name,
    texts.reduce((sum, text) => sum + Math.min(embedder.tokenizer.encode(text).ids.length, MAX_TOKENS), 0),
  ]),
);
embedder.dispose();

mkdirSync('build/peers', { recursive: true });
const jobFile = path.resolve('build/peers/job.json');
writeFileSync(jobFile, JSON.stringify({ model: modelFolder, workloads, golden: golden.cases.map(({ text }) => text) }));

const wanted = process.env.GEMMULE_BENCH_PEERS?.split(',');
const peers = allPeers(TORCH).filter(({ name }) => wanted?.some((word) => name.includes(word)) ?? true);
const measured = new Map<Peer, Measurement[]>();
for (let round = 1; round <= ROUNDS; round++) {
  for (const peer of peers) {
    if (round > 1 && !measured.has(peer)) continue;
    process.stderr.write(`round ${round} of ${ROUNDS}: ${peer.name}\n`);
    const result = runPeer(peer, jobFile);
    if (result !== null) measured.set(peer, [...(measured.get(peer) ?? []), result]);
  }
}
const rows = [...measured].map(([peer, rounds]) => summarise(peer, rounds, tokens, golden));
report('peers', `Embedding with all-MiniLM-L6-v2 beside its peers, medians of ${ROUNDS} rounds`, rows);
report(
  'peers-ratios',
  'Tokens per second, ours to the best rival of the same precision',
  ratios(peers, rows, workloads),
);
