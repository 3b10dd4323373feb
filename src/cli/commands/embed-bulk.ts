import { embedFiles } from '../../bulk/embed-files.js';
import { INPUT_FORMATS } from '../../bulk/input/input-file.js';
import { PART_FORMATS } from '../../bulk/options.js';
import {
  type CommandContext,
  choiceOption,
  countOption,
  type OptionValues,
  stringOption,
  stringOptions,
  UsageError,
} from '../command.js';
import { ProgressLine } from '../progress.js';
import { loadEmbedder } from './model-options.js';

/** Options of `embed` for files of any length. */
export const BULK_OPTIONS = {
  input: { type: 'string', multiple: true },
  'input-format': { type: 'string' },
  column: { type: 'string' },
  id: { type: 'string' },
  'with-text': { type: 'boolean' },
  'rows-per-part': { type: 'string' },
  shard: { type: 'string' },
} as const;

/** Refuses them where there is no file of any length. */
export function refuseBulkOptions(options: OptionValues): void {
  const given = Object.keys(BULK_OPTIONS).find((name) => options[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} belongs to --input FILE and --out FOLDER`);
}

function readShard(text: string | undefined): { index: number; count: number } | undefined {
  if (text === undefined) return undefined;
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new UsageError(`--shard must be I/N with I from 1 to N, got "${text}"`);
  }
  return { index, count };
}

/** Embeds files into a folder, part by part. */
export async function embedInBulk({ texts, options, signal }: CommandContext): Promise<void> {
  const output = stringOption(options, 'out');
  if (texts.length > 0 || options.file !== undefined)
    throw new UsageError('give --input, or --file, or texts: not two');
  if (output === undefined) throw new UsageError('--input needs --out FOLDER, where the vectors go');
  const shard = readShard(stringOption(options, 'shard'));
  const bulk = {
    inputs: stringOptions(options, 'input'),
    output,
    inputFormat: choiceOption(options, 'input-format', INPUT_FORMATS),
    column: stringOption(options, 'column'),
    idColumn: stringOption(options, 'id'),
    format: choiceOption(options, 'output', PART_FORMATS),
    withText: options['with-text'] === true,
    rowsPerPart: countOption(options, 'rows-per-part'),
    prompt: stringOption(options, 'prompt'),
    dimensions: countOption(options, 'dimensions'),
    maxTokens: countOption(options, 'max-tokens'),
    normalize: options['no-normalize'] === true ? false : undefined,
  };
  const embedder = await loadEmbedder(options, signal);
  const line = new ProgressLine();
  try {
    const onProgress = ({ rows, fraction }: { rows: number; fraction: number }) => line.update(rows, fraction);
    const { parts, rows, skipped } = await embedFiles(bulk, embedder, { shard, signal, onProgress });
    line.clear();
    process.stdout.write(`${rows} rows in ${parts} parts, of which ${skipped} were there already: ${output}\n`);
  } finally {
    line.clear();
    embedder.dispose();
  }
}
