import type { IncomingMessage } from 'node:http';
import { FormatError, GemmuleError, HubError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../io/json.js';
import { VERSION } from '../version.js';
import { ConnectionFailure, sendRequest } from './http.js';
import { isCommit, requireBlobName, requireRepositoryPath } from './names.js';
import { pause } from './pause.js';
import type { Environment, HubSettings } from './settings.js';

/** A repository at one commit. */
export interface RepositoryListing {
  readonly commit: string;
  readonly files: ReadonlySet<string>;
}

/** What the Hub says about a file before sending it. */
export interface FileMetadata {
  /** The sha256 of large files, Git's hash of small ones: the file's name among the cache's blobs. */
  readonly etag: string;
  /** Bytes, or null where the server does not say. */
  readonly size: number | null;
  /** Where the Hub tells the way to it, each time anew: addresses that it redirects to expire. */
  readonly url: URL;
}

/** Settings of {@link HubClient}. */
export interface ClientOptions {
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Environment | undefined;
  /** Milliseconds before the first repetition; twice as many before each further one. */
  readonly patience?: number | undefined;
  /** Failures in a row, without any progress, after which it gives up. */
  readonly attempts?: number | undefined;
}

/** Milliseconds that a server may ask to wait; more is reported, not waited for. */
const LONGEST_WAIT = 120_000;

const MOST_REDIRECTS = 10;

/** A listing of a hundred thousand files is smaller. */
const LONGEST_LISTING = 64 * 2 ** 20;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Answers that another attempt may change. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A failure that may pass: worth another attempt, and at last the reason of a {@link HubError}. */
export class PassingFailure extends Error {
  constructor(
    message: string,
    readonly status: number | null,
    /** Milliseconds to wait that the server asked for. */
    readonly wait: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The Hub's protocol, as `huggingface_hub` speaks it: redirects, errors, repetitions. */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #options: ClientOptions;

  constructor(settings: HubSettings, options: ClientOptions = {}) {
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * The commit of a revision, and the names of its files.
   *
   * @throws HubError when the Hub does not have it or cannot be reached; FormatError when it answers with something else.
   */
  async list(model: string, revision: string): Promise<RepositoryListing> {
    const where = `${this.#settings.endpoint}/api/models/${model}/revision/${encodeURIComponent(revision)}`;
    const body = await this.retry(`the list of files of ${model}`, async () => {
      const { response } = await this.#follow(new URL(where), 'GET', {});
      return this.#readBody(await this.#accept(response, `${model}, revision ${revision}`), where);
    });
    const listing = parseStrictJson(body, where);
    if (!isJsonObject(listing) || typeof listing.sha !== 'string' || !isCommit(listing.sha)) {
      throw new FormatError(`${where} does not name a commit; is this really a model hub (HF_ENDPOINT)?`);
    }
    if (!Array.isArray(listing.siblings)) throw new FormatError(`${where} does not list the files of ${model}`);
    const files = listing.siblings.map((entry: unknown) => {
      const file = isJsonObject(entry) ? entry.rfilename : undefined;
      requireRepositoryPath(file, where);
      return file;
    });
    return { commit: listing.sha, files: new Set(files) };
  }

  /** A file's etag, size and place. @throws HubError, FormatError */
  async metadata(model: string, commit: string, file: string): Promise<FileMetadata> {
    const path = file.split('/').map(encodeURIComponent).join('/');
    const where = `${this.#settings.endpoint}/${model}/resolve/${commit}/${path}`;
    const url = new URL(where);
    return this.retry(`${model}/${file}`, async () => {
      const { response, linked } = await this.#follow(url, 'HEAD', {});
      response.destroy();
      if (!linked) await this.#accept(response, `${model}/${file}`);
      const { headers, statusCode } = response;
      const etag = (header(headers['x-linked-etag']) ?? header(headers.etag))?.replace(/^(?:W\/)?"(.*)"$/, '$1');
      requireBlobName(etag, where);
      const size = header(headers['x-linked-size']) ?? (statusCode === 200 ? header(headers['content-length']) : null);
      return { etag, size: size === null ? null : readSize(size, where), url };
    });
  }

  /**
   * The bytes of a file from one of them on, once: what is to be done about a failure, the caller knows best.
   *
   * @returns the response and the offset that its body begins at, which is 0 where the server sends all of it.
   * @throws PassingFailure, HubError
   */
  async open(url: URL, what: string, offset: number): Promise<{ body: IncomingMessage; begin: number }> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const { response } = await this.#follow(url, 'GET', headers);
    if (response.statusCode === 416) {
      response.destroy();
      return this.open(url, what, 0);
    }
    const body = await this.#accept(response, what);
    if (body.statusCode !== 206) return { body, begin: 0 };
    const begin = /^bytes (\d+)-/.exec(header(body.headers['content-range']) ?? '')?.[1];
    if (Number(begin) === offset) return { body, begin: offset };
    body.destroy();
    throw new PassingFailure(
      `was asked for ${what} from byte ${offset} on, and began at ${begin ?? 'none'}`,
      206,
      null,
    );
  }

  /** Does something until it works, or fails for a reason that will not pass, or fails too often without any progress. */
  async retry<T>(what: string, work: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
    const { signal, patience = 500, attempts = 5 } = this.#options;
    let reached = progress();
    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        signal?.throwIfAborted();
        const failure = asPassing(error);
        if (failure === null) throw error;
        failures = progress() > reached ? 1 : failures + 1;
        reached = progress();
        const longest = failure.wait ?? 0;
        if (failures >= attempts || longest > LONGEST_WAIT) throw this.#givenUp(what, failure);
        await pause(Math.max(longest, patience * 2 ** (failures - 1) * (0.75 + Math.random() / 2)), signal);
      }
    }
  }

  #givenUp(what: string, failure: PassingFailure): HubError {
    const { endpoint } = this.#settings;
    const { status, wait: asked } = failure;
    const message =
      status === 429
        ? `${endpoint} answers that there were too many requests (429)${asked === null ? '' : `, and to come back in ${Math.ceil(asked / 1000)} s`}; wait, or set HF_TOKEN, which allows more`
        : `cannot get ${what}: ${endpoint} ${failure.message}; see whether it can be reached from here (HTTPS_PROXY, HF_ENDPOINT), or set HF_HUB_OFFLINE=1 to use what was downloaded before`;
    return new HubError(message, { status, cause: failure });
  }

  /**
   * Sends a request and follows redirects, up to an answer that is none or, for HEAD, to one that tells what lies behind it
   * (`linked`). The token goes to the Hub alone: a signed address at another host must not see it.
   */
  async #follow(
    start: URL,
    method: 'GET' | 'HEAD',
    headers: Readonly<Record<string, string>>,
  ): Promise<{ response: IncomingMessage; linked: boolean }> {
    const { timeout, token, endpoint } = this.#settings;
    const { signal, environment = process.env } = this.#options;
    let url = start;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const all: Record<string, string> = {
        'user-agent': `gemmule/${VERSION}; node/${process.versions.node}`,
        'accept-encoding': 'identity',
        ...headers,
      };
      if (token !== null && url.origin === new URL(endpoint).origin) all.authorization = `Bearer ${token}`;
      const response = await sendRequest({ url, method, headers: all, timeout, signal, environment });
      const location = header(response.headers.location);
      if (!REDIRECTS.has(response.statusCode as number) || location === null) return { response, linked: false };
      if (method === 'HEAD' && response.headers['x-linked-etag'] !== undefined) return { response, linked: true };
      response.destroy();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : null;
      if (
        next === null ||
        !/^https?:$/.test(next.protocol) ||
        (url.protocol === 'https:' && next.protocol === 'http:')
      ) {
        throw new HubError(
          `${url.origin} redirects to ${JSON.stringify(location)}, which is not followed: it is not safe`,
        );
      }
      url = next;
    }
    throw new HubError(`${start.origin} redirects more than ${MOST_REDIRECTS} times, in a circle perhaps`);
  }

  /** The response if it is a success; else its status as an error that says what to do. */
  async #accept(response: IncomingMessage, what: string): Promise<IncomingMessage> {
    const status = response.statusCode as number;
    if (status === 200 || status === 206) return response;
    const code = header(response.headers['x-error-code']);
    const said = header(response.headers['x-error-message']);
    const retryAfter = readRetryAfter(header(response.headers['retry-after']));
    response.destroy();
    if (PASSING.has(status)) throw new PassingFailure(`answered ${status}`, status, retryAfter);
    throw new HubError(this.#refusal(status, code, said, what), { status });
  }

  #refusal(status: number, code: string | null, said: string | null, what: string): string {
    const { endpoint, token } = this.#settings;
    const model = what.split(/[,/]/).slice(0, 2).join('/');
    const authentication =
      token === null
        ? 'if it is private or gated, set HF_TOKEN to an access token of yours'
        : 'if it is private, see whether the access token in HF_TOKEN may read it';
    if (code === 'RevisionNotFound') return `there is no such revision on ${endpoint}: ${what}`;
    if (code === 'EntryNotFound') return `there is no such file on ${endpoint}: ${what}`;
    if (code === 'GatedRepo') {
      return `${what} is gated: accept its conditions at ${endpoint}/${model}${token === null ? ', and set HF_TOKEN to an access token of yours' : ' with the account whose token HF_TOKEN is'}`;
    }
    if (code === 'RepoNotFound' || status === 404) return `there is no ${what} on ${endpoint}; ${authentication}`;
    if (status === 401 && token !== null) {
      return `${endpoint} does not accept the access token (401); renew HF_TOKEN, or remove it for public models`;
    }
    if (status === 401) return `there is no ${what} on ${endpoint} for everyone to read; ${authentication}`;
    if (status === 403)
      return `${endpoint} refuses ${what} (403${said === null ? '' : `: ${said}`}); ${authentication}`;
    return `${endpoint} answered ${status} for ${what}${said === null ? '' : `: ${said}`}`;
  }

  async #readBody(response: IncomingMessage, where: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > LONGEST_LISTING) throw new FormatError(`${where} sends more than ${LONGEST_LISTING} bytes of JSON`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

