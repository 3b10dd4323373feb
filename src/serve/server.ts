import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DisposedError, FileError, GemmuleError } from '../errors.js';
import { engineInfo, VERSION } from '../index.js';
import { Admission } from './admission.js';
import { ApiKeys } from './api-keys.js';
import { corsHeaders } from './cors.js';
import { asRequestError, INTERNAL_ERROR, openaiErrorBody, RequestError, teiErrorBody } from './errors.js';
import { describeModels, describeServer } from './info.js';
import { parseJsonBody } from './json-body.js';
import { Metrics } from './metrics.js';
import { ModelRegistry } from './models.js';
import { openapiDocument } from './openapi.js';
import { readSettings, type ServeOptions, type ServerSettings } from './options.js';
import { Pacer } from './pacing.js';
import { loadServerPackages, type ServerPackages } from './packages.js';
import { PAGE_FILES, PAGE_HEADERS } from './page.js';
import type { ComputeRoute, Dialect, Services } from './route.js';
import { openaiEmbeddings, teiEmbed, teiEmbedAll, teiSimilarity } from './routes/embedding.js';
import { teiEmbedSparse, teiPredict, teiRerank } from './routes/ranking.js';
import { teiDecode, teiTokenize } from './routes/tokens.js';
import { explainViolation, type SchemaViolation } from './schemas.js';

const ROUTES: readonly ComputeRoute<never>[] = [
  openaiEmbeddings,
  teiEmbed,
  teiEmbedAll,
  teiEmbedSparse,
  teiSimilarity,
  teiRerank,
  teiPredict,
  teiTokenize,
  teiDecode,
];

/** How often connections are looked at for requests that take too long to arrive, in milliseconds. */
const CONNECTION_CHECK_MILLISECONDS = 1000;

/** How long a request's headers may take to arrive, in milliseconds. */
const MOST_HEADERS_MILLISECONDS = 30_000;

/** Statuses in the log and the metrics of requests whose client did not wait for the answer, as nginx has it. */
const CLIENT_CLOSED_REQUEST = 499;

/** What answers that were broken off get to be sent, in milliseconds. */
const LAST_MOMENT_MILLISECONDS = 100;

/** The client has closed its connection: nobody waits for the answer. */
class ClientGone extends Error {}

type State = 'loading' | 'ready' | 'failed' | 'stopping';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no API key. */
    readonly open?: boolean;
    readonly dialect?: Dialect;
    /** Needs the models to be there. */
    readonly computes?: boolean;
  }
}

/** A server that is listening. */
export interface GemmuleServer {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Resolves when all models are loaded and warm; rejects when one cannot be loaded. */
  readonly ready: Promise<void>;
  /**
   * Takes no more requests, finishes those that it has accepted, and frees the models. After `shutdownTimeout` what is not
   * finished is broken off. Closing twice waits for the same end.
   */
  close(): Promise<void>;
}

/**
 * Starts an HTTP server for embeddings: OpenAI's and Text Embeddings Inference's interfaces, and a page to try it.
 *
 * @returns as soon as it listens; models are loaded meanwhile, and `/health` says when they are ready.
 * @throws ArgumentError for settings that make no sense, DependencyError when fastify or prom-client are not installed,
 *   FileError when the address is taken.
 */
export async function serve(options: ServeOptions = {}): Promise<GemmuleServer> {
  const settings = readSettings(options);
  const server = new Server(settings, await loadServerPackages());
  await server.listen();
  return server;
}

class Server implements GemmuleServer {
  readonly ready: Promise<void>;
  readonly #settings: ServerSettings;
  readonly #app: FastifyInstance;
  readonly #models = new ModelRegistry();
  readonly #admission: Admission;
  readonly #metrics: Metrics;
  readonly #services: Services;
  readonly #keys: ApiKeys;
  /** What breaks off each request that is being computed. */
  readonly #active = new Set<AbortController>();
  /** Requests that have begun to arrive and whose answers have not been sent. */
  #pending = 0;
  #onIdle: (() => void) | null = null;
  #state: State = 'loading';
  #url = '';
  #closed: Promise<void> | null = null;
  #onReady: () => void = () => undefined;
  #onFailure: (error: unknown) => void = () => undefined;

