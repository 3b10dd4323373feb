import { ArgumentError } from '../errors.js';
import { randomizedSvdAsync } from '../linalg/randomized-svd.js';
import { SparseMatrix } from '../linalg/sparse-matrix.js';
import { type CooccurrenceOptions, countCooccurrences } from './cooccurrences.js';
import { type Corpus, countOf } from './corpus.js';
import { WordVectors } from './word-vectors.js';

/** Settings of {@link positivePointwiseMutualInformation}. */
export interface InformationOptions {
  /** Contexts are counted as this power of how often they come, which lowers what rare ones say; 0.75 by default. */
  readonly contextPower?: number | undefined;
  /** Random words of word2vec that this corresponds to: what is below its logarithm counts as nothing; 1 by default. */
  readonly negatives?: number | undefined;
}

/** Settings of {@link informationVectors}. */
export interface InformationVectorsOptions extends InformationOptions, CooccurrenceOptions {
  /** Numbers of a vector; 100 by default, less where there are fewer words. */
  readonly dimensions?: number | undefined;
  /** Dimensions are stretched by this power of their singular values; 0.5 by default, and 0 or 0.5 are best for similarity. */
  readonly singularValuePower?: number | undefined;
  /** A whole number; the same gives the same vectors. 0 by default. */
  readonly seed?: number | undefined;
}

function numberOf(name: string, value: number | undefined, fallback: number, isValid: (n: number) => boolean): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isFinite(value) || !isValid(value)) {
    throw new ArgumentError(`${name} must be a number in its range, got ${String(value)}`);
  }
  return value;
}

/**
 * How much more often words meet than by chance, max(0, log(p(word, context) / (p(word) p(context))) - log negatives), where
 * context probabilities are smoothed: the sparse matrix that word2vec factorises implicitly (Levy and Goldberg, NIPS 2014; Levy,
 * Goldberg and Dagan, TACL 2015).
 *
 * @param counts - how often words meet, `[words, contexts]`; see {@link countCooccurrences}.
 * @throws ArgumentError for settings out of range, and for counts that are negative or not finite.
 */
export function positivePointwiseMutualInformation(
  counts: SparseMatrix,
  options: InformationOptions = {},
): SparseMatrix<'float32'> {
  const power = numberOf('contextPower', options.contextPower, 0.75, (n) => n > 0);
  const shift = Math.log(numberOf('negatives', options.negatives, 1, (n) => n > 0));
  const [rows, columns] = counts.shape;
  const rowSums = new Float64Array(rows);
  const columnSums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let entry = counts.rowOffsets[row]; entry < counts.rowOffsets[row + 1]; entry++) {
      const count = counts.values[entry];
      if (!(count >= 0 && count < Infinity)) {
        throw new ArgumentError(`counts must be finite and not negative, got ${count} in row ${row}`);
      }
      rowSums[row] += count;
      columnSums[counts.columnIndices[entry]] += count;
    }
  }
  const smoothed = columnSums.map((sum) => sum ** power);
  const smoothedTotal = smoothed.reduce((sum, value) => sum + value, 0);
  const values = new Float32Array(counts.values.length);
  const columnIndices = new Int32Array(counts.values.length);
  let kept = 0;
  const rowOffsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    for (let entry = counts.rowOffsets[row]; entry < counts.rowOffsets[row + 1]; entry++) {
      const column = counts.columnIndices[entry];
      const likelihood = counts.values[entry] / rowSums[row];
      const information = Math.log((likelihood * smoothedTotal) / smoothed[column]) - shift;
      if (!(information > 0)) continue;
      values[kept] = information;
      columnIndices[kept] = column;
      kept++;
    }
    rowOffsets[row + 1] = kept;
  }
  return SparseMatrix.fromCompressedRows(
    { values: values.slice(0, kept), columnIndices: columnIndices.slice(0, kept), rowOffsets },
    [rows, columns],
  );
}

/**
 * Word vectors without learning: the largest singular vectors of the positive pointwise mutual information of the words of a
 * corpus (Levy, Goldberg and Dagan, TACL 2015). Small texts give better vectors so than by word2vec.
 *
 * @throws the signal's reason when it was aborted, ArgumentError for settings out of range.
 */
export async function informationVectors(
  corpus: Corpus,
  options: InformationVectorsOptions = {},
): Promise<WordVectors> {
  const power = numberOf('singularValuePower', options.singularValuePower, 0.5, (n) => n >= 0);
  const dimensions = Math.min(countOf('dimensions', options.dimensions, 100), corpus.words.length);
  const { window = 5, weighting = 'linear', signal, threads, seed = 0 } = options;
  const counts = await countCooccurrences(corpus, { window, weighting, signal, threads });
  const information = positivePointwiseMutualInformation(counts, options);
  // Off the event loop: with many words this takes as long as the counting.
  const { u, s, vt } = await randomizedSvdAsync(information, dimensions, { seed, powerIterations: 5, signal });
  using weights = s.power(power);
  const vectors = u.multiply(weights).contiguous();
  for (const tensor of [u, s, vt]) tensor.dispose();
  return WordVectors.from(corpus.words, vectors, { counts: corpus.counts });
}
