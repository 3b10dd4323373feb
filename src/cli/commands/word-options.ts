import { BUNDLED_WORDS_NAME, type LoadReport, WordVectors } from '../../words/index.js';
import { type CommandContext, countOption, stringOption } from '../command.js';
import { ProgressLine } from '../progress.js';

/** Options of every command that loads word vectors. */
export const WORD_OPTIONS = {
  vectors: { type: 'string', short: 'v' },
  limit: { type: 'string' },
  cache: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export const WORD_USAGE = `  -v, --vectors FILE     word vectors of word2vec, GloVe or fastText, also packed by gzip; without it, 8,000 words of
                         ${BUNDLED_WORDS_NAME} that are built in
      --limit N          take the first N words of the file only
      --cache            keep what was read in FILE.gemmule, and open that the next time, in milliseconds
      --json             JSON instead of a table
  -h, --help             this text
`;

/** Options of commands that find words. */
export const SEARCH_OPTIONS = { top: { type: 'string', short: 'n' }, restrict: { type: 'string' } } as const;

export const SEARCH_USAGE = `  -n, --top N            words to find, 10 by default
      --restrict N       look at the first N words only, which are the most frequent in most files
`;

/** What the search options ask for. */
export function searchOptions({ options }: CommandContext): { topN: number; restrictVocab?: number } {
  const restrictVocab = countOption(options, 'restrict');
  return { topN: countOption(options, 'top') ?? 10, ...(restrictVocab === undefined ? {} : { restrictVocab }) };
}

/** Digits of a cosine that are shown. */
const DIGITS = 4;

export function formatScore(score: number): string {
  return score.toFixed(DIGITS);
}

/**
 * Loads the vectors that the options ask for, and says what was wrong with them.
 *
 * @param most - words to take where `--limit` does not say.
 */
export async function loadWords({ options, signal }: CommandContext, most?: number): Promise<WordVectors> {
  const progress = new ProgressLine();
  const limit = countOption(options, 'limit') ?? most;
  const file = stringOption(options, 'vectors');
  const words = await WordVectors.load(file, {
    ...(limit === undefined ? {} : { limit }),
    cache: file !== undefined && options.cache === true,
    signal,
    onProgress: ({ bytes, totalBytes, words: read }) => progress.update(read, bytes / totalBytes, 'words'),
  });
  progress.clear();
  warnOfProblems(words.report);
  return words;
}

function warnOfProblems(report: LoadReport | null): void {
  if (report === null) return;
  const { malformed, duplicates, problems } = report;
  if (malformed + duplicates === 0) return;
  const [first] = problems;
  const example = first === undefined ? '' : `; the first is line ${first.line}: ${first.problem}`;
  process.stderr.write(
    `gemmule: warning: ${malformed} malformed lines and ${duplicates} duplicates were left out${example}\n`,
  );
}
