import { readNpy, type Tensor } from '../../index.js';
import { type MapOptions, type MapProgress, mapPage, mapSvg, mapTexts } from '../../pictures/index.js';
import { onInterrupt } from '../cleanup.js';
import { type Command, type CommandContext, choiceOption, countOption, stringOption, UsageError } from '../command.js';
import { openSource, readAll } from '../input.js';
import { writePicture } from '../output/picture.js';
import { ProgressLine } from '../progress.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

const METHODS = ['tsne', 'umap', 'pca'] as const;

const STAGES: Readonly<Record<MapProgress['stage'], string>> = {
  neighbours: 'finding neighbours',
  clusters: 'clustering',
  layout: 'laying out',
};

const USAGE = `gemmule map FILE --out map.html [options]

Draws the texts of FILE, one a line ("-" for standard input), as a map on which like texts lie together: one HTML file that
works offline, to move, search and point at; or a picture, if its name ends in .svg.

  -o, --out FILE         where to write: .html or .svg
      --method METHOD    tsne (default); umap, which needs the package umap-js; or pca
      --clusters N       colour by so many clusters; by default more for more texts
      --groups FILE      colour by the lines of this file instead, one for each text
      --vectors FILE     a .npy file with one row for each text, instead of embedding them
      --title TITLE      by default the name of FILE
      --perplexity N     of t-SNE: about how many neighbours each text has (30)
      --iterations N     of t-SNE (750) or UMAP (200 to 500)
      --seed N           another number, another map (0)
${MODEL_USAGE}`;

/** Lines of a file or of standard input. */
function linesOf(context: CommandContext, file: string): Promise<string[]> {
  return readAll(openSource({ ...context, texts: [], options: { file } }));
}

interface Rows {
  readonly texts: readonly string[];
  readonly groups: readonly string[] | undefined;
  readonly vectors: Tensor | undefined;
}

/** Texts that are not blank, with what belongs to each. */
async function readRows(context: CommandContext, file: string): Promise<Rows> {
  const groupFile = stringOption(context.options, 'groups');
  const vectorFile = stringOption(context.options, 'vectors');
  const texts = await linesOf(context, file);
  const groups = groupFile === undefined ? undefined : await linesOf(context, groupFile);
  if (groups !== undefined && groups.length !== texts.length) {
    throw new UsageError(`${groupFile} must have a line for each of the ${texts.length} texts, got ${groups.length}`);
  }
  const vectors = vectorFile === undefined ? undefined : readNpy(vectorFile);
  if (vectors !== undefined && (vectors.rank !== 2 || vectors.shape[0] !== texts.length)) {
    throw new UsageError(`${vectorFile} must have a row for each of the ${texts.length} texts, got [${vectors.shape}]`);
  }
  const kept = [...texts.keys()].filter((index) => (texts[index] as string).trim() !== '');
  if (kept.length === 0) throw new UsageError(`${file === '-' ? 'standard input' : file} has no texts`);
  return {
    texts: kept.map((index) => texts[index] as string),
    groups: groups && kept.map((index) => groups[index] as string),
    vectors: vectors && (kept.length === texts.length ? vectors : vectors.take(kept)),
  };
}

async function embedAll(context: CommandContext, texts: readonly string[], progress: ProgressLine): Promise<Tensor> {
  const embedder = await loadEmbedder(context.options, context.signal);
  try {
    return await embedder.embed(texts, {
      signal: context.signal,
      onProgress: ({ done, total }) => progress.update(done, done / total),
    });
  } finally {
    embedder.dispose();
  }
}

export const mapCommand: Command = {
  name: 'map',
  summary: 'draw texts as a map, likes together',
  usage: USAGE,
  options: {
    ...MODEL_OPTIONS,
    out: { type: 'string', short: 'o' },
    method: { type: 'string' },
    clusters: { type: 'string' },
    groups: { type: 'string' },
    vectors: { type: 'string' },
    title: { type: 'string' },
    perplexity: { type: 'string' },
    iterations: { type: 'string' },
    seed: { type: 'string' },
  },
  async run(context) {
    const { options, signal } = context;
    const [file, ...more] = context.texts;
    if (file === undefined || more.length > 0) {
      throw new UsageError(`map takes one file of texts ("-" for standard input), got ${context.texts.length}`);
    }
    const out = stringOption(options, 'out');
    if (out === undefined) throw new UsageError('map needs --out FILE, such as --out map.html or --out map.svg');
    const title = stringOption(options, 'title') ?? (file === '-' ? undefined : file.split('/').at(-1));
    const settings: MapOptions = {
      method: choiceOption(options, 'method', METHODS),
      clusters: countOption(options, 'clusters'),
      perplexity: countOption(options, 'perplexity'),
      iterations: countOption(options, 'iterations'),
      seed: countOption(options, 'seed'),
    };
    const progress = new ProgressLine();
    const forgetLine = onInterrupt(() => progress.clear());
    try {
      const { texts, groups, vectors } = await readRows(context, file);
      using matrix = vectors ?? (await embedAll(context, texts, progress));
      const map = await mapTexts(texts, matrix, {
        ...settings,
        groups,
        signal,
        onProgress: ({ stage, fraction }) => progress.showStage(STAGES[stage], fraction),
      });
      progress.clear();
      await writePicture(out, out.endsWith('.svg') ? mapSvg(map, { title }) : mapPage(map, { title }));
    } finally {
      progress.clear();
      forgetLine();
    }
  },
};
