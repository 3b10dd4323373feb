import { RequestError } from './errors.js';

/** How deep arrays and objects may lie in each other; nothing that a route takes is deeper than four. */
const MOST_DEPTH = 32;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Whether JSON text is too deep, which takes long to parse and to free. What is no JSON is none of its business. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) {
      index++;
      while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
    } else if (OPENING.has(byte)) {
      depth += 1;
      if (depth > MOST_DEPTH) return true;
    } else if (CLOSING.has(byte)) depth -= 1;
  }
  return false;
}

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
  if (isTooDeep(bytes)) {
    throw new RequestError(400, 'Validation', `the body must not have more than ${MOST_DEPTH} arrays in each other`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = text === '' ? 'the body is empty; it must be a JSON object' : 'the body is not valid JSON';
    throw new RequestError(400, 'Validation', what, { cause });
  }
}
