import { FormatError } from '../errors.js';

/**
 * JSON text in UTF-8, parsed strictly: besides what JSON itself demands, the bytes must be valid UTF-8 and no object may
 * name a key twice, of which `JSON.parse` would silently keep the last.
 *
 * @param bytes - the text; a byte order mark is not accepted.
 * @param where - what the text is, for the error message, such as a file's path.
 * @throws FormatError
 */
export function parseStrictJson(bytes: Uint8Array, where: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${where} is not valid UTF-8; the file is damaged, get it again`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new FormatError(`${where} is not valid JSON (${reason}); the file is damaged, get it again`, { cause });
  }
  const duplicate = firstDuplicateKey(text);
  if (duplicate !== null) {
    throw new FormatError(`${where} names ${JSON.stringify(duplicate)} twice in one object; it must be unique`);
  }
  return value;
}

/** Whether a parsed value is a JSON object, and not an array or null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How an unexpected JSON value is named in an error message. */
export function describeJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The first key that an object of this valid JSON text repeats. A string is a key exactly if a colon follows it. */
function firstDuplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = [];
  for (let index = 0; index < text.length; index++) {
    switch (text[index]) {
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(null);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, index);
        if (isFollowedByColon(text, end)) {
          const key = JSON.parse(text.slice(index, end)) as string;
          const keys = open.at(-1);
          if (keys?.has(key)) return key;
          keys?.add(key);
        }
        index = end - 1;
        break;
      }
    }
  }
  return null;
}

/** The index after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (text.charCodeAt(index) !== QUOTE) index += text.charCodeAt(index) === BACKSLASH ? 2 : 1;
  return index + 1;
}

function isFollowedByColon(text: string, start: number): boolean {
  let index = start;
  while (index < text.length && text.charCodeAt(index) <= 0x20) index++;
  return text[index] === ':';
}
