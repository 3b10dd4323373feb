import { describe, expect, it } from 'vitest';
import { MultiVectorEmbedder, maxSim, StaticEmbedder, TokenClassifier } from '../../src/heads/index.js';
import { similarity } from '../../src/index.js';
import { get, post, startReady, TINY } from './start.js';

const [STATIC, STATIC_OF_SENTENCES, WEIGHTED, COLBERT, PYLATE, MULTI_VECTOR, NER] = [
  'static-model2vec',
  'static-sentence-transformers',
  'static-model2vec-weights',
  'colbert-stanford',
  'colbert-pylate',
  'multi-vector',
  'ner-bert',
].map((name) => `test/fixtures/heads/${name}`) as [string, string, string, string, string, string, string];
const QUERY = 'Who rode out at dawn?';
const TEXTS = ['The king rode out at dawn, and his men followed.', 'Paris is the capital of France.', ''];

const decode = (base64: string): number[] => {
  const bytes = Buffer.from(base64, 'base64');
  return [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
};

describe('models of other kinds', () => {
  it('are told by their files, and found by what is asked', async () => {
    const { url } = await startReady({
      models: [STATIC, STATIC_OF_SENTENCES, WEIGHTED, COLBERT, PYLATE, MULTI_VECTOR, NER],
    });
    const { body } = await get(`${url}/info`);
    const described = body.models.map((model: Record<string, unknown>) => [
      model.model_id,
      Object.keys(model.model_type as object)[0],
      model.capabilities,
    ]);
    expect(described).toEqual([
      ['static-model2vec', 'embedding', ['tokenize', 'embed']],
      ['static-sentence-transformers', 'embedding', ['tokenize', 'embed']],
      ['static-model2vec-weights', 'embedding', ['tokenize', 'embed']],
      ['colbert-stanford', 'multi_vector', ['tokenize', 'embed_all', 'rerank']],
      ['colbert-pylate', 'multi_vector', ['tokenize', 'embed_all', 'rerank']],
      ['multi-vector', 'multi_vector', ['tokenize', 'embed_all', 'rerank']],
      ['ner-bert', 'token_classifier', ['tokenize', 'predict']],
    ]);
  });

  it('a setting says what a model is for, whatever its files say', async () => {
    const { url } = await startReady({ models: [{ source: NER, task: 'embedding' }] });
    expect((await post(`${url}/embed`, { inputs: 'a' })).status).toBe(200);
  });
});

describe('static embedders', () => {
  it('answer /embed, /v1/embeddings and /similarity as the library does', async () => {
    const { url } = await startReady({ models: [STATIC] });
    using model = await StaticEmbedder.load(STATIC);
    using vectors = await model.embed(TEXTS);
    using plain = await model.embed(TEXTS, { normalize: false, dimensions: 8 });
    expect((await post(`${url}/embed`, { inputs: TEXTS })).body).toEqual(vectors.toArray());
    expect((await post(`${url}/embed`, { inputs: TEXTS, normalize: false, dimensions: 8 })).body).toEqual(
      plain.toArray(),
    );
    const { body } = await post(`${url}/v1/embeddings`, { input: TEXTS, encoding_format: 'base64' });
    expect(body.data.map(({ embedding }: { embedding: string }) => decode(embedding))).toEqual(vectors.toArray());
    const tokens = TEXTS.map((text) => model.tokenizer.encode(text, { addSpecialTokens: false }).ids.length);
    expect(body.usage.prompt_tokens).toBe(tokens.reduce((sum, count) => sum + count, 0));
    const inputs = { source_sentence: TEXTS[0], sentences: TEXTS.slice(1) };
    const [[, ...expected] = []] = similarity(vectors, vectors).toArray() as number[][];
    const answered = (await post(`${url}/similarity`, { inputs })).body as number[];
    expect(answered).toHaveLength(expected.length);
    for (const [index, value] of answered.entries()) expect(value).toBeCloseTo(expected[index] as number, 6);
  });

  it('take token ids, and refuse those that are none', async () => {
    const { url } = await startReady({ models: [STATIC] });
    using model = await StaticEmbedder.load(STATIC);
    const ids = TEXTS.slice(0, 2).map((text) => [...model.tokenizer.encode(text, { addSpecialTokens: false }).ids]);
    using vectors = await model.embed(TEXTS.slice(0, 2));
    expect((await post(`${url}/embed`, { inputs: ids })).body).toEqual(vectors.toArray());
    const wrong = await post(`${url}/v1/embeddings`, { input: [[0, 2 ** 31 - 1]] });
    expect(wrong).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/token's id from 0/) } },
    });
  });

  it('refuse prompts, which they do not have, and too many dimensions', async () => {
    const { url } = await startReady({ models: [STATIC] });
    const prompt = await post(`${url}/embed`, { inputs: 'a', prompt_name: 'query' });
    expect(prompt).toMatchObject({ status: 422, body: { error: expect.stringMatching(/of which it has none/) } });
    expect(await post(`${url}/embed`, { inputs: 'a', dimensions: 100_000 })).toMatchObject({
      status: 422,
      body: { error: expect.stringMatching(/dimensions must be/) },
    });
    expect((await post(`${url}/embed_all`, { inputs: 'a' })).status).toBe(424);
  });
});

