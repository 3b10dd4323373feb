import { type LoadOptions, TextEmbedder } from '../../index.js';
import { choiceOption, type OptionValues, stringOption } from '../command.js';
import { ProgressLine } from '../progress.js';

/** Options of every command that loads a model. */
export const MODEL_OPTIONS = {
  model: { type: 'string', short: 'm' },
  revision: { type: 'string' },
  dtype: { type: 'string' },
} as const;

export const MODEL_USAGE = `  -m, --model MODEL      a model folder as Hugging Face lays it out, or the name of a model on the Hugging Face
                         Hub, such as BAAI/bge-small-en-v1.5; the built-in all-MiniLM-L6-v2 without it
      --revision NAME    the branch, tag or commit of a model on the Hub; main without it
      --dtype DTYPE      float32, bfloat16, bfloat16Products or int8: how weights are kept and multiplied; by
                         default as they were saved
  -h, --help             this text
`;

export const DTYPES = ['float32', 'bfloat16', 'bfloat16Products', 'int8'] as const;

/** The embedder that the options name; a download is shown on standard error if that is a terminal. */
export async function loadEmbedder(options: OptionValues, signal: AbortSignal): Promise<TextEmbedder> {
  return withDownloadProgress((onDownload) => {
    return TextEmbedder.load(stringOption(options, 'model'), {
      dtype: choiceOption(options, 'dtype', DTYPES),
      revision: stringOption(options, 'revision'),
      signal,
      onDownload,
    });
  });
}

/** Does something that may download a model, with a line that shows how far it is. */
export async function withDownloadProgress<T>(
  work: (onDownload: NonNullable<LoadOptions['onDownload']>) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine();
  try {
    return await work(({ bytes, total }) => progress.updateBytes(bytes, total));
  } finally {
    progress.clear();
  }
}
