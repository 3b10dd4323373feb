import { existsSync } from 'node:fs';
import { FileError } from '../../index.js';
import { defaultIndexFile, type PassageHit, PassageIndex } from '../../search/index.js';
import { type Command, countOption, stringOption, UsageError } from '../command.js';
import { clip } from '../table.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

const PASSAGE_CELLS = 400;

function format({ score, file, line, headings, text }: PassageHit): string {
  const where = [`${file}:${line}`, ...headings].join(' > ');
  const passage = clip(text.replaceAll(/\s+/g, ' '), PASSAGE_CELLS);
  return `${score.toFixed(3)}  ${clip(where, PASSAGE_CELLS)}\n       ${passage}\n`;
}

export const searchCommand: Command = {
  name: 'search',
  summary: 'find the passages that answer a question',
  usage: `gemmule search QUESTION [options]

Prints the passages of an indexed folder that are nearest in meaning to a question: how near, the file and line, and the
text. Make the index with \`gemmule index DIR\`.

  -d, --dir DIR          the folder; the current one without it
      --index FILE       the index's file, where it was given another name
  -n, --top N            how many passages, 5 without it
      --json             one JSON object a passage
${MODEL_USAGE}`,
  options: {
    ...MODEL_OPTIONS,
    dir: { type: 'string', short: 'd' },
    index: { type: 'string' },
    top: { type: 'string', short: 'n' },
    json: { type: 'boolean' },
  },
  async run({ texts, options, signal }) {
    const question = texts.join(' ').trim();
    if (question === '') throw new UsageError('search needs a question');
    const folder = stringOption(options, 'dir') ?? '.';
    const named = stringOption(options, 'index');
    const file = named ?? defaultIndexFile(folder);
    if (named === undefined && !existsSync(file)) {
      throw new FileError(`there is no index ${file}; make it with: gemmule index ${folder}`);
    }
    using index = PassageIndex.open(file);
    using embedder = await loadEmbedder({ ...options, model: options.model ?? index.model.source }, signal);
    const hits = await index.search(question, embedder, { topN: countOption(options, 'top') ?? 5, signal });
    process.stdout.write(
      hits
        .map((hit) => (options.json === true ? `${JSON.stringify(hit)}\n` : format(hit)))
        .join(options.json === true ? '' : '\n'),
    );
  },
};