  constructor(settings: ServerSettings, packages: ServerPackages) {
    this.#settings = settings;
    this.#keys = new ApiKeys(settings.apiKeys);
    this.#admission = new Admission(settings);
    this.#metrics = new Metrics(packages.metrics, this.#admission);
    this.#services = { settings, models: this.#models, admission: this.#admission, pacer: new Pacer() };
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailure = reject;
    });
    // Who does not ask for it learns of a failure by /health.
    this.ready.catch(() => undefined);
    this.#app = packages.fastify.fastify({
      logger: settings.logLevel === 'silent' ? false : { level: settings.logLevel, base: null },
      logController: new packages.fastify.LogController({ disableRequestLogging: true }),
      genReqId: () => randomUUID(),
      bodyLimit: settings.bodyLimit,
      requestTimeout: settings.requestTimeout,
      http: {
        connectionsCheckingInterval: CONNECTION_CHECK_MILLISECONDS,
        requestTimeout: settings.requestTimeout,
        // Node exchanges the two where this one is larger.
        headersTimeout: Math.min(settings.requestTimeout, MOST_HEADERS_MILLISECONDS),
      },
      forceCloseConnections: 'idle',
      ajv: {
        customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, strict: false },
      },
    });
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      async (request: FastifyRequest, bytes: Buffer) => parseJsonBody(request.headers['content-encoding'], bytes),
    );
    this.#app.addHook('onSend', async (_request, reply) => {
      if (this.#state === 'stopping') reply.header('connection', 'close');
    });
    this.#app.addHook('onRequest', (request, reply, done) => this.#receive(request, reply, done));
    this.#app.setErrorHandler((error, request, reply) => this.#fail(error, request, reply));
    this.#app.setNotFoundHandler((request) => {
      throw new RequestError(404, 'NotFound', `there is no ${request.method} ${request.url.split('?')[0]}`);
    });
    for (const route of ROUTES) this.#addComputeRoute(route);
    this.#addReadRoutes();
  }

  get url(): string {
    return this.#url;
  }

  async listen(): Promise<void> {
    const { host, port, apiKeys, models } = this.#settings;
    try {
      await this.#app.listen({ host, port });
    } catch (cause) {
      await this.#app.close();
      throw new FileError(`serve: cannot listen on ${host}, port ${port}: ${(cause as Error).message}`, { cause });
    }
    const address = this.#app.server.address() as AddressInfo;
    this.#url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
    this.#log.info({ url: this.#url, version: VERSION, ...engineInfo() }, 'started');
    if (!isLoopback(address.address) && apiKeys.length === 0) {
      this.#log.warn({ host }, 'anybody who reaches this address may use the server; set apiKeys to change that');
    }
    void this.#loadModels(models);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  get #log(): FastifyBaseLogger {
    return this.#app.log;
  }

  async #loadModels(specs: ServerSettings['models']): Promise<void> {
    try {
      for (const spec of specs) {
        const start = performance.now();
        const { name } = await this.#models.add(spec, (model, report) => {
          this.#metrics.computed(model, report);
          this.#admission.observe(
            report.lengths.reduce((sum, length) => sum + length, 0),
            report.milliseconds,
          );
        });
        // The models are freed when the server is closed, those that came later, too.
        if (this.#state === 'stopping') {
          this.#models.dispose();
          throw new DisposedError('the server was closed while it loaded its models');
        }
        this.#log.info(
          { model: name, source: spec.source, milliseconds: Math.round(performance.now() - start) },
          'loaded',
        );
      }
      this.#state = 'ready';
      this.#onReady();
    } catch (error) {
      if (this.#state !== 'stopping') {
        this.#state = 'failed';
        this.#log.error({ err: error }, 'a model cannot be loaded');
      }
      this.#onFailure(error);
    }
  }

  async #close(): Promise<void> {
    this.#state = 'stopping';
    this.#log.info({ requests: this.#pending }, 'stopping');
    const timer = setTimeout(() => {
      this.#log.warn({ requests: this.#active.size }, 'out of patience: breaking off what is not finished');
      for (const controller of this.#active) {
        controller.abort(new RequestError(503, 'Unhealthy', 'the server is shutting down', { retryAfter: 1 }));
      }
      // Answers get a moment to be sent; what is still arriving does not.
      setTimeout(() => this.#app.server.closeAllConnections(), LAST_MOMENT_MILLISECONDS).unref();
    }, this.#settings.shutdownTimeout);
    const closed = this.#app.close();
    // Connections that are kept open for further requests would keep the server open as well.
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#app.server.closeAllConnections();
    await closed;
    clearTimeout(timer);
    this.#models.dispose();
    this.#metrics.close();
    this.#log.info('stopped');
  }

  /** What comes first for every request, unknown routes included. */
  #receive(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const { open = false, computes = false } = request.routeOptions.config;
    const start = performance.now();
    this.#pending += 1;
    reply.raw.once('close', () => {
      this.#pending -= 1;
      if (this.#pending === 0) this.#onIdle?.();
      const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST;
      const method = request.routeOptions.url ?? 'unknown';
      const milliseconds = performance.now() - start;
      this.#metrics.answered(method, status, milliseconds / 1000);
      const line = { id: request.id, method: request.method, route: method, status, milliseconds };
      // Probes come every few seconds.
      this.#log[open ? 'debug' : 'info'](line, 'answered');
    });
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    const cors = corsHeaders(this.#settings.corsOrigins, request.headers.origin);
    if (cors !== null) {
      reply.headers(cors);
      if (request.method === 'OPTIONS') {
        reply.code(204).send();
        return;
      }
    }
    try {
      if (!open) this.#keys.check(request.headers.authorization);
      if (computes) this.#requireReady();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #requireReady(): void {
    if (this.#state === 'ready') return;
    const reasons: Record<Exclude<State, 'ready'>, string> = {
      loading: 'the models are being loaded',
      failed: 'a model could not be loaded; the log says why',
      stopping: 'the server is shutting down',
    };
    throw new RequestError(503, 'Unhealthy', reasons[this.#state], { retryAfter: 1 });
  }

  #fail(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { computes = false, dialect } = request.routeOptions.config;
    const isOpenai = dialect === 'openai' || (!computes && request.url.startsWith('/v1/'));
    const known = asRequestError(error);
    if (known === null) this.#log.error({ id: request.id, err: error }, 'unexpected error, please report it');
    if (known?.retryAfter != null) reply.header('retry-after', known.retryAfter);
    if (known?.status === 401) reply.header('www-authenticate', 'Bearer');
    const shown = known ?? INTERNAL_ERROR;
    const status = known === null ? 500 : isOpenai ? known.openaiStatus : known.status;
    void reply.code(status).send(isOpenai ? openaiErrorBody(shown) : teiErrorBody(shown));
  }

  #addComputeRoute(route: ComputeRoute<never>): void {
    this.#app.post(route.path, {
      config: { dialect: route.dialect, computes: true },
      schema: { body: route.body },
      attachValidation: true,
      handler: async (request, reply) => {
        if (request.validationError !== undefined) {
          const violations = request.validationError.validation as unknown as readonly SchemaViolation[];
          const { param, message } = explainViolation(route.body, violations, request.body);
          throw new RequestError(422, 'Validation', message, { param, openaiStatus: 400 });
        }
        const controller = this.#watch(reply);
        try {
          const { signal } = controller;
          const json = await route.run({ ...this.#services, body: request.body as never, signal });
          // Sending takes time as well, and many answers are ready at once.
          await this.#services.pacer.run(() => reply.type('application/json').send(json));
        } catch (error) {
          if (error instanceof ClientGone) reply.hijack();
          else throw nameInput(error, route.input);
        } finally {
          this.#active.delete(controller);
        }
        return reply;
      },
    });
  }

  /** What breaks off a request: its client leaves, or it takes too long. */
  #watch(reply: FastifyReply): AbortController {
    const controller = new AbortController();
    this.#active.add(controller);
    const timer = setTimeout(() => {
      controller.abort(new RequestError(503, 'Timeout', `no answer within ${this.#settings.requestTimeout} ms`));
    }, this.#settings.requestTimeout);
    reply.raw.once('close', () => {
      clearTimeout(timer);
      if (!reply.raw.writableFinished) controller.abort(new ClientGone('the client has gone'));
    });
    return controller;
  }

  #addReadRoutes(): void {
    const app = this.#app;
    const document = openapiDocument(ROUTES, this.#settings.apiKeys.length > 0);
    const open = { config: { open: true } };
    app.get('/health', open, (_request, reply) => {
      const status = { loading: 'loading', failed: 'loading', ready: 'ready', stopping: 'stopping' }[this.#state];
      void reply.code(this.#state === 'ready' ? 200 : 503).send({ status });
    });
    app.get('/openapi.json', open, async () => document);
    app.get('/v1/models', { config: { dialect: 'openai', computes: true } }, async () => describeModels(this.#models));
    app.get('/info', { config: { dialect: 'tei', computes: true } }, async () =>
      describeServer(this.#models, this.#settings),
    );
    app.get('/metrics', async (_request, reply) => {
      reply.type(this.#metrics.contentType);
      return this.#metrics.text();
    });
    for (const { path, type, text } of PAGE_FILES) {
      app.get(path, open, async (_request, reply) => {
        reply.type(type).headers(PAGE_HEADERS);
        return text;
      });
    }
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Messages of the library say `texts[3]`; clients know the field by another name. */
function nameInput(error: unknown, input: string): unknown {
  if (!(error instanceof GemmuleError) || error instanceof RequestError) return error;
  const known = asRequestError(error);
  if (known === null) return error;
  const message = known.message.replace(/^(?:texts|sequences)(?=\[)/, input);
  const [, param = null] = /^(\w+)(?:\[| must)/.exec(message) ?? [];
  return new RequestError(known.status, known.kind, message, {
    param,
    openaiStatus: known.openaiStatus,
    ...(known.reason === null ? {} : { reason: known.reason }),
    ...(known.retryAfter === null ? {} : { retryAfter: known.retryAfter }),
    cause: error,
  });
}