describe('models of many vectors', () => {
  it.each([COLBERT, PYLATE, MULTI_VECTOR])('%s answers /embed_all for documents and queries', async (folder) => {
    const { url } = await startReady({ models: [folder] });
    using model = await MultiVectorEmbedder.load(folder);
    const all = async (prompt_name?: string) =>
      (await post(`${url}/embed_all`, { inputs: TEXTS, prompt_name, truncate: true })).body;
    const documents = (await model.embedDocuments(TEXTS)).map((vectors) => vectors.toArray());
    const queries = (await model.embedQueries(TEXTS)).map((vectors) => vectors.toArray());
    expect(await all()).toEqual(documents);
    expect(await all('document')).toEqual(documents);
    expect(await all('query')).toEqual(queries);
    expect(queries).not.toEqual(documents);
  });

  it('answers /rerank by MaxSim: the mean over the vectors of the query, or their sum', async () => {
    const { url } = await startReady({ models: [COLBERT] });
    using model = await MultiVectorEmbedder.load(COLBERT);
    // More than are held at once.
    const texts = Array.from({ length: 150 }, (_, index) => `${TEXTS[index % 3]} ${index}`);
    const queries = await model.embedQueries([QUERY]);
    const sums = maxSim(queries, await model.embedDocuments(texts)).toTypedArray();
    const count = queries[0]?.shape[0] ?? 0;
    for (const [raw_scores, divisor] of [
      [false, count],
      [true, 1],
    ] as const) {
      const { body } = await post(`${url}/rerank`, { query: QUERY, texts, raw_scores });
      const scores = (body as { index: number; score: number }[]).map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(new Set((body as { index: number }[]).map(({ index }) => index)).size).toBe(texts.length);
      for (const { index, score } of body) expect(score).toBeCloseTo((sums[index] as number) / divisor, 5);
    }
    const { body } = await post(`${url}/rerank`, { query: QUERY, texts: TEXTS, return_text: true });
    for (const { index, text, score } of body) {
      expect(text).toBe(TEXTS[index]);
      expect(Math.abs(score)).toBeLessThanOrEqual(1.000001);
    }
  });

  it('has no one vector for a text, and is not asked for more numbers than fit an answer', async () => {
    const { url } = await startReady({ models: [COLBERT] });
    expect(await post(`${url}/embed`, { inputs: 'a' })).toMatchObject({
      status: 424,
      body: { error: 'no model here can embed; there are "colbert-stanford"' },
    });
    expect(await post(`${url}/embed_all`, { inputs: 'a', prompt_name: 'passage' })).toMatchObject({
      status: 422,
      body: { error: expect.stringMatching(/prompt_name must be one of .*"query", "document"/) },
    });
    // Queries are made longer: few characters, many vectors.
    using model = await MultiVectorEmbedder.load(COLBERT);
    const enough = Math.ceil(2 ** 22 / model.queryLength / model.dimension) + 1;
    const many = await startReady({ models: [COLBERT], maxTexts: enough, bodyLimit: 2 ** 24 });
    const inputs = new Array(enough).fill('a');
    expect(await post(`${many.url}/embed_all`, { inputs, prompt_name: 'query' })).toMatchObject({
      status: 413,
      body: { error: expect.stringMatching(/too many tokens for an answer/) },
    });
  });
});

