import { allocateStorage, releaseStorage } from '../backend/storage.js';
import type { GloVeTask } from '../backend/training.js';
import { ArgumentError, BackendError, DisposedError } from '../errors.js';
import type { SparseMatrix } from '../linalg/sparse-matrix.js';
import { Random } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { type CooccurrenceOptions, countCooccurrences } from './cooccurrences.js';
import { type Corpus, countOf } from './corpus.js';
import { Breather } from './sentences.js';
import { currentTrainer, type TrainOptions, threadsOf, watchRun } from './training-run.js';
import { WordVectors } from './word-vectors.js';

/** Settings of {@link GloVe}; all have defaults, which are those of the authors' program unless said otherwise. */
export interface GloVeOptions extends Pick<CooccurrenceOptions, 'window' | 'weighting'> {
  /** Numbers of a vector; 100 by default. */
  readonly dimensions?: number | undefined;
  /** Pairs that meet more often count no more than this often; 100 by default, 10 for small texts. */
  readonly saturation?: number | undefined;
  /** How fast the weight of a pair grows up to there, as a power of how often it meets; 0.75 by default. */
  readonly weightPower?: number | undefined;
  /** 0.05 by default. */
  readonly learningRate?: number | undefined;
  /** Passes over the pairs; 25 by default. */
  readonly epochs?: number | undefined;
  /** A whole number from 0 to 2^53 - 1; 1 by default. */
  readonly seed?: number | undefined;
}

const LANES = 16;
const BLOCK_PAIRS = 8192;
/** Steps between which the event loop may have its turn. */
const SLICE = 4096;

function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value > 0 && value < Infinity)) {
    throw new ArgumentError(`GloVe: ${name} must be a positive number, got ${String(value)}`);
  }
  return value;
}

/** The pairs of words in the random order in which they are learnt. */
type Pairs = Pick<GloVeTask, 'pairRows' | 'pairColumns' | 'pairTargets' | 'pairWeights'>;

/**
 * Learns word vectors whose products are the logarithms of how often words meet: GloVe (Pennington, Socher and Manning,
 * EMNLP 2014), a weighted factorisation of the matrix of cooccurrences by AdaGrad, on all threads without locks.
 */
export class GloVe {
  readonly #corpus: Corpus;
  readonly #options: GloVeOptions;
  readonly #dimensions: number;
  readonly #epochs: number;
  readonly #saturation: number;
  readonly #weightPower: number;
  readonly #learningRate: number;
  readonly #random: Random;
  readonly #stride: number;
  readonly #rows: Float32Array;
  readonly #columns: Float32Array;
  readonly #rowSquares: Float32Array;
  readonly #columnSquares: Float32Array;
  #pairs: Pairs | null = null;
  #block = 0;
  #busy = false;
  #disposed = false;

  /**
   * @param corpus - what to learn from; it may be disposed of once `train` has been called.
   * @throws ArgumentError for settings out of range.
   */
  constructor(corpus: Corpus, options: GloVeOptions = {}) {
    this.#corpus = corpus;
    this.#options = options;
    this.#dimensions = countOf('dimensions', options.dimensions, 100);
    this.#epochs = countOf('epochs', options.epochs, 25);
    this.#saturation = positive('saturation', options.saturation, 100);
    this.#weightPower = positive('weightPower', options.weightPower, 0.75);
    this.#learningRate = positive('learningRate', options.learningRate, 0.05);
    this.#random = new Random(options.seed ?? 1);
    this.#stride = Math.ceil((this.#dimensions + 2) / LANES) * LANES;
    const size = corpus.words.length * this.#stride;
    this.#rows = this.#seeded(this.#dimensions + 1);
    this.#columns = this.#seeded(this.#dimensions);
    this.#rowSquares = allocateStorage('float32', size).fill(1);
    this.#columnSquares = allocateStorage('float32', size).fill(1);
  }

  /** Whether all epochs are done. */
  get isTrained(): boolean {
    return this.#pairs !== null && this.#block >= this.#blocks * this.#epochs;
  }

