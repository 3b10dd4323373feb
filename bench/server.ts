/*
 * 100 clients that ask a server for the vector of one short text at a time, each as soon as it has its answer: gemmule's
 * server, and one around transformers.js. Servers and clients share the machine. Fails when gemmule's gives an error, when
 * its memory grows after the first ten seconds (from the median of the third that follows to that of the last), or when its
 * event loop is late. Settings:
 *
 *   GEMMULE_BENCH_SECONDS    how long each server is under load; 30 without it
 *   GEMMULE_BENCH_CLIENTS    100 without it
 *   GEMMULE_BENCH_PEERS=1    transformers.js's server, too (npm and pip bring it on first use)
 *   GEMMULE_BENCH_ONLY       only servers whose names have this in them, such as int8
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { type Row, report } from './lib/report.js';
import { embeddingWorkloads } from './lib/workloads.js';
import { onnxFolder } from './peers/list.js';
import { preparePeers } from './peers/prepare.js';

const SECONDS = Number(process.env.GEMMULE_BENCH_SECONDS ?? 30);
const CLIENTS = Number(process.env.GEMMULE_BENCH_CLIENTS ?? 100);
const WARM_UP_SECONDS = 3;
/** When memory must no longer grow, from the beginning; earlier where the whole run is short. */
const SETTLED_SECONDS = Math.min(10, SECONDS / 3);
const LIMIT_MEBIBYTES = 20;
const LIMIT_LATE_MILLISECONDS = 10;

const folder = path.resolve('bench/peers');
const model = path.resolve('models/all-minilm-l6-v2');

interface Candidate {
  readonly name: string;
  readonly args: readonly string[];
}

interface Observation {
  readonly mebibytes: number;
  readonly p99: number;
  readonly worst: number;
}

const ours = (dtype: string): Candidate => ({
  name: `gemmule serve, ${dtype}`,
  args: [path.join(folder, 'serve-gemmule.mjs'), path.resolve('dist/serve.js'), model, dtype],
});
const candidates: Candidate[] = [ours('float32'), ours('int8')];
if (process.env.GEMMULE_BENCH_PEERS === '1') {
  preparePeers(model, false);
  for (const dtype of ['fp32', 'q8']) {
    const args = [path.join(folder, 'serve-transformers.mjs'), onnxFolder, dtype];
    candidates.push({ name: `transformers.js ${dtype} behind node:http`, args });
  }
}

/** One request on a connection of its agent; its status, once the whole answer has come. */
function post(url: URL, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(url, { method: 'POST', agent, headers }, (incoming) => {
      incoming.on('end', () => resolve(incoming.statusCode ?? 0)).on('error', reject);
      incoming.resume();
    });
    outgoing.on('error', reject).end(body);
  });
}

async function measure(name: string, url: string, observer: string): Promise<Row> {
  const texts = embeddingWorkloads()[0]?.texts ?? [];
  const bodies = texts.map((text) => JSON.stringify({ inputs: text }));
  const target = new URL('/embed', url);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const look = async (what = '') => (await (await fetch(`${observer}/${what}`)).json()) as Observation;
  const times: number[] = [];
  const statuses = new Map<number, number>();
  let [stopped, recording, next] = [false, false, 0];
  const client = async (): Promise<void> => {
    while (!stopped) {
      const body = bodies[next++ % bodies.length] as string;
      const start = performance.now();
      const status = await post(target, agent, body).catch(() => 0);
      if (!recording) continue;
      times.push(performance.now() - start);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  await wait(WARM_UP_SECONDS * 1000);
  await look('begin');
  recording = true;
  const begin = performance.now();
  await wait(SETTLED_SECONDS * 1000);
  const thirds: Observation[] = [await look()];
  for (let third = 0; third < 3; third++) {
    await wait(((SECONDS - SETTLED_SECONDS) * 1000) / 3);
    thirds.push(await look());
  }
  const [, first, , last] = thirds as [Observation, Observation, Observation, Observation];
  const seconds = (performance.now() - begin) / 1000;
  recording = false;
  stopped = true;
  await Promise.all(clients);
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    server: name,
    'requests/s': Math.round(times.length / seconds),
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
    errors: times.length - (statuses.get(200) ?? 0),
    'MiB after the beginning': first.mebibytes,
    'MiB grown since': last.mebibytes - first.mebibytes,
    'event loop p99 ms late': last.p99,
    'worst ms late': last.worst,
  };
}

async function start({ args }: Candidate): Promise<{ child: ChildProcess; url: string; observer: string }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${args.join(' ')} has ended`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  return { child, ...(JSON.parse(line) as { url: string; observer: string }) };
}

const rows: Row[] = [];
for (const candidate of candidates.filter(({ name }) => name.includes(process.env.GEMMULE_BENCH_ONLY ?? ''))) {
  const { child, url, observer } = await start(candidate);
  const exit = once(child, 'exit').catch(() => undefined);
  rows.push(await measure(candidate.name, url, observer));
  child.kill('SIGKILL');
  await exit;
}
report('server', `${CLIENTS} clients with one short text each, for ${SECONDS} s`, rows);

for (const row of rows.filter(({ server }) => String(server).startsWith('gemmule'))) {
  const complaints = [
    [Number(row.errors) > 0, `${row.errors} requests failed`],
    [Number(row['MiB grown since']) > LIMIT_MEBIBYTES, `memory grew by ${row['MiB grown since']} MiB`],
    [Number(row['event loop p99 ms late']) > LIMIT_LATE_MILLISECONDS, 'the event loop was late'],
  ] as const;
  for (const [isWrong, what] of complaints) {
    if (!isWrong) continue;
    process.stderr.write(`${row.server}: ${what}\n`);
    process.exitCode = 1;
  }
}