/** A header as one text, without control characters, or null. */
function header(value: string | string[] | undefined): string | null {
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined ? null : text.replace(/\p{Cc}/gu, ' ');
}

function readSize(text: string, where: string): number {
  const size = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(size)) return size;
  throw new FormatError(`${where} is said to have ${JSON.stringify(text)} bytes`);
}

/** Milliseconds that a Retry-After header asks for: it counts seconds, or names a date. */
function readRetryAfter(value: string | null): number | null {
  if (value === null) return null;
  const milliseconds = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : null;
}

/** An error of the connection as a failure that may pass; null for what is none. */
function asPassing(error: unknown): PassingFailure | null {
  if (error instanceof PassingFailure) return error;
  if (error instanceof ConnectionFailure) return new PassingFailure(error.message, null, null, { cause: error });
  if (error instanceof GemmuleError || !(error instanceof Error)) return null;
  const { code } = error as NodeJS.ErrnoException;
  // Whatever goes wrong with a connection has a code; a mistake of the program's has none.
  if (code === undefined) return null;
  // Certificates that are not trusted do not become so by asking again.
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(code);
  if (certificate) {
    throw new HubError(
      `the certificate of the Hub, or of a proxy before it, is not trusted (${code}); name your own authority's in NODE_EXTRA_CA_CERTS`,
      { cause: error },
    );
  }
  return new PassingFailure(`cannot be reached (${code})`, null, null, { cause: error });
}
