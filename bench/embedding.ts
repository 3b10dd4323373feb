/* Whole texts to vectors with the default model: one plain `embed(texts)` in the order given, tokenising included. */
import { setDefaultBackend, TextEmbedder } from 'gemmule';
import { embedMilliseconds, tokenCounts } from './lib/embedding.js';
import { type Row, report } from './lib/report.js';
import { median, spreadOf } from './lib/statistics.js';
import { embeddingWorkloads } from './lib/workloads.js';

const ROUNDS = 5;
const LATENCY_CALLS = 200;

/** The reference takes seconds a text: so many of each workload are enough to know its rate. */
const REFERENCE_TEXTS = 4;

function countTokens(embedder: TextEmbedder, texts: readonly string[]): number {
  return tokenCounts(embedder, texts).reduce((sum, count) => sum + count, 0);
}

async function tokensPerSecond(embedder: TextEmbedder, texts: readonly string[], rounds: number) {
  const tokens = countTokens(embedder, texts);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push(await embedMilliseconds(embedder, texts));
  return { rate: (tokens * 1000) / median(times), spread: spreadOf(times) };
}

const rows: Row[] = [];
setDefaultBackend('reference');
const reference = await TextEmbedder.load();
setDefaultBackend('native');
const native = await TextEmbedder.load();

for (const { name, texts } of embeddingWorkloads()) {
  await embedMilliseconds(native, texts.slice(0, 50));
  const slow = await tokensPerSecond(reference, texts.slice(0, REFERENCE_TEXTS), 1);
  const fast = await tokensPerSecond(native, texts, ROUNDS);
  rows.push({
    workload: name,
    texts: texts.length,
    'mean tokens': Math.round(countTokens(native, texts) / texts.length),
    'reference tokens/s': Math.round(slow.rate),
    'native tokens/s': Math.round(fast.rate),
    'times faster': fast.rate / slow.rate,
    'spread %': Math.round(fast.spread * 100),
  });
}
report('embedding', `Embedding, all-MiniLM-L6-v2, medians of ${ROUNDS} rounds`, rows);

const [short] = embeddingWorkloads();
const latencies: number[] = [];
for (const text of (short?.texts ?? []).slice(0, LATENCY_CALLS))
  latencies.push(await embedMilliseconds(native, [text]));
latencies.sort((a, b) => a - b);
report('embedding-latency', `One short text at a time, ${latencies.length} calls`, [
  {
    'p50 ms': latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    'p99 ms': latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    'worst ms': latencies.at(-1) ?? 0,
  },
]);
