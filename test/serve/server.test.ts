import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { serve } from '../../src/serve/index.js';
import { type Answer, get, open, post, readAll, start, startReady, TINY } from './start.js';

const KEY = 'a-key-for-tests-0123';

/** Takes a while, in many batches. */
const LARGE = {
  inputs: Array.from({ length: 2000 }, (_, index) => `text number ${index} of a request that takes long`),
};
const DEFAULT_MODEL = { models: ['all-MiniLM-L6-v2'] };

const metric = async (url: string, name: string): Promise<number> => {
  const { body } = await get(`${url}/metrics`);
  const values = [...(body as string).matchAll(new RegExp(`^gemmule_${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
};

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(5);
}

/** Sends a request that takes long, and waits until it is being computed. */
async function sendLarge(url: string): Promise<{ readonly answer: Promise<Answer> }> {
  const answer = post(`${url}/embed`, LARGE);
  answer.catch(() => undefined);
  await until(async () => (await metric(url, 'queue_size')) === LARGE.inputs.length);
  return { answer };
}

describe('readiness', () => {
  it('is not told before all models are loaded, and requests are put off until then', async () => {
    const models = Array.from({ length: 6 }, (_, index) => ({ source: 'all-MiniLM-L6-v2', name: `model-${index}` }));
    const server = await start({ models });
    const [health, embed] = await Promise.all([
      get(`${server.url}/health`),
      post(`${server.url}/v1/embeddings`, { input: 'a' }),
    ]);
    expect(health).toMatchObject({ status: 503, body: { status: 'loading' } });
    expect(embed).toMatchObject({ status: 503, body: { error: { message: 'the models are being loaded' } } });
    expect(embed.headers.get('retry-after')).toBe('1');
    await server.ready;
    expect(await get(`${server.url}/health`)).toMatchObject({ status: 200, body: { status: 'ready' } });
    const { body } = await post(`${server.url}/v1/embeddings`, { input: 'a', model: 'model-5' });
    expect(body.model).toBe('model-5');
  });

  it('never comes when a model cannot be loaded', async () => {
    const server = await start({ models: [TINY, '/no/such/folder'] });
    await expect(server.ready).rejects.toThrow('/no/such/folder');
    expect((await get(`${server.url}/health`)).status).toBe(503);
    expect((await post(`${server.url}/embed`, { inputs: 'a' })).body.error).toMatch(/could not be loaded/);
  });

  it('refuses two models of one name', async () => {
    const server = await start({ models: [TINY, TINY] });
    await expect(server.ready).rejects.toThrow('two models are called "bert-st6"');
  });
});

describe('settings', () => {
  it.each([
    [{ port: 70_000 }, /port must be a whole number from 0 to 65535, got 70000/],
    [{ models: [] }, /models must be an array of at least one/],
    [{ apiKeys: ['short'] }, /apiKeys\[0\] must be at least 8 printable/],
    [{ corsOrigins: ['https://example.com/path'] }, /corsOrigins must be origins/],
    [{ logLevel: 'loud' as never }, /logLevel must be one of silent/],
    [{ maxTexts: 0 }, /maxTexts must be a whole number from 1/],
  ])('%o are refused', async (options, message) => {
    await expect(serve(options)).rejects.toThrow(message);
  });

  it('listens on loopback, and says when an address is taken', async () => {
    const { url } = await start();
    const { hostname, port } = new URL(url);
    expect(hostname).toBe('127.0.0.1');
    await expect(start({ port: Number(port) })).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringMatching(/cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/),
    });
  });
});

describe('API keys', () => {
  it('are needed for all but health, the page and the OpenAPI document', async () => {
    const { url } = await startReady({ apiKeys: [KEY, 'another-key-4567'] });
    for (const path of ['/health', '/', '/page.js', '/openapi.json']) expect((await get(url + path)).status).toBe(200);
    for (const path of ['/metrics', '/info', '/v1/models', '/nothing'])
      expect((await get(url + path)).status).toBe(401);
    const refused = await post(`${url}/embed`, { inputs: 'a' }, { authorization: `Bearer ${KEY}x` });
    expect(refused).toMatchObject({ status: 401, body: { error_type: 'Unauthorized' } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    for (const key of [KEY, 'another-key-4567']) {
      const headers = { authorization: `bearer ${key}` };
      expect((await post(`${url}/embed`, { inputs: 'a' }, headers)).status).toBe(200);
    }
  });
});

describe('CORS', () => {
  const origin = 'https://example.com';

  it('is off by default', async () => {
    const { url } = await startReady();
    const { status, headers } = await get(`${url}/health`, { origin });
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect((await fetch(`${url}/embed`, { method: 'OPTIONS', headers: { origin } })).status).toBe(404);
  });

  it('lets in the origins that are named, errors included', async () => {
    const { url } = await startReady({ corsOrigins: [origin] });
    const preflight = await fetch(`${url}/embed`, { method: 'OPTIONS', headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type');
    const failed = await post(`${url}/embed`, {}, { origin });
    expect(failed.headers.get('access-control-allow-origin')).toBe(origin);
    const other = await get(`${url}/health`, { origin: 'https://example.org' });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('under load', () => {
  it('gives every one of many concurrent clients its own vectors, in shared batches', async () => {
    const { url } = await startReady(DEFAULT_MODEL);
    const texts = Array.from({ length: 64 }, (_, index) => `this is text ${index}`);
    const { body: expected } = await post(`${url}/embed`, { inputs: texts });
    const runs = await metric(url, 'batch_next_size_count');
    // While the engine is busy, they have to wait, and are then computed together.
    const { answer } = await sendLarge(url);
    const answers = await Promise.all(texts.map((text) => post(`${url}/embed`, { inputs: text })));
    expect(answers.map(({ body }) => body[0])).toEqual(expected);
    expect((await answer).status).toBe(200);
    expect((await metric(url, 'batch_next_size_count')) - runs).toBeLessThan(texts.length);
  });

  it('refuses requests beyond the limit with 429 and when to try again, and takes them afterwards', async () => {
    const { url } = await startReady({ ...DEFAULT_MODEL, maxConcurrentRequests: 1 });
    const { answer } = await sendLarge(url);
    const refused = await post(`${url}/embed`, { inputs: 'a' });
    expect(refused).toMatchObject({ status: 429, body: { error_type: 'Overloaded' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const openai = await post(`${url}/v1/embeddings`, { input: 'a' });
    expect(openai.body.error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    expect((await answer).status).toBe(200);
    expect((await post(`${url}/embed`, { inputs: 'a' })).status).toBe(200);
  });

  it('refuses tokens beyond the limit, but takes a request that is larger when nothing else waits', async () => {
    const { url } = await startReady({ ...DEFAULT_MODEL, maxQueuedTokens: 100 });
    const { answer } = await sendLarge(url);
    expect((await post(`${url}/embed`, { inputs: 'a' })).body.error).toMatch(/about \d+ tokens are waiting/);
    expect((await answer).status).toBe(200);
  });

  it('stops computing when the client leaves', async () => {
    const { url } = await startReady(DEFAULT_MODEL);
    const tokens = await metric(url, 'tokens');
    const controller = new AbortController();
    const body = JSON.stringify(LARGE);
    const headers = { 'content-type': 'application/json' };
    const answer = fetch(`${url}/embed`, { method: 'POST', headers, body, signal: controller.signal });
    answer.catch(() => undefined);
    await until(async () => (await metric(url, 'queue_size')) === LARGE.inputs.length);
    controller.abort();
    await until(async () => (await metric(url, 'queue_size')) === 0);
    expect((await metric(url, 'tokens')) - tokens).toBeLessThan(LARGE.inputs.length * 10);
    expect((await get(`${url}/metrics`)).body).toContain('gemmule_request_failure{method="/embed",status="499"} 1');
  });

  it('breaks off what takes too long', async () => {
    const { url } = await startReady({ ...DEFAULT_MODEL, requestTimeout: 50 });
    const { status, body } = await post(`${url}/embed`, LARGE);
    expect({ status, body }).toEqual({ status: 503, body: { error: 'no answer within 50 ms', error_type: 'Timeout' } });
    await until(async () => (await metric(url, 'queue_size')) === 0);
  });

  it('does not wait for slow senders', async () => {
    const { url } = await startReady({ requestTimeout: 500 });
    const socket = await open(url);
    socket.write('POST /embed HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('close', () => {
  it('finishes what was accepted, and takes nothing more', async () => {
    const server = await startReady(DEFAULT_MODEL);
    const { answer } = await sendLarge(server.url);
    const closed = server.close();
    await expect(open(server.url)).rejects.toThrow('ECONNREFUSED');
    const { status, body } = await answer;
    expect({ status, texts: body.length }).toEqual({ status: 200, texts: LARGE.inputs.length });
    await closed;
  });

  it('breaks off what is not done in time', async () => {
    const server = await startReady({ ...DEFAULT_MODEL, shutdownTimeout: 0 });
    const { answer } = await sendLarge(server.url);
    const closed = server.close();
    expect(await answer).toMatchObject({ status: 503, body: { error: 'the server is shutting down' } });
    await closed;
  });

  it('does not wait for idle connections', async () => {
    const server = await startReady();
    const socket = await open(server.url);
    const ended = once(socket, 'close');
    await server.close();
    await ended;
  });

  it('may be called while models load', async () => {
    const server = await start();
    // At once: a model is loaded in less time than a connection may take.
    await server.close();
    await expect(server.ready).rejects.toThrow('closed while it loaded');
  });
});

describe('for people and programs that look after it', () => {
  it('has metrics with names like those of Text Embeddings Inference', async () => {
    const { url } = await startReady();
    await post(`${url}/embed`, { inputs: ['a', 'b'] });
    await post(`${url}/embed`, {});
    const { body, headers } = await get(`${url}/metrics`);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const line of [
      'gemmule_request_count{method="/embed"} 2',
      'gemmule_request_success{method="/embed"} 1',
      'gemmule_request_failure{method="/embed",status="422"} 1',
      'gemmule_request_duration_count{method="/embed"} 2',
      'gemmule_queue_size 0',
    ]) {
      expect(body).toContain(`${line}\n`);
    }
    for (const name of ['queue_duration', 'inference_duration', 'input_length']) {
      expect(await metric(url, `request_${name}_count`)).toBeGreaterThan(0);
    }
    expect(await metric(url, 'batch_next_tokens_sum')).toBe(await metric(url, 'tokens'));
    expect(await metric(url, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(body).toMatch(/^gemmule_native_memory_bytes\{kind="packedWeights"\} \d{4,}$/m);
  });

  it('has a valid OpenAPI document with every route', async () => {
    const { url } = await startReady({ apiKeys: [KEY] });
    const { body } = await get(`${url}/openapi.json`);
    expect(await new Validator().validate(body)).toMatchObject({ valid: true });
    for (const [path, operations] of Object.entries(body.paths as Record<string, object>)) {
      const headers = { authorization: `Bearer ${KEY}` };
      const method = Object.keys(operations)[0] as string;
      const { status } = method === 'get' ? await get(url + path, headers) : await post(url + path, {}, headers);
      expect({ path, known: status !== 404 }).toEqual({ path, known: true });
    }
  });

  it('does not let its page be framed or load anything from elsewhere', async () => {
    const { url } = await startReady();
    const { headers, body } = await get(url);
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(body).not.toMatch(/https?:\/\//);
  });
});
