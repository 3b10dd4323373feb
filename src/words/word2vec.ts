import { allocateStorage, releaseStorage, whileRetained } from '../backend/storage.js';
import type {
  EncodedCorpus,
  HierarchicalSoftmax,
  NegativeSampling,
  SubwordRows,
  Word2VecTask,
} from '../backend/training.js';
import { ArgumentError, BackendError, DisposedError, FormatError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../io/json.js';
import { SafetensorsFile } from '../io/safetensors.js';
import { writeSafetensors } from '../io/safetensors-writer.js';
import { Random } from '../tensor/random.js';
import { type Corpus, countOf } from './corpus.js';
import { hierarchicalSoftmax, keepThresholds, negativeSampling } from './sampling.js';
import { matrixOf } from './search.js';
import { type SubwordSettings, Subwords, subwordBuckets } from './subwords.js';
import { currentTrainer, type TrainOptions, threadsOf, watchRun } from './training-run.js';
import { WordVectors } from './word-vectors.js';

/** Settings of {@link Word2Vec}; all have defaults. */
export interface Word2VecOptions {
  /** `skipGram` (default): a word predicts those around it; `continuousBag`: they predict the word, faster and coarser. */
  readonly architecture?: 'skipGram' | 'continuousBag' | undefined;
  /**
   * `negativeSampling` (default): words are told from random ones; `hierarchicalSoftmax`: by questions on the way through a
   * Huffman tree.
   */
  readonly objective?: 'negativeSampling' | 'hierarchicalSoftmax' | undefined;
  /** Numbers of a vector; 100 by default. */
  readonly dimensions?: number | undefined;
  /** Words on each side that count as near, at most: each word draws a reach from 1 to this; 5 by default. */
  readonly window?: number | undefined;
  /** Random words that each right one must beat; 5 by default. */
  readonly negatives?: number | undefined;
  /** Random words are drawn in proportion to this power of their counts; 0.75 by default. */
  readonly samplingPower?: number | undefined;
  /** Words that make up more of the text than this are left out now and then; 1e-3 by default, 0 for never. */
  readonly subsample?: number | undefined;
  /** Where the learning rate starts: 0.025 by default, 0.05 for `continuousBag`. */
  readonly learningRate?: number | undefined;
  /** Where it ends, having fallen linearly; 1e-4 by default. */
  readonly finalLearningRate?: number | undefined;
  /** Passes over the text; 5 by default. */
  readonly epochs?: number | undefined;
  /** A whole number from 0 to 2^53 - 1; 1 by default. */
  readonly seed?: number | undefined;
  /**
   * Learns vectors of parts of words too, as fastText does, so that unseen words get one: `true` for parts of 3 to 6
   * characters in 200,000 buckets. None by default.
   */
  readonly subwords?: boolean | Partial<SubwordSettings> | undefined;
}

/** All settings, as they are kept in files. */
interface Settings {
  readonly architecture: 'skipGram' | 'continuousBag';
  readonly objective: 'negativeSampling' | 'hierarchicalSoftmax';
  readonly dimensions: number;
  readonly window: number;
  readonly negatives: number;
  readonly samplingPower: number;
  readonly subsample: number;
  readonly learningRate: number;
  readonly finalLearningRate: number;
  readonly epochs: number;
  readonly seed: number;
  readonly subwords: SubwordSettings | null;
}

/** Settings of {@link Word2Vec.train}. */
export interface Word2VecTrainOptions extends TrainOptions {
  /** Called after each epoch with its number from 0; training waits for it. A good moment to save. */
  readonly onEpoch?: ((epoch: number) => void | Promise<void>) | undefined;
}

const FORMAT = 'gemmule-word2vec';
const FORMAT_VERSION = '1';
const LANES = 16;
/** Rows that are drawn at a time. */
const SEEDED_ROWS = 4096;
const MOST_BUCKETS = 2 ** 27;

function numberOf(name: string, value: number | undefined, fallback: number, low: number, high: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw new ArgumentError(`Word2Vec: ${name} must be a number from ${low} to ${high}, got ${String(value)}`);
  }
  return value;
}

function choiceOf<T extends string>(name: string, value: T | undefined, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0];
  if (!choices.includes(value)) {
    throw new ArgumentError(`Word2Vec: ${name} must be one of ${choices.join(', ')}, got ${String(value)}`);
  }
  return value;
}

function limited(name: string, value: number | undefined, fallback: number, most: number): number {
  const count = countOf(name, value, fallback);
  if (count > most) throw new ArgumentError(`Word2Vec: ${name} must be at most ${most}, got ${count}`);
  return count;
}

