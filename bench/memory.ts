/*
 * Resident memory over 100,000 `embed` calls, with their tensors disposed and with them left to the garbage collector.
 * After the warm-up it may not grow by more than 20 MiB; beyond that, this benchmark fails.
 */
import { memory, TextEmbedder } from 'gemmule';
import { type Row, report } from './lib/report.js';
import { embeddingWorkloads } from './lib/workloads.js';

const CALLS = Number(process.env.GEMMULE_BENCH_CALLS ?? 100_000);
const WARM_UP_SHARE = 0.1;
const LIMIT_MEBIBYTES = 20;
const MEBIBYTE = 2 ** 20;

const embedder = await TextEmbedder.load();
const texts = embeddingWorkloads()[0]?.texts.map((text) => text.split(' ').slice(0, 3).join(' ')) ?? [];

function residentAfterCollection(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / MEBIBYTE;
}

async function grow(calls: number, dispose: boolean): Promise<Row> {
  const nativeBefore = memory().tensors;
  let warm = 0;
  for (let call = 0; call < calls; call++) {
    const vectors = await embedder.embed([texts[call % texts.length] as string]);
    if (dispose) vectors.dispose();
    if (call === Math.floor(calls * WARM_UP_SHARE)) warm = residentAfterCollection();
  }
  const end = residentAfterCollection();
  return {
    tensors: dispose ? 'disposed' : 'left to the collector',
    calls,
    'MiB after warm-up': warm,
    'MiB at the end': end,
    'MiB grown': end - warm,
    'native MiB left': (memory().tensors - nativeBefore) / MEBIBYTE,
  };
}

const rows = [await grow(CALLS / 2, true), await grow(CALLS / 2, false)];
report('memory', `Resident memory over ${CALLS.toLocaleString('en')} embed calls`, rows);
if (rows.some((row) => Number(row['MiB grown']) > LIMIT_MEBIBYTES)) {
  process.stderr.write(`resident memory grew by more than ${LIMIT_MEBIBYTES} MiB\n`);
  process.exitCode = 1;
}