describe('token classifiers', () => {
  it('/predict gives the parts of a text that have a label, places in Unicode characters', async () => {
    const { url } = await startReady({ models: [NER] });
    using model = await TokenClassifier.load(NER);
    const texts = ['👑 The king rode out 🌄 at dawn.', TEXTS[1] as string, ''];
    const expected = await model.classify(texts);
    const { body } = await post(`${url}/predict`, { inputs: texts.map((text) => [text]) });
    expect(body).toHaveLength(texts.length);
    expect(body[0].length).toBeGreaterThan(0);
    for (const [index, entities] of (body as { [field: string]: unknown }[][]).entries()) {
      const characters = [...(texts[index] as string)];
      expect(entities.map(({ entity_group, score, word }) => [entity_group, score, word])).toEqual(
        expected[index]?.map(({ label, score, text }) => [label, score, text]),
      );
      for (const { word, start, end } of entities) {
        expect(characters.slice(start as number, end as number).join('')).toBe(word);
      }
    }
    const single = await post(`${url}/predict`, { inputs: texts[0] });
    expect(single.body).toEqual(body[0]);
  });

  it('joins and leaves out what the request says', async () => {
    const { url } = await startReady({ models: [NER] });
    using model = await TokenClassifier.load(NER);
    const text = TEXTS[0] as string;
    for (const aggregation of ['none', 'first', 'average', 'max'] as const) {
      const parameters = { aggregation_strategy: aggregation, ignore_labels: [] };
      const { body } = await post(`${url}/predict`, { inputs: text, parameters });
      const [expected = []] = await model.classify([text], { aggregation, ignoreLabels: [] });
      const field = aggregation === 'none' ? 'entity' : 'entity_group';
      expect(body).toEqual(
        expected.map(({ label, score, text: word, start, end }) => ({ [field]: label, score, word, start, end })),
      );
    }
  });

  it('refuses pairs, raw scores, and parameters that it does not know', async () => {
    const { url } = await startReady({ models: [NER, 'test/fixtures/heads/classifier-distilbert'] });
    const cases: [body: unknown, message: RegExp][] = [
      [{ inputs: ['a', 'b'] }, /inputs must be single texts .* but 0 is a pair/],
      [{ inputs: [['a'], ['a', 'b']] }, /but 1 is a pair/],
      [{ inputs: 'a', raw_scores: true }, /raw_scores must be false/],
      [{ inputs: 'a', parameters: { aggregation_strategy: 'all' } }, /parameters must be .*"simple"/],
      [{ inputs: 'a', parameters: { ignore_labels: 'O' } }, /parameters must be/],
      [{ inputs: 'a', parameters: [] }, /parameters must be/],
      [{ inputs: 'a', parameters: {}, model: 'classifier-distilbert' }, /parameters must be left out/],
    ];
    for (const [body, message] of cases) {
      const answer = await post(`${url}/predict`, body);
      expect({ body, status: answer.status }).toEqual({ body, status: 422 });
      expect(answer.body.error).toMatch(message);
    }
  });
});

describe('the OpenAPI document', () => {
  it('shows what token classifiers take and give', async () => {
    const { url } = await startReady({ models: [TINY] });
    const { body } = await get(`${url}/openapi.json`);
    const { requestBody, responses } = body.paths['/predict'].post;
    const { parameters } = requestBody.content['application/json'].schema.properties;
    expect(Object.keys(parameters.properties)).toEqual(['aggregation_strategy', 'ignore_labels']);
    expect(JSON.stringify(responses['200'])).toContain('entity_group');
  });
});
