import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { FileError, readNpy, type Tensor } from '../../index.js';
import { isNpy } from '../../io/npy-header.js';
import { type MapOptions, type MapProgress, mapPage, mapSvg, mapTexts } from '../../pictures/index.js';
import { onInterrupt } from '../cleanup.js';
import { type Command, type CommandContext, choiceOption, countOption, stringOption, UsageError } from '../command.js';
import { openSource, readAll } from '../input.js';
import { writePicture } from '../output/picture.js';
import { requireWritable } from '../output/sink.js';
import { ProgressLine } from '../progress.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';
import { loadWords } from './word-options.js';

const METHODS = ['tsne', 'umap', 'pca'] as const;

const STAGES: Readonly<Record<MapProgress['stage'], string>> = {
  neighbours: 'finding neighbours',
  clusters: 'clustering',
  layout: 'laying out',
};

/** Words of a file of word vectors that are drawn where nothing says which. */
const MOST_WORDS = 5000;

/** Words without a vector that a warning names. */
const MOST_NAMED = 10;

const USAGE = `gemmule map FILE --out map.html [options]
       gemmule map --vectors WORDS --out map.html [options]

Draws the texts of FILE, one a line ("-" for standard input), as a map on which like texts lie together: one HTML file that
works offline, to move, search and point at; or a picture, if its name ends in .svg.

  -o, --out FILE         where to write: .html or .svg
      --method METHOD    tsne (default); umap, which needs the package umap-js; or pca
      --clusters N       colour by so many clusters; by default more for more texts
      --groups FILE      colour by the lines of this file instead, one for each text
      --vectors FILE     vectors instead of an embedding model: a .npy file with one row for each text; or word vectors of
                         word2vec, GloVe or fastText, of which those of the words in FILE are drawn, one a line, or
                         without FILE the first
      --limit N          take the first N words of the word vectors only; without FILE ${MOST_WORDS}
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

/** Whether a file is of the kind that NumPy writes, whatever it is called. */
function isNpyFile(file: string): boolean {
  const bytes = new Uint8Array(8);
  try {
    const descriptor = openSync(file, 'r');
    try {
      return isNpy(bytes.subarray(0, readSync(descriptor, bytes)));
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Words that have a vector, those of a file or the first of all. */
async function readWords(context: CommandContext, file: string | undefined): Promise<Rows> {
  const texts = file === undefined ? undefined : await linesOf(context, file);
  using words = await loadWords(context, texts === undefined ? MOST_WORDS : undefined);
  const asked = texts ?? [...words];
  const groups = await readGroups(context, asked.length);
  const named = [...asked.keys()].filter((index) => (asked[index] as string).trim() !== '');
  const kept = named.filter((index) => words.subwords !== null || words.has(asked[index] as string));
  if (kept.length === 0) {
    throw new UsageError(
      `${file ?? 'the file'} has no word of ${stringOption(context.options, 'vectors')}, one a line`,
    );
  }
  if (kept.length < named.length) {
    const known = new Set(kept);
    const missing = named.filter((index) => !known.has(index)).map((index) => asked[index] as string);
    process.stderr.write(
      `gemmule: warning: left out ${missing.length} of ${named.length} words without a vector: ` +
        `${missing.slice(0, MOST_NAMED).join(', ')}${missing.length > MOST_NAMED ? ', ...' : ''}\n`,
    );
  }
  const drawn = kept.map((index) => asked[index] as string);
  return {
    texts: drawn,
    groups: groups && kept.map((index) => groups[index] as string),
    vectors: words.vectorsOf(drawn),
  };
}

/** The lines of `--groups`, one for each text. */
async function readGroups(context: CommandContext, texts: number): Promise<string[] | undefined> {
  const file = stringOption(context.options, 'groups');
  if (file === undefined) return undefined;
  const groups = await linesOf(context, file);
  if (groups.length === texts) return groups;
  throw new UsageError(`${file} must have a line for each of the ${texts} texts, got ${groups.length}`);
}

/** Texts that are not blank, with what belongs to each. */
async function readRows(context: CommandContext, file: string): Promise<Rows> {
  const vectorFile = stringOption(context.options, 'vectors');
  const texts = await linesOf(context, file);
  const groups = await readGroups(context, texts.length);
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
    limit: { type: 'string' },
    title: { type: 'string' },
    perplexity: { type: 'string' },
    iterations: { type: 'string' },
    seed: { type: 'string' },
  },
  async run(context) {
    const { options, signal } = context;
    const [file, ...more] = context.texts;
    const vectorFile = stringOption(options, 'vectors');
    const ofWords = vectorFile !== undefined && !isNpyFile(vectorFile);
    if ((file === undefined && !ofWords) || more.length > 0) {
      throw new UsageError(`map takes one file of texts ("-" for standard input), got ${context.texts.length}`);
    }
    const out = stringOption(options, 'out');
    if (out === undefined) throw new UsageError('map needs --out FILE, such as --out map.html or --out map.svg');
    if (!ofWords && options.limit !== undefined) throw new UsageError('--limit is of word vectors; see --vectors');
    requireWritable(out);
    const title =
      stringOption(options, 'title') ?? (file === '-' ? undefined : path.basename((file ?? vectorFile) as string));
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
      const { texts, groups, vectors } = ofWords
        ? await readWords(context, file)
        : await readRows(context, file as string);
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