  /**
   * Counts which words meet, the first time, and learns until all epochs are done, from where it is.
   *
   * @throws the signal's reason when it was aborted; NumericalError when the learning rate is too large for the text.
   */
  async train(options: TrainOptions = {}): Promise<void> {
    this.#requireUsable('train');
    const threads = threadsOf(options.threads);
    options.signal?.throwIfAborted();
    this.#busy = true;
    try {
      this.#pairs ??= await this.#countPairs(options);
      const end = this.#blocks * this.#epochs;
      if (this.#block >= end) return;
      const run = currentTrainer().glove(this.#task(this.#pairs, end), threads);
      const { next, failure } = await watchRun(run, { blocks: this.#blocks, epochs: this.#epochs }, options);
      this.#block = next;
      if (failure !== null) throw failure.error;
      options.signal?.throwIfAborted();
    } finally {
      this.#busy = false;
    }
  }

  /** The vectors as they are now, a copy: the sum of a word's two vectors, as the authors recommend. */
  vectors(): WordVectors {
    this.#requireUsable('vectors');
    const { words, counts } = this.#corpus;
    const dimensions = this.#dimensions;
    const numbers = allocateStorage('float32', words.length * dimensions);
    for (let word = 0; word < words.length; word++) {
      for (let d = 0; d < dimensions; d++) {
        const place = word * this.#stride + d;
        numbers[word * dimensions + d] = this.#rows[place] + this.#columns[place];
      }
    }
    const vectors = Tensor.fromView({
      dtype: 'float32',
      dims: [words.length, dimensions],
      strides: [dimensions, 1],
      offset: 0,
      data: numbers,
    });
    return WordVectors.from(words, vectors, { counts });
  }

  /** Frees the model's numbers. Vectors that were taken are copies and stay. */
  dispose(): void {
    if (this.#busy) throw new BackendError('dispose: the model is being trained; abort that and wait for it');
    if (!this.#disposed) {
      for (const data of [this.#rows, this.#columns, this.#rowSquares, this.#columnSquares]) releaseStorage(data);
    }
    this.#disposed = true;
    this.#pairs = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Blocks of an epoch. */
  get #blocks(): number {
    return Math.ceil((this.#pairs?.pairRows.length ?? 0) / BLOCK_PAIRS);
  }

  #requireUsable(method: string): void {
    if (this.#disposed) throw new DisposedError(`${method}: the model was disposed`);
    if (this.#busy) throw new BackendError(`${method}: the model is being trained; wait for that to end`);
  }

  /** Small random numbers for vectors and biases, and a one, which is no parameter, at `one`. */
  #seeded(one: number): Float32Array {
    const words = this.#corpus.words.length;
    const width = this.#dimensions + 2;
    const high = 0.5 / (this.#dimensions + 1);
    using drawn = this.#random.uniform([words, width], { low: -high, high });
    const numbers = drawn.toTypedArray();
    const all = allocateStorage('float32', words * this.#stride).fill(0);
    for (let word = 0; word < words; word++) {
      all.set(numbers.subarray(word * width, (word + 1) * width), word * this.#stride);
      all[word * this.#stride + one] = 1;
    }
    return all;
  }

  async #countPairs({ signal, threads }: TrainOptions): Promise<Pairs> {
    const { window = 15, weighting } = this.#options;
    const counts = await countCooccurrences(this.#corpus, { window, weighting, signal, threads });
    if (counts.values.length === 0) throw new ArgumentError('GloVe: no two words of the corpus meet; give more text');
    return this.#shuffled(counts, new Breather(signal));
  }

  /** The entries of the matrix in random order, with what each shall be and how much it counts. */
  async #shuffled({ values, columnIndices, rowOffsets }: SparseMatrix<'float32'>, breather: Breather): Promise<Pairs> {
    const size = values.length;
    const pairs = {
      pairRows: new Int32Array(size),
      pairColumns: new Int32Array(size),
      pairTargets: new Float32Array(size),
      pairWeights: new Float32Array(size),
    };
    const order = this.#random.permutation(size).toTypedArray();
    let row = 0;
    for (let entry = 0; entry < size; entry++) {
      while (rowOffsets[row + 1] <= entry) row++;
      const place = order[entry];
      pairs.pairRows[place] = row;
      pairs.pairColumns[place] = columnIndices[entry];
      pairs.pairTargets[place] = Math.log(values[entry]);
      pairs.pairWeights[place] = Math.min(1, (values[entry] / this.#saturation) ** this.#weightPower);
      if (entry % SLICE === 0 && breather.isDue) await breather.breathe();
    }
    return pairs;
  }

  #task(pairs: Pairs, endBlock: number): GloVeTask {
    return {
      words: this.#corpus.words.length,
      dimensions: this.#dimensions,
      stride: this.#stride,
      learningRate: this.#learningRate,
      epochs: this.#epochs,
      blockPairs: BLOCK_PAIRS,
      firstBlock: this.#block,
      endBlock,
      rows: this.#rows,
      columns: this.#columns,
      rowSquares: this.#rowSquares,
      columnSquares: this.#columnSquares,
      ...pairs,
    };
  }
}
