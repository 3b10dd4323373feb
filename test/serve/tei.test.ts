import { describe, expect, it } from 'vitest';
import { similarity, TextEmbedder } from '../../src/index.js';
import { get, post, startReady, TINY } from './start.js';

const TEXTS = ['a dog in the park', 'a puppy on the grass', 'quarterly earnings'];

async function withEmbedder<T>(work: (embedder: TextEmbedder) => Promise<T>): Promise<T> {
  const embedder = await TextEmbedder.load(TINY);
  try {
    return await work(embedder);
  } finally {
    embedder.dispose();
  }
}

describe("Text Embeddings Inference's routes", () => {
  it('/embed gives vectors, normalised unless told otherwise', async () => {
    const { url } = await startReady();
    const [units, plain, one] = await Promise.all([
      post(`${url}/embed`, { inputs: TEXTS }),
      post(`${url}/embed`, { inputs: TEXTS, normalize: false, truncate: null }),
      post(`${url}/embed`, { inputs: TEXTS[1] }),
    ]);
    await withEmbedder(async (embedder) => {
      expect(units.body).toEqual((await embedder.embed(TEXTS, { normalize: true })).toArray());
      expect(plain.body).toEqual((await embedder.embed(TEXTS, { normalize: false })).toArray());
    });
    expect(one.body).toEqual([units.body[1]]);
    expect(units.body).not.toEqual(plain.body);
  });

  it('/embed_all gives a vector for every token', async () => {
    const { url } = await startReady();
    const { body } = await post(`${url}/embed_all`, { inputs: TEXTS });
    await withEmbedder(async (embedder) => {
      expect(body).toEqual((await embedder.embedTokens(TEXTS)).map(({ vectors }) => vectors.toArray()));
    });
  });

  it("/similarity compares by the model's measure", async () => {
    const { url } = await startReady();
    const inputs = { source_sentence: TEXTS[0], sentences: TEXTS.slice(1) };
    const { status, body } = await post(`${url}/similarity`, { inputs });
    expect(status).toBe(200);
    await withEmbedder(async (embedder) => {
      const vectors = await embedder.embed(TEXTS);
      const expected = similarity(vectors, vectors).toArray() as number[][];
      expect(body).toHaveLength(2);
      for (const [index, value] of (body as number[]).entries()) {
        expect(value).toBeCloseTo(expected[0]?.[index + 1] ?? Number.NaN, 5);
      }
    });
  });

  it('/tokenize counts in characters, and /decode goes back', async () => {
    const { url } = await startReady({ models: ['all-MiniLM-L6-v2'] });
    const text = '🍮 crème Brûlée';
    const { body } = await post(`${url}/tokenize`, { inputs: text });
    const [tokens] = body as {
      id: number;
      text: string;
      special: boolean;
      start: number | null;
      stop: number | null;
    }[][];
    expect(tokens?.[0]).toEqual({ id: 101, text: '[CLS]', special: true, start: null, stop: null });
    const characters = [...text];
    const plain = tokens?.filter(({ special }) => !special) ?? [];
    for (const { text: part, start, stop } of plain)
      expect(characters.slice(start as number, stop as number).join('')).toBe(part);
    expect(plain.map((token) => token.text).join('')).toBe(text.replaceAll(' ', ''));
    const bare = await post(`${url}/tokenize`, { inputs: [text], add_special_tokens: false });
    expect(bare.body).toEqual([plain]);
    const ids = tokens?.map(({ id }) => id) ?? [];
    expect((await post(`${url}/decode`, { ids })).body).toEqual(['creme brulee']);
    expect((await post(`${url}/decode`, { ids: [ids], skip_special_tokens: false })).body).toEqual([
      '[CLS] [UNK] creme brulee [SEP]',
    ]);
  });

  it('/info tells about the model and the limits', async () => {
    const { url } = await startReady({ maxTexts: 7, truncate: true });
    const { body } = await get(`${url}/info`);
    expect(body).toMatchObject({
      model_id: 'bert-st6',
      model_dtype: 'float32',
      model_type: { embedding: { pooling: 'mean' } },
      max_client_batch_size: 7,
      auto_truncate: true,
      models: [{ model_id: 'bert-st6', capabilities: ['tokenize', 'embed', 'embed_all'] }],
    });
  });

  it('refuses in its own shape, and says why', async () => {
    const { url } = await startReady({ maxTexts: 3, bodyLimit: 4000 });
    const cases: [path: string, body: unknown, status: number, kind: string, message: RegExp][] = [
      ['/embed', { inputs: TEXTS.concat('x') }, 413, 'Validation', /inputs may have at most 3 texts, got 4/],
      ['/embed', { inputs: 'word '.repeat(300) }, 413, 'Validation', /inputs\[0\] has more than \d+ tokens/],
      ['/embed', { inputs: 'x'.repeat(5000) }, 413, 'Validation', /body is too large/],
      [
        '/embed',
        { inputs: 'a', prompt_name: 'nothing' },
        422,
        'Validation',
        /prompt_name must be one of the model's prompts/,
      ],
      [
        '/embed',
        { inputs: [1, 2], truncate: 'yes' },
        422,
        'Validation',
        /truncate must be true or false; got a string/,
      ],
      ['/embed', {}, 422, 'Validation', /inputs is missing; it must be a string/],
      ['/embed', [], 422, 'Validation', /the body must be an object, got an array/],
      ['/embed', '{"inputs": "a"', 400, 'Validation', /not valid JSON/],
      ['/embed', '', 400, 'Validation', /.+/],
      ['/embed', new Uint8Array([0x22, 0xff, 0x22]), 400, 'Validation', /not valid UTF-8/],
      ['/embed', { inputs: 'a', model: 'nothing' }, 404, 'NotFound', /no model "nothing" here; there are "bert-st6"/],
      ['/similarity', { inputs: { source_sentence: 'a' } }, 422, 'Validation', /inputs must be \{ "source_sentence"/],
      ['/decode', { ids: [1, 99_999_999] }, 422, 'Validation', /ids must be those of tokens, but 99999999/],
      ['/tokenize', { inputs: [] }, 422, 'Validation', /inputs must be .*got an empty array/],
    ];
    for (const [path, body, status, kind, message] of cases) {
      const answer = await post(url + path, body);
      expect({ path, status: answer.status }).toEqual({ path, status });
      expect(answer.body).toEqual({ error: expect.stringMatching(message), error_type: kind });
    }
    const form = await post(`${url}/embed`, 'inputs=a', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(form).toMatchObject({ status: 415, body: { error: expect.stringMatching(/application\/json/) } });
    const zipped = await post(`${url}/embed`, '{}', { 'content-encoding': 'gzip' });
    expect(zipped).toMatchObject({ status: 415, body: { error: expect.stringMatching(/compressed/) } });
  });

  it('cuts texts where a request or the server says so', async () => {
    const inputs = 'word '.repeat(300);
    const strict = await startReady();
    expect((await post(`${strict.url}/embed`, { inputs, truncate: true })).status).toBe(200);
    const lenient = await startReady({ truncate: true });
    expect((await post(`${lenient.url}/embed`, { inputs })).status).toBe(200);
    expect((await post(`${lenient.url}/embed`, { inputs, truncate: false })).status).toBe(413);
  });
});
