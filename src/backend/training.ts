/*
 * Training of word vectors: work of minutes, which a backend does block by block off the event loop. The native backend
 * takes blocks on all threads, without locks; the reference does them one after the other, in slices of the event loop.
 * With one thread both take the same random numbers and do the same steps.
 */

/** A corpus as ids of words; -1 ends a sentence. Blocks are what threads take at a time. */
export interface EncodedCorpus {
  readonly tokens: Int32Array;
  /** Where each block starts, and where the last one ends; at borders of sentences. */
  readonly blockStarts: Float64Array;
}

/** Random words that the right one must beat (Mikolov et al. 2013b), drawn from Walker's alias table. */
export interface NegativeSampling {
  readonly kind: 'negativeSampling';
  readonly negatives: number;
  /** A random column stays when a random number of 32 bits is below its threshold, and else becomes its alias. */
  readonly thresholds: Uint32Array;
  readonly aliases: Int32Array;
}

/** The questions on the way to a word in a Huffman tree (Mikolov et al. 2013a). */
export interface HierarchicalSoftmax {
  readonly kind: 'hierarchicalSoftmax';
  /** Where each word's nodes start, and where the last one's end. */
  readonly offsets: Int32Array;
  readonly nodes: Int32Array;
  /** What each node shall be scored, 1 or 0. */
  readonly labels: Uint8Array;
}

/** The rows whose mean is a word, its own among them (Bojanowski et al. 2017). */
export interface SubwordRows {
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
}

/** Some blocks of a word2vec training. Blocks are counted on through the epochs. */
export interface Word2VecTask {
  readonly architecture: 'skipGram' | 'continuousBag';
  readonly words: number;
  readonly dimensions: number;
  /** Floats from row to row, a multiple of 16; those beyond the dimensions are zero and stay so. */
  readonly stride: number;
  readonly window: number;
  /** The learning rate falls from the first to the last, linearly with the tokens. */
  readonly firstRate: number;
  readonly lastRate: number;
  readonly epochs: number;
  /** Two numbers of 32 bits. */
  readonly seed: readonly [number, number];
  readonly firstBlock: number;
  readonly endBlock: number;
  /** Changed in place. */
  readonly input: Float32Array;
  readonly output: Float32Array;
  readonly corpus: EncodedCorpus;
  /** A word stays in its sentence when a random number of 32 bits is below its number; 2^32 - 1 for always. */
  readonly keep: Uint32Array;
  readonly objective: NegativeSampling | HierarchicalSoftmax;
  readonly subwords: SubwordRows | null;
}

/** Some blocks of a GloVe training. Blocks are counted on through the epochs. */
export interface GloVeTask {
  readonly words: number;
  readonly dimensions: number;
  /** Floats from row to row, a multiple of 16 and at least `dimensions + 2`. */
  readonly stride: number;
  readonly learningRate: number;
  readonly epochs: number;
  readonly blockPairs: number;
  readonly firstBlock: number;
  readonly endBlock: number;
  /** Rows are [vector, bias, 1], columns [vector, 1, bias], zero beyond. Changed in place, as are the sums of squares. */
  readonly rows: Float32Array;
  readonly columns: Float32Array;
  /** The sums of squared gradients; positive everywhere. */
  readonly rowSquares: Float32Array;
  readonly columnSquares: Float32Array;
  readonly pairRows: Int32Array;
  readonly pairColumns: Int32Array;
  /** The logarithm of how often two words meet, and how much the pair counts. */
  readonly pairTargets: Float32Array;
  readonly pairWeights: Float32Array;
}

/** How often words meet, as rows of a sparse matrix. Blocks are rows. */
export interface CooccurrenceTask {
  readonly words: number;
  readonly corpus: EncodedCorpus;
  /** What two words count that are 1, 2, ... apart. */
  readonly weights: Float64Array;
  /** Written: how many words each word meets. */
  readonly rowCounts: Float64Array;
  /** Where rows start, and where the last one ends; empty for only counting. */
  readonly rowOffsets: Float64Array;
  /** Written, in each row in ascending order. */
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

/** How far a task is. */
export interface TaskProgress {
  /** Blocks that were taken on; all before it are done once the task has ended. */
  readonly next: number;
  /** Words or pairs that were learnt. */
  readonly items: number;
  /** The sum of their losses, and of how many. */
  readonly loss: number;
  readonly terms: number;
}

/** A task that was started. */
export interface TaskRun {
  /** Settles when no thread works on it any more, also after `cancel`. */
  readonly ended: Promise<TaskProgress>;
  progress(): TaskProgress;
  /** Ends it after the blocks in progress. */
  cancel(): void;
}

/** What trains. The arrays of a task belong to it until it has ended. */
export interface Trainer {
  word2vec(task: Word2VecTask, threads: number): TaskRun;
  glove(task: GloVeTask, threads: number): TaskRun;
  cooccurrences(task: CooccurrenceTask, threads: number): TaskRun;
}
