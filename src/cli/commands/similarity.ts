import { type Command, UsageError } from '../command.js';
import { openSource, readAll } from '../input.js';
import { clip, formatTable } from '../table.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

const LABEL_CELLS = 48;

/** More texts than this would print millions of numbers. */
const MOST_TEXTS = 2000;

function formatMatrix(texts: readonly string[], matrix: readonly (readonly number[])[]): string {
  const header = ['', '', ...texts.map((_, index) => String(index + 1))];
  const rows = texts.map((text, index) => [
    String(index + 1),
    clip(text, LABEL_CELLS),
    ...(matrix[index] ?? []).map((value) => value.toFixed(3)),
  ]);
  const numeric = new Set([0, ...texts.map((_, index) => index + 2)]);
  return formatTable([header, ...rows], numeric);
}

export const similarityCommand: Command = {
  name: 'similarity',
  summary: 'compare texts with each other',
  usage: `gemmule similarity TEXT TEXT [TEXT...] [options]

Prints the similarity of every text with every other, from -1 to 1.

  -f, --file FILE        one text a line ("-" for standard input)
      --json             one JSON object: {"texts": [...], "similarity": [[...]]}
${MODEL_USAGE}`,
  options: { ...MODEL_OPTIONS, file: { type: 'string', short: 'f' }, json: { type: 'boolean' } },
  async run(context) {
    const texts = await readAll(openSource(context));
    if (texts.length < 2) throw new UsageError(`similarity needs at least two texts, got ${texts.length}`);
    if (texts.length > MOST_TEXTS) {
      throw new UsageError(
        `similarity takes at most ${MOST_TEXTS} texts, got ${texts.length}; use embed and --output npy`,
      );
    }
    const embedder = await loadEmbedder(context.options, context.signal);
    try {
      using vectors = await embedder.embed(texts, { signal: context.signal });
      using similarity = embedder.similarity(vectors, vectors);
      const matrix = similarity.toArray() as number[][];
      process.stdout.write(
        context.options.json === true
          ? `${JSON.stringify({ texts, similarity: matrix })}\n`
          : formatMatrix(texts, matrix),
      );
    } finally {
      embedder.dispose();
    }
  },
};
