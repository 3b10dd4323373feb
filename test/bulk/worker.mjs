/*
 * A worker process as a service has it: one model, and the tasks that BullMQ hands out. Arguments: the socket of Redis, the
 * model, and `doomed` for one that is killed in the middle of its first part.
 */
import { Worker } from 'bullmq';
import { TextEmbedder } from 'gemmule';
import { embedPart } from 'gemmule/bulk';

const [socket, model, fate] = process.argv.slice(2);
const embedder = await TextEmbedder.load(model);
const onRows = fate === 'doomed' ? () => process.kill(process.pid, 'SIGKILL') : undefined;
const worker = new Worker('embed', (job) => embedPart(job.data, embedder, { onRows }), {
  connection: { path: socket, maxRetriesPerRequest: null },
  // Short, so that the test need not wait long for the work of a killed one.
  lockDuration: 1500,
  stalledInterval: 500,
  maxStalledCount: 20,
});
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
await worker.waitUntilReady();
process.stdout.write('ready\n');
