import { type Command, choiceOption, UsageError } from '../command.js';
import { formatTable } from '../table.js';
import {
  formatScore,
  loadWords,
  SEARCH_OPTIONS,
  SEARCH_USAGE,
  searchOptions,
  WORD_OPTIONS,
  WORD_USAGE,
} from './word-options.js';

const METHODS = ['3CosAdd', '3CosMul'] as const;

export const analogyCommand: Command = {
  name: 'analogy',
  summary: 'find the word that is to C as A is to B',
  usage: `gemmule analogy A B C [options]

Prints the words nearest to A - B + C: gemmule analogy king man woman.

${SEARCH_USAGE}      --method METHOD    3CosAdd (default), the cosine to the sum, or 3CosMul, a product of similarities
${WORD_USAGE}`,
  options: { ...WORD_OPTIONS, ...SEARCH_OPTIONS, method: { type: 'string' } },
  async run(context) {
    const [a, b, c, ...rest] = context.texts;
    if (a === undefined || b === undefined || c === undefined || rest.length > 0) {
      throw new UsageError(`analogy takes three words, as in "analogy king man woman", got ${context.texts.length}`);
    }
    const method = choiceOption(context.options, 'method', METHODS) ?? '3CosAdd';
    const search = searchOptions(context);
    using words = await loadWords(context);
    const matches = words.analogy(a, b, c, { ...search, method });
    if (context.options.json === true) {
      const found = matches.map(({ word, score }) => ({ word, score }));
      process.stdout.write(`${JSON.stringify({ positive: [a, c], negative: [b], method, matches: found })}\n`);
      return;
    }
    const header = ['', `${a} - ${b} + ${c}`, method === '3CosAdd' ? 'cosine' : '3CosMul'];
    const rows = matches.map(({ word, score }, n) => [String(n + 1), word, formatScore(score)]);
    process.stdout.write(formatTable([header, ...rows], new Set([0, 2])));
  },
};
