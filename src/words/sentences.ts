import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { ArgumentError, FileError } from '../errors.js';

/**
 * Where a corpus comes from: the path of a text file, plain or gzip, or texts: strings, or sentences that are cut into words
 * already.
 */
export type CorpusSource = string | Iterable<string | readonly string[]> | AsyncIterable<string | readonly string[]>;

/** How texts become sentences of words. */
export interface SentenceOptions {
  /**
   * How a text is cut into words: `words` (default) takes runs of letters and digits, with apostrophes inside, in lower case;
   * `whitespace` takes what stands between white space as it is; or a function.
   */
  readonly tokenize?: 'words' | 'whitespace' | ((text: string) => readonly string[]) | undefined;
  /** What a sentence is in a file: a `line` (default), or a `paragraph` of lines up to an empty one. */
  readonly unit?: 'line' | 'paragraph' | undefined;
  /** Joins words that belong together, such as `new_york`; several in turn find longer ones. */
  readonly phrases?: Joiner | readonly Joiner[] | undefined;
  /** Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What joins words of a sentence; see `Phrases`. */
export interface Joiner {
  join(sentence: readonly string[]): readonly string[];
}

/** Bytes that are read at a time; in between, others have the event loop. */
const CHUNK_BYTES = 64 * 1024;

/** A sentence of a file is cut at white space once it has so many characters: some corpora are a single line. */
const MOST_CHARACTERS = 64 * 1024;

/** After this long, the event loop has its turn. */
const SLICE_MILLISECONDS = 8;

const WORDS = /[\p{L}\p{M}\p{N}]+(?:['’]\p{L}+)*/gu;

function tokenizerOf(tokenize: SentenceOptions['tokenize']): (text: string) => readonly string[] {
  switch (tokenize) {
    case undefined:
    case 'words':
      return (text) => text.toLowerCase().match(WORDS) ?? [];
    case 'whitespace':
      return (text) => text.match(/\S+/g) ?? [];
    default:
      if (typeof tokenize === 'function') return tokenize;
      throw new ArgumentError(`tokenize must be "words", "whitespace" or a function, got ${String(tokenize)}`);
  }
}

/** Gives the event loop its turn every few milliseconds; `breathe` belongs into long loops. */
export class Breather {
  #last = performance.now();
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to wait for `breathe`. */
  get isDue(): boolean {
    return performance.now() - this.#last >= SLICE_MILLISECONDS;
  }

  async breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#last = performance.now();
  }
}

/**
 * The sentences of a source, each as its words.
 *
 * @throws FileError when a file cannot be read, ArgumentError when a source or what it gives is of no such kind.
 */
export async function* sentencesOf(
  source: CorpusSource,
  options: SentenceOptions = {},
): AsyncGenerator<readonly string[]> {
  const cut = tokenizerOf(options.tokenize);
  const { unit = 'line', signal } = options;
  const joiners = [options.phrases ?? []].flat();
  const joined = (words: readonly string[]) => joiners.reduce((sentence, joiner) => joiner.join(sentence), words);
  const tokenize = (text: string) => joined(cut(text));
  if (unit !== 'line' && unit !== 'paragraph') {
    throw new ArgumentError(`unit must be "line" or "paragraph", got ${String(unit)}`);
  }
  if (typeof source === 'string') {
    for await (const texts of textsOfFile(source, unit, signal)) for (const text of texts) yield tokenize(text);
    return;
  }
  const isIterable =
    source !== null && typeof source === 'object' && (Symbol.asyncIterator in source || Symbol.iterator in source);
  if (!isIterable) {
    throw new ArgumentError('source must be the path of a file or an iterable of strings or of arrays of strings');
  }
  const breather = new Breather(signal);
  for await (const item of source) {
    signal?.throwIfAborted();
    if (breather.isDue) await breather.breathe();
    if (typeof item === 'string') yield tokenize(item);
    else yield joined(requireWords(item));
  }
}

function requireWords(item: unknown): readonly string[] {
  if (!Array.isArray(item) || item.some((word) => typeof word !== 'string')) {
    throw new ArgumentError('source must give strings, or arrays of strings, one array a sentence');
  }
  return item;
}

/** The texts of a file, those of each chunk together. */
async function* textsOfFile(path: string, unit: 'line' | 'paragraph', signal?: AbortSignal): AsyncGenerator<string[]> {
  const separator = unit === 'line' ? /\r?\n/ : /\r?\n[^\S\n]*\r?\n\s*/;
  let rest = '';
  try {
    for await (const chunk of decodedChunks(path)) {
      signal?.throwIfAborted();
      const texts = (rest + chunk).split(separator);
      rest = texts.pop() ?? '';
      if (rest.length > MOST_CHARACTERS) {
        const end = rest.search(/\s\S*$/);
        texts.push(end > 0 ? rest.slice(0, end) : rest);
        rest = end > 0 ? rest.slice(end) : '';
      }
      yield texts;
    }
  } catch (cause) {
    if (signal?.aborted || !(cause instanceof Error) || !('code' in cause)) throw cause;
    throw new FileError(`cannot read the corpus ${path}: ${cause.message}`, { cause });
  }
  yield [rest];
}

async function* decodedChunks(path: string): AsyncGenerator<string> {
  const isPacked = await isGzip(path);
  const decoder = new TextDecoder();
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = isPacked ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  // `pipe` passes no errors on.
  if (stream !== file) file.on('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of stream) yield decoder.decode(chunk as Uint8Array, { stream: true });
    yield decoder.decode();
  } finally {
    file.destroy();
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
