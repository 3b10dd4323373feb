import { fromByteCharacters } from './byte-alphabet.js';
import type { Fields } from './fields.js';
import { readPattern } from './pattern.js';
import { readPrependScheme } from './pre-tokenizers/metaspace.js';

/** Turns tokens into the parts of a text, which are then joined. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

const encoder = new TextEncoder();

/** What English punctuation looks like after tokens were joined by spaces, and how it is written. */
const CLEANUPS: readonly [string, string][] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function cleanUp(text: string): string {
  return CLEANUPS.reduce((current, [from, to]) => current.replaceAll(from, to), text);
}

function readWordPiece(fields: Fields): Decoder {
  const prefix = fields.text('prefix', '##');
  const finish = fields.flag('cleanup', true) ? cleanUp : (text: string) => text;
  return (tokens) =>
    tokens.map((token, index) => {
      if (index === 0) return finish(token);
      return finish(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
    });
}

function decodeByteLevel(tokens: readonly string[]): readonly string[] {
  const bytes = tokens.flatMap((token) => fromByteCharacters(token) ?? [...encoder.encode(token)]);
  return [new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))];
}

function readMetaspace(fields: Fields): Decoder {
  const replacement = fields.text('replacement', '▁');
  const dropsFirst = readPrependScheme(fields) !== 'never';
  return (tokens) => tokens.map((token, index) => token.replaceAll(replacement, index === 0 && dropsFirst ? '' : ' '));
}

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** Joins neighbouring tokens `<0x..>` to the characters that their bytes spell; bytes that spell none become U+FFFD each. */
function decodeByteFallback(tokens: readonly string[]): readonly string[] {
  const parts: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      parts.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    } catch {
      for (const _ of bytes) parts.push('\ufffd');
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token)?.[1];
    if (byte !== undefined) {
      bytes.push(Number.parseInt(byte, 16));
      continue;
    }
    flush();
    parts.push(token);
  }
  flush();
  return parts;
}

function readStrip(fields: Fields): Decoder {
  const content = fields.text('content');
  const [start, stop] = [fields.integer('start', 0), fields.integer('stop', 0)];
  return (tokens) =>
    tokens.map((token) => {
      let [from, to] = [0, token.length];
      for (let n = 0; n < start && token.startsWith(content, from) && content !== ''; n++) from += content.length;
      for (let n = 0; n < stop && to > from && content !== '' && token.endsWith(content, to); n++) to -= content.length;
      return token.slice(from, Math.max(from, to));
    });
}

const READERS: Record<string, (fields: Fields) => Decoder> = {
  BPEDecoder: (fields) => {
    const suffix = fields.text('suffix', '</w>');
    return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? '' : ' '));
  },
  ByteFallback: () => decodeByteFallback,
  ByteLevel: () => decodeByteLevel,
  Fuse: () => (tokens) => [tokens.join('')],
  Metaspace: readMetaspace,
  Replace: (fields) => {
    const pattern = readPattern(fields, 'pattern');
    const content = fields.text('content');
    return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
  },
  Sequence: (fields) => {
    const parts = fields.fieldsList('decoders').map(readDecoder);
    return (tokens) => parts.reduce((current, part) => part(current), tokens);
  },
  Strip: readStrip,
  WordPiece: readWordPiece,
};

/** The decoder that an object of a tokenizer.json describes. */
export function readDecoder(fields: Fields): Decoder {
  const type = fields.text('type');
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw fields.error(`gemmule does not know the decoder ${JSON.stringify(type)}`);
  return read(fields);
}

/** Tokens with spaces between them. */
export const joinBySpaces: Decoder = (tokens) => [tokens.join(' ')];
