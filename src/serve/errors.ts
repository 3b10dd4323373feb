import { ArgumentError, DisposedError, GemmuleError, TruncatedTextError } from '../errors.js';

/** What went wrong, by the names that Text Embeddings Inference gives it. */
export type ErrorKind =
  | 'Validation'
  | 'Tokenizer'
  | 'Backend'
  | 'Overloaded'
  | 'Unhealthy'
  | 'Unauthorized'
  | 'NotFound'
  | 'Timeout';

/** Why a request is answered with an error. */
export class RequestError extends GemmuleError {
  /** The field that is wrong, or null. */
  readonly param: string | null;
  /** After how many seconds it makes sense to try again, or null. */
  readonly retryAfter: number | null;
  /** OpenAI's word for it, or null. */
  readonly reason: string | null;

  /**
   * @param status - the HTTP status.
   * @param openaiStatus - the status for OpenAI's clients, where that is another.
   */
  constructor(
    readonly status: number,
    readonly kind: ErrorKind,
    message: string,
    details: {
      readonly param?: string | null;
      readonly retryAfter?: number;
      readonly reason?: string;
      readonly openaiStatus?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super('ERR_REQUEST', message, { cause: details.cause });
    this.param = details.param ?? null;
    this.retryAfter = details.retryAfter ?? null;
    this.reason = details.reason ?? null;
    this.openaiStatus = details.openaiStatus ?? status;
  }

  readonly openaiStatus: number;
}

/** A body that is JSON, but not what the route takes. */
export function invalidField(param: string | null, message: string): RequestError {
  return new RequestError(422, 'Validation', message, { param, openaiStatus: 400 });
}

/** A field that asks for more than the server gives. */
export function tooMuch(param: string, message: string): RequestError {
  return new RequestError(413, 'Validation', message, { param, openaiStatus: 400 });
}

/** A model that cannot do what the route is for. */
export function lacksCapability(message: string): RequestError {
  return new RequestError(424, 'Backend', message, { param: 'model', openaiStatus: 400 });
}

/** What a client is told about an error that was thrown while its request was handled; null when it is the server's fault. */
export function asRequestError(error: unknown): RequestError | null {
  if (error instanceof RequestError) return error;
  if (error instanceof TruncatedTextError) {
    const message = error.message.replace('leave out truncate: false to have it cut', 'set truncate to true');
    return new RequestError(413, 'Validation', withoutOperation(message), {
      param: 'input',
      openaiStatus: 400,
      reason: 'context_length_exceeded',
      cause: error,
    });
  }
  if (error instanceof DisposedError) {
    return new RequestError(503, 'Unhealthy', 'the server is shutting down', { retryAfter: 1, cause: error });
  }
  if (error instanceof ArgumentError) {
    return new RequestError(422, 'Validation', withoutOperation(error.message), { openaiStatus: 400, cause: error });
  }
  return fromFramework(error);
}

/** Errors of fastify itself have a status and a code of their own: a body that is too large, a wrong media type. */
function fromFramework(error: unknown): RequestError | null {
  const { statusCode, code, message } = error as { statusCode?: unknown; code?: unknown; message?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || typeof message !== 'string') return null;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new RequestError(415, 'Validation', 'the body must be JSON; send it as content-type: application/json');
  }
  if (statusCode === 413) return new RequestError(413, 'Validation', `the body is too large: ${message}`);
  if (statusCode < 500) return new RequestError(statusCode, 'Validation', message);
  // fastify's answer to requests on open connections while it closes.
  return statusCode === 503 ? new RequestError(503, 'Unhealthy', 'the server is shutting down') : null;
}

/** Messages name the method of the library first, which means nothing to a client. */
function withoutOperation(message: string): string {
  return message.replace(/^\w+: /, '');
}

/** An error as TEI writes it. */
export function teiErrorBody({ kind, message }: Pick<RequestError, 'kind' | 'message'>): object {
  return { error: message, error_type: kind };
}

/** An error as OpenAI writes it. */
export function openaiErrorBody(error: Pick<RequestError, 'kind' | 'message' | 'param' | 'reason'>): object {
  const types: Partial<Record<ErrorKind, string>> = {
    Unauthorized: 'authentication_error',
    Overloaded: 'rate_limit_error',
    Unhealthy: 'server_error',
    Timeout: 'server_error',
  };
  const type = types[error.kind] ?? 'invalid_request_error';
  return { error: { message: error.message, type, param: error.param, code: error.reason } };
}

/** What a client is told when it is the server's fault; the log has the rest. */
export const INTERNAL_ERROR = { kind: 'Backend', message: 'internal error', param: null, reason: null } as const;
