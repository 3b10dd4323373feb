import { convertGguf } from '../../index.js';
import { type Command, choiceOption, UsageError } from '../command.js';

const POOLINGS = ['mean', 'cls', 'lasttoken'] as const;

export const convertCommand: Command = {
  name: 'convert',
  summary: 'turn a model of llama.cpp (GGUF) into a folder',
  usage: `gemmule convert MODEL.gguf TARGET [options]

Writes the model of a GGUF file (bert and nomic-bert; F32, F16, BF16, Q8_0) as the folder TARGET, which other commands
take with --model.

      --pooling NAME     ${POOLINGS.join(', ')}: how token vectors become one, where the file does not say it
  -h, --help             this text
`,
  options: { pooling: { type: 'string' } },
  async run({ texts, options }) {
    const [source, target, ...rest] = texts;
    if (source === undefined || target === undefined || rest.length > 0) {
      throw new UsageError(`convert takes a .gguf file and a folder to write, got ${texts.length} arguments`);
    }
    await convertGguf(source, target, { pooling: choiceOption(options, 'pooling', POOLINGS) });
  },
};
