import { quantizeModel } from '../../index.js';
import { type Command, choiceOption, stringOption, UsageError } from '../command.js';
import { withDownloadProgress } from './model-options.js';

const DTYPES = ['int8', 'float16', 'bfloat16'] as const;

export const quantizeCommand: Command = {
  name: 'quantize',
  summary: 'save a model in fewer bits',
  usage: `gemmule quantize SOURCE TARGET [options]

Writes a copy of the model SOURCE, a folder or a name on the Hugging Face Hub, as the folder TARGET, with smaller
weights. Other commands take it with --model.

      --dtype DTYPE      int8 (default), float16 or bfloat16
      --revision NAME    the branch, tag or commit of a model on the Hub; main without it
  -h, --help             this text
`,
  options: { dtype: { type: 'string' }, revision: { type: 'string' } },
  async run({ texts, options, signal }) {
    const [source, target, ...rest] = texts;
    if (source === undefined || target === undefined || rest.length > 0) {
      throw new UsageError(`quantize takes a model folder and a folder to write, got ${texts.length} arguments`);
    }
    const dtype = choiceOption(options, 'dtype', DTYPES);
    const revision = stringOption(options, 'revision');
    await withDownloadProgress((onDownload) => quantizeModel(source, target, { dtype, revision, signal, onDownload }));
  },
};
