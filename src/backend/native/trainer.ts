import type {
  CooccurrenceTask,
  EncodedCorpus,
  GloVeTask,
  TaskProgress,
  TaskRun,
  Trainer,
  Word2VecTask,
} from '../training.js';
import type { Addon, TaskArray } from './addon.js';
import { engineError } from './command.js';

const NO_INTEGERS = new Int32Array();
const NO_BYTES = new Uint8Array();
const NO_WORDS = new Uint32Array();

const corpusArrays = ({ tokens, blockStarts }: EncodedCorpus): TaskArray[] => [tokens, blockStarts];

/** Training on threads of the engine's. */
export class NativeTrainer implements Trainer {
  readonly #addon: Addon;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  word2vec(task: Word2VecTask, threads: number): TaskRun {
    const { objective, subwords } = task;
    const sampling = objective.kind === 'negativeSampling';
    const numbers = [
      Number(task.architecture === 'continuousBag'),
      Number(!sampling),
      task.words,
      task.dimensions,
      task.stride,
      task.window,
      sampling ? objective.negatives : 0,
      task.firstRate,
      task.lastRate,
      task.epochs,
      ...task.seed,
      task.firstBlock,
      task.endBlock,
    ];
    return this.#start('word2vec', numbers, threads, [
      task.input,
      task.output,
      ...corpusArrays(task.corpus),
      task.keep,
      ...(sampling ? [objective.thresholds, objective.aliases] : [NO_WORDS, NO_INTEGERS]),
      ...(sampling ? [NO_INTEGERS, NO_INTEGERS, NO_BYTES] : [objective.offsets, objective.nodes, objective.labels]),
      ...(subwords === null ? [NO_INTEGERS, NO_INTEGERS] : [subwords.offsets, subwords.rows]),
    ]);
  }

  glove(task: GloVeTask, threads: number): TaskRun {
    const { words, dimensions, stride, learningRate, epochs, blockPairs, firstBlock, endBlock } = task;
    const numbers = [words, dimensions, stride, learningRate, epochs, blockPairs, firstBlock, endBlock];
    return this.#start('glove', numbers, threads, [
      task.rows,
      task.columns,
      task.rowSquares,
      task.columnSquares,
      task.pairRows,
      task.pairColumns,
      task.pairTargets,
      task.pairWeights,
    ]);
  }

  cooccurrences(task: CooccurrenceTask, threads: number): TaskRun {
    return this.#start('cooccurrences', [task.words], threads, [
      ...corpusArrays(task.corpus),
      task.weights,
      task.rowCounts,
      task.rowOffsets,
      task.columns,
      task.values,
    ]);
  }

  #start(name: string, numbers: readonly number[], threads: number, arrays: readonly TaskArray[]): TaskRun {
    const addon = this.#addon;
    let last: TaskProgress = { next: 0, items: 0, loss: 0, terms: 0 };
    let id = 0;
    const ended = new Promise<TaskProgress>((resolve, reject) => {
      try {
        id = addon.startTask(name, Float64Array.from(numbers), arrays, threads, (message, code, progress) => {
          last = progress;
          if (message === null) resolve(progress);
          else reject(engineError(message, code));
        });
      } catch (error) {
        throw engineError((error as Error).message, (error as { code?: string }).code, error);
      }
    });
    return { ended, progress: () => addon.taskProgress(id) ?? last, cancel: () => addon.cancelTask(id) };
  }
}
