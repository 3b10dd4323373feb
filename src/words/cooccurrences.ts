import { whileRetained } from '../backend/storage.js';
import type { CooccurrenceTask } from '../backend/training.js';
import { ArgumentError, BackendError } from '../errors.js';
import { SparseMatrix } from '../linalg/sparse-matrix.js';
import { type Corpus, countOf } from './corpus.js';
import { currentTrainer, type TrainOptions, threadsOf, watchRun } from './training-run.js';

/** Settings of {@link countCooccurrences}. */
export interface CooccurrenceOptions extends Pick<TrainOptions, 'signal' | 'threads'> {
  /** Words on each side that count as near; 10 by default. */
  readonly window?: number | undefined;
  /**
   * What two words count that are `d` apart: `harmonic` (default) 1 / d, as GloVe; `linear` (window - d + 1) / window, which
   * is what word2vec's random reach comes to; `constant` 1.
   */
  readonly weighting?: 'harmonic' | 'linear' | 'constant' | undefined;
}

const WEIGHTINGS = {
  harmonic: (distance: number) => 1 / distance,
  linear: (distance: number, window: number) => (window - distance + 1) / window,
  constant: () => 1,
} as const;

const MOST_ENTRIES = 2 ** 31 - 1;

/**
 * How often the words of a corpus meet within a window, on both sides: a sparse symmetric float32 matrix `[words, words]`,
 * counted off the event loop by the engine. Results do not depend on the number of threads.
 *
 * @throws the signal's reason when it was aborted, ArgumentError for settings out of range, BackendError with code
 *   ERR_OUT_OF_MEMORY when more than 2^31 pairs of words meet.
 */
export async function countCooccurrences(
  corpus: Corpus,
  options: CooccurrenceOptions = {},
): Promise<SparseMatrix<'float32'>> {
  const window = countOf('window', options.window, 10);
  const { weighting = 'harmonic', signal } = options;
  if (!Object.hasOwn(WEIGHTINGS, weighting)) {
    throw new ArgumentError(`weighting must be one of ${Object.keys(WEIGHTINGS).join(', ')}, got ${String(weighting)}`);
  }
  const threads = threadsOf(options.threads);
  const words = corpus.words.length;
  const { encoded } = corpus;
  const base: CooccurrenceTask = {
    words,
    corpus: encoded,
    weights: Float64Array.from({ length: window }, (_, n) => WEIGHTINGS[weighting](n + 1, window)),
    rowCounts: new Float64Array(words),
    rowOffsets: new Float64Array(),
    columns: new Int32Array(),
    values: new Float32Array(),
  };
  return whileRetained([encoded.tokens], () => count(base, { threads, signal }));
}

async function count(
  base: CooccurrenceTask,
  { threads, signal }: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<SparseMatrix<'float32'>> {
  const { words } = base;
  const run = async (task: CooccurrenceTask): Promise<void> => {
    await watchRun(currentTrainer().cooccurrences(task, threads), { blocks: words, epochs: 1 }, { signal });
    signal?.throwIfAborted();
  };
  signal?.throwIfAborted();
  await run(base);
  const rowOffsets = new Float64Array(words + 1);
  for (let word = 0; word < words; word++) rowOffsets[word + 1] = rowOffsets[word] + base.rowCounts[word];
  const entries = rowOffsets[words];
  if (entries > MOST_ENTRIES) {
    throw new BackendError(
      `countCooccurrences: ${entries} pairs of words meet, more than ${MOST_ENTRIES}; read the corpus with a larger minCount, or use a smaller window`,
      undefined,
      'ERR_OUT_OF_MEMORY',
    );
  }
  const columns = new Int32Array(entries);
  const values = new Float32Array(entries);
  await run({ ...base, rowOffsets, columns, values });
  return SparseMatrix.fromCompressedRows({ values, columnIndices: columns, rowOffsets: Int32Array.from(rowOffsets) }, [
    words,
    words,
  ]);
}
