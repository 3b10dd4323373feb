import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { FileError } from '../../index.js';
import { LOG_LEVELS, type ModelSpec, serve } from '../../serve/index.js';
import {
  type Command,
  choiceOption,
  countOption,
  type OptionValues,
  stringOption,
  stringOptions,
  UsageError,
} from '../command.js';
import { DTYPES } from './model-options.js';

/** Where keys come from that should be seen neither in the list of processes nor in a shell's history. */
const KEYS_VARIABLE = 'GEMMULE_API_KEYS';

export const serveCommand: Command = {
  name: 'serve',
  summary: 'answer over HTTP: OpenAI and Text Embeddings Inference',
  usage: `gemmule serve [options]

Serves embeddings over HTTP, by the interfaces of OpenAI (/v1/embeddings) and of Text Embeddings Inference (/embed and
others), with a page to try it at /. Needs fastify and prom-client: npm install fastify@5 prom-client@15.

  -m, --model MODEL         a model, as for other commands, or NAME=MODEL to have requests call it NAME; several times for
                            several models; the built-in all-MiniLM-L6-v2 without it
      --dtype DTYPE         float32, bfloat16, bfloat16Products or int8: how weights are kept and multiplied
      --host ADDRESS        127.0.0.1 (default) is reached from this machine alone, 0.0.0.0 from all
  -p, --port PORT           8080 by default
      --api-key-file FILE   requests must carry one of its lines as a bearer token; or set ${KEYS_VARIABLE}
                            (separated by commas)
      --cors-origin ORIGIN  web pages of this origin may ask, or "*"; several times for several
      --truncate            cut texts that are too long, where a request does not say; otherwise they are an error
      --max-texts N         of one request; 2048 by default
      --max-requests N      at once; more get a 429; 512 by default
      --max-queued-tokens N that wait; more get a 429; 262144 by default
      --body-limit BYTES    2097152 by default
      --timeout SECONDS     for one request; 60 by default
      --shutdown-timeout SECONDS
                            how long to wait, when told to stop, for what was accepted; 30 by default
      --log-level LEVEL     ${LOG_LEVELS.join(', ')}; info by default
  -h, --help                this text

SIGTERM and Ctrl-C stop it once everything that was accepted has been answered; a second one stops it at once.
`,
  options: {
    model: { type: 'string', short: 'm', multiple: true },
    dtype: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string', short: 'p' },
    'api-key-file': { type: 'string' },
    'cors-origin': { type: 'string', multiple: true },
    truncate: { type: 'boolean' },
    'max-texts': { type: 'string' },
    'max-requests': { type: 'string' },
    'max-queued-tokens': { type: 'string' },
    'body-limit': { type: 'string' },
    timeout: { type: 'string' },
    'shutdown-timeout': { type: 'string' },
    'log-level': { type: 'string' },
  },
  stopsGracefully: true,
  async run({ texts, options, signal }) {
    if (texts.length > 0)
      throw new UsageError(`serve takes no arguments, got "${texts[0]}"; models are named by --model`);
    const seconds = (name: string): number | undefined => {
      const value = countOption(options, name);
      return value === undefined ? undefined : value * 1000;
    };
    const server = await serve({
      models: modelsOf(options),
      host: stringOption(options, 'host'),
      port: portOf(options),
      apiKeys: apiKeysOf(options),
      corsOrigins: stringOptions(options, 'cors-origin'),
      truncate: options.truncate === true,
      maxTexts: countOption(options, 'max-texts'),
      maxConcurrentRequests: countOption(options, 'max-requests'),
      maxQueuedTokens: countOption(options, 'max-queued-tokens'),
      bodyLimit: countOption(options, 'body-limit'),
      requestTimeout: seconds('timeout'),
      shutdownTimeout: seconds('shutdown-timeout'),
      logLevel: choiceOption(options, 'log-level', LOG_LEVELS),
    });
    const stopped = signal.aborted ? Promise.resolve() : once(signal, 'abort');
    try {
      await Promise.race([server.ready, stopped]);
      await stopped;
    } finally {
      await server.close();
    }
  },
};

/** `NAME=MODEL`, or only `MODEL`, as often as they are given. */
function modelsOf(options: OptionValues): ModelSpec[] | undefined {
  const models = stringOptions(options, 'model');
  if (models.length === 0 && options.dtype === undefined) return undefined;
  const dtype = choiceOption(options, 'dtype', DTYPES);
  return (models.length === 0 ? ['all-MiniLM-L6-v2'] : models).map((model) => {
    const [, name, source = model] = /^([^=/\\]+)=(.+)$/.exec(model) ?? [];
    return { source, name, dtype };
  });
}

/** 0 is any free port. */
function portOf(options: OptionValues): number | undefined {
  return stringOption(options, 'port') === '0' ? 0 : countOption(options, 'port');
}

function apiKeysOf(options: OptionValues): string[] {
  const file = stringOption(options, 'api-key-file');
  const lines = (text: string, separator: RegExp): string[] =>
    text
      .split(separator)
      .map((key) => key.trim())
      .filter((key) => key !== '');
  const keys = lines(process.env[KEYS_VARIABLE] ?? '', /,/);
  if (file === undefined) return keys;
  try {
    const read = lines(readFileSync(file, 'utf8'), /\r?\n/);
    // Without a key everybody could ask, which is not what was meant.
    if (read.length === 0) throw new Error('there is no key in it');
    return [...keys, ...read];
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
