/*
 * onnxruntime-node, as an expert uses it (sorted by length, batches of a fixed number of tokens, so that little is padded),
 * or in plain batches of 32 in the order given.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as onnxruntime from 'onnxruntime-node';
import { measure } from './harness.mjs';

const MAX_TOKENS = 256;
const TOKENS_A_BATCH = 1024;
const TEXTS_A_BATCH = 32;
const HIDDEN = 384;

const [, , , onnxFolder, file, batching] = process.argv;

const readJson = (name) => JSON.parse(readFileSync(path.join(onnxFolder, name), 'utf8'));

function truncate(ids) {
  return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ids.at(-1)];
}

/** Groups of indices into `encoded`. */
function batches(encoded) {
  const order = encoded.map((_, index) => index);
  if (batching === 'plain') {
    return Array.from({ length: Math.ceil(order.length / TEXTS_A_BATCH) }, (_, i) =>
      order.slice(i * TEXTS_A_BATCH, (i + 1) * TEXTS_A_BATCH),
    );
  }
  order.sort((a, b) => encoded[b].length - encoded[a].length);
  const groups = [];
  for (const index of order) {
    const group = groups.at(-1);
    const fits = group !== undefined && (group.length + 1) * encoded[group[0]].length <= TOKENS_A_BATCH;
    if (fits) group.push(index);
    else groups.push([index]);
  }
  return groups;
}

function meanPooled(hidden, row, width, length) {
  const vector = new Float32Array(HIDDEN);
  for (let token = 0; token < length; token++) {
    const at = (row * width + token) * HIDDEN;
    for (let i = 0; i < HIDDEN; i++) vector[i] += hidden[at + i];
  }
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

await measure(async () => {
  const tokenizer = new Tokenizer(readJson('tokenizer.json'), readJson('tokenizer_config.json'));
  const session = await onnxruntime.InferenceSession.create(path.join(onnxFolder, 'onnx', file));
  return async (texts) => {
    const encoded = texts.map((text) => truncate(tokenizer.encode(text).ids));
    const vectors = new Array(texts.length);
    for (const group of batches(encoded)) {
      const width = Math.max(...group.map((index) => encoded[index].length));
      const ids = new BigInt64Array(group.length * width);
      const mask = new BigInt64Array(group.length * width);
      for (const [row, index] of group.entries()) {
        for (const [column, id] of encoded[index].entries()) {
          ids[row * width + column] = BigInt(id);
          mask[row * width + column] = 1n;
        }
      }
      const tensor = (data) => new onnxruntime.Tensor('int64', data, [group.length, width]);
      const { last_hidden_state: output } = await session.run({
        input_ids: tensor(ids),
        attention_mask: tensor(mask),
        token_type_ids: tensor(new BigInt64Array(ids.length)),
      });
      for (const [row, index] of group.entries()) {
        vectors[index] = meanPooled(output.data, row, width, encoded[index].length);
      }
    }
    return vectors;
  };
});
