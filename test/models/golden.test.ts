import { describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { recordProgram } from '../../src/backend/recorder/recorder.js';
import type { EncoderModel } from '../../src/models/encoder-model.js';
import { loadModel } from '../../src/models/load.js';
import { addDims, SEQUENCES, TOKENS } from '../../src/tensor/dim.js';
import { BACKENDS, GOLDEN_MODELS, goldenCases, int32, modelFolder, worstDifference } from './golden.js';

/*
 * Against hidden states that Hugging Face's transformers computed with PyTorch in float32. Two float32 computations of the
 * same network may differ: here three layers of sums of at most 96 terms of order 1, each rounded to 6e-8, then
 * normalised, give some 1e-6, and the goldens carry 7 digits. 2e-5 leaves room for the order of sums alone.
 */
const TOLERANCE = 2e-5;

/** All cases as one unpadded batch. */
function batchOf(model: EncoderModel, sequences: readonly (readonly number[])[]) {
  const ids = Int32Array.from(sequences.flat());
  const cuSeqlens = new Int32Array(sequences.length + 1);
  for (const [index, sequence] of sequences.entries()) cuSeqlens[index + 1] = cuSeqlens[index] + sequence.length;
  return { ids, positions: model.positions(ids, cuSeqlens), cuSeqlens };
}

describe.each(BACKENDS)('models on the %s backend', (_, backend) => {
  it.each(GOLDEN_MODELS)('%s gives the hidden states of Hugging Face, recorded', async (name) => {
    const cases = goldenCases(name);
    const model = await loadModel(modelFolder(name), { backend });
    const program = recordProgram({
      backend,
      inputs: {
        ids: { dtype: 'int32', dims: [TOKENS] },
        positions: { dtype: 'int32', dims: [TOKENS] },
        cuSeqlens: { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] },
      },
      forward: ({ ids, positions, cuSeqlens }) => ({ hidden: model.forward({ ids, positions, cuSeqlens }) }),
    });
    const inputs = batchOf(
      model,
      cases.map((golden) => golden.truncated_ids),
    );
    const { hidden } = await program.run(inputs, { tokens: inputs.ids.length, sequences: cases.length });
    program.dispose();
    for (const [index, golden] of cases.entries()) {
      const first = hidden.subarray(inputs.cuSeqlens[index] * model.config.hiddenSize);
      expect(worstDifference(first, golden.last_hidden_first_token), golden.text).toBeLessThan(TOLERANCE);
    }
  });

  it.each(GOLDEN_MODELS)('%s gives the same eagerly, one text at a time', async (name) => {
    const before = setDefaultBackend(backend);
    try {
      const model = await loadModel(modelFolder(name));
      for (const golden of goldenCases(name)) {
        const { ids, positions, cuSeqlens } = batchOf(model, [golden.truncated_ids]);
        const hidden = model.forward({
          ids: int32([...ids]),
          positions: int32([...positions]),
          cuSeqlens: int32([...cuSeqlens]),
        });
        const numbers = hidden.data as Float32Array;
        expect(worstDifference(numbers, golden.last_hidden_first_token), golden.text).toBeLessThan(TOLERANCE);
      }
    } finally {
      setDefaultBackend(before);
    }
  });
});
