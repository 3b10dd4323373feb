import { RequestError } from './errors.js';

/**
 * Parses a body: valid UTF-8, valid JSON. Nothing in it is ever copied key by key, so that a key such as `__proto__` is one
 * like any other.
 *
 * @throws RequestError 400 or 415
 */
export function parseJsonBody(contentEncoding: string | undefined, bytes: Uint8Array): unknown {
  if (contentEncoding !== undefined && contentEncoding !== 'identity') {
    throw new RequestError(415, 'Validation', 'the body must not be compressed; send it without content-encoding');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RequestError(400, 'Validation', 'the body is not valid UTF-8', { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = text === '' ? 'the body is empty; it must be a JSON object' : 'the body is not valid JSON';
    throw new RequestError(400, 'Validation', what, { cause });
  }
}
