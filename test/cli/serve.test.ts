import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { outcomeOf, run, start } from './run.js';

const TINY = 'test/fixtures/models/bert-st6';
const LARGE = {
  input: Array.from({ length: 2000 }, (_, index) => `text number ${index} of a request that takes long`),
};

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

type LogLine = Readonly<Record<string, unknown>>;

/** A server in a process of its own, and what it has logged so far. */
async function startServer(args: readonly string[], env: Record<string, string> = {}) {
  const child = start(['serve', '--port', '0', ...args], env);
  children.push(child);
  const lines: LogLine[] = [];
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const logged = (message: string, route?: string): Promise<LogLine> =>
    new Promise((resolve) => {
      const look = (): void => {
        const line = lines.find((each) => each.msg === message && (route === undefined || each.route === route));
        if (line !== undefined) resolve(line);
        else reader.once('line', look);
      };
      look();
    });
  reader.on('line', (line) => lines.push(JSON.parse(line) as LogLine));
  const { url } = await logged('started');
  return { child, lines, logged, url: String(url) };
}

const embed = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

async function untilReady(url: string): Promise<void> {
  while ((await fetch(`${url}/health`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('gemmule serve', () => {
  it('serves several models under the names it was given, and logs requests as JSON', async () => {
    const { url, logged, lines } = await startServer([
      '--model',
      TINY,
      '--model',
      'text-embedding-3-small=all-MiniLM-L6-v2',
    ]);
    await untilReady(url);
    const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(['bert-st6', 'text-embedding-3-small']);
    const answer = (await (await embed(url, { input: 'secret words', model: 'text-embedding-3-small' })).json()) as {
      data: { embedding: number[] }[];
    };
    expect(answer.data[0]?.embedding).toHaveLength(384);
    expect(await logged('answered', '/v1/embeddings')).toMatchObject({
      level: 30,
      method: 'POST',
      status: 200,
      id: expect.any(String),
    });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('finishes what it has accepted on SIGTERM, and ends with 0', async () => {
    // On a busy machine this takes longer than the limits that are usual.
    const patient = ['--timeout', '600', '--shutdown-timeout', '600'];
    const { child, url, logged } = await startServer(['--model', 'all-MiniLM-L6-v2', ...patient]);
    await untilReady(url);
    const answer = embed(url, LARGE);
    const metrics = async () => (await fetch(`${url}/metrics`)).text();
    while (!(await metrics()).includes(`gemmule_queue_size ${LARGE.input.length}\n`));
    child.kill('SIGTERM');
    const response = await answer;
    expect(response.status).toBe(200);
    expect(((await response.json()) as { data: unknown[] }).data).toHaveLength(LARGE.input.length);
    const [code] = await once(child, 'close');
    await logged('stopped');
    expect(code).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const { child, url, logged } = await startServer(['--model', 'all-MiniLM-L6-v2']);
    await untilReady(url);
    embed(url, { input: Array(2000).fill('a text that is computed for a long time '.repeat(10)) }).catch(
      () => undefined,
    );
    const metrics = async () => (await fetch(`${url}/metrics`)).text();
    while (!(await metrics()).includes('gemmule_queue_size 2000\n'));
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    // Two signals that nobody has seen yet are one.
    await logged('stopping');
    child.kill('SIGTERM');
    expect(await closed).toEqual([143, null]);
  });

  it('starts cleanly after kill -9, on the same port', async () => {
    const first = await startServer(['--model', TINY]);
    await untilReady(first.url);
    const closed = once(first.child, 'close');
    embed(first.url, { input: Array(2000).fill('a text') }).catch(() => undefined);
    first.child.kill('SIGKILL');
    await closed;
    const second = await startServer(['--model', TINY, '--port', new URL(first.url).port]);
    await untilReady(second.url);
    expect(second.url).toBe(first.url);
    expect((await embed(second.url, { input: 'a text' })).status).toBe(200);
  });

  it('takes keys from the environment and from a file, never from its arguments', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-serve-'));
    try {
      const file = path.join(folder, 'keys');
      writeFileSync(file, 'key-of-the-file\n\n');
      const { url } = await startServer(['--model', TINY, '--api-key-file', file], {
        GEMMULE_API_KEYS: 'key-of-the-env,',
      });
      await untilReady(url);
      const status = async (key: string) =>
        (await embed(url, { input: 'a' }, { authorization: `Bearer ${key}` })).status;
      expect([await status('key-of-the-env'), await status('key-of-the-file'), await status('another-key')]).toEqual([
        200, 200, 401,
      ]);
      writeFileSync(file, '\n');
      expect((await run(['serve', '--api-key-file', file])).stderr).toMatch(/there is no key in it\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('ends with an error when a model cannot be loaded, and explains mistakes', async () => {
    const child = start(['serve', '--port', '0', '--model', '/no/such/folder', '--log-level', 'silent']);
    children.push(child);
    expect(await outcomeOf(child)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^gemmule: .*\/no\/such\/folder/),
    });
    expect(await run(['serve', 'model'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/named by --model/) });
    expect(await run(['serve', '--port', 'http'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--port must be/),
    });
    expect(await run(['serve', '--port', '70000'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/port must be/),
    });
  });
});
