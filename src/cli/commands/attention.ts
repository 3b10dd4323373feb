import { attentionPage } from '../../pictures/index.js';
import { type Command, countOption, stringOption, UsageError } from '../command.js';
import { openSource, readAll } from '../input.js';
import { writePicture } from '../output/picture.js';
import { requireWritable } from '../output/sink.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

export const attentionCommand: Command = {
  name: 'attention',
  summary: 'show what the tokens of a text attend to',
  usage: `gemmule attention TEXT --out attention.html [options]

Writes one HTML file that works offline: every head of every layer as a heat map over the tokens of TEXT; a token that is
pointed at shows its strongest links.

  -o, --out FILE         where to write
  -f, --file FILE        take all of this file as the text ("-" for standard input)
      --max-tokens N     cut the text after N tokens
      --title TITLE      by default "What attends to what"
${MODEL_USAGE}`,
  options: {
    ...MODEL_OPTIONS,
    out: { type: 'string', short: 'o' },
    file: { type: 'string', short: 'f' },
    'max-tokens': { type: 'string' },
    title: { type: 'string' },
  },
  async run(context) {
    const { options, signal } = context;
    const out = stringOption(options, 'out');
    if (out === undefined) throw new UsageError('attention needs --out FILE, such as --out attention.html');
    if (context.texts.length > 1) throw new UsageError(`attention takes one text, got ${context.texts.length}`);
    requireWritable(out);
    const text = (await readAll(openSource(context))).join('\n');
    const embedder = await loadEmbedder(options, signal);
    try {
      const maps = await embedder.attention(text, { signal, maxTokens: countOption(options, 'max-tokens') });
      const { name, layers, heads } = embedder.describe();
      const description = `${name} · ${layers} layers of ${heads} heads · ${maps.tokens.length} tokens`;
      await writePicture(out, attentionPage(text, maps, { title: stringOption(options, 'title'), description }));
    } finally {
      embedder.dispose();
    }
  },
};
