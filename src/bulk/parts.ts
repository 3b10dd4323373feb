import { existsSync } from 'node:fs';
import { ArgumentError, FormatError } from '../errors.js';
import type { Tensor, TextEmbedder } from '../index.js';
import { writeFileAtomically } from '../io/atomic-file.js';
import { inGroups } from './groups.js';
import { openInput, sizeOf } from './input/input-file.js';
import type { FilePosition, InputFile } from './input/rows.js';
import { isPartRange, Manifest, type PartRange } from './manifest.js';
import { type BulkOptions, type BulkSettings, readOptions } from './options.js';
import { NpyWriter } from './output/npy.js';
import { ParquetWriter } from './output/parquet.js';
import type { PartWriter, Row } from './output/part-writer.js';

/** Texts embedded in one call: enough to keep all threads busy, few enough that memory stays flat. */
const GROUP_TEXTS = 512;
const GROUP_CHARACTERS = 256 * 1024;

/** One part of a job: plain data, to be handed to any process by a queue of any kind. */
export interface PartTask {
  readonly options: BulkOptions;
  readonly range: PartRange;
  /** How much of all inputs lies before the part and before its end, from 0 to 1. */
  readonly progress: { readonly begin: number; readonly end: number };
}

/** What came of a task. */
export interface PartResult {
  readonly part: number;
  /** The file with the vectors. */
  readonly file: string;
  readonly rows: number;
  /** Whether it was there already, and nothing had to be done. */
  readonly skipped: boolean;
}

/** Settings of {@link embedPart}. */
export interface PartOptions {
  /** Stops the work and rejects with the signal's reason; nothing of the part stays. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the rows of the part that are written. */
  readonly onRows?: ((rows: number) => void) | undefined;
}

/**
 * Cuts a job into parts, in order. Inputs are read as far as is needed to find where rows begin, and not even that where a
 * part was finished before.
 *
 * @throws ArgumentError, FileError, FormatError
 */
export async function* planParts(options: BulkOptions): AsyncGenerator<PartTask> {
  const settings = readOptions('planParts', options);
  const manifest = new Manifest(settings);
  await manifest.claim(null);
  const sizes = settings.inputs.map(({ file }) => sizeOf(file));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let part = 0;
  let firstRow = 0;
  for (let input = 0; input < settings.inputs.length; input++) {
    const file = await open(settings, input);
    const before = sizes.slice(0, input).reduce((sum, size) => sum + size, 0);
    const fraction = ({ offset }: FilePosition) => (before + ((sizes[input] as number) * offset) / file.length) / total;
    for (let begin = file.start; begin.offset < file.length; ) {
      const receipt = await manifest.receipt(part);
      const known = receipt !== null && receipt.input === input && receipt.begin.offset === begin.offset;
      const end = known ? receipt.end : await file.advance(begin, settings.rowsPerPart);
      if (end.row > begin.row) {
        const progress = { begin: fraction(begin), end: fraction(end) };
        yield { options, range: { part, input, begin, end, firstRow }, progress };
        part += 1;
      }
      firstRow += end.row - begin.row;
      begin = end;
    }
  }
}

/**
 * Embeds one part and writes its file, in one step, at the end. Doing it twice, at once or one after the other, gives the
 * same file: a part that is there is left alone. That is what a queue needs that hands out a job again when a worker dies.
 *
 * @throws ArgumentError, FileError, FormatError when a row is not as it should be, the signal's reason.
 */
export async function embedPart(
  task: PartTask,
  embedder: TextEmbedder,
  options: PartOptions = {},
): Promise<PartResult> {
  if (typeof task !== 'object' || task === null || !isPartRange(task.range)) {
    throw new ArgumentError('embedPart: task must be one of those that planParts gives');
  }
  const { range } = task;
  const settings = readOptions('embedPart', task.options);
  options.signal?.throwIfAborted();
  const manifest = new Manifest(settings);
  const provenance = await manifest.claim(embedder);
  const file = manifest.partFile(range.part);
  const rows = range.end.row - range.begin.row;
  const result = { part: range.part, file, rows };
  if ((await manifest.receipt(range.part)) !== null) return { ...result, skipped: true };
  try {
    await writeFileAtomically(file, async (handle) => {
      const dimension = settings.embedOptions.dimensions ?? embedder.dimension;
      const writer: PartWriter =
        settings.format === 'npy'
          ? new NpyWriter(handle, rows, dimension)
          : new ParquetWriter(handle, {
              dimension,
              withId: settings.columns.id !== null,
              withText: settings.withText,
              provenance,
            });
      await writer.begin();
      const written = await embedRows(readRange(settings, range), embedder, settings, writer, options);
      if (written !== rows) {
        throw new FormatError(
          `${inputOf(settings, range.input).file} has changed: part ${range.part} had ${rows} rows, now ${written}`,
        );
      }
      await writer.end();
    });
    await manifest.record(range);
  } catch (error) {
    options.signal?.throwIfAborted();
    // Another process may have done the same part meanwhile, and cleared away after it.
    if (existsSync(file) && (await manifest.receipt(range.part)) !== null) return { ...result, skipped: true };
    throw error;
  }
  return { ...result, skipped: false };
}

/** Embeds group by group; while the engine computes one group, the one before is written. */
async function embedRows(
  rows: AsyncIterable<Row>,
  embedder: TextEmbedder,
  settings: BulkSettings,
  writer: PartWriter,
  { signal, onRows }: PartOptions,
): Promise<number> {
  let written = 0;
  let previous: { group: Row[]; vectors: Tensor<'float32'> } | null = null;
  const flush = async (): Promise<void> => {
    if (previous === null) return;
    const { group, vectors } = previous;
    previous = null;
    const [, dimension = 0] = vectors.shape;
    const numbers = vectors.toTypedArray();
    for (const [index, row] of group.entries()) {
      await writer.row(row, numbers.subarray(index * dimension, (index + 1) * dimension));
    }
    vectors.dispose();
    written += group.length;
    onRows?.(written);
  };
  for await (const group of inGroups(rows, GROUP_TEXTS, GROUP_CHARACTERS, ({ text }) => text.length)) {
    const texts = group.map(({ text }) => text);
    const pending = embedder.embed(texts, { ...settings.embedOptions, signal });
    // A failure while the group before is being written is reported by the await below.
    pending.catch(() => undefined);
    await flush();
    previous = { group, vectors: await pending };
  }
  await flush();
  return written;
}

async function* readRange(settings: BulkSettings, { input, begin, end, firstRow }: PartRange): AsyncGenerator<Row> {
  const file = await open(settings, input);
  let row = firstRow;
  for await (const batch of file.read(begin, end.row - begin.row)) {
    for (const { id, text } of batch) {
      yield { row, id, text };
      row += 1;
    }
  }
}

function inputOf(settings: BulkSettings, input: number): BulkSettings['inputs'][number] {
  const found = settings.inputs[input];
  if (found === undefined)
    throw new ArgumentError(`embedPart: the task reads input ${input} of ${settings.inputs.length}`);
  return found;
}

function open(settings: BulkSettings, input: number): Promise<InputFile> {
  const { file, format } = inputOf(settings, input);
  return openInput(file, format, settings.columns);
}
