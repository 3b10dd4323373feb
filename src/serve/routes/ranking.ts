import { admit } from '../inputs.js';
import type { ComputeRoute } from '../route.js';
import type { PredictParameters, Sequence } from '../runners.js';
import * as schemas from '../schemas.js';

/** Sparse vectors that are written in one go: some tenths of a millisecond. */
const SPARSE_AT_ONCE = 4;

interface EmbedSparseBody {
  readonly inputs: string | readonly string[];
  readonly model?: string | null;
  readonly truncate?: boolean | null;
}

export const teiEmbedSparse: ComputeRoute<EmbedSparseBody> = {
  path: '/embed_sparse',
  dialect: 'tei',
  summary: 'One sparse vector a text (SPLADE models)',
  input: 'inputs',
  body: schemas.embedSparseBody,
  answer: schemas.embedSparseAnswer,
  async run(call) {
    const { inputs, model: name, truncate } = call.body;
    const { runner } = call.models.find(name, 'embed_sparse');
    const texts = typeof inputs === 'string' ? [inputs] : inputs;
    const { leave } = admit(call, 'inputs', { kind: 'texts', texts }, runner.maxTokens);
    try {
      const options = { signal: call.signal, truncate: truncate ?? call.settings.truncate };
      const vectors = await runner.embed(texts, options);
      const parts: string[] = [];
      while (parts.length < vectors.length) {
        const end = Math.min(vectors.length, parts.length + SPARSE_AT_ONCE);
        await call.pacer.run(() => {
          for (const { indices, values } of vectors.slice(parts.length, end)) {
            parts.push(JSON.stringify(Array.from(indices, (index, place) => ({ index, value: values[place] }))));
          }
        });
      }
      return `[${parts.join(',')}]`;
    } finally {
      leave();
    }
  },
};

interface RerankBody {
  readonly query: string;
  readonly texts: readonly string[];
  readonly model?: string | null;
  readonly truncate?: boolean | null;
  readonly raw_scores?: boolean | null;
  readonly return_text?: boolean | null;
}

export const teiRerank: ComputeRoute<RerankBody> = {
  path: '/rerank',
  dialect: 'tei',
  summary: 'Texts by how well they answer a query (cross-encoders; late interaction)',
  input: 'texts',
  body: schemas.rerankBody,
  answer: schemas.rerankAnswer,
  async run(call) {
    const { query, texts, model: name, truncate, raw_scores, return_text } = call.body;
    const { runner } = call.models.find(name, 'rerank');
    const { leave } = admit(call, 'texts', { kind: 'texts', texts }, runner.maxTokens, runner.readings(query, texts));
    try {
      const ranked = await runner.rerank(query, texts, {
        signal: call.signal,
        truncate: truncate ?? call.settings.truncate,
        raw: raw_scores === true,
        pacer: call.pacer,
      });
      return await call.pacer.run(() =>
        JSON.stringify(
          ranked.map(({ index, score }) =>
            return_text === true ? { index, score, text: texts[index] } : { index, score },
          ),
        ),
      );
    } finally {
      leave();
    }
  },
};

interface PredictBody {
  readonly inputs: string | Sequence | readonly Sequence[];
  readonly model?: string | null;
  readonly truncate?: boolean | null;
  readonly raw_scores?: boolean | null;
  readonly parameters?: PredictParameters | null;
}

export const teiPredict: ComputeRoute<PredictBody> = {
  path: '/predict',
  dialect: 'tei',
  summary: 'The labels of texts (classifiers), or of their parts (token classifiers)',
  input: 'inputs',
  body: schemas.predictBody,
  answer: schemas.predictAnswer,
  async run(call) {
    const { inputs, model: name, truncate, raw_scores, parameters } = call.body;
    const { runner } = call.models.find(name, 'predict');
    const isBatch = typeof inputs !== 'string' && typeof inputs[0] !== 'string';
    const sequences = (isBatch ? inputs : [typeof inputs === 'string' ? [inputs] : inputs]) as readonly Sequence[];
    const read = sequences.map((sequence) => sequence.join(''));
    const { leave } = admit(call, 'inputs', { kind: 'texts', texts: read }, runner.maxTokens);
    try {
      const predictions = await runner.predict(sequences, {
        signal: call.signal,
        truncate: truncate ?? call.settings.truncate,
        raw: raw_scores === true,
        parameters: parameters ?? null,
      });
      return await call.pacer.run(() => JSON.stringify(isBatch ? predictions : predictions[0]));
    } finally {
      leave();
    }
  },
};
