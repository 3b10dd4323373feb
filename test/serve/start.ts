import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import { type GemmuleServer, type ServeOptions, serve } from '../../src/serve/index.js';

const started: GemmuleServer[] = [];

/** A small model of the fixtures: real files, 64 tokens, loads in milliseconds. */
export const TINY = 'test/fixtures/models/bert-st6';

/** Models that do other things. */
export const HEADS = ['reranker-bert', 'classifier-distilbert', 'splade-bert'].map(
  (name) => `test/fixtures/heads/${name}`,
);

/** So that no limit but those under test is met on a busy machine, in milliseconds. */
export const PATIENT = { requestTimeout: 600_000, shutdownTimeout: 600_000 };

/** Starts a server on a free port that says nothing, and is closed after the test. */
export async function start(options: ServeOptions = {}): Promise<GemmuleServer> {
  const server = await serve({ models: [TINY], port: 0, logLevel: 'silent', ...PATIENT, ...options });
  started.push(server);
  return server;
}

/** The same, with its models loaded. */
export async function startReady(options: ServeOptions = {}): Promise<GemmuleServer> {
  const server = await start(options);
  await server.ready;
  return server;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.close()));
});

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field.
  readonly body: any;
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  return answerOf(response);
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return answerOf(await fetch(url, { headers }));
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** A connection of its own, for what fetch would not send. */
export async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** All that comes from a connection until it ends. */
export async function readAll(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
