import type { LoadOptions } from '../../index.js';
import { choiceOption, type OptionValues, stringOption } from '../command.js';

/** Options of every command that loads a model. */
export const MODEL_OPTIONS = { model: { type: 'string', short: 'm' }, dtype: { type: 'string' } } as const;

export const MODEL_USAGE = `  -m, --model FOLDER     a model folder as Hugging Face lays it out; the built-in all-MiniLM-L6-v2 without it
      --dtype DTYPE      float32, bfloat16, bfloat16Products or int8: how weights are kept and multiplied; by
                         default as they were saved
  -h, --help             this text
`;

export const DTYPES = ['float32', 'bfloat16', 'bfloat16Products', 'int8'] as const;

/** The arguments of `TextEmbedder.load` that the options ask for. */
export function loadOptions(options: OptionValues): [folder: string | undefined, options: LoadOptions] {
  return [stringOption(options, 'model'), { dtype: choiceOption(options, 'dtype', DTYPES) }];
}