function subwordSettings(subwords: Word2VecOptions['subwords'] | null): SubwordSettings | null {
  if (subwords === undefined || subwords === null || subwords === false) return null;
  const given = subwords === true ? {} : subwords;
  const minLength = limited('subwords.minLength', given.minLength, 3, 100);
  const maxLength = limited('subwords.maxLength', given.maxLength, Math.max(minLength, 6), 100);
  if (maxLength < minLength) {
    throw new ArgumentError(`Word2Vec: subwords.maxLength ${maxLength} is less than subwords.minLength ${minLength}`);
  }
  return { minLength, maxLength, buckets: limited('subwords.buckets', given.buckets, 200_000, MOST_BUCKETS) };
}

function settingsOf(options: Word2VecOptions): Settings {
  const architecture = choiceOf('architecture', options.architecture, ['skipGram', 'continuousBag']);
  const seed = options.seed ?? 1;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ArgumentError(`Word2Vec: seed must be a whole number from 0 to 2^53 - 1, got ${String(seed)}`);
  }
  return {
    architecture,
    objective: choiceOf('objective', options.objective, ['negativeSampling', 'hierarchicalSoftmax']),
    dimensions: limited('dimensions', options.dimensions, 100, 10_000),
    window: limited('window', options.window, 5, 1000),
    negatives: limited('negatives', options.negatives, 5, 1000),
    samplingPower: numberOf('samplingPower', options.samplingPower, 0.75, -10, 10),
    subsample: numberOf('subsample', options.subsample, 1e-3, 0, 1),
    learningRate: numberOf('learningRate', options.learningRate, architecture === 'skipGram' ? 0.025 : 0.05, 0, 10),
    finalLearningRate: numberOf('finalLearningRate', options.finalLearningRate, 1e-4, 0, 10),
    epochs: limited('epochs', options.epochs, 5, 2 ** 20),
    seed,
    subwords: subwordSettings(options.subwords),
  };
}

/** The rows of each word: its own, then those of its parts' buckets. */
function subwordRows(words: readonly string[], settings: SubwordSettings): SubwordRows {
  const offsets = new Int32Array(words.length + 1);
  const rows: number[] = [];
  for (const [id, word] of words.entries()) {
    rows.push(id);
    for (const bucket of subwordBuckets(word, settings)) rows.push(words.length + bucket);
    offsets[id + 1] = rows.length;
  }
  return { offsets, rows: Int32Array.from(rows) };
}

/**
 * Learns word vectors from a text: word2vec (Mikolov, Chen, Corrado and Dean, arXiv:1301.3781; Mikolov et al.,
 * arXiv:1310.4546), with fastText's subwords if wanted (Bojanowski et al., arXiv:1607.04606).
 *
 * The engine trains on all threads without locks (Hogwild; Recht et al. 2011), off the event loop. One step teaches one word
 * together with all of its context: it computes all scores, then changes all rows. With one thread, the same seed gives the
 * same vectors, also after an interruption.
 */
export class Word2Vec {
  readonly #corpus: Corpus;
  /** Blocks of an epoch. */
  readonly #blocks: number;
  readonly #settings: Settings;
  readonly #stride: number;
  readonly #objective: NegativeSampling | HierarchicalSoftmax;
  readonly #keep: Uint32Array;
  readonly #subwords: SubwordRows | null;
  readonly #input: Float32Array;
  readonly #output: Float32Array;
  #block = 0;
  #busy = false;
  #disposed = false;

  /**
   * @param corpus - what to learn from; `train` and `save` need it when they are called, and not afterwards.
   * @throws ArgumentError for settings out of range, BackendError with code ERR_OUT_OF_MEMORY when there is not memory enough.
   */
  constructor(corpus: Corpus, options: Word2VecOptions = {}) {
    const settings = settingsOf(options);
    const size = corpus.words.length;
    this.#corpus = corpus;
    this.#blocks = corpus.encoded.blockStarts.length - 1;
    this.#settings = settings;
    this.#stride = Math.ceil(settings.dimensions / LANES) * LANES;
    this.#keep = keepThresholds(corpus.counts, settings.subsample);
    this.#objective =
      settings.objective === 'negativeSampling'
        ? negativeSampling(corpus.counts, settings.samplingPower, settings.negatives)
        : hierarchicalSoftmax(corpus.counts);
    this.#subwords = settings.subwords === null ? null : subwordRows(corpus.words, settings.subwords);
    const rows = size + (settings.subwords?.buckets ?? 0);
    this.#input = allocateStorage('float32', rows * this.#stride);
    this.#output = allocateStorage('float32', size * this.#stride).fill(0);
    this.#seed(rows);
  }

