import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/errors.js';
import { proxyFor } from '../../src/hub/proxy.js';
import { hubSettings } from '../../src/hub/settings.js';
import { run } from '../cli/run.js';
import { COMMIT, FakeHub } from './fake-hub.js';

describe('the proxy of the environment', () => {
  const choose = (url: string, environment: Record<string, string>) =>
    proxyFor(new URL(url), environment)?.host ?? null;

  it.each([
    ['https://huggingface.co/x', { HTTPS_PROXY: 'http://proxy:3128' }, 'proxy:3128'],
    ['https://huggingface.co/x', { https_proxy: 'proxy:3128', HTTPS_PROXY: 'http://other' }, 'proxy:3128'],
    ['https://huggingface.co/x', { HTTP_PROXY: 'http://proxy:3128' }, null],
    ['http://mirror/x', { HTTP_PROXY: 'http://proxy:3128' }, 'proxy:3128'],
    ['https://huggingface.co/x', { ALL_PROXY: 'http://user:secret@proxy:1' }, 'proxy:1'],
    ['https://huggingface.co/x', { HTTPS_PROXY: '' }, null],
    ['https://huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: '*' }, null],
    ['https://huggingface.co/x', { HTTPS_PROXY: 'proxy:1', no_proxy: 'a, huggingface.co' }, null],
    ['https://cdn.huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: 'huggingface.co' }, null],
    ['https://cdn.huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: '.huggingface.co' }, null],
    ['https://cdn.huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: '*.huggingface.co' }, null],
    ['https://huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: 'face.co' }, 'proxy:1'],
    ['https://huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: 'huggingface.co:443' }, null],
    ['https://huggingface.co/x', { HTTPS_PROXY: 'proxy:1', NO_PROXY: 'huggingface.co:8443' }, 'proxy:1'],
    ['http://[::1]:80/x', { HTTP_PROXY: 'proxy:1', NO_PROXY: '::1' }, null],
    ['http://[::1]:81/x', { HTTP_PROXY: 'proxy:1', NO_PROXY: '[::1]:80' }, 'proxy:1'],
  ] as const)('for %s with %j is %s', (url, environment, expected) => {
    expect(choose(url, environment)).toBe(expected);
  });

  it.each(['socks5://secret@proxy:1', 'http://', '::::'])('cannot be %s, and is not shown', (proxy) => {
    expect(() => choose('https://huggingface.co', { HTTPS_PROXY: proxy })).toThrow(ArgumentError);
    expect(() => choose('https://huggingface.co', { HTTPS_PROXY: proxy })).not.toThrow(/secret/);
  });
});

describe('the variables of huggingface_hub', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gemmule-home-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    [{}, path.join(homedir(), '.cache/huggingface/hub')],
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ HF_HOME: '/home-of-hf', XDG_CACHE_HOME: '/x' }, '/home-of-hf/hub'],
    [{ HF_HOME: '~/hf' }, path.join(homedir(), 'hf/hub')],
    [{ HF_HUB_CACHE: '/cache', HF_HOME: '/home-of-hf' }, '/cache'],
    [{ HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell's
    [{ HF_HUB_CACHE: '$SCRATCH/${USER}/hub', SCRATCH: '/s', USER: 'me' }, '/s/me/hub'],
  ])('%j put the cache at %s', (environment, expected) => {
    expect(hubSettings({}, environment).cacheFolder).toBe(expected);
  });

  it('name the Hub, the token, and whether to be offline', () => {
    const environment = { HF_HOME: folder, HF_ENDPOINT: 'https://mirror.example/hf/', HF_TOKEN: ' hf_a\n' };
    expect(hubSettings({}, environment)).toMatchObject({
      endpoint: 'https://mirror.example/hf',
      token: 'hf_a',
      offline: false,
    });
    for (const value of ['1', 'true', 'YES', 'on']) {
      expect(hubSettings({}, { HF_HOME: folder, HF_HUB_OFFLINE: value }).offline).toBe(true);
    }
    expect(hubSettings({}, { HF_HOME: folder, HF_HUB_OFFLINE: '0' }).offline).toBe(false);
    expect(hubSettings({ token: null, offline: true }, environment)).toMatchObject({ token: null, offline: true });
  });

  it('leave the token to the file that Python logs in with', () => {
    expect(hubSettings({}, { HF_HOME: folder }).token).toBe(null);
    writeFileSync(path.join(folder, 'token'), 'hf_from_file\n');
    expect(hubSettings({}, { HF_HOME: folder }).token).toBe('hf_from_file');
    expect(hubSettings({}, { HF_HOME: '/none', HF_TOKEN_PATH: path.join(folder, 'token') }).token).toBe('hf_from_file');
    expect(hubSettings({}, { HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token).toBe(null);
  });
});

describe('downloading through a proxy', () => {
  let hub: FakeHub;
  let proxy: Server;
  let secure: https.Server;
  let cache: string;
  const seen: string[] = [];
  const fixture = (name: string) => path.resolve(import.meta.dirname, '../fixtures/hub', name);
  const authorization = `Basic ${Buffer.from('user:pass word').toString('base64')}`;
  const portOf = (server: Server) => (server.address() as AddressInfo).port;

  beforeEach(async () => {
    seen.length = 0;
    hub = await FakeHub.start();
    hub.repositories['someone/model'] = {
      commit: COMMIT,
      files: { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': 'weights' },
    };
    proxy = http.createServer((request, response) => {
      seen.push(`${request.method} ${request.headers['proxy-authorization'] === authorization} ${request.url}`);
      const headers = { ...request.headers };
      delete headers['proxy-authorization'];
      const forwarded = http.request(request.url ?? '', { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      forwarded.end();
    });
    proxy.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.headers['proxy-authorization'] === authorization} ${request.url}`);
      if (request.headers['proxy-authorization'] !== authorization) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      target.on('error', () => socket.destroy());
      socket.on('error', () => target.destroy());
      target.pipe(socket).pipe(target);
    });
    // The Hub behind TLS, which the proxy must not see into.
    const options = { key: readFileSync(fixture('localhost-key.pem')), cert: readFileSync(fixture('localhost.pem')) };
    secure = https.createServer(options, (request, response) => {
      const forwarded = http.request(`${hub.url}${request.url}`, { method: request.method, headers: request.headers });
      forwarded.on('response', (answer) => {
        // Where the real Hub redirects to has TLS, too; here it is left out.
        const location = answer.headers.location?.replace(hub.storageUrl, `https://localhost:${portOf(secure)}`);
        response.writeHead(answer.statusCode ?? 0, { ...answer.headers, ...(location ? { location } : {}) });
        answer.pipe(response);
      });
      forwarded.end();
    });
    for (const server of [proxy, secure]) {
      server.listen(0, 'localhost');
      await once(server, 'listening');
    }
    cache = mkdtempSync(path.join(tmpdir(), 'gemmule-proxy-'));
  });
  afterEach(async () => {
    await hub.stop();
    for (const server of [proxy, secure]) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(cache, { recursive: true });
  });

  const download = (environment: Record<string, string>) =>
    run(['download', 'someone/model'], '', {
      HF_HOME: cache,
      HF_TOKEN: '',
      NO_PROXY: '',
      no_proxy: '',
      ...environment,
    });

  it('forwards plain HTTP', async () => {
    const { code, stderr } = await download({
      HF_ENDPOINT: hub.url,
      HTTP_PROXY: `http://user:pass%20word@localhost:${portOf(proxy)}`,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(seen).toContain(`GET true ${hub.url}/api/models/someone/model/revision/main`);
    expect(seen.length).toBe(hub.requests.length);
  });

  it('tunnels HTTPS, and checks the certificate of the other end', async () => {
    hub.faults.push(({ path: asked }, response) => {
      if (asked !== '/someone/model/model.safetensors') return false;
      response.end('weights');
      return true;
    });
    const port = portOf(secure);
    const environment = {
      HF_ENDPOINT: `https://localhost:${port}`,
      HTTPS_PROXY: `http://user:pass%20word@localhost:${portOf(proxy)}`,
    };
    const untrusted = await download(environment);
    expect(untrusted.code).toBe(1);
    expect(untrusted.stderr).toMatch(/^gemmule: the certificate .* is not trusted .*NODE_EXTRA_CA_CERTS\n$/);
    const { code, stderr } = await download({ ...environment, NODE_EXTRA_CA_CERTS: fixture('localhost.pem') });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(new Set(seen)).toEqual(new Set([`CONNECT true localhost:${port}`]));
  });

  it('says that the proxy refuses', async () => {
    const { code, stderr } = await download({
      HF_ENDPOINT: `https://localhost:${portOf(secure)}`,
      HTTPS_PROXY: `http://user:wrong@localhost:${portOf(proxy)}`,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gemmule: .*the proxy localhost:\d+ answered 407 to CONNECT .*\n$/);
    expect(stderr).not.toMatch(/wrong/);
  });
});
