import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { loadNativeBackend } from '../../src/backend/native/index.js';
import { recordProgram } from '../../src/backend/recorder/recorder.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import { withScope } from '../../src/backend/scope.js';
import type { View } from '../../src/backend/view.js';
import { DisposedError, IndexOutOfRangeError, ProgramError, RecordingError, ShapeError } from '../../src/errors.js';
import { addDims, concreteDim, multiplyDims, SEQUENCES, TOKENS } from '../../src/tensor/dim.js';

const backends: Backend[] = [referenceBackend];
const native = loadNativeBackend();
if (native !== null) backends.push(native);

/** The recorder behind a symbolic view. */
function recorderOf(view: View): Backend {
  return (view.data as unknown as { recorder: Backend }).recorder;
}

function host(values: readonly number[], dims: readonly number[]): View<'float32'> {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1));
  return { dtype: 'float32', dims, strides, offset: 0, data: Float32Array.from(values) };
}

describe.each(backends.map((backend) => [backend.name, backend] as const))('a Program on %s', (_name, backend) => {
  it('runs at several sizes after one recording, with constants and views of symbolic values', async () => {
    const program = recordProgram({
      backend,
      inputs: { x: { dtype: 'float32', dims: [TOKENS, 2] } },
      forward: ({ x }) => {
        const recorder = recorderOf(x);
        const scale: View = { ...host([10, 100], [1, 2]), dims: [TOKENS, 2], strides: [0, 1] };
        const [scaled] = recorder.run('multiply', [x, scale], {});
        const secondColumn: View = { ...scaled, dims: [TOKENS], strides: [2], offset: 1 };
        const [total] = recorder.run('sum', [secondColumn], { axes: 1 });
        return { scaled, secondColumn, total };
      },
    });
    for (const tokens of [3, 1, 0, 700]) {
      const x = Float32Array.from({ length: tokens * 2 }, (_, index) => index % 7);
      const { scaled, secondColumn, total } = await program.run({ x }, { tokens });
      expect(Array.from(scaled)).toEqual(Array.from(x, (value, index) => value * (index % 2 === 0 ? 10 : 100)));
      const expected = Array.from({ length: tokens }, (_, row) => x[row * 2 + 1] * 100);
      expect(Array.from(secondColumn)).toEqual(expected);
      expect(total[0]).toBe(expected.reduce((sum, value) => sum + value, 0));
    }
    program.dispose();
    await expect(program.run({ x: new Float32Array(0) })).rejects.toThrow(DisposedError);
  });

  it('gives an input back as an output of its own, and one value under two names', async () => {
    const program = recordProgram({
      backend,
      inputs: { x: { dtype: 'float32', dims: [2] } },
      forward: ({ x }) => {
        const [y] = recorderOf(x).run('negative', [x], {});
        return { same: x, y, again: y };
      },
    });
    const x = Float32Array.of(1, -2);
    const outputs = await program.run({ x });
    expect(outputs.same).toEqual(x);
    expect(outputs.same).not.toBe(x);
    expect(outputs.y).toEqual(Float32Array.of(-1, 2));
    expect(outputs.again).toEqual(Float32Array.of(-1, 2));
  });

  it('refuses inputs that do not fit, by name', async () => {
    const program = recordProgram({
      backend,
      inputs: { x: { dtype: 'float32', dims: [multiplyDims(2, TOKENS)] } },
      forward: ({ x }) => ({ y: recorderOf(x).run('exp', [x], {})[0] }),
    });
    await expect(program.run({ x: new Float32Array(3) }, { tokens: 1 })).rejects.toThrow(
      /input x must be a Float32Array of length 2/,
    );
    await expect(program.run({ x: new Float64Array(2) }, { tokens: 1 })).rejects.toThrow(ProgramError);
    await expect(program.run({}, { tokens: 1 })).rejects.toThrow(ProgramError);
    await expect(program.run({ x: new Float32Array(2), z: new Float32Array(1) }, { tokens: 1 })).rejects.toThrow(
      /unknown input z/,
    );
    await expect(program.run({ x: new Float32Array(2) }, { tokens: Number.NaN })).rejects.toThrow(/tokens must be/);
  });

  it('reports an error of the run with the module path', async () => {
    const table = host([1, 2, 3, 4], [2, 2]);
    const program = recordProgram({
      backend,
      inputs: { ids: { dtype: 'int32', dims: [TOKENS] } },
      forward: ({ ids }) => ({
        y: withScope('embeddings.word', () => recorderOf(ids).run('take', [table, ids], { axis: 0 }))[0],
      }),
    });
    expect((await program.run({ ids: Int32Array.of(1) }, { tokens: 1 })).y).toEqual(Float32Array.of(3, 4));
    const failed = program.run({ ids: Int32Array.of(0, 7) }, { tokens: 2 });
    await expect(failed).rejects.toThrow(IndexOutOfRangeError);
    await expect(failed).rejects.toThrow(/embeddings\.word/);
  });

  it('stops when aborted and rejects with the reason', async () => {
    const program = recordProgram({
      backend,
      inputs: { x: { dtype: 'float32', dims: [TOKENS] } },
      forward: ({ x }) => {
        let y = x;
        for (let step = 0; step < 4000; step++) [y] = recorderOf(x).run('tanh', [y], {});
        return { y };
      },
    });
    const reason = new Error('no longer needed');
    await expect(
      program.run({ x: new Float32Array(1) }, { tokens: 1, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    const controller = new AbortController();
    const running = program.run({ x: new Float32Array(200_000) }, { tokens: 200_000, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(running).rejects.toBe(reason);
    expect((await program.run({ x: new Float32Array(3) }, { tokens: 3 })).y).toEqual(new Float32Array(3));
  });

  it('runs many at once, each with its own numbers', async () => {
    const program = recordProgram({
      backend,
      inputs: { x: { dtype: 'float32', dims: [TOKENS] } },
      forward: ({ x }) => ({ y: recorderOf(x).run('square', [x], {})[0] }),
    });
    const runs = Array.from({ length: 50 }, (_, n) => program.run({ x: new Float32Array(n).fill(n) }, { tokens: n }));
    for (const [n, { y }] of (await Promise.all(runs)).entries()) expect(y).toEqual(new Float32Array(n).fill(n * n));
  });
});

describe('recording', () => {
  const record = (forward: (x: View, recorder: Backend) => View): unknown =>
    recordProgram({
      backend: referenceBackend,
      inputs: { x: { dtype: 'float32', dims: [TOKENS, 4] } },
      forward: ({ x }) => ({ y: forward(x, recorderOf(x)) }),
    });

  it('throws shape errors while recording', () => {
    expect(() => record((x, recorder) => recorder.run('add', [x, host([1, 2], [2])], {})[0])).toThrow(ShapeError);
    expect(() => multiplyDims(TOKENS, SEQUENCES)).toThrow(ShapeError);
  });

  it('refuses control flow on sizes that a run binds, and outputs that depend on nothing', () => {
    expect(() => record((x) => (concreteDim(x.dims[0], 'rows') > 3 ? x : x))).toThrow(RecordingError);
    expect(() => record(() => host([1], [1]))).toThrow(RecordingError);
  });

  it('refuses a value of another recording', () => {
    let kept: View | undefined;
    record((x) => {
      kept = x;
      return x;
    });
    expect(() => record((x, recorder) => recorder.run('add', [x, kept as View], {})[0])).toThrow(RecordingError);
  });

  it('prints as one operation a line with module paths', () => {
    const program = recordProgram({
      backend: referenceBackend,
      inputs: { x: { dtype: 'float32', dims: [addDims(SEQUENCES, 1)] } },
      forward: ({ x }) => ({ y: withScope('layer.0', () => recorderOf(x).run('exp', [x], {}))[0] }),
    });
    expect(String(program)).toBe(
      '%0 = input x float32[sequences+1]\n%1 = exp(%0[sequences+1]) : float32[sequences+1]  # layer.0\noutput y = %1',
    );
  });
});
