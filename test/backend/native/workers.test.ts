import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const addonFile = path.resolve(import.meta.dirname, '../../../build/Release/gemmule.node');

/** What every script starts with: the addon, and Programs of products of 256 x 256, 1 ms or so each. */
const PRELUDE = `
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const load = () => require(${JSON.stringify(process.env.GEMMULE_NATIVE_PATH || addonFile)});
function start(addon, operations, callback) {
  const N = 256, matmul = addon.primitives().indexOf('matmul');
  const size = (n) => [0, 0, n];
  const matrix = (value) => [2, value, 0, 2, ...size(0), ...size(N), ...size(N), ...size(N), ...size(1)];
  const words = [0x47454d4d, 1, 1, 1, 2 + operations, operations, 1, 2, 0, 0, 2, ...size(N), ...size(N)];
  for (let step = 0; step < operations; step++) {
    words.push(matmul, -1, 2, 0, 1, ...matrix(1 + step), ...matrix(0), 2 + step, 0, 2, ...size(N), ...size(N));
  }
  words.push(1 + operations);
  const weight = new Float32Array(addon.allocate(N * N * 4)).fill(1 / N);
  const output = new Float32Array(addon.allocate(N * N * 4));
  const program = addon.createProgram(Float64Array.from(words), [], [weight]);
  const run = addon.runProgram(program, [new Float32Array(N * N).fill(1)], 0, 0, [output], callback ?? (() => {}));
  return { program, run, output };
}
`;

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--expose-gc', '-e', PRELUDE + script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

const fine = (stdout: string) => ({ code: 0, signal: null, stdout, stderr: '' });

describe('in worker threads', { timeout: 120_000 }, () => {
  it('computes in several at once', async () => {
    const script = `
      const source = ${JSON.stringify(PRELUDE)} + \`
        const { output } = start(load(), 20, (error) => parentPort.postMessage(error ?? output[5]));
      \`;
      let done = 0;
      for (let index = 0; index < 6; index++) {
        new Worker(source, { eval: true }).on('message', (value) => {
          if (value !== 1) throw new Error(String(value));
          if (++done === 6) console.log('done');
        });
      }
    `;
    expect(await run(script)).toEqual(fine('done\n'));
  });

  it.each([
    ['only the worker has loaded it', ''],
    ['the main thread has loaded it, too', 'load();'],
    ['the main thread is computing itself', 'start(load(), 400);'],
  ])('survives terminate() in mid-run: %s', async (_, before) => {
    const script = `
      ${before}
      const source = ${JSON.stringify(PRELUDE)} + \`
        const addon = load();
        for (let index = 0; index < 5; index++) start(addon, 2000);
        parentPort.postMessage('running');
      \`;
      (async () => {
        for (let round = 0; round < 12; round++) {
          const worker = new Worker(source, { eval: true });
          await new Promise((resolve) => worker.once('message', resolve));
          await new Promise((resolve) => setTimeout(resolve, round));
          await worker.terminate();
        }
        // Nothing of them is left but what the engine keeps for ten seconds.
        const addon = load();
        for (let wait = 0; wait < 500 && addon.memory().tensors > 1e6; wait++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        console.log('tensors', addon.memory().tensors > 1e6 ? addon.memory().tensors : 'gone');
      })();
    `;
    expect(await run(script)).toEqual(fine('tensors gone\n'));
  });

  it('survives the end of a worker that has allocations, weights and Programs', async () => {
    const script = `
      const source = ${JSON.stringify(PRELUDE)} + \`
        const addon = load();
        addon.setCommandBuffer(Float64Array.of(2, 0, 0, 2, 0, 64, 64, 64, 1, 0, 0));
        globalThis.kept = [addon.allocate(1e6), addon.pack(0, [new Float32Array(4096)]), start(addon, 3)];
      \`;
      (async () => {
        const addon = load();
        for (let round = 0; round < 10; round++) {
          await new Promise((resolve) => new Worker(source, { eval: true }).on('exit', resolve));
        }
        for (let wait = 0; wait < 500 && addon.memory().packedWeights > 0; wait++) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        console.log(addon.memory().tensors, addon.memory().packedWeights);
      })();
    `;
    expect(await run(script)).toEqual(fine('0 0\n'));
  });
});

describe('a process', { timeout: 60_000 }, () => {
  it('waits for its runs, and no longer', async () => {
    const script = `start(load(), 50, (error, code) => console.log(error, JSON.stringify(code)));`;
    expect(await run(script)).toEqual(fine('null ""\n'));
  });

  it('may exit in mid-run', async () => {
    // All of the run would take minutes, longer than the test may.
    const script = `start(load(), 200000); setTimeout(() => { console.log('bye'); process.exit(0); }, 30);`;
    expect(await run(script)).toEqual(fine('bye\n'));
  });

  it('sees what a callback throws as an uncaught exception, and goes on', async () => {
    const script = `
      process.on('uncaughtException', (error) => console.log('caught', error.message));
      const addon = load();
      start(addon, 1, () => { throw new Error('of the callback'); });
      start(addon, 1, () => console.log('next'));
    `;
    expect(await run(script)).toEqual(fine('caught of the callback\nnext\n'));
  });

  it('hears of a cancelled run once', async () => {
    const script = `
      const addon = load();
      const { program, run } = start(addon, 5000, (error, code) => console.log(error, code));
      addon.cancelRun(program, run);
      addon.cancelRun(program, run);
    `;
    expect(await run(script)).toEqual(fine('cancelled ERR_CANCELLED\n'));
  });
});
