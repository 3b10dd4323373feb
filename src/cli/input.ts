import { createReadStream, statSync } from 'node:fs';
import { FileError } from '../index.js';
import { type CommandContext, stringOption, UsageError } from './command.js';

/** Where texts come from, one at a time, and how far along the reading is. */
export interface TextSource {
  readonly texts: AsyncIterable<string>;
  /** From 0 to 1, or null where the end is not in sight. */
  progress(): number | null;
}

/** Lines of a UTF-8 stream without their ends, the last one also when it has none. A byte order mark is dropped. */
export async function* readLines(stream: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let first = true;
  for await (const chunk of stream) {
    const text = first && chunk.startsWith('\uFEFF') ? chunk.slice(1) : chunk;
    first = false;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

function fromArguments(texts: readonly string[]): TextSource {
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
  const stream = createReadStream(file, { encoding: 'utf8' });
  return { texts: readLines(stream), progress: () => (size > 0 ? Math.min(stream.bytesRead / size, 1) : null) };
}

function fromStandardInput(): TextSource {
  process.stdin.setEncoding('utf8');
  return { texts: readLines(process.stdin as AsyncIterable<string>), progress: () => null };
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
