/* gemmule's server, with its defaults. */
import { observe } from './serve-harness.mjs';

const [, , entry, model, dtype] = process.argv;
const { serve } = await import(entry);
const server = await serve({ models: [{ source: model, dtype }], port: 0, logLevel: 'warn' });
await server.ready;
observe(server.url);