  /**
   * A model that `save` wrote; `train` goes on with it.
   *
   * @param corpus - the same as it was trained on, read with the same settings.
   * @throws FileError when the file cannot be read, FormatError when it is no sound model, ArgumentError for another corpus.
   */
  static load(path: string, corpus: Corpus): Word2Vec {
    const file = SafetensorsFile.open(path);
    if (file.metadata.get('format') !== FORMAT || file.metadata.get('version') !== FORMAT_VERSION) {
      throw new FormatError(`${path} is not a word2vec model that gemmule saved`);
    }
    const state = parseState(path, file.metadata.get('state'));
    if (file.metadata.get('corpus') !== corpus.fingerprint()) {
      throw new ArgumentError(
        `Word2Vec.load: ${path} was trained on another corpus, or on one that was read with other settings; give the same`,
      );
    }
    const model = modelOf(path, corpus, state.settings);
    if (state.block > model.#blocks * model.#settings.epochs) {
      throw new FormatError(`${path}: block ${state.block} lies beyond the end of the training`);
    }
    model.#block = state.block;
    model.#restore(file, 'input', model.#input);
    model.#restore(file, 'output', model.#output);
    return model;
  }

  /** Whether all epochs are done. */
  get isTrained(): boolean {
    return this.#block >= this.#blocks * this.#settings.epochs;
  }

