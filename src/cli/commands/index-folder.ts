import { indexFolder, VECTOR_STORAGES } from '../../search/index.js';
import { onInterrupt } from '../cleanup.js';
import { type Command, choiceOption, countOption, stringOption, UsageError } from '../command.js';
import { ProgressLine } from '../progress.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

function plural(count: number, thing: string): string {
  return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
}

export const indexCommand: Command = {
  name: 'index',
  summary: 'make the text files of a folder searchable',
  usage: `gemmule index DIR [options]

Cuts the text and Markdown files below a folder into passages and embeds them, for \`gemmule search\`. Run it again after
files have changed: only those are read again.

      --out FILE         the index; DIR/.gemmule/index.safetensors without it
      --max-tokens N     the most tokens of a passage; 200 without it
      --storage HOW      float32 (default), int8 or binary
      --json             one JSON object that says what was done
${MODEL_USAGE}`,
  options: {
    ...MODEL_OPTIONS,
    out: { type: 'string' },
    'max-tokens': { type: 'string' },
    storage: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ texts, options, signal }) {
    const [folder] = texts;
    if (folder === undefined || texts.length > 1) throw new UsageError(`index takes one folder, got ${texts.length}`);
    const embedder = await loadEmbedder(options, signal);
    const progress = new ProgressLine();
    const forget = onInterrupt(() => progress.clear());
    try {
      const summary = await indexFolder(folder, embedder, {
        file: stringOption(options, 'out'),
        maxTokens: countOption(options, 'max-tokens'),
        storage: choiceOption(options, 'storage', VECTOR_STORAGES),
        signal,
        onProgress: ({ done, total }) => progress.update(done, done / total),
      });
      progress.clear();
      const { file, added, changed, removed, unchanged, unreadable, passages } = summary;
      for (const name of unreadable) process.stderr.write(`gemmule: left out ${name}: it is not UTF-8 text\n`);
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(summary)}\n`
          : `${plural(passages, 'passage')} of ${plural(added + changed + unchanged, 'file')} in ${file} (${added} added, ${changed} changed, ${removed} removed, ${unchanged} as before)\n`,
      );
    } finally {
      progress.clear();
      forget();
      embedder.dispose();
    }
  },
};
