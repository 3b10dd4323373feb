/*
 * What every JavaScript peer is put through, alike, in a process of its own. The job comes as JSON in a file, the results
 * go as one line of JSON to standard output.
 */
import { readFileSync } from 'node:fs';

const TIMER_MILLISECONDS = 5;
/** Of one text at a time, as in a server that has been up for a while: V8 goes on optimising for thousands of calls. */
const WARM_UP_MILLISECONDS = 4000;
const LATENCY_CALLS = 1000;
/** Characters of the texts whose latency is measured: about 13 tokens, so that what varies is not their length. */
const LATENCY_CHARACTERS = [45, 60];
const CALLERS = 32;
const CALLS_EACH = 16;
/** After one that is not counted. */
const CALLERS_ROUNDS = 5;

/** Reads the job: { model, workloads: [{ name, texts }], golden: [text] }. */
export function readJob() {
  return JSON.parse(readFileSync(process.argv[2], 'utf8'));
}

const quantile = (numbers, share) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
};

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
  const alike = short.filter(({ length }) => length >= least && length <= most);
  const one = (n) => embed([alike[n % alike.length]]);
  const warm = performance.now() + WARM_UP_MILLISECONDS;
  for (let n = 0; performance.now() < warm; n++) await one(n);
  for (let n = 0; n < LATENCY_CALLS; n++) latencies.push(await milliseconds(() => one(n)));
  results.latency = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  const asked = short.slice(0, CALLERS * CALLS_EACH);
  const [together, apart] = [[], []];
  await callersMilliseconds(embed, asked);
  for (let round = 0; round < CALLERS_ROUNDS; round++) {
    together.push(await milliseconds(() => embed(asked)));
    apart.push(await callersMilliseconds(embed, asked));
  }
  results.callers = { milliseconds: quantile(apart, 0.5), together: quantile(together, 0.5) };
  results.timerDelay = await worstTimerDelay(() => embed(mixed.slice(0, 400)));
  results.golden = (await embed(golden, true)).map((vector) => Array.from(vector));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
