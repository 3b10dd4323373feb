import { setImmediate } from 'node:timers/promises';
import type { CooccurrenceTask, GloVeTask, TaskProgress, TaskRun, Trainer, Word2VecTask } from '../training.js';
import { countRow, positionsOf } from './cooccurrence.js';
import { learnPairs } from './glove.js';
import { checkCorpus, learnBlock, type Work } from './word2vec.js';

/** After this long, the event loop has its turn. */
const SLICE_MILLISECONDS = 8;

/** Does the blocks from `first` to before `end` in order, in slices of the event loop. */
function start(first: number, end: number, runBlock: (block: number, work: Work) => Iterable<void>): TaskRun {
  let next = first;
  let stopped = false;
  const total: Work = { items: 0, loss: 0, terms: 0 };
  const progress = (): TaskProgress => ({ next, ...total });
  const run = async (): Promise<TaskProgress> => {
    await setImmediate();
    let sliceStart = performance.now();
    while (next < end && !stopped) {
      const block = next++;
      for (const _ of runBlock(block, total)) {
        if (performance.now() - sliceStart < SLICE_MILLISECONDS) continue;
        await setImmediate();
        sliceStart = performance.now();
      }
    }
    return progress();
  };
  return {
    ended: run(),
    progress,
    cancel: () => {
      stopped = true;
    },
  };
}

/** Training in plain TypeScript, on the event loop's thread whatever `threads` says: what the engine must agree with. */
export const referenceTrainer: Trainer = {
  word2vec(task: Word2VecTask): TaskRun {
    checkCorpus(task.corpus, task.words);
    return start(task.firstBlock, task.endBlock, (block, work) => learnBlock(task, block, work));
  },
  glove(task: GloVeTask): TaskRun {
    return start(task.firstBlock, task.endBlock, (block, work) => learnPairs(task, block, work));
  },
  cooccurrences(task: CooccurrenceTask): TaskRun {
    checkCorpus(task.corpus, task.words);
    const positions = positionsOf(task);
    return start(0, task.words, (word, work) => countRow(task, positions, word, work));
  },
};
