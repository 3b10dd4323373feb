/* A worker process as a service has it: one model, and the tasks that BullMQ hands out. Argument: the port of Redis, the model. */
import { Worker } from 'bullmq';
import { TextEmbedder } from 'gemmule';
import { embedPart } from 'gemmule/bulk';

const [port, model] = process.argv.slice(2);
const embedder = await TextEmbedder.load(model);
const worker = new Worker('embed', (job) => embedPart(job.data, embedder), {
  connection: { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null },
  // Short, so that the test need not wait long for the work of a killed one.
  lockDuration: 1500,
  stalledInterval: 500,
  maxStalledCount: 20,
});
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
await worker.waitUntilReady();
process.stdout.write('ready\n');
