import { ArgumentError } from '../errors.js';
import type { LoadOptions } from '../index.js';

/** What models are for. */
export const MODEL_TASKS = [
  'embedding',
  'static',
  'multi-vector',
  'sparse',
  'reranker',
  'classifier',
  'token-classifier',
] as const;
export type ModelTask = (typeof MODEL_TASKS)[number];

/** A model to serve, and the settings it is loaded with. */
export interface ModelSpec extends Omit<LoadOptions, 'onRun'> {
  /** What `TextEmbedder.load` takes. */
  readonly source: string;
  /** What requests call it; by default the model's own name. */
  readonly name?: string | undefined;
  /** What it is for; by default what its files say. */
  readonly task?: ModelTask | undefined;
}

/** How much the server says about what it does. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Settings of {@link serve}. */
export interface ServeOptions {
  /** What to serve; requests that name no model get the first that can do what they ask. By default the default model. */
  readonly models?: readonly (string | ModelSpec)[] | undefined;
  /** The address to listen on; `127.0.0.1` by default, which only this machine reaches. */
  readonly host?: string | undefined;
  /** The port; 8080 by default, 0 for any that is free. */
  readonly port?: number | undefined;
  /** Requests must carry one of these as `Authorization: Bearer KEY`. None by default: everybody may ask. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Web pages of these origins may call the server; `*` for all. None by default. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** The largest body, in bytes; 2 MiB by default. */
  readonly bodyLimit?: number | undefined;
  /** The most texts of one request; 2,048 by default. */
  readonly maxTexts?: number | undefined;
  /** The most requests that are being answered at once; more get a 429. 512 by default. */
  readonly maxConcurrentRequests?: number | undefined;
  /**
   * How many tokens may wait to be computed, estimated from the texts' lengths; requests beyond get a 429. A request that
   * alone is larger is taken when nothing else waits. 262,144 by default.
   */
  readonly maxQueuedTokens?: number | undefined;
  /** Whether texts that are too long are cut where a request does not say; otherwise they are a 413. False by default. */
  readonly truncate?: boolean | undefined;
  /** How long a request may take, its sending included, in milliseconds; 60,000 by default. */
  readonly requestTimeout?: number | undefined;
  /** How long `close` waits for requests that were accepted, in milliseconds; 30,000 by default. */
  readonly shutdownTimeout?: number | undefined;
  /** Log lines are JSON on standard output. `info` by default, which has one line a request; texts are never logged. */
  readonly logLevel?: LogLevel | undefined;
}

/** Settings with everything filled in. */
export type ServerSettings = { readonly [Name in keyof ServeOptions]-?: NonNullable<ServeOptions[Name]> } & {
  readonly models: readonly ModelSpec[];
};

const MOST_MILLISECONDS = 2 ** 31 - 1;

/** @throws ArgumentError when a setting is not what it must be. */
export function readSettings(options: ServeOptions): ServerSettings {
  const count = (name: keyof ServeOptions, fallback: number, least = 1, most = Number.MAX_SAFE_INTEGER): number => {
    const value = options[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      throw new ArgumentError(
        `serve: ${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(value)}`,
      );
    }
    return value;
  };
  const { logLevel = 'info', truncate = false, host = '127.0.0.1' } = options;
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new ArgumentError(`serve: logLevel must be one of ${LOG_LEVELS.join(', ')}, got ${JSON.stringify(logLevel)}`);
  }
  if (typeof host !== 'string' || host === '') {
    throw new ArgumentError(`serve: host must be an address such as 127.0.0.1, got ${JSON.stringify(host)}`);
  }
  if (typeof truncate !== 'boolean') {
    throw new ArgumentError(`serve: truncate must be true or false, got ${JSON.stringify(truncate)}`);
  }
  return {
    models: readModels(options.models),
    host,
    port: count('port', 8080, 0, 65_535),
    apiKeys: readApiKeys(options.apiKeys),
    corsOrigins: readOrigins(options.corsOrigins),
    bodyLimit: count('bodyLimit', 2 * 2 ** 20, 1, 2 ** 30),
    maxTexts: count('maxTexts', 2048),
    maxConcurrentRequests: count('maxConcurrentRequests', 512),
    maxQueuedTokens: count('maxQueuedTokens', 262_144),
    truncate,
    requestTimeout: count('requestTimeout', 60_000, 1, MOST_MILLISECONDS),
    shutdownTimeout: count('shutdownTimeout', 30_000, 0, MOST_MILLISECONDS),
    logLevel,
  };
}

function readModels(models: ServeOptions['models'] = ['all-MiniLM-L6-v2']): readonly ModelSpec[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new ArgumentError('serve: models must be an array of at least one name, folder or { source }');
  }
  return models.map((model: unknown, index) => {
    const spec = typeof model === 'string' ? { source: model } : (model as ModelSpec | null);
    if (typeof spec?.source !== 'string' || spec.source === '') {
      throw new ArgumentError(`serve: models[${index}] must be a name, a folder or { source }, got ${typeof model}`);
    }
    if (spec.task !== undefined && !MODEL_TASKS.includes(spec.task)) {
      throw new ArgumentError(
        `serve: task of models[${index}] must be one of ${MODEL_TASKS.join(', ')}, got ${JSON.stringify(spec.task)}`,
      );
    }
    return spec;
  });
}

function readApiKeys(keys: ServeOptions['apiKeys'] = []): readonly string[] {
  for (const [index, key] of keys.entries()) {
    // What a header can carry, and nothing that is a typing mistake of somebody's shell.
    if (typeof key !== 'string' || !/^[\x21-\x7e]{8,}$/.test(key)) {
      throw new ArgumentError(
        `serve: apiKeys[${index}] must be at least 8 printable ASCII characters without spaces; make one with: openssl rand -hex 32`,
      );
    }
  }
  return keys;
}

function readOrigins(origins: ServeOptions['corsOrigins'] = []): readonly string[] {
  for (const origin of origins) {
    if (origin === '*') continue;
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new ArgumentError(
        `serve: corsOrigins must be origins such as https://example.com, without a path, or *; got ${JSON.stringify(origin)}`,
      );
    }
  }
  return origins;
}
