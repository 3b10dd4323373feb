import path from 'node:path';
import { inGroups } from '../../bulk/groups.js';
import type { Tensor } from '../../index.js';
import { onInterrupt } from '../cleanup.js';
import { type Command, choiceOption, countOption, type OptionValues, stringOption, UsageError } from '../command.js';
import { openSource, type TextSource } from '../input.js';
import { createWriter, needsPatching, OUTPUT_FORMATS, type OutputFormat, type RowWriter } from '../output/formats.js';
import { openSink } from '../output/sink.js';
import { ProgressLine } from '../progress.js';
import { BULK_OPTIONS, embedInBulk, refuseBulkOptions } from './embed-bulk.js';
import { loadEmbedder, MODEL_OPTIONS, MODEL_USAGE } from './model-options.js';

/** Texts embedded in one call: enough to keep all threads busy, few enough that memory stays flat. */
const GROUP_TEXTS = 512;
const GROUP_CHARACTERS = 256 * 1024;

const USAGE = `gemmule embed [TEXT...] [options]

Embeds texts: the arguments, or the lines of a file, or those of standard input.

  -f, --file FILE        one text a line ("-" for standard input)
  -o, --output FORMAT    jsonl (default), csv or npy
      --out FILE         write there, all or nothing, instead of to standard output
      --prompt NAME      a prompt that the model names, such as "query"
      --dimensions N     keep the first N numbers of each vector and normalise again
      --max-tokens N     cut texts after N tokens
      --no-normalize     leave vectors as long as the model makes them

Files of any length, part by part into a folder; run again after an interruption, it goes on where it was:

      --input FILE       a file of JSON Lines, CSV, TSV, Parquet or texts; may be given several times
      --input-format F   jsonl, csv, tsv, parquet or text, where the name of the file does not say
      --column NAME      the column or field of the texts ("text" without it)
      --id NAME          the column or field of ids to put beside the vectors; rows are numbered without it
      --out FOLDER       where parts and manifest go
  -o, --output FORMAT    parquet (default) or npy
      --with-text        put the texts beside the vectors, too
      --rows-per-part N  20000 without it
      --shard I/N        only every Nth part, from the Ith on: for several processes or machines
${MODEL_USAGE}`;

/** The format asked for; a file's name in its place is a common slip, since other commands have `-o FILE`. */
function chosenFormat(options: OptionValues): OutputFormat | undefined {
  const value = stringOption(options, 'output');
  if (value !== undefined && path.extname(value) !== '') {
    throw new UsageError(
      `--output must be one of ${OUTPUT_FORMATS.join(', ')}, got "${value}"; to write a file: --out ${value}`,
    );
  }
  return choiceOption(options, 'output', OUTPUT_FORMATS);
}

function formatFor(file: string | undefined, chosen: OutputFormat | undefined): OutputFormat {
  if (chosen !== undefined) return chosen;
  return OUTPUT_FORMATS.find((format) => file?.endsWith(`.${format}`)) ?? 'jsonl';
}

async function writeRows(writer: RowWriter, texts: readonly string[], vectors: Tensor<'float32'>): Promise<void> {
  const [, dimension = 0] = vectors.shape;
  const numbers = vectors.toTypedArray();
  for (const [index, text] of texts.entries()) {
    await writer.row(text, numbers.subarray(index * dimension, (index + 1) * dimension));
  }
}

/** Embeds group by group; while the engine computes one group, the one before is written. */
async function embedAll(
  source: TextSource,
  embed: (texts: string[]) => Promise<Tensor<'float32'>>,
  writer: RowWriter,
  progress: ProgressLine,
): Promise<void> {
  let written = 0;
  let previous: { texts: string[]; vectors: Tensor<'float32'> } | null = null;
  const flush = async (): Promise<void> => {
    if (previous === null) return;
    const { texts, vectors } = previous;
    previous = null;
    await writeRows(writer, texts, vectors);
    vectors.dispose();
    written += texts.length;
    progress.update(written, source.progress());
  };
  for await (const texts of inGroups(source.texts, GROUP_TEXTS, GROUP_CHARACTERS, (text) => text.length)) {
    const pending = embed(texts);
    // A failure while the group before is being written is reported by the await below.
    pending.catch(() => undefined);
    await flush();
    previous = { texts, vectors: await pending };
  }
  await flush();
}

export const embedCommand: Command = {
  name: 'embed',
  summary: 'turn texts into vectors',
  usage: USAGE,
  options: {
    ...MODEL_OPTIONS,
    file: { type: 'string', short: 'f' },
    output: { type: 'string', short: 'o' },
    out: { type: 'string' },
    prompt: { type: 'string' },
    dimensions: { type: 'string' },
    'max-tokens': { type: 'string' },
    'no-normalize': { type: 'boolean' },
    ...BULK_OPTIONS,
  },
  async run(context) {
    const { options, signal } = context;
    if (options.input !== undefined) return embedInBulk(context);
    refuseBulkOptions(options);
    const out = stringOption(options, 'out');
    const format = formatFor(out, chosenFormat(options));
    const prompt = stringOption(options, 'prompt');
    const dimensions = countOption(options, 'dimensions');
    const maxTokens = countOption(options, 'max-tokens');
    const source = openSource(context);
    const embedder = await loadEmbedder(options, signal);
    const sink = openSink(out, needsPatching(format));
    const progress = new ProgressLine();
    const forget = onInterrupt(() => {
      progress.clear();
      sink.discard();
    });
    try {
      const writer = createWriter(format, sink);
      await writer.begin(dimensions ?? embedder.dimension);
      const embedOptions = {
        signal,
        ...(prompt === undefined ? {} : { prompt }),
        ...(dimensions === undefined ? {} : { dimensions }),
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(options['no-normalize'] === true ? { normalize: false } : {}),
      };
      await embedAll(source, (texts) => embedder.embed(texts, embedOptions), writer, progress);
      await writer.end();
      progress.clear();
      await sink.finish();
    } catch (error) {
      progress.clear();
      sink.discard();
      throw error;
    } finally {
      forget();
      embedder.dispose();
    }
  },
};
