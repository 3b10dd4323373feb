import { type Command, UsageError } from '../command.js';
import { formatTable } from '../table.js';
import { formatScore, loadWords, WORD_OPTIONS, WORD_USAGE } from './word-options.js';

export const oddOneOutCommand: Command = {
  name: 'odd-one-out',
  summary: 'find the word that fits the others least',
  usage: `gemmule odd-one-out WORD WORD WORD [WORD...] [options]

Prints how well each word fits all of them, its cosine to their mean, the odd one first.

${WORD_USAGE}`,
  options: WORD_OPTIONS,
  async run(context) {
    if (context.texts.length < 3) {
      throw new UsageError(`odd-one-out needs at least three words, got ${context.texts.length}`);
    }
    using words = await loadWords(context);
    const fit = words.cohesion(context.texts).map(({ word, score }) => ({ word, score }));
    if (context.options.json === true) {
      process.stdout.write(`${JSON.stringify({ oddOneOut: fit[0]?.word, words: fit })}\n`);
      return;
    }
    const rows = fit.map(({ word, score }, n) => [word, formatScore(score), n === 0 ? 'odd one out' : '']);
    process.stdout.write(formatTable([['word', 'fit', ''], ...rows], new Set([1])));
  },
};
