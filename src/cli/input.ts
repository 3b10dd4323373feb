import { isUtf8 } from 'node:buffer';
import { createReadStream, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileError, FormatError } from '../index.js';
import { type CommandContext, stringOption, UsageError } from './command.js';

/** Where texts come from, one at a time, and how far along the reading is. */
export interface TextSource {
  readonly texts: AsyncIterable<string>;
  /** From 0 to 1, or null where the end is not in sight. */
  progress(): number | null;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Lines of a UTF-8 stream without their ends, the last one also when it has none. A byte order mark is dropped.
 *
 * @param name - of the stream, for errors.
 * @throws FormatError for a line that is not UTF-8.
 */
async function* readLines(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  let count = 0;
  const decode = (bytes: Buffer): string => {
    count += 1;
    if (!isUtf8(bytes)) {
      throw new FormatError(
        `${name}: line ${count} is not valid UTF-8; if this is a text in another encoding, convert it first, such as with: iconv -f WINDOWS-1252 -t UTF-8`,
      );
    }
    const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
    const text = bytes.toString('utf8', 0, end);
    return count === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  };
  let rest: Uint8Array[] = [];
  for await (const chunk of stream) {
    let begin = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, begin)) {
      yield decode(Buffer.concat([...rest, chunk.subarray(begin, end)]));
      rest = [];
      begin = end + 1;
    }
    if (begin < chunk.length) rest.push(chunk.subarray(begin));
  }
  if (rest.length > 0) yield decode(Buffer.concat(rest));
}

/** Whoever gives the name of a file meant its contents, more often than not. */
function warnOfFiles(texts: readonly string[]): void {
  for (const text of texts) {
    if (path.extname(text) === '' || !existsSync(text) || !statSync(text).isFile()) continue;
    process.stderr.write(
      `gemmule: warning: "${text}" is taken as a text, though there is a file of that name; --file ${text} reads its lines\n`,
    );
    return;
  }
}

function fromArguments(texts: readonly string[]): TextSource {
  warnOfFiles(texts);
  let taken = 0;
  async function* each(): AsyncGenerator<string> {
    for (const text of texts) {
      taken += 1;
      yield text;
    }
  }
  return { texts: each(), progress: () => taken / texts.length };
}

function fromFile(file: string): TextSource {
  let size = 0;
  try {
    const status = statSync(file);
    if (status.isDirectory()) throw new Error('is a folder');
    size = status.size;
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  const stream = createReadStream(file);
  return { texts: readLines(stream, file), progress: () => (size > 0 ? Math.min(stream.bytesRead / size, 1) : null) };
}

function fromStandardInput(): TextSource {
  return { texts: readLines(process.stdin, 'standard input'), progress: () => null };
}

/** The texts that a command works on: its arguments, else the lines of `--file`, else those of standard input. */
export function openSource({ texts, options }: CommandContext): TextSource {
  const file = stringOption(options, 'file');
  if (texts.length > 0 && file !== undefined) throw new UsageError('give texts as arguments or --file, not both');
  if (texts.length > 0) return fromArguments(texts);
  // Opening it by name fails where it is a socket.
  const isStandardInput = file === '-' || file === '/dev/stdin';
  if (file !== undefined && !isStandardInput) return fromFile(file);
  if (file === undefined && process.stdin.isTTY) {
    throw new UsageError('no text: give it as an argument, with --file, or on standard input, one a line');
  }
  return fromStandardInput();
}

/** All texts of a source at once, for commands whose answer needs them all. */
export async function readAll(source: TextSource): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of source.texts) texts.push(text);
  return texts;
}
