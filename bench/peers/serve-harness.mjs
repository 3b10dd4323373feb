/*
 * What a server under load is looked at by, from within: its resident memory, and how late a 5 ms timer of its event loop
 * fires. `GET /` on the port that it prints answers with both, and begins to look anew.
 */
import { createServer } from 'node:http';

const TIMER_MILLISECONDS = 5;

let lateness = [];
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
  const observer = createServer((_request, response) => {
    const sorted = lateness.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    const mebibytes = process.memoryUsage().rss / 2 ** 20;
    response.end(JSON.stringify({ mebibytes, p50: at(0.5), p99: at(0.99), worst: at(1) }));
    lateness = [];
  });
  observer.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ url, observer: `http://127.0.0.1:${observer.address().port}` })}\n`);
  });
}
