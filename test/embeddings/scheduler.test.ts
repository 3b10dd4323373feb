import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RunSignal } from '../../src/backend/recorder/program.js';
import { type Job, type Route, Scheduler, type TokenBatch } from '../../src/embeddings/scheduler.js';
import { DisposedError } from '../../src/errors.js';

/** A route that gives each sequence the sum of its ids, after turns of the event loop, and notes what it was asked. */
class SumRoute implements Route {
  readonly runs: number[] = [];
  atOnce = 0;
  most = 0;

  async run({ ids, cuSeqlens }: TokenBatch, signal: RunSignal): Promise<Float32Array> {
    signal.throwIfAborted();
    this.runs.push(cuSeqlens.length - 1);
    this.most = Math.max(this.most, ++this.atOnce);
    await setImmediate();
    await setImmediate();
    this.atOnce -= 1;
    signal.throwIfAborted();
    return Float32Array.from({ length: cuSeqlens.length - 1 }, (_, sequence) =>
      ids.subarray(cuSeqlens[sequence], cuSeqlens[sequence + 1]).reduce((a, b) => a + b, 0),
    );
  }
}

/** Works for a while, as tokenising does. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** A job whose item i has `length` ids of value i. */
function job(route: Route, size: number, length = 1, more: Partial<Job> = {}): Job & { readonly sums: number[] } {
  const sums: number[] = new Array(size).fill(Number.NaN);
  return {
    route,
    size,
    sums,
    encode: (index) => ({ ids: new Int32Array(length).fill(index) }),
    accept: (index, { numbers, sequence }) => {
      sums[index] = numbers[sequence] as number;
    },
    ...more,
  };
}

const expected = (size: number, length = 1) => Array.from({ length: size }, (_, index) => index * length);

describe('Scheduler', () => {
  it('gives every item its own result, in runs of bounded size, never more than two at once', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const jobs = [job(route, 300, 100), job(route, 7, 3000), job(route, 1)];
    await Promise.all(jobs.map((each) => scheduler.submit(each)));
    expect(jobs.map(({ sums }) => sums)).toEqual([expected(300, 100), expected(7, 3000), expected(1)]);
    expect(Math.max(...route.runs)).toBeLessThanOrEqual(20);
    expect(route.most).toBe(2);
  });

  it('aborts no run that has ended', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const signals: RunSignal[] = [];
    const noting: Route = {
      run: (batch, signal) => {
        signals.push(signal);
        return route.run(batch, signal);
      },
    };
    await scheduler.submit(job(noting, 3, 1000));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it('does not let a large job hold up a small one', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const ended: string[] = [];
    await Promise.all([
      scheduler.submit(job(route, 10_000, 100)).then(() => ended.push('large')),
      setImmediate().then(() => scheduler.submit(job(route, 2)).then(() => ended.push('small'))),
    ]);
    expect(ended).toEqual(['small', 'large']);
  });

  it('cancels nothing but the job that was aborted while its items were being prepared', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const controller = new AbortController();
    const reason = new Error('nobody waits');
    const slow = job(route, 50, 1, {
      signal: controller.signal,
      encode: () => {
        spin(5);
        return { ids: Int32Array.of(1) };
      },
    });
    const aborted = scheduler.submit(slow);
    const other = job(route, 3);
    // The first run has one item of the first job and is waiting for its next turn.
    const submitted = setImmediate().then(() => {
      controller.abort(reason);
      return scheduler.submit(other);
    });
    await expect(aborted).rejects.toBe(reason);
    await submitted;
    expect(other.sums).toEqual(expected(3));
  });

  it('stops runs that nobody waits for', async () => {
    const scheduler = new Scheduler();
    const controller = new AbortController();
    const stopped = deferred();
    const route: Route = {
      run: (_batch, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            stopped.resolve(undefined);
            reject(signal.reason);
          });
          controller.abort(new Error('gone'));
        }),
    };
    await expect(scheduler.submit(job(route, 1, 1, { signal: controller.signal }))).rejects.toThrow('gone');
    await stopped.promise;
  });

  it('keeps failures to the job that they belong to', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const failing = (name: 'encode' | 'accept' | 'onProgress') =>
      job(route, 3, 1, {
        [name]: () => {
          throw new Error(name);
        },
      });
    const good = job(route, 5);
    const results = await Promise.allSettled(
      [failing('encode'), good, failing('accept'), failing('onProgress')].map((each) => scheduler.submit(each)),
    );
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.message : 'done'))).toEqual([
      'encode',
      'done',
      'accept',
      'onProgress',
    ]);
    expect(good.sums).toEqual(expected(5));
  });

  it('fails all jobs of a run that fails, and goes on', async () => {
    const scheduler = new Scheduler();
    const route = new SumRoute();
    let broken = true;
    const flaky: Route = {
      run: (...args) => (broken ? Promise.reject(new Error('no memory')) : route.run(...args)),
    };
    const results = await Promise.allSettled([job(flaky, 2), job(flaky, 2)].map((each) => scheduler.submit(each)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    broken = false;
    await scheduler.submit(job(flaky, 2));
  });

  it('rejects everything when it is disposed, and says when nothing is computing any more', async () => {
    const [scheduler, route] = [new Scheduler(), new SumRoute()];
    const pending = scheduler.submit(job(route, 5000, 10));
    await setImmediate();
    const idle = new Promise<void>((resolve) => scheduler.dispose(resolve));
    await expect(pending).rejects.toThrow(DisposedError);
    await idle;
    expect(route.atOnce).toBe(0);
    await expect(scheduler.submit(job(route, 1))).rejects.toThrow(DisposedError);
  });
});

function deferred() {
  let resolve: (value?: unknown) => void = () => undefined;
  const promise = new Promise((onResolve) => {
    resolve = onResolve;
  });
  return { promise, resolve };
}
