/* A server around transformers.js as people write it: each request is one call of the pipeline. */
import { createServer } from 'node:http';
import path from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { observe } from './serve-harness.mjs';

const [, , onnxFolder, dtype] = process.argv;
env.allowRemoteModels = false;
env.localModelPath = path.dirname(path.resolve(onnxFolder));
const extract = await pipeline('feature-extraction', path.basename(onnxFolder), { dtype });

const server = createServer(async (request, response) => {
  try {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { inputs } = JSON.parse(Buffer.concat(parts).toString());
    const output = await extract(inputs, { pooling: 'mean', normalize: true });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(output.tolist()));
  } catch (error) {
    response.statusCode = 500;
    response.end(JSON.stringify({ error: String(error) }));
  }
});
server.listen(0, '127.0.0.1', () => observe(`http://127.0.0.1:${server.address().port}`));
