import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { loadNativeBackend } from '../../src/backend/native/index.js';
import { PRIMITIVES, type PrimitiveName } from '../../src/backend/primitives/index.js';
import { recordProgram } from '../../src/backend/recorder/recorder.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import type { HostView, Operand } from '../../src/backend/view.js';
import type { DType } from '../../src/tensor/dtype.js';
import { matricesOf, normOf } from '../linalg/matrices.js';
import { type Arguments, CASES } from './cases.js';
import { boundOf, checkDecomposition, DECOMPOSITIONS } from './decompositions.js';
import { elementsOf } from './views.js';

/*
 * Every primitive on both backends, and recorded: the same results for random shapes, strides, dtypes and numbers.
 */

const RUNS = 60;
const native = loadNativeBackend() as Backend;

function operandsFor(backend: Backend, { operands }: Arguments): Operand[] {
  return operands.map((operand) => (typeof operand === 'function' ? operand(backend) : operand));
}

/** The distance from a number to the next of its type. */
function unitInLastPlace(value: number, dtype: DType): number {
  const [bits, least] = dtype === 'float64' ? [52, -1074] : [23, -149];
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return 2 ** Math.max(Number.isFinite(exponent) ? exponent - bits : least, least);
}

function check(actual: HostView, expected: HostView, ulps: number, slack: number): void {
  expect(actual.dtype).toBe(expected.dtype);
  expect(actual.dims).toEqual(expected.dims);
  const [got, want] = [elementsOf(actual), elementsOf(expected)];
  for (const [index, value] of want.entries()) {
    const other = got[index];
    if (value === other || (Number.isNaN(value) && Number.isNaN(other))) continue;
    const exact = expected.dtype !== 'float32' && expected.dtype !== 'float64';
    const tolerance = exact ? 0 : ulps * unitInLastPlace(value, expected.dtype) + slack;
    if (!(Math.abs(value - other) <= tolerance)) {
      throw new Error(`element ${index}: native ${other}, reference ${value}, tolerance ${tolerance}`);
    }
  }
}

/** Runs the primitive as a Program with all views as constants. */
async function runRecorded(name: PrimitiveName, backend: Backend, given: Arguments): Promise<Record<string, unknown>> {
  const program = recordProgram({
    backend,
    inputs: { unused: { dtype: 'float32', dims: [1] } },
    forward: ({ unused }) => {
      const recorder = (unused.data as unknown as { recorder: Backend }).recorder;
      const results = recorder.run(name, operandsFor(backend, given), given.attributes as never);
      return Object.fromEntries(results.map((result, index) => [`r${index}`, result]));
    },
  });
  try {
    return await program.run({ unused: new Float32Array(1) }, { tokens: 1, sequences: 1 });
  } finally {
    program.dispose();
  }
}

describe('parity of native and reference', () => {
  it('covers every primitive', () => {
    expect(Object.keys({ ...CASES, ...DECOMPOSITIONS }).sort()).toEqual(Object.keys(PRIMITIVES).sort());
  });

  it.each(Object.keys(CASES) as PrimitiveName[])('%s', async (name) => {
    const { arguments: arbitrary, ulps } = CASES[name];
    await fc.assert(
      fc.asyncProperty(arbitrary, async (given) => {
        const attributes = given.attributes as never;
        const expected = referenceBackend.run(name, operandsFor(referenceBackend, given), attributes) as HostView[];
        const actual = native.run(name, operandsFor(native, given), attributes) as HostView[];
        expect(actual.length).toBe(expected.length);
        for (const [index, view] of expected.entries()) check(actual[index], view, ulps, given.slack ?? 0);
        const recorded = await runRecorded(name, native, given);
        for (const [index, view] of actual.entries()) {
          check({ ...view, data: recorded[`r${index}`] as HostView['data'] }, view, 0, 0);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it.each(Object.keys(DECOMPOSITIONS) as PrimitiveName[])('%s', async (name) => {
    await fc.assert(
      fc.asyncProperty((DECOMPOSITIONS[name] as { arguments: fc.Arbitrary<Arguments> }).arguments, async (given) => {
        const attributes = given.attributes as never;
        const [actual, expected] = [native, referenceBackend].map(
          (backend) => backend.run(name, operandsFor(backend, given), attributes) as HostView[],
        );
        expect(actual.map(({ dims, dtype }) => ({ dims, dtype }))).toEqual(
          expected.map(({ dims, dtype }) => ({ dims, dtype })),
        );
        const [numbers, truth] = [actual, expected].map((results) => checkDecomposition(name, given, results));
        const a = given.operands[0] as HostView;
        for (const [index, matrix] of matricesOf(a).entries()) {
          const tolerance = boundOf(matrix, a.dtype as 'float32') * Math.max(normOf(matrix), 1);
          for (const [place, value] of truth[index].entries()) {
            expect(Math.abs(numbers[index][place] - value)).toBeLessThanOrEqual(tolerance);
          }
        }
        const recorded = await runRecorded(name, native, given);
        for (const [index, view] of actual.entries()) {
          check({ ...view, data: recorded[`r${index}`] as HostView['data'] }, view, 0, 0);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
