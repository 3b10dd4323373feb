import { engineInfo, VERSION } from '../../index.js';
import type { Command } from '../command.js';
import { formatTable } from '../table.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

export const infoCommand: Command = {
  name: 'info',
  summary: 'show the version, the engine, the processor and the model',
  usage: `gemmule info [options]

      --json             one JSON object
${MODEL_USAGE}`,
  options: { ...MODEL_OPTIONS, json: { type: 'boolean' } },
  async run({ options, signal }) {
    const engine = engineInfo();
    const embedder = await loadEmbedder(options, signal);
    try {
      const facts = {
        version: VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        ...engine,
        model: embedder.describe(),
      };
      process.stdout.write(options.json === true ? `${JSON.stringify(facts)}\n` : formatTable(rowsOf(facts)));
    } finally {
      embedder.dispose();
    }
  },
};

/** Names and values, those of the model under it. */
function rowsOf(facts: Readonly<Record<string, unknown>>): string[][] {
  return Object.entries(facts).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [[name, value.join(' ') || 'none']];
    if (typeof value !== 'object' || value === null) return [[name, String(value)]];
    return Object.entries(value).map(([inner, fact]) => [inner === 'name' ? name : `${name} ${inner}`, String(fact)]);
  });
}
