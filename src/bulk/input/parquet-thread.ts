import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FileMetaData } from 'hyparquet';
import { FileError, FormatError } from '../../errors.js';
import source from './parquet-worker.js?raw';

/** What a file says of itself. */
export interface ParquetDescription {
  readonly metadata: FileMetaData;
  /** Of the columns, in their order. */
  readonly names: readonly string[];
}

/** Rows to decode. */
export interface RowRange {
  readonly metadata: FileMetaData;
  readonly columns: readonly string[];
  readonly rowStart: number;
  readonly rowEnd: number;
}

/** How long it may take to decode nothing much, in milliseconds; what is slow is a loaded machine. */
const LEAST_MILLISECONDS = 60_000;

/** And how much longer for each megabyte that is to be decoded: some tens of times what it takes. */
const MILLISECONDS_PER_MEGABYTE = 1000;

type Task = { readonly kind: 'describe' } | ({ readonly kind: 'read' } & RowRange);

type Answer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'file' | 'format'; readonly message: string };

/**
 * Reads what describes a Parquet file.
 *
 * @param milliseconds - when to give up.
 * @throws FileError when it cannot be read, or packages are missing; FormatError when it is damaged, or was made to do harm.
 */
export async function describeParquet(file: string, milliseconds = LEAST_MILLISECONDS): Promise<ParquetDescription> {
  return (await runTask(file, { kind: 'describe' }, milliseconds)) as ParquetDescription;
}

/**
 * Decodes rows of a Parquet file.
 *
 * @param milliseconds - when to give up; by default a minute, and a second for each megabyte to decode.
 * @returns the values of the columns asked for, row by row.
 * @throws as {@link describeParquet}.
 */
export async function readParquetRows(
  file: string,
  range: RowRange,
  milliseconds = LEAST_MILLISECONDS + (bytesOf(range) / 2 ** 20) * MILLISECONDS_PER_MEGABYTE,
): Promise<unknown[][]> {
  return (await runTask(file, { kind: 'read', ...range }, milliseconds)) as unknown[][];
}

/** How many bytes of the file hold the columns of the row groups that have the rows. */
function bytesOf({ metadata, columns, rowStart, rowEnd }: RowRange): number {
  let [begin, bytes] = [0, 0];
  for (const group of metadata.row_groups) {
    const end = begin + Number(group.num_rows);
    if (end > rowStart && begin < rowEnd) {
      for (const { meta_data: chunk } of group.columns) {
        if (columns.includes(chunk?.path_in_schema[0] ?? '')) bytes += Number(chunk?.total_compressed_size);
      }
    }
    begin = end;
  }
  return bytes;
}

/** The packages that read Parquet: optional, since most users have no need of them. */
function locateReader(): { readonly reader: string; readonly compressors: string } {
  const { resolve } = createRequire(import.meta.url);
  try {
    return {
      reader: pathToFileURL(resolve('hyparquet')).href,
      compressors: pathToFileURL(resolve('hyparquet-compressors')).href,
    };
  } catch (cause) {
    throw new FileError('reading Parquet needs two more packages; run: npm install hyparquet hyparquet-compressors', {
      cause,
    });
  }
}

/** The longest that a timer can wait, in milliseconds. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** How long a thread is kept for the next task, in milliseconds. */
const IDLE_MILLISECONDS = 5000;

/** A thread that has done its task, and would end soon. */
let idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | null = null;

function takeWorker(): Worker {
  if (idle === null) {
    return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
      workerData: locateReader(),
      execArgv: [],
    });
  }
  const { worker, timer } = idle;
  idle = null;
  clearTimeout(timer);
  forgetListeners(worker);
  worker.ref();
  return worker;
}

/** Those of the last task; Node has some of its own. */
function forgetListeners(worker: Worker): void {
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
}

function putBack(worker: Worker): void {
  if (idle !== null) {
    void worker.terminate();
    return;
  }
  const forget = (): void => {
    if (idle?.worker === worker) idle = null;
    void worker.terminate();
  };
  idle = { worker, timer: setTimeout(forget, IDLE_MILLISECONDS).unref() };
  forgetListeners(worker);
  worker.on('error', forget).on('exit', forget);
  worker.unref();
}

async function runTask(file: string, task: Task, milliseconds: number): Promise<unknown> {
  const worker = takeWorker();
  const { answer, timer } = startTask(worker, file, task, milliseconds);
  try {
    const value = await answer;
    putBack(worker);
    return value;
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function startTask(
  worker: Worker,
  file: string,
  task: Task,
  milliseconds: number,
): { readonly answer: Promise<unknown>; readonly timer: NodeJS.Timeout | undefined } {
  let timer: NodeJS.Timeout | undefined;
  const answer = new Promise<unknown>((resolve, reject) => {
    const refuse = (why: string, cause?: unknown): void => {
      reject(new FormatError(`${file} cannot be read as Parquet: ${why}`, { cause }));
    };
    timer = setTimeout(
      () => refuse(`it was not decoded within ${Math.ceil(milliseconds / 1000)} s; it may be made to do harm`),
      Math.min(milliseconds, MOST_MILLISECONDS),
    );
    worker.on('message', (message: Answer) => {
      if (message.kind === 'value') resolve(message.value);
      else if (message.kind === 'file') reject(new FileError(`cannot read ${file}: ${message.message}`));
      else refuse(`${message.message}; is it whole?`);
    });
    worker.on('error', (cause: NodeJS.ErrnoException) => {
      const isOutOfMemory = cause.code === 'ERR_WORKER_OUT_OF_MEMORY';
      refuse(isOutOfMemory ? 'decoding it takes more memory than there is' : cause.message, cause);
    });
    worker.on('exit', () => refuse('the thread that decodes it has ended'));
    worker.postMessage({ file, task });
  });
  return { answer, timer };
}
