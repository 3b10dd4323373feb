import { ArgumentError } from '../errors.js';
import type { TextEmbedder } from '../index.js';
import { Manifest } from './manifest.js';
import { type BulkOptions, readOptions } from './options.js';
import { embedPart, planParts } from './parts.js';

/** How far a run is. */
export interface BulkProgress {
  /** Rows of this shard that are done, those of earlier runs included. */
  readonly rows: number;
  /** How much of the input is behind, from 0 to 1, other shards' parts included. */
  readonly fraction: number;
}

/** Settings of {@link embedFiles} beside what to embed. */
export interface RunOptions {
  /** Which of how many shards this process does, from 1 up: every `count`th part. All of them by default. */
  readonly shard?: { readonly index: number; readonly count: number } | undefined;
  /** Stops and rejects with the signal's reason; parts that are done stay, and the next run goes on after them. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BulkProgress) => void) | undefined;
}

/** What a run did. */
export interface BulkResult {
  /** Parts and rows of this shard. */
  readonly parts: number;
  readonly rows: number;
  /** Parts of them that earlier runs had done. */
  readonly skipped: number;
}

/**
 * Embeds files of any length, part by part, in constant memory. Killed at any moment, it goes on where it was when it is
 * run again with the same options; other options for the same folder are an error. Shards may run at the same time, on
 * several machines with a common file system.
 *
 * @throws ArgumentError, FileError, FormatError when a row is not as it should be, the signal's reason.
 */
export async function embedFiles(
  options: BulkOptions,
  embedder: TextEmbedder,
  run: RunOptions = {},
): Promise<BulkResult> {
  const { shard = { index: 1, count: 1 }, signal, onProgress } = run;
  const { index, count } = shard;
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(index) || index < 1 || index > count) {
    throw new ArgumentError(`embedFiles: shard must be an index from 1 to count, got ${index} of ${count}`);
  }
  const settings = readOptions('embedFiles', options);
  const result = { parts: 0, rows: 0, skipped: 0 };
  const isMine = (part: number) => part % count === index - 1;
  for await (const task of planParts(options)) {
    if (!isMine(task.range.part)) continue;
    signal?.throwIfAborted();
    const { begin, end } = task.progress;
    const all = task.range.end.row - task.range.begin.row;
    const report = (rows: number): void => {
      onProgress?.({ rows: result.rows + rows, fraction: begin + ((end - begin) * rows) / all });
    };
    const { skipped, rows } = await embedPart(task, embedder, { signal, onRows: report });
    result.parts += 1;
    result.rows += rows;
    result.skipped += skipped ? 1 : 0;
  }
  await new Manifest(settings).sweep(isMine);
  return result;
}
