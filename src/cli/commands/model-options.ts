import { type OptionValues, stringOption } from '../command.js';

/** Options of every command that loads a model. */
export const MODEL_OPTIONS = { model: { type: 'string', short: 'm' } } as const;

export const MODEL_USAGE = `  -m, --model FOLDER     a model folder as Hugging Face lays it out; the built-in all-MiniLM-L6-v2 without it
  -h, --help             this text
`;

/** The arguments of `TextEmbedder.load` that the options ask for. */
export function loadOptions(options: OptionValues): [folder?: string] {
  const model = stringOption(options, 'model');
  return model === undefined ? [] : [model];
}
