import { type Command, UsageError } from '../command.js';
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

export const neighboursCommand: Command = {
  name: 'neighbours',
  summary: 'find the words nearest to words',
  usage: `gemmule neighbours WORD [WORD...] [options]

Prints the words nearest to each word, with their cosines.

${SEARCH_USAGE}${WORD_USAGE}`,
  options: { ...WORD_OPTIONS, ...SEARCH_OPTIONS },
  async run(context) {
    if (context.texts.length === 0) throw new UsageError('neighbours needs at least one word, got none');
    const search = searchOptions(context);
    using words = await loadWords(context);
    const queries = context.texts.map((word) => ({ positive: [word] }));
    const all = await words.mostSimilarAll(queries, { ...search, signal: context.signal });
    if (context.options.json === true) {
      for (const [n, word] of context.texts.entries()) {
        const matches = (all[n] ?? []).map(({ word: found, score }) => ({ word: found, score }));
        process.stdout.write(`${JSON.stringify({ word, matches })}\n`);
      }
      return;
    }
    // Side by side, so that they can be compared.
    const header = ['', ...context.texts.flatMap((word) => [word, 'cosine'])];
    const longest = Math.max(...all.map((matches) => matches.length));
    const rows = Array.from({ length: longest }, (_, n) => [
      String(n + 1),
      ...all.flatMap((matches) => {
        const match = matches[n];
        return match === undefined ? ['', ''] : [match.word, formatScore(match.score)];
      }),
    ]);
    const numeric = new Set([0, ...context.texts.map((_, n) => 2 * n + 2)]);
    process.stdout.write(formatTable([header, ...rows], numeric));
  },
};
