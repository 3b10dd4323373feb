/*
 * What every JavaScript peer is put through, alike, in a process of its own. The job comes as JSON in a file, the results
 * go as one line of JSON to standard output.
 */
import { readFileSync } from 'node:fs';

const TIMER_MILLISECONDS = 5;
const LATENCY_CALLS = 200;
/** Characters of the texts whose latency is measured: about 13 tokens, so that what varies is not their length. */
const LATENCY_CHARACTERS = [45, 60];
const CALLERS = 32;
const CALLS_EACH = 16;

/** Reads the job: { model, workloads: [{ name, texts }], golden: [text] }. */
export function readJob() {
  return JSON.parse(readFileSync(process.argv[2], 'utf8'));
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function worstTimerDelay(work) {
  let worst = 0;
  let expected = performance.now() + TIMER_MILLISECONDS;
  const tick = () => {
    const now = performance.now();
    worst = Math.max(worst, now - expected);
    expected = now + TIMER_MILLISECONDS;
    timer = setTimeout(tick, TIMER_MILLISECONDS);
  };
  let timer = setTimeout(tick, TIMER_MILLISECONDS);
  await work();
  clearTimeout(timer);
  return Math.max(worst, performance.now() - expected);
}

/** 32 callers that each ask for one text at a time, as requests to a server do. */
function callersMilliseconds(embed, texts) {
  const caller = async (index) => {
    for (let n = index; n < texts.length; n += CALLERS) await embed([texts[n]]);
  };
  return milliseconds(() => Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index))));
}

/**
 * Measures one peer.
 *
 * @param create - loads the model and returns `embed(texts)`, which resolves to one plain array of numbers a text when
 *   `read` is true, and may keep them wherever it likes otherwise.
 */
export async function measure(create) {
  const { model, workloads, golden } = readJob();
  const embed = await create(model);
  await embed(['the first text']);
  const firstVector = performance.now();
  const mixed = workloads.find(({ name }) => name === 'mixed').texts;
  const short = workloads.find(({ name }) => name === 'short').texts;

  const results = { firstVector, throughput: {} };
  await embed(mixed.slice(0, 64));
  results.throughput.mixed = await milliseconds(() => embed(mixed));
  results.peakMebibytes = process.resourceUsage().maxRSS / 1024;
  for (const { name, texts } of workloads) {
    if (name !== 'mixed') results.throughput[name] = await milliseconds(() => embed(texts));
  }
  const latencies = [];
  const [least, most] = LATENCY_CHARACTERS;
  const alike = short.filter(({ length }) => length >= least && length <= most).slice(0, LATENCY_CALLS);
  for (const text of alike) latencies.push(await milliseconds(() => embed([text])));
  latencies.sort((a, b) => a - b);
  results.latency = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  const asked = short.slice(0, CALLERS * CALLS_EACH);
  const together = await milliseconds(() => embed(asked));
  results.callers = { milliseconds: await callersMilliseconds(embed, asked), together };
  results.timerDelay = await worstTimerDelay(() => embed(mixed.slice(0, 400)));
  results.golden = (await embed(golden, true)).map((vector) => Array.from(vector));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
