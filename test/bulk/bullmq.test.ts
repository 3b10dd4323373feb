import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Queue } from 'bullmq';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planParts } from '../../src/bulk/index.js';
import { modelFolder } from '../models/golden.js';

/* Tasks on a real queue: Redis from Debian's redis-server, BullMQ, and worker processes of which some are killed. */

const ROWS = 8000;
const ROWS_PER_PART = 250;

let folder: string;
let redis: ChildProcess;
let port: number;
const workers: ChildProcess[] = [];

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return free;
}

async function startWorker(): Promise<ChildProcess> {
  const script = path.resolve(import.meta.dirname, 'worker.mjs');
  const worker = spawn(process.execPath, [script, String(port), modelFolder('bert')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  workers.push(worker);
  await once(worker.stdout as NodeJS.ReadableStream, 'data');
  return worker;
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-queue-'));
  port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  redis = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  redis.on('error', (error) => {
    throw new Error(`redis-server cannot be started (${error.message}); npm run setup installs it`);
  });
  for await (const line of redis.stdout as AsyncIterable<Buffer>) {
    if (line.toString().includes('Ready to accept connections')) break;
  }
});
afterAll(async () => {
  for (const child of [...workers, redis]) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
});

it('every row is embedded once by several workers, some of which are killed', async () => {
  const input = path.join(folder, 'texts.jsonl');
  const output = path.join(folder, 'out');
  const lines = Array.from({ length: ROWS }, (_, index) => JSON.stringify({ id: index, text: `the river ${index}` }));
  writeFileSync(input, lines.join('\n'));
  const queue = new Queue('embed', { connection: { host: '127.0.0.1', port } });
  const options = { inputs: [input], output, idColumn: 'id', rowsPerPart: ROWS_PER_PART };
  for await (const task of planParts(options)) {
    // The second time, as after a producer that was killed, changes nothing: the queue knows the task by its name.
    for (let twice = 0; twice < 2; twice++) await queue.add('part', task, { jobId: `part-${task.range.part}` });
  }
  const count = ROWS / ROWS_PER_PART;
  expect(await queue.getWaitingCount()).toBe(count);

  await Promise.all([startWorker(), startWorker(), startWorker()]);
  // The worker that writes a part is in the name of the unfinished file.
  const busy = (): ChildProcess | undefined => {
    const writing = readdirSync(output).filter(
      (name) => name.endsWith('.partial') && sizeOf(path.join(output, name)) > 0,
    );
    return workers.find(
      ({ pid, signalCode }) => signalCode === null && writing.some((name) => name.includes(`.${pid}-`)),
    );
  };
  let killed = 0;
  while ((await queue.getCompletedCount()) < count) {
    expect(await queue.getFailed()).toEqual([]);
    const victim = killed < 2 ? busy() : undefined;
    if (victim !== undefined) {
      victim.kill('SIGKILL');
      await once(victim, 'exit');
      killed += 1;
      await startWorker();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(killed).toBe(2);
  await queue.close();

  const parts = readdirSync(output)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
  expect(parts).toHaveLength(count);
  const ids: string[] = [];
  for (const part of parts) {
    const file = await asyncBufferFromFile(path.join(output, part));
    const rows = (await parquetReadObjects({ file, compressors })) as unknown as { id: string; embedding: number[] }[];
    for (const { id, embedding } of rows) {
      ids.push(id);
      expect(embedding.length).toBe(48);
    }
  }
  expect(ids).toEqual(lines.map((_, index) => String(index)));
});
