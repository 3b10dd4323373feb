import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Program } from '../../../src/backend/recorder/program.js';
import { recordProgram } from '../../../src/backend/recorder/recorder.js';
import type { View } from '../../../src/backend/view.js';
import { DisposedError } from '../../../src/errors.js';
import { addon, native } from './addon.js';

const SIZE = 256;

/** Products of 256 x 256, of which each gives its input back: the weight is the identity. */
function chain(operations: number): Program {
  const identity = new Float32Array(SIZE * SIZE);
  for (let index = 0; index < SIZE; index++) identity[index * SIZE + index] = 1;
  const weight: View<'float32'> = {
    dtype: 'float32',
    dims: [SIZE, SIZE],
    strides: [SIZE, 1],
    offset: 0,
    data: identity,
  };
  return recordProgram({
    backend: native,
    inputs: { x: { dtype: 'float32', dims: [SIZE, SIZE] } },
    forward: ({ x }) => {
      const recorder = (x.data as unknown as { recorder: typeof native }).recorder;
      let y = x;
      for (let step = 0; step < operations; step++) [y] = recorder.run('matmul', [y, weight], {}) as [View];
      return { y };
    },
  });
}

const input = (value: number) => new Float32Array(SIZE * SIZE).fill(value);

describe('a run', () => {
  it('does not hold the event loop', async () => {
    let ended = false;
    const running = chain(500).run({ x: input(3) });
    running.finally(() => {
      ended = true;
    });
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    expect(ended).toBe(false);
    expect((await running).y).toEqual(input(3));
  });

  it('takes its inputs as they are when it starts', async () => {
    const program = chain(20);
    const x = input(5);
    const running = program.run({ x });
    x.fill(-1);
    structuredClone(x.buffer, { transfer: [x.buffer] });
    expect((await running).y).toEqual(input(5));
  });

  it('ends although its Program is disposed meanwhile', async () => {
    const program = chain(100);
    const running = [program.run({ x: input(1) }), program.run({ x: input(2) })];
    program.dispose();
    await expect(program.run({ x: input(1) })).rejects.toThrow(DisposedError);
    expect((await Promise.all(running)).map(({ y }) => y?.[7])).toEqual([1, 2]);
  });

  it('is rejected at once when it is aborted, even behind others', async () => {
    const long = chain(20_000);
    const settled: string[] = [];
    const controller = new AbortController();
    const first = long.run({ x: input(1) }, { signal: controller.signal });
    const waiting = new AbortController();
    const second = long.run({ x: input(1) }, { signal: waiting.signal });
    const reason = new Error('changed my mind');
    first.finally(() => settled.push('first')).catch(() => undefined);
    waiting.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(settled).toEqual([]);
    // Neither what was aborted behind others nor the rest of what was under way is computed before the next run: all of
    // that would be the work of 40,000 products.
    const next = chain(1).run({ x: input(1) });
    const beforeNext = process.cpuUsage();
    controller.abort();
    await expect(first).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await next;
    const afterNext = process.cpuUsage(beforeNext);
    const whole = chain(2000);
    const beforeWhole = process.cpuUsage();
    await whole.run({ x: input(1) });
    expect(afterNext.user).toBeLessThan(process.cpuUsage(beforeWhole).user);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const program = chain(1);
    const { signal } = new AbortController();
    for (let run = 0; run < 20; run++) await program.run({ x: input(1) }, { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('below the types', () => {
  it('refuses what is no Program, and cancels nothing twice', () => {
    const none = {} as never;
    const words = Float64Array.of(0x47454d4d, 1, 0, 0, 0, 0, 0);
    const program = addon.createProgram(words, [], []);
    for (const attempt of [
      () => addon.runProgram(none, [], 0, 0, [], () => {}),
      () => addon.runProgram(program, [], -1, 0, [], () => {}),
      () => addon.runProgram(program, [], 0, Number.NaN, [], () => {}),
      () => addon.runProgram(program, [], 0, 0, [], none),
      () => addon.runProgram(program, [{}] as never, 0, 0, [], () => {}),
      () => addon.cancelRun(none, 1),
      () => addon.disposeProgram(none),
      () => addon.createProgram(words, [1] as never, []),
      () => addon.createProgram(none, [], []),
    ]) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    expect(() => addon.createProgram(words.subarray(1), [], [])).toThrow(
      expect.objectContaining({ code: 'ERR_PROGRAM' }),
    );
    addon.cancelRun(program, 12_345);
    addon.disposeProgram(program);
    addon.disposeProgram(program);
    expect(() => addon.runProgram(program, [], 0, 0, [], () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_DISPOSED' }),
    );
  });
});
