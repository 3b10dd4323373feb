/*
 * What a server under load is looked at by, from within: its resident memory, ten times a second, and how late a 5 ms timer
 * of its event loop fires. `GET` on the port that it prints answers with the memory since it was last asked, and the lateness
 * since it was asked for `/begin`.
 */
import { createServer } from 'node:http';

const TIMER_MILLISECONDS = 5;
const MEMORY_MILLISECONDS = 100;

let lateness = [];
let memory = [];
let expected = performance.now() + TIMER_MILLISECONDS;
function tick() {
  const now = performance.now();
  lateness.push(Math.max(0, now - expected));
  expected = now + TIMER_MILLISECONDS;
  setTimeout(tick, TIMER_MILLISECONDS);
}

/** Starts looking, and prints where the server and its observer are. */
export function observe(url) {
  setTimeout(tick, TIMER_MILLISECONDS);
  setInterval(() => memory.push(process.memoryUsage.rss()), MEMORY_MILLISECONDS);
  const observer = createServer(({ url: asked }, response) => {
    const sorted = lateness.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    memory.push(process.memoryUsage.rss());
    // Garbage comes and goes: what is in between is what the server takes.
    const mebibytes = memory.sort((a, b) => a - b)[Math.floor(memory.length / 2)] / 2 ** 20;
    response.end(JSON.stringify({ mebibytes, p50: at(0.5), p99: at(0.99), worst: at(1) }));
    if (asked === '/begin') lateness = [];
    memory = [];
  });
  observer.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ url, observer: `http://127.0.0.1:${observer.address().port}` })}\n`);
  });
}
