/*
 * Decodes Parquet in a thread of its own, which is given up when it takes too long: a page that was made to do harm can keep
 * hyparquet busy for ever. Runs as text, so it imports nothing but what Node has and the two packages it is told of.
 */
import { open } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';

/**
 * @typedef {{ kind: 'describe' } | ({ kind: 'read' } & import('./parquet-thread.js').RowRange)} Task
 * @typedef {{ reader: string, compressors: string }} Packages
 */
const { reader, compressors } = /** @type {Packages} */ (workerData);
/** @type {typeof import('hyparquet')} */
const hyparquet = await import(reader);
/** @type {typeof import('hyparquet-compressors')} */
const { compressors: codecs } = await import(compressors);

/**
 * @param {string} file
 * @param {(buffer: import('hyparquet').AsyncBuffer) => Promise<unknown>} work
 */
async function withBuffer(file, work) {
  let handle;
  let byteLength;
  try {
    handle = await open(file);
    byteLength = (await handle.stat()).size;
  } catch (error) {
    return { kind: 'file', message: String(Object(error).message) };
  }
  try {
    /** @param {number} start */
    const slice = async (start, end = byteLength) => {
      // Before memory is allocated for it.
      if (!(start >= 0 && start <= end && end <= byteLength)) {
        throw new RangeError(`it refers to bytes ${start} to ${end}, and has ${byteLength}`);
      }
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead !== bytes.length) throw new RangeError(`it ends at byte ${start + bytesRead}`);
      return bytes.buffer;
    };
    return { kind: 'value', value: await work({ byteLength, slice }) };
  } catch (error) {
    return { kind: 'format', message: String(Object(error).message ?? error) };
  } finally {
    await handle.close();
  }
}

/**
 * @param {import('hyparquet').AsyncBuffer} buffer
 * @param {Task} task
 */
async function perform(buffer, task) {
  if (task.kind === 'describe') {
    const metadata = await hyparquet.parquetMetadataAsync(buffer);
    return { metadata, names: hyparquet.parquetSchema(metadata).children.map(({ element }) => element.name) };
  }
  const { metadata, rowStart, rowEnd } = task;
  const columns = [...task.columns];
  const options = { file: buffer, metadata, columns, rowStart, rowEnd, useOffsetIndex: true, compressors: codecs };
  const rows = await hyparquet.parquetReadObjects(options);
  return rows.map((row) => columns.map((column) => row[column]));
}

parentPort?.on('message', async (/** @type {{ file: string, task: Task }} */ { file, task }) => {
  parentPort?.postMessage(await withBuffer(file, (buffer) => perform(buffer, task)));
});
