import { ArgumentError } from '../errors.js';
import type { Environment } from './settings.js';

/**
 * The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name for a URL, in either case of letters, or null.
 *
 * @throws ArgumentError for a proxy that is not spoken to by HTTP.
 */
export function proxyFor(target: URL, environment: Environment): URL | null {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name];
  if (bypasses(target, read('NO_PROXY') ?? '')) return null;
  const name = target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const given = read(name) || read('ALL_PROXY');
  if (!given) return null;
  const text = given.includes('://') ? given : `http://${given}`;
  const proxy = URL.canParse(text) ? new URL(text) : null;
  if (proxy === null || !/^https?:$/.test(proxy.protocol) || proxy.hostname === '') {
    throw new ArgumentError(
      `the proxy that ${name} or ALL_PROXY names must be a URL such as http://proxy.example:3128; its text is not shown, since it may hold a password`,
    );
  }
  return proxy;
}

/** Whether a comma-separated list names the host: itself, a domain above it, either with a port, or `*` for all. */
function bypasses(target: URL, list: string): boolean {
  const host = target.hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const parts = /^\[(.+)\](?::(\d+))?$/.exec(entry) ?? /^([^:]*):(\d+)$/.exec(entry) ?? [entry, entry];
      if (parts[2] !== undefined && parts[2] !== port) return false;
      const name = (parts[1] as string).replace(/^\*?\./, '');
      return name !== '' && (host === name || host.endsWith(`.${name}`));
    });
}

/** The header that a proxy with a password wants, or none. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}
