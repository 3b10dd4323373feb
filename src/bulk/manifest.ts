import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ArgumentError, FileError, FormatError } from '../errors.js';
import type { TextEmbedder } from '../index.js';
import { writeFileAtomically } from '../io/atomic-file.js';
import { isJsonObject, parseStrictJson } from '../io/json.js';
import { sizeOf } from './input/input-file.js';
import type { FilePosition } from './input/rows.js';
import type { BulkSettings } from './options.js';

/*
 * The manifest is a folder beside the parts:
 *
 *   manifest/job.json            what is embedded, and how; written first, never changed
 *   manifest/part-000000.json    one a part, written once its file is complete and in its place
 *
 * One file a part, rather than one for all of them, lets any number of processes on any machine work into one folder without
 * a lock: they never write the same file, or else the same contents.
 */

/** A part of the input: rows of one file. */
export interface PartRange {
  readonly part: number;
  /** Which of the inputs. */
  readonly input: number;
  readonly begin: FilePosition;
  readonly end: FilePosition;
  /** Rows of all inputs before it. */
  readonly firstRow: number;
}

/** A part that is done. */
export interface Receipt extends PartRange {
  /** The file's name, and its size. */
  readonly file: string;
  readonly bytes: number;
}

/** Bytes at either end of an input that tell it from others of the same size. */
const FINGERPRINT_BYTES = 2 ** 20;

const VERSION = 1;

export class Manifest {
  readonly #settings: BulkSettings;

  constructor(settings: BulkSettings) {
    this.#settings = settings;
  }

  /** The name of a part's file. */
  partName(part: number): string {
    return `part-${String(part).padStart(6, '0')}.${this.#settings.format}`;
  }

  partFile(part: number): string {
    return path.join(this.#settings.output, this.partName(part));
  }

  /**
   * Begins a job, or goes on with it.
   *
   * @param embedder - null where nothing is embedded yet; then the model is not part of what is compared.
   * @returns how it is made, to be noted in its files.
   * @throws ArgumentError when the folder is another job's, FileError when it cannot be written.
   */
  async claim(embedder: TextEmbedder | null): Promise<string> {
    const { output } = this.#settings;
    await mkdir(this.#path(''), { recursive: true }).catch((cause: Error) => {
      throw new FileError(`cannot write in ${output}: ${cause.message}`, { cause });
    });
    const input = await describeInput(this.#settings);
    await this.#agree('job.json', input);
    if (embedder === null) return JSON.stringify(input);
    const model = describeModel(embedder, this.#settings);
    await this.#agree('model.json', model);
    return JSON.stringify({ ...input, ...model });
  }

  /** The receipt of a part whose file is there, or null. */
  async receipt(part: number): Promise<Receipt | null> {
    const where = this.#path(receiptName(part));
    const bytes = await readFile(where).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw new FileError(`cannot read ${where}: ${cause.message}`, { cause });
    });
    if (bytes === null) return null;
    const receipt = parseStrictJson(bytes, where);
    if (!isReceipt(receipt) || receipt.part !== part) {
      throw new FormatError(`${where} is not what was written there; remove it, and the part is made again`);
    }
    const status = await stat(this.partFile(part)).catch(() => null);
    return status?.size === receipt.bytes ? receipt : null;
  }

  async record(range: PartRange): Promise<void> {
    const { size } = await stat(this.partFile(range.part));
    const receipt: Receipt = { ...range, file: this.partName(range.part), bytes: size };
    await this.#write(receiptName(range.part), receipt);
  }

  /** Removes what interrupted processes left of parts that are done. */
  async sweep(isDone: (part: number) => boolean): Promise<void> {
    const { output } = this.#settings;
    for (const name of await readdir(output)) {
      const part = /^part-(\d{6,})\.(?:parquet|npy)\..*\.partial$/.exec(name)?.[1];
      if (part !== undefined && isDone(Number(part))) await rm(path.join(output, name), { force: true });
    }
  }

  #path(name: string): string {
    return path.join(this.#settings.output, 'manifest', name);
  }

  #write(name: string, value: unknown): Promise<void> {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    return writeFileAtomically(this.#path(name), (file) => file.writeFile(text));
  }

  /** Writes what a job is, or sees that it is what was written before. */
  async #agree(name: string, value: Readonly<Record<string, unknown>>): Promise<void> {
    const where = this.#path(name);
    const before = await readFile(where).catch(() => null);
    if (before === null) return this.#write(name, value);
    const known = parseStrictJson(before, where);
    const same = (key: string) =>
      isJsonObject(known) &&
      JSON.stringify(known[key]) === JSON.stringify(JSON.parse(JSON.stringify(value[key] ?? null)));
    const different = Object.keys(value).filter((key) => !same(key));
    if (different.length === 0) return;
    throw new ArgumentError(
      `${this.#settings.output} holds vectors that were made otherwise: ${different.join(', ')} differ (see ${where}); name another folder, or remove this one`,
    );
  }
}

function receiptName(part: number): string {
  return `part-${String(part).padStart(6, '0')}.json`;
}

function isPosition(value: unknown): value is FilePosition {
  return isJsonObject(value) && isCount(value.row) && isCount(value.offset);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether a parsed value is a range; ranges come from files and from queues. */
export function isPartRange(value: unknown): value is PartRange {
  if (!isJsonObject(value)) return false;
  const { part, input, firstRow, begin, end } = value;
  return (
    isCount(part) && isCount(input) && isCount(firstRow) && isPosition(begin) && isPosition(end) && end.row >= begin.row
  );
}

function isReceipt(value: unknown): value is Receipt {
  return isPartRange(value) && 'bytes' in value && isCount(value.bytes);
}

/** What is embedded. Paths are not part of it: on another machine they may be others. */
async function describeInput(settings: BulkSettings): Promise<Record<string, unknown>> {
  const { columns, format, withText, rowsPerPart } = settings;
  const inputs = await Promise.all(
    settings.inputs.map(async ({ file, format: inputFormat }) => ({
      name: path.basename(file),
      format: inputFormat,
      ...(await fingerprint(file)),
    })),
  );
  return { version: VERSION, inputs, columns, format, withText, rowsPerPart };
}

function describeModel(embedder: TextEmbedder, { embedOptions }: BulkSettings): Record<string, unknown> {
  const { folder, ...model } = embedder.describe();
  // A model of the Hub lies in a folder named after its commit.
  const commit = path.basename(path.dirname(folder)) === 'snapshots' ? path.basename(folder) : null;
  const { prompt = null, dimensions = null, maxTokens = null, normalize = null } = embedOptions;
  return { model: { ...model, commit }, embed: { prompt, dimensions, maxTokens, normalize } };
}

/** Its size, and a hash of its beginning and its end: files of millions of rows are not read twice to know them again. */
async function fingerprint(file: string): Promise<{ bytes: number; hash: string }> {
  const bytes = sizeOf(file);
  const handle = await open(file).catch((cause: Error) => {
    throw new FileError(`cannot read ${file}: ${cause.message}`, { cause });
  });
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(Math.min(bytes, FINGERPRINT_BYTES));
    for (const position of [0, bytes - buffer.length]) {
      await handle.read(buffer, 0, buffer.length, position);
      hash.update(buffer);
    }
    return { bytes, hash: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}