  /**
   * Learns until all epochs are done, from where it is: from the start, from where a signal ended it, or from where it was
   * saved.
   *
   * @throws the signal's reason when it was aborted; what a callback throws.
   */
  async train(options: Word2VecTrainOptions = {}): Promise<void> {
    this.#requireUsable('train');
    const threads = threadsOf(options.threads);
    options.signal?.throwIfAborted();
    const { encoded } = this.#corpus;
    await whileRetained([encoded.tokens], () => this.#train(encoded, threads, options));
  }

  async #train(corpus: EncodedCorpus, threads: number, options: Word2VecTrainOptions): Promise<void> {
    this.#busy = true;
    try {
      const end = this.#blocks * this.#settings.epochs;
      while (this.#block < end) {
        const epochEnd = (Math.floor(this.#block / this.#blocks) + 1) * this.#blocks;
        const run = currentTrainer().word2vec(
          this.#task(corpus, options.onEpoch === undefined ? end : epochEnd),
          threads,
        );
        const place = { blocks: this.#blocks, epochs: this.#settings.epochs };
        const { next, failure } = await watchRun(run, place, options);
        this.#block = next;
        if (failure !== null) throw failure.error;
        options.signal?.throwIfAborted();
        if (options.onEpoch !== undefined) {
          // The model stands still meanwhile, and may be saved.
          this.#busy = false;
          await options.onEpoch(epochEnd / this.#blocks - 1);
          this.#requireUsable('train');
          this.#busy = true;
          options.signal?.throwIfAborted();
        }
      }
    } finally {
      this.#busy = false;
    }
  }

  /**
   * The vectors as they are now, a copy: with subwords, words are the means of their own vector and those of their parts, and
   * the parts come along for words that are not in the vocabulary.
   */
  vectors(): WordVectors {
    this.#requireUsable('vectors');
    const { words, counts } = this.#corpus;
    const { dimensions, subwords } = this.#settings;
    const numbers = allocateStorage('float32', words.length * dimensions);
    for (let id = 0; id < words.length; id++) this.#writeVector(id, numbers.subarray(id * dimensions));
    const vectors = matrixOf(numbers, words.length, dimensions);
    if (subwords === null) return WordVectors.from(words, vectors, { counts });
    const parts = allocateStorage('float32', subwords.buckets * dimensions);
    for (let bucket = 0; bucket < subwords.buckets; bucket++) {
      const row = (words.length + bucket) * this.#stride;
      parts.set(this.#input.subarray(row, row + dimensions), bucket * dimensions);
    }
    return WordVectors.from(words, vectors, {
      counts,
      subwords: new Subwords(subwords, matrixOf(parts, subwords.buckets, dimensions)),
    });
  }

  /**
   * Saves everything that training needs to go on, as a safetensors file: `Word2Vec.load` reads it, with the same corpus.
   *
   * @throws FileError when the file cannot be written.
   */
  async save(path: string): Promise<void> {
    this.#requireUsable('save');
    // Nothing may train meanwhile.
    this.#busy = true;
    try {
      const state = JSON.stringify({ settings: this.#settings, block: this.#block });
      await writeSafetensors(
        path,
        {
          input: matrixOf(this.#input, this.#input.length / this.#stride, this.#stride),
          output: matrixOf(this.#output, this.#output.length / this.#stride, this.#stride),
        },
        { format: FORMAT, version: FORMAT_VERSION, state, corpus: this.#corpus.fingerprint() },
      );
    } finally {
      this.#busy = false;
    }
  }

  /** Frees the model's numbers. Vectors that were taken are copies and stay. */
  dispose(): void {
    if (this.#busy) throw new BackendError('dispose: the model is being trained or saved; abort that and wait for it');
    if (!this.#disposed)
      for (const data of [this.#input, this.#output]) releaseStorage(data as Float32Array<ArrayBuffer>);
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireUsable(method: string): void {
    if (this.#disposed) throw new DisposedError(`${method}: the model was disposed`);
    if (this.#busy) throw new BackendError(`${method}: the model is being trained or saved; wait for that to end`);
  }

  #task(corpus: EncodedCorpus, endBlock: number): Word2VecTask {
    const { seed, architecture, dimensions, window, epochs, learningRate, finalLearningRate } = this.#settings;
    return {
      architecture,
      words: this.#corpus.words.length,
      dimensions,
      stride: this.#stride,
      window,
      firstRate: learningRate,
      lastRate: finalLearningRate,
      epochs,
      seed: [seed % 2 ** 32, Math.floor(seed / 2 ** 32)],
      firstBlock: this.#block,
      endBlock,
      input: this.#input,
      output: this.#output,
      corpus,
      keep: this.#keep,
      objective: this.#objective,
      subwords: this.#subwords,
    };
  }

  /** Small random numbers in the rows of words and parts. */
  #seed(rows: number): void {
    const { dimensions, seed } = this.#settings;
    const random = new Random(seed);
    const high = 0.5 / dimensions;
    for (let first = 0; first < rows; first += SEEDED_ROWS) {
      const count = Math.min(SEEDED_ROWS, rows - first);
      using drawn = random.uniform([count, dimensions], { low: -high, high });
      const numbers = drawn.toTypedArray();
      for (let n = 0; n < count; n++) {
        const row = this.#input.subarray((first + n) * this.#stride, (first + n + 1) * this.#stride);
        row.set(numbers.subarray(n * dimensions, (n + 1) * dimensions));
        row.fill(0, dimensions);
      }
    }
  }

  #writeVector(id: number, target: Float32Array): void {
    const { dimensions } = this.#settings;
    const subwords = this.#subwords;
    const rows = subwords === null ? [id] : subwords.rows.subarray(subwords.offsets[id], subwords.offsets[id + 1]);
    for (let d = 0; d < dimensions; d++) {
      let sum = 0;
      for (const row of rows) sum += this.#input[row * this.#stride + d];
      target[d] = sum / rows.length;
    }
  }

  #restore(file: SafetensorsFile, name: string, target: Float32Array): void {
    const rows = target.length / this.#stride;
    if (!file.has(name)) throw new FormatError(`${file.path} has no tensor ${name}; it is damaged`);
    const { dtype, shape } = file.entry(name);
    if (dtype !== 'float32' || shape.length !== 2 || shape[0] !== rows || shape[1] !== this.#stride) {
      throw new FormatError(
        `${file.path}: ${name} must be float32 [${rows}, ${this.#stride}], got ${String(dtype)} [${shape.join(', ')}]`,
      );
    }
    target.set(file.view(name).data as Float32Array);
    // They must be zero for the engine, which multiplies whole rows.
    for (let row = 0; row < rows; row++) {
      target.fill(0, row * this.#stride + this.#settings.dimensions, (row + 1) * this.#stride);
    }
  }
}

/** A model with the settings of a file, whose mistakes are the file's. */
function modelOf(path: string, corpus: Corpus, settings: Word2VecOptions): Word2Vec {
  try {
    return new Word2Vec(corpus, settings);
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    throw new FormatError(`${path}: ${cause.message}`, { cause });
  }
}

function parseState(path: string, text = ''): { settings: Word2VecOptions; block: number } {
  const state = parseStrictJson(Buffer.from(text), `${path}: the state of the training`);
  const { settings, block } = isJsonObject(state) ? state : {};
  if (!isJsonObject(settings) || !Number.isSafeInteger(block) || (block as number) < 0) {
    throw new FormatError(`${path}: the state of the training is damaged`);
  }
  return { settings: settings as Word2VecOptions, block: block as number };
}
