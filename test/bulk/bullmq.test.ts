import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Queue } from 'bullmq';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planParts } from '../../src/bulk/index.js';
import { modelFolder } from '../models/golden.js';

/* Tasks on a real queue: Redis from Debian's redis-server, BullMQ, and worker processes of which some are killed. */

const ROWS = 4000;
const ROWS_PER_PART = 250;

let folder: string;
/** A socket in the folder, because a free port may be somebody else's by the time it is used. */
let socket: string;
let redis: ChildProcess;
const workers: ChildProcess[] = [];

async function startWorker(...fate: string[]): Promise<ChildProcess> {
  const script = path.resolve(import.meta.dirname, 'worker.mjs');
  const worker = spawn(process.execPath, [script, socket, modelFolder('bert'), ...fate], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  workers.push(worker);
  await once(worker.stdout as NodeJS.ReadableStream, 'data');
  return worker;
}

const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-queue-'));
  socket = path.join(folder, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder];
  redis = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  redis.on('error', (error) => {
    throw new Error(`redis-server cannot be started (${error.message}); npm run setup installs it`);
  });
  for await (const line of redis.stdout as AsyncIterable<Buffer>) {
    if (line.toString().includes('eady to accept connections')) break;
  }
});
afterAll(async () => {
  for (const child of [...workers, redis]) {
    if (ended(child)) continue;
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
  const queue = new Queue('embed', { connection: { path: socket } });
  const options = { inputs: [input], output, idColumn: 'id', rowsPerPart: ROWS_PER_PART };
  for await (const task of planParts(options)) {
    // The second time, as after a producer that was killed, changes nothing: the queue knows the task by its name.
    for (let twice = 0; twice < 2; twice++) await queue.add('part', task, { jobId: `part-${task.range.part}` });
  }
  const count = ROWS / ROWS_PER_PART;
  expect(await queue.getWaitingCount()).toBe(count);

  // The doomed begin, so that each of them gets a part to die with.
  const doomed = [await startWorker('doomed'), await startWorker('doomed')];
  await Promise.all([startWorker(), startWorker()]);
  while ((await queue.getCompletedCount()) < count) {
    expect(await queue.getFailed()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(doomed.map(({ signalCode }) => signalCode)).toEqual(['SIGKILL', 'SIGKILL']);
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
