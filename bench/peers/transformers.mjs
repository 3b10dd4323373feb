/* transformers.js, one text a call or in batches of 32, in the order given. */
import path from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { measure } from './harness.mjs';

const [, , , onnxFolder, dtype, batchSize] = process.argv;

await measure(async () => {
  env.allowRemoteModels = false;
  env.localModelPath = path.dirname(path.resolve(onnxFolder));
  const extract = await pipeline('feature-extraction', path.basename(onnxFolder), { dtype });
  const size = Number(batchSize);
  return async (texts, read = false) => {
    const vectors = [];
    for (let start = 0; start < texts.length; start += size) {
      const output = await extract(texts.slice(start, start + size), { pooling: 'mean', normalize: true });
      if (read) vectors.push(...output.tolist());
    }
    return vectors;
  };
});
