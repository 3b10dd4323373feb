import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { ArgumentError } from '../errors.js';

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** Seconds after which a server that sends nothing is given up. */
const DEFAULT_TIMEOUT = 30;

/** Where the Hub is and where its files are kept. */
export interface HubSettings {
  /** The Hub or a mirror of it, without a slash at the end. */
  readonly endpoint: string;
  /** The folder that holds `models--ORGANISATION--NAME`. */
  readonly cacheFolder: string;
  /** Sent to the endpoint, and to no other server; null for none. */
  readonly token: string | null;
  /** Whether only what is in the cache may be used. */
  readonly offline: boolean;
  /** Milliseconds after which a server that sends nothing is given up. */
  readonly timeout: number;
}

/** What a caller may set instead of the environment. */
export interface HubOptions {
  /** The Hub or a mirror of it; by default `HF_ENDPOINT`, or https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /**
   * The cache, shared with Python's `huggingface_hub`; by default `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or
   * `~/.cache/huggingface/hub`.
   */
  readonly cacheFolder?: string | undefined;
  /**
   * An access token, for private and gated models; null for none. By default `HF_TOKEN`, or what `hf auth login` left in
   * `HF_HOME`.
   */
  readonly token?: string | null | undefined;
  /** Whether only what is in the cache may be used; by default whether `HF_HUB_OFFLINE` is set to 1. */
  readonly offline?: boolean | undefined;
}

/**
 * What the options say, and the variables of `huggingface_hub` where they say nothing.
 *
 * @throws ArgumentError for an endpoint that is no URL, or a token that cannot be sent.
 */
export function hubSettings(options: HubOptions = {}, environment: Environment = process.env): HubSettings {
  return {
    endpoint: readEndpoint(options.endpoint ?? (environment.HF_ENDPOINT || DEFAULT_ENDPOINT)),
    cacheFolder: path.resolve(options.cacheFolder ?? cacheFolder(environment)),
    token: options.token === undefined ? environmentToken(environment) : checkToken(options.token, 'token'),
    offline: options.offline ?? (isTrue(environment.HF_HUB_OFFLINE) || isTrue(environment.TRANSFORMERS_OFFLINE)),
    timeout: readSeconds(environment.HF_HUB_DOWNLOAD_TIMEOUT) * 1000,
  };
}

function readEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new ArgumentError(
      `the endpoint of the Hub (HF_ENDPOINT) must be a URL such as ${DEFAULT_ENDPOINT}, got ${JSON.stringify(endpoint)}`,
    );
  }
  return endpoint.replace(/\/+$/, '');
}

function home(environment: Environment): string {
  const given = environment.HF_HOME;
  if (given) return expand(given, environment);
  const cache = environment.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  return path.join(expand(cache, environment), 'huggingface');
}

function cacheFolder(environment: Environment): string {
  const given = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE;
  return given ? expand(given, environment) : path.join(home(environment), 'hub');
}

/** `~` and `$VARIABLES`, as Python expands them. */
function expand(folder: string, environment: Environment): string {
  const expanded = folder.replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => {
    return environment[plain ?? braced ?? ''] ?? whole;
  });
  return /^~(?=$|[\\/])/.test(expanded) ? homedir() + expanded.slice(1) : expanded;
}

function environmentToken(environment: Environment): string | null {
  const given = environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN;
  if (given) return checkToken(given, 'HF_TOKEN');
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  const file = environment.HF_TOKEN_PATH
    ? expand(environment.HF_TOKEN_PATH, environment)
    : path.join(home(environment), 'token');
  try {
    return checkToken(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof ArgumentError) throw error;
    return null;
  }
}

/** A token becomes a header; its text never becomes part of a message. */
function checkToken(token: string | null, where: string): string | null {
  const trimmed = token?.trim() ?? '';
  if (trimmed === '') return null;
  if (!/^[\x21-\x7e]+$/.test(trimmed)) {
    throw new ArgumentError(`the access token in ${where} has characters that no token has; get it again`);
  }
  return trimmed;
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(value?.toUpperCase() ?? '');
}

function readSeconds(value: string | undefined): number {
  const seconds = Number(value);
  return value && Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_TIMEOUT;
}
