import { quantizeModel } from '../../index.js';
import { type Command, choiceOption, UsageError } from '../command.js';

const DTYPES = ['int8', 'float16', 'bfloat16'] as const;

export const quantizeCommand: Command = {
  name: 'quantize',
  summary: 'save a model in fewer bits',
  usage: `gemmule quantize SOURCE TARGET [options]

Writes a copy of the model folder SOURCE as TARGET, with smaller weights. Other commands take it with --model.

      --dtype DTYPE      int8 (default), float16 or bfloat16
  -h, --help             this text
`,
  options: { dtype: { type: 'string' } },
  async run({ texts, options }) {
    const [source, target, ...rest] = texts;
    if (source === undefined || target === undefined || rest.length > 0) {
      throw new UsageError(`quantize takes a model folder and a folder to write, got ${texts.length} arguments`);
    }
    await quantizeModel(source, target, { dtype: choiceOption(options, 'dtype', DTYPES) });
  },
};
