import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { HubError } from '../errors.js';
import { proxyAuthorization, proxyFor } from './proxy.js';
import type { Environment } from './settings.js';

/*
 * One HTTP request, by proxy where the environment names one. Node's fetch heeds no proxy variables (Node 24 does, if told),
 * and decompresses what it gets, which would make nonsense of sizes and ranges.
 */

/** A connection that failed for a reason that Node has no error code for. */
export class ConnectionFailure extends Error {}

export interface HttpRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds without a byte after which the connection is cut. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly environment: Environment;
}

/** Sends a request; the response's headers are there, its body is still to be read or destroyed. */
export async function sendRequest(request: HttpRequest): Promise<IncomingMessage> {
  const { url, method, headers, environment } = request;
  const proxy = proxyFor(url, environment);
  if (proxy === null) {
    const module = url.protocol === 'https:' ? https : http;
    return responseTo(module.request(url, { method, headers }), request);
  }
  if (url.protocol === 'http:') {
    const forwarded = { ...headers, ...proxyAuthorization(proxy), host: url.host };
    const options = { method, headers: forwarded, path: url.href.replace(/#.*$/, '') };
    return responseTo(requestTo(proxy, options), request);
  }
  const socket = await tunnel(proxy, request);
  const createConnection = (): Socket => tls.connect({ socket, servername: url.hostname });
  const sent = https.request(url, { method, headers, agent: false, createConnection });
  // The connection to the proxy outlives that through it, and left open it would keep the process from ending.
  sent.once('error', () => socket.destroy());
  const response = await responseTo(sent, request);
  response.once('close', () => socket.destroy());
  return response;
}

function requestTo(server: URL, options: http.RequestOptions): ClientRequest {
  const { hostname, port, protocol } = server;
  const module = protocol === 'https:' ? https : http;
  return module.request({ hostname: hostname.replace(/^\[|\]$/g, ''), port, ...options });
}

/** A connection through a proxy to the server of an https URL. */
async function tunnel(proxy: URL, request: HttpRequest): Promise<Socket> {
  const { url } = request;
  const host = `${url.hostname}:${url.port || 443}`;
  const headers = { host, ...proxyAuthorization(proxy) };
  const connect = requestTo(proxy, { method: 'CONNECT', path: host, headers, agent: false });
  return settle(connect, request, (resolve, reject) => {
    const refuse = (status = 0) => {
      const message = `the proxy ${proxy.host} answered ${status} to CONNECT ${host}`;
      const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
      reject(final ? new HubError(`${message}; see HTTPS_PROXY`, { status }) : new ConnectionFailure(message));
    };
    connect.on('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      refuse(response.statusCode);
    });
    connect.on('response', (response) => {
      response.destroy();
      refuse(response.statusCode);
    });
  });
}

async function responseTo(sent: ClientRequest, request: HttpRequest): Promise<IncomingMessage> {
  const response = await settle<IncomingMessage>(sent, request, (resolve) => sent.on('response', resolve));
  const { signal } = request;
  if (signal === undefined) return response;
  const abort = () => response.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  response.once('close', () => signal.removeEventListener('abort', abort));
  return response;
}

/** Sends a request and waits for what it leads to, but not beyond a timeout or an abort. */
function settle<T>(
  sent: ClientRequest,
  { timeout, signal }: HttpRequest,
  listen: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => sent.destroy(signal?.reason as Error);
    const done = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort, { once: true });
    sent.setTimeout(timeout, () => sent.destroy(new ConnectionFailure(`sent nothing for ${timeout / 1000} s`)));
    sent.on('error', (error) => {
      done();
      reject(error);
    });
    listen((value) => {
      done();
      resolve(value);
    }, reject);
    if (signal?.aborted) abort();
    else sent.end();
  });
}
