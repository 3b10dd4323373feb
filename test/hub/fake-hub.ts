import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** Files by their paths in a repository. */
export type Files = Readonly<Record<string, string | Buffer>>;

export interface FakeRepository {
  commit: string;
  files: Files;
  /** Who may read it: everyone, who has the token, or nobody before its conditions are accepted. */
  access?: 'public' | 'private' | 'gated';
}

export interface SeenRequest {
  readonly server: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers a request in place of the server, or returns false to let the server answer. */
export type Fault = (request: SeenRequest, response: ServerResponse) => boolean;

export const TOKEN = 'hf_test';
export const COMMIT = 'a'.repeat(40);
export const NEXT_COMMIT = 'b'.repeat(40);

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const gitHash = (data: Buffer) => createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
const isLarge = (name: string) => name.endsWith('.safetensors') || name.endsWith('.bin');

/** The etag that the Hub gives a file: of large files the sha256, of others Git's hash. */
export function etagOf(name: string, contents: string | Buffer): string {
  return isLarge(name) ? sha256(Buffer.from(contents)) : gitHash(Buffer.from(contents));
}

/** All files of a folder, as a repository has them. */
export function filesOf(folder: string, inside = ''): Record<string, Buffer> {
  return Object.fromEntries(
    readdirSync(path.join(folder, inside), { withFileTypes: true }).flatMap((entry): [string, Buffer][] => {
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory()) return Object.entries(filesOf(folder, name));
      return [[name, readFileSync(path.join(folder, name))]];
    }),
  );
}

/**
 * A server that speaks the Hub's protocol, and a second one that large files are redirected to with a signed address, as
 * the real one does. Faults are answered first.
 */
export class FakeHub {
  readonly repositories: Record<string, FakeRepository> = {};
  readonly requests: SeenRequest[] = [];
  readonly faults: Fault[] = [];
  url = '';
  storageUrl = '';
  readonly #hub: Server;
  readonly #storage: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#serve('hub', request, response));
    this.#storage = createServer((request, response) => this.#serve('storage', request, response));
  }

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    for (const server of [hub.#hub, hub.#storage]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    hub.url = `http://127.0.0.1:${(hub.#hub.address() as AddressInfo).port}`;
    hub.storageUrl = `http://localhost:${(hub.#storage.address() as AddressInfo).port}`;
    return hub;
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** The requests for a file, or for the list of them. */
  seen(ending: string, method = 'GET', server: SeenRequest['server'] = 'hub'): SeenRequest[] {
    return this.requests.filter(
      (request) => request.method === method && request.server === server && request.path.endsWith(ending),
    );
  }

  /** Answers the first request that fits with a fault, and the others as usual. */
  failOnce(fits: (request: SeenRequest) => boolean, answer: (response: ServerResponse) => void): void {
    let used = false;
    this.faults.push((request, response) => {
      if (used || !fits(request)) return false;
      used = true;
      answer(response);
      return true;
    });
  }

  #serve(server: SeenRequest['server'], request: IncomingMessage, response: ServerResponse): void {
    const [target = '', query = ''] = (request.url ?? '').split('?');
    const seen = {
      server,
      method: request.method ?? '',
      path: decodeURIComponent(target),
      headers: request.headers,
    };
    this.requests.push(seen);
    response.on('error', () => undefined);
    if (this.faults.some((fault) => fault(seen, response))) return;
    if (server === 'storage') this.#serveLarge(seen, query, response);
    else if (target.startsWith('/api/')) this.#serveList(seen, response);
    else this.#serveFile(seen, response);
  }

  #serveList(request: SeenRequest, response: ServerResponse): void {
    const pattern = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/;
    const [, name = '', kind = '', revision = ''] = pattern.exec(request.path) ?? [];
    const repository = this.#repository(name, revision, request, response);
    if (repository === null) return;
    if (kind === 'tree') {
      // For Python, which asks for sizes and hashes in this way.
      const entries = Object.entries(repository.files).map(([file, contents]) => {
        const [oid, size] = [etagOf(file, contents), Buffer.from(contents).length];
        return {
          type: 'file',
          path: file,
          size,
          oid,
          ...(isLarge(file) ? { lfs: { oid, size, pointerSize: 1 } } : {}),
        };
      });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(entries));
      return;
    }
    const siblings = Object.keys(repository.files).map((rfilename) => ({ rfilename }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: name, sha: repository.commit, siblings }));
  }

  #serveFile(request: SeenRequest, response: ServerResponse): void {
    const pattern = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;
    const [, name = '', revision = '', file = ''] = pattern.exec(request.path) ?? [];
    const repository = this.#repository(name, revision, request, response);
    if (repository === null) return;
    response.setHeader('x-repo-commit', repository.commit);
    const contents = repository.files[file];
    if (contents === undefined) {
      refuse(response, 404, 'EntryNotFound', 'Entry not found');
      return;
    }
    const bytes = Buffer.from(contents);
    const etag = `"${etagOf(file, bytes)}"`;
    if (!isLarge(file)) {
      response.setHeader('etag', etag);
      sendRange(request, response, bytes);
      return;
    }
    response.writeHead(302, {
      'x-linked-etag': etag,
      'x-linked-size': bytes.length,
      location: `${this.storageUrl}/${name}/${file}?signature=1`,
    });
    response.end();
  }

  #serveLarge(request: SeenRequest, query: string, response: ServerResponse): void {
    // A signed address and a token are two credentials at once: the real storage answers 400, and would see the token.
    if (request.headers.authorization !== undefined || query !== 'signature=1') {
      response.writeHead(400).end();
      return;
    }
    const [, name = '', file = ''] = /^\/([^/]+\/[^/]+)\/(.+)$/.exec(request.path) ?? [];
    response.setHeader('etag', '"of the storage alone"');
    sendRange(request, response, Buffer.from(this.repositories[name]?.files[file] ?? ''));
  }

  #repository(name: string, revision: string, request: SeenRequest, response: ServerResponse): FakeRepository | null {
    const { authorization } = request.headers;
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`) {
      refuse(response, 401, null, 'Invalid credentials in Authorization header');
      return null;
    }
    const repository = this.repositories[name];
    if (repository === undefined || (repository.access === 'private' && authorization === undefined)) {
      if (authorization === undefined) refuse(response, 401, null, 'Invalid username or password.');
      else refuse(response, 404, 'RepoNotFound', 'Repository not found');
      return null;
    }
    if (repository.access === 'gated') {
      refuse(response, 403, 'GatedRepo', 'Access to this model is restricted');
      return null;
    }
    if (revision === 'main' || revision === repository.commit) return repository;
    refuse(response, 404, 'RevisionNotFound', 'Invalid rev id');
    return null;
  }
}

function refuse(response: ServerResponse, status: number, code: string | null, message: string): void {
  response.writeHead(status, { ...(code === null ? {} : { 'x-error-code': code }), 'x-error-message': message });
  response.end(JSON.stringify({ error: message }));
}

/** Sends bytes, or the part of them that is asked for. */
export function sendRange(request: SeenRequest, response: ServerResponse, bytes: Buffer): void {
  response.setHeader('accept-ranges', 'bytes');
  const begin = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
  if (begin >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const part = begin < 0 ? bytes : bytes.subarray(begin);
  const range = begin < 0 ? {} : { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(begin < 0 ? 200 : 206, { 'content-length': part.length, ...range });
  response.end(request.method === 'HEAD' ? undefined : part);
}
