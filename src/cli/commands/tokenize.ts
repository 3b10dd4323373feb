import type { Command } from '../command.js';
import { openSource } from '../input.js';
import { clip, formatTable } from '../table.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

const PIECE_CELLS = 40;

export const tokenizeCommand: Command = {
  name: 'tokenize',
  summary: 'show the tokens of texts',
  usage: `gemmule tokenize [TEXT...] [options]

Prints each token's id, the token, its offsets in the text (in UTF-16 units, as JavaScript counts) and what stands there.

  -f, --file FILE        one text a line ("-" for standard input)
      --json             JSON Lines: {"text": "...", "ids": [...], "tokens": [...], "offsets": [[start, end], ...]}
${MODEL_USAGE}`,
  options: { ...MODEL_OPTIONS, file: { type: 'string', short: 'f' }, json: { type: 'boolean' } },
  async run(context) {
    const source = openSource(context);
    const embedder = await loadEmbedder(context.options, context.signal);
    try {
      let first = true;
      for await (const text of source.texts) {
        const { ids, tokens, offsets } = embedder.tokenizer.encode(text);
        if (context.options.json === true) {
          process.stdout.write(`${JSON.stringify({ text, ids: [...ids], tokens, offsets })}\n`);
          continue;
        }
        const rows = tokens.map((token, index) => {
          const [start, end] = offsets[index] ?? [0, 0];
          return [String(ids[index]), token, `${start}-${end}`, clip(text.slice(start, end), PIECE_CELLS)];
        });
        process.stdout.write(`${first ? '' : '\n'}${formatTable(rows, new Set([0]))}`);
        first = false;
      }
    } finally {
      embedder.dispose();
    }
  },
};
