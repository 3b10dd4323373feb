import OpenAI, { type APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/index.js';
import { get, post, startReady, TINY } from './start.js';

const TEXTS = ['a dog in the park', 'a puppy on the grass', 'quarterly earnings'];
const KEY = 'a-key-for-tests-0123';

async function expectedVectors(texts: readonly string[], dimensions?: number): Promise<number[][]> {
  const embedder = await TextEmbedder.load(TINY);
  try {
    using vectors = await embedder.embed(texts, { dimensions });
    return vectors.toArray() as number[][];
  } finally {
    embedder.dispose();
  }
}

const client = (url: string, apiKey = KEY) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

describe("OpenAI's client", () => {
  it('gets the vectors that the library gives, by base64, which it asks for by itself', async () => {
    const { url } = await startReady({ apiKeys: [KEY] });
    const { data, model, usage, object } = await client(url).embeddings.create({ model: 'bert-st6', input: TEXTS });
    expect({ model, object }).toEqual({ model: 'bert-st6', object: 'list' });
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(data.map(({ embedding }) => [...embedding])).toEqual(await expectedVectors(TEXTS));
    expect(usage.prompt_tokens).toBeGreaterThan(TEXTS.length);
    expect(usage.total_tokens).toBe(usage.prompt_tokens);
  });

  it('gets the same numbers as floats, and for one string', async () => {
    const { url } = await startReady();
    const { embeddings } = client(url);
    const input = TEXTS[0] as string;
    const floats = await embeddings.create({ model: 'bert-st6', input, encoding_format: 'float' });
    const base64 = await embeddings.create({ model: 'bert-st6', input });
    expect(floats.data[0]?.embedding).toEqual((await expectedVectors([input]))[0]);
    expect([...(base64.data[0]?.embedding ?? [])]).toEqual(floats.data[0]?.embedding);
    expect(base64.usage).toEqual(floats.usage);
  });

  it('may send tokens, which are taken as they are', async () => {
    const { url } = await startReady();
    const { body: tokens } = await post(`${url}/tokenize`, { inputs: TEXTS });
    const ids = (tokens as { id: number }[][]).map((list) => list.map(({ id }) => id));
    const { embeddings } = client(url);
    const many = await embeddings.create({ model: 'bert-st6', input: ids, encoding_format: 'float' });
    const one = await embeddings.create({ model: 'bert-st6', input: ids[1] ?? [], encoding_format: 'float' });
    const expected = await expectedVectors(TEXTS);
    expect(many.data.map(({ embedding }) => embedding)).toEqual(expected);
    expect(one.data.map(({ embedding }) => embedding)).toEqual([expected[1]]);
    expect(many.usage.prompt_tokens).toBe(ids.flat().length);
  });

  it('may ask for fewer dimensions', async () => {
    const { url } = await startReady();
    const { data } = await client(url).embeddings.create({ model: 'bert-st6', input: TEXTS, dimensions: 8 });
    expect(data.map(({ embedding }) => [...embedding])).toEqual(await expectedVectors(TEXTS, 8));
  });

  it('lists the models', async () => {
    const { url } = await startReady({ models: [TINY, { source: TINY, name: 'other' }] });
    const models = await client(url).models.list();
    expect(models.data.map(({ id, object }) => ({ id, object }))).toEqual([
      { id: 'bert-st6', object: 'model' },
      { id: 'other', object: 'model' },
    ]);
  });

  it('understands every kind of error', async () => {
    const { url } = await startReady({ apiKeys: [KEY] });
    const create = (parameters: object, key = KEY) =>
      client(url, key)
        .embeddings.create({ model: 'bert-st6', input: 'a', ...parameters })
        .then(
          () => null,
          (error: APIError) => error,
        );
    expect(await create({}, 'another-key')).toBeInstanceOf(AuthenticationError);
    expect(await create({}, 'another-key')).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(await create({ model: 'gpt-5' })).toBeInstanceOf(NotFoundError);
    expect(await create({ model: 'gpt-5' })).toMatchObject({ code: 'model_not_found', param: 'model' });
    const cases: [parameters: object, param: string, message: RegExp][] = [
      [{ input: 'word '.repeat(200) }, 'input', /input\[0\] has more than \d+ tokens.*set truncate to true/],
      [{ input: [] }, 'input', /input must be a string, an array of strings.*got an empty array/],
      [{ input: ['a', 1] }, 'input', /got an array with a string and the number 1 in it/],
      [{ input: [[1e9]] }, 'input', /input\[0\]\[0\] must be a token's id from 0 to \d+, got 1000000000/],
      [{ dimensions: 1000 }, 'dimensions', /dimensions must be a whole number from 1 to \d+, got 1000/],
      [{ dimensions: 0 }, 'dimensions', /dimensions must be how many numbers/],
      [{ encoding_format: 'hex' }, 'encoding_format', /must be "float" or "base64"; got a string/],
      [{ input: null }, 'input', /input must be .*; got null/],
    ];
    for (const [parameters, param, message] of cases) {
      const error = await create(parameters);
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error).toMatchObject({ type: 'invalid_request_error', param, message: expect.stringMatching(message) });
    }
    expect(await create({ input: 'word '.repeat(200), truncate: true })).toBeNull();
  });

  it('gets the id of a request', async () => {
    const { url } = await startReady();
    const { _request_id } = await client(url).embeddings.create({ model: 'bert-st6', input: 'a' });
    expect(_request_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('/v1', () => {
  it('takes a request without a model as one for the first', async () => {
    const { url } = await startReady();
    const { status, body } = await post(`${url}/v1/embeddings`, { input: 'a' });
    expect({ status, model: body.model }).toEqual({ status: 200, model: 'bert-st6' });
  });

  it("answers what it does not know in OpenAI's shape", async () => {
    const { url } = await startReady();
    const { status, body } = await get(`${url}/v1/chat/completions`);
    expect(status).toBe(404);
    expect(body).toEqual({
      error: {
        message: 'there is no GET /v1/chat/completions',
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    });
  });
});
