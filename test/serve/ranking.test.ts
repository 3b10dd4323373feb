import { describe, expect, it } from 'vitest';
import { Reranker, SparseEmbedder, TextClassifier } from '../../src/heads/index.js';
import { get, HEADS, post, startReady, TINY } from './start.js';

const [RERANKER, CLASSIFIER, SPLADE] = HEADS as [string, string, string];
const QUERY = 'Who rode out at dawn?';
const TEXTS = ['The king rode out at dawn, and his men followed.', 'Paris is the capital of France.', ''];

const rounded = (value: number): number => Math.fround(value);

describe('rerankers, classifiers and sparse embedders', () => {
  it('are told by their files, and found by what is asked', async () => {
    const { url } = await startReady({ models: [TINY, ...HEADS] });
    const { body } = await get(`${url}/info`);
    expect(
      body.models.map((model: { model_id: string; capabilities: string[] }) => [model.model_id, model.capabilities]),
    ).toEqual([
      ['bert-st6', ['tokenize', 'embed', 'embed_all']],
      ['reranker-bert', ['tokenize', 'rerank']],
      ['classifier-distilbert', ['tokenize', 'predict']],
      ['splade-bert', ['tokenize', 'embed_sparse']],
    ]);
    const answers = await Promise.all([
      post(`${url}/embed`, { inputs: 'a' }),
      post(`${url}/rerank`, { query: 'a', texts: ['b'] }),
      post(`${url}/predict`, { inputs: 'a' }),
      post(`${url}/embed_sparse`, { inputs: 'a' }),
      post(`${url}/tokenize`, { inputs: 'a', model: 'splade-bert' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  it('/rerank gives the best text first, raw scores and texts where they are asked for', async () => {
    const { url } = await startReady({ models: [RERANKER] });
    const reranker = await Reranker.load(RERANKER);
    for (const [raw_scores, scoreFunction] of [
      [false, 'sigmoid'],
      [true, 'none'],
    ] as const) {
      const { body } = await post(`${url}/rerank`, { query: QUERY, texts: TEXTS, raw_scores });
      const expected = await reranker.rerank(QUERY, TEXTS, { scoreFunction });
      expect(body).toEqual(expected.map(({ index, score }) => ({ index, score: rounded(score) })));
    }
    const { body } = await post(`${url}/rerank`, { query: QUERY, texts: TEXTS, return_text: true });
    for (const { index, text } of body as { index: number; text: string }[]) expect(text).toBe(TEXTS[index]);
    reranker.dispose();
  });

  it('/predict takes a text, a pair, and many', async () => {
    const { url } = await startReady({ models: [CLASSIFIER] });
    const classifier = await TextClassifier.load(CLASSIFIER);
    const [text = '', other = ''] = TEXTS;
    const [single, pair, batch, raw] = await Promise.all(
      [
        { inputs: text },
        { inputs: [text, other] },
        { inputs: [[text], [other], [text, other]] },
        { inputs: [text], raw_scores: true },
      ].map((body) => post(`${url}/predict`, body)),
    );
    const expected = await classifier.classify([text, other, [text, other]]);
    expect(single?.body).toEqual(expected[0]);
    expect(pair?.body).toEqual(expected[2]);
    expect(batch?.body).toEqual(expected);
    expect(raw?.body).toEqual((await classifier.classify([text], { scoreFunction: 'none' }))[0]);
    expect((await get(`${url}/info`)).body.model_type.classifier.id2label).toEqual({ ...classifier.labels });
    classifier.dispose();
  });

  it('/embed_sparse gives what is not zero', async () => {
    const { url } = await startReady({ models: [SPLADE] });
    const sparse = await SparseEmbedder.load(SPLADE);
    const { body } = await post(`${url}/embed_sparse`, { inputs: TEXTS });
    const expected = await sparse.embed(TEXTS);
    expect(body).toEqual(
      expected.map(({ indices, values }) => Array.from(indices, (index, place) => ({ index, value: values[place] }))),
    );
    sparse.dispose();
  });

  it('are refused clearly where a model cannot do it, in the shape of the route', async () => {
    const { url } = await startReady();
    const rerank = await post(`${url}/rerank`, { query: 'a', texts: ['b'] });
    expect(rerank).toMatchObject({
      status: 424,
      body: { error: 'no model here can rerank; there are "bert-st6"', error_type: 'Backend' },
    });
    expect((await post(`${url}/predict`, { inputs: 'a', model: 'bert-st6' })).body.error).toBe(
      'the model "bert-st6" cannot predict',
    );
    const other = await startReady({ models: [RERANKER] });
    expect(await post(`${other.url}/v1/embeddings`, { input: 'a' })).toMatchObject({
      status: 400,
      body: { error: { param: 'model', message: expect.stringMatching(/no model here can embed/) } },
    });
  });

  it('refuse what is no body for them', async () => {
    const { url } = await startReady({ models: HEADS, maxTexts: 2 });
    const cases: [path: string, body: unknown, status: number, message: RegExp][] = [
      ['/rerank', { query: 'a' }, 422, /texts is missing; it must be an array of at least one string/],
      ['/rerank', { query: 'a', texts: [] }, 422, /texts must be .*got an empty array/],
      ['/rerank', { query: 1, texts: ['a'] }, 422, /query must be a string; got the number 1/],
      ['/rerank', { query: 'a', texts: ['a', 'b', 'c'] }, 413, /texts may have at most 2 texts, got 3/],
      ['/rerank', { query: 'a', texts: ['word '.repeat(500)] }, 413, /has more than \d+ tokens/],
      ['/predict', { inputs: ['a', 'b', 'c'] }, 422, /inputs must be a string, a pair of strings/],
      ['/predict', { inputs: [['a', 'b', 'c']] }, 422, /inputs must be/],
      ['/predict', { inputs: [] }, 422, /inputs must be/],
    ];
    for (const [path, body, status, message] of cases) {
      const answer = await post(url + path, body);
      expect({ body, status: answer.status }).toEqual({ body, status });
      expect(answer.body.error).toMatch(message);
    }
  });
});
