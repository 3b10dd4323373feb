import { existsSync } from 'node:fs';
import {
  Corpus,
  GloVe,
  informationVectors,
  Phrases,
  type SentenceOptions,
  type TrainingProgress,
  Word2Vec,
  type WordVectors,
} from '../../words/index.js';
import { onInterrupt } from '../cleanup.js';
import {
  type Command,
  choiceOption,
  countOption,
  numberOption,
  type OptionValues,
  stringOption,
  UsageError,
} from '../command.js';
import { requireWritable } from '../output/sink.js';
import { ProgressLine } from '../progress.js';

const METHODS = ['skip-gram', 'continuous-bag', 'glove', 'ppmi'] as const;

/** Options that only some methods have. */
const LIMITED: Readonly<Record<string, readonly (typeof METHODS)[number][]>> = {
  negatives: ['skip-gram', 'continuous-bag'],
  hierarchical: ['skip-gram', 'continuous-bag'],
  subwords: ['skip-gram', 'continuous-bag'],
  subsample: ['skip-gram', 'continuous-bag'],
  checkpoint: ['skip-gram', 'continuous-bag'],
  epochs: ['skip-gram', 'continuous-bag', 'glove'],
  'learning-rate': ['skip-gram', 'continuous-bag', 'glove'],
};

interface Training {
  readonly method: (typeof METHODS)[number];
  readonly options: OptionValues;
  readonly corpus: Corpus;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TrainingProgress) => void;
}

/** Settings that all methods have. */
function commonOptions(options: OptionValues) {
  return {
    dimensions: countOption(options, 'dimensions'),
    window: countOption(options, 'window'),
    seed: countOption(options, 'seed'),
  };
}

async function word2vec({ method, options, corpus, signal, onProgress }: Training): Promise<WordVectors> {
  const settings = {
    ...commonOptions(options),
    architecture: method === 'skip-gram' ? ('skipGram' as const) : ('continuousBag' as const),
    objective: options.hierarchical === true ? ('hierarchicalSoftmax' as const) : ('negativeSampling' as const),
    negatives: countOption(options, 'negatives'),
    epochs: countOption(options, 'epochs'),
    subsample: numberOption(options, 'subsample'),
    learningRate: numberOption(options, 'learning-rate'),
    subwords: options.subwords === true,
  };
  const checkpoint = stringOption(options, 'checkpoint');
  const goesOn = checkpoint !== undefined && existsSync(checkpoint);
  using model = goesOn ? Word2Vec.load(checkpoint, corpus) : new Word2Vec(corpus, settings);
  const onEpoch = checkpoint === undefined ? undefined : () => model.save(checkpoint);
  await model.train({ threads: countOption(options, 'threads'), signal, onProgress, onEpoch });
  return model.vectors();
}

async function glove({ options, corpus, signal, onProgress }: Training): Promise<WordVectors> {
  using model = new GloVe(corpus, {
    ...commonOptions(options),
    epochs: countOption(options, 'epochs'),
    learningRate: numberOption(options, 'learning-rate'),
  });
  await model.train({ threads: countOption(options, 'threads'), signal, onProgress });
  return model.vectors();
}

function learn(training: Training): Promise<WordVectors> {
  const { method, options, corpus, signal } = training;
  if (method === 'glove') return glove(training);
  if (method !== 'ppmi') return word2vec(training);
  const threads = countOption(options, 'threads');
  return informationVectors(corpus, { ...commonOptions(options), threads, signal });
}

export const trainWordsCommand: Command = {
  name: 'train-words',
  summary: 'learn word vectors from a text',
  usage: `gemmule train-words FILE --out FILE [options]

Learns word vectors from a text, plain or gzip, and writes them: word2vec's text; its binary form where the name ends in .bin.

      --out FILE         the vectors
      --method METHOD    skip-gram (default), continuous-bag, glove, or ppmi
      --dimensions N     numbers of a vector; 100 without it
      --window N         words on each side that count as near; 5 without it, 15 for glove
      --epochs N         passes over the text; 5 without it, 25 for glove
      --min-count N      leave out words that come less often; 5 without it
      --max-vocabulary N only the N most frequent words
      --unit UNIT        a sentence is a line (default) or a paragraph
      --tokenize HOW     words (default; in lower case) or whitespace
      --phrases N        join words that belong together, such as new_york, N times over
      --negatives N      random words that each right one must beat; 5 without it
      --hierarchical     hierarchical softmax instead of those
      --subsample X      leave out now and then words that make up more of the text; 1e-3 without it
      --learning-rate X  0.025 without it; 0.05 for continuous-bag and glove
      --subwords         learn parts of words too, as fastText
      --seed N           the same gives the same vectors on one thread; 1 without it
      --threads N        threads; as many as there are processors without it
      --checkpoint FILE  save there after each epoch, and go on from there if it exists
      --json             one JSON object that says what was done
  -h, --help             this text
`,
  options: {
    out: { type: 'string' },
    method: { type: 'string' },
    dimensions: { type: 'string' },
    window: { type: 'string' },
    epochs: { type: 'string' },
    'min-count': { type: 'string' },
    'max-vocabulary': { type: 'string' },
    unit: { type: 'string' },
    tokenize: { type: 'string' },
    phrases: { type: 'string' },
    negatives: { type: 'string' },
    hierarchical: { type: 'boolean' },
    subsample: { type: 'string' },
    'learning-rate': { type: 'string' },
    subwords: { type: 'boolean' },
    seed: { type: 'string' },
    threads: { type: 'string' },
    checkpoint: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ texts, options, signal }) {
    const [file] = texts;
    if (file === undefined || texts.length > 1) throw new UsageError(`train-words takes one file, got ${texts.length}`);
    const out = stringOption(options, 'out');
    if (out === undefined) throw new UsageError('train-words needs --out FILE');
    requireWritable(out);
    const method = choiceOption(options, 'method', METHODS) ?? 'skip-gram';
    for (const [name, methods] of Object.entries(LIMITED)) {
      if (options[name] !== undefined && !methods.includes(method)) {
        throw new UsageError(`--${name} goes with --method ${methods.join(' or ')}, got ${method}`);
      }
    }
    const reading: SentenceOptions = {
      unit: choiceOption(options, 'unit', ['line', 'paragraph'] as const),
      tokenize: choiceOption(options, 'tokenize', ['words', 'whitespace'] as const),
      signal,
    };
    const progress = new ProgressLine();
    const forget = onInterrupt(() => progress.clear());
    try {
      const phrases = await findPhrases(file, countOption(options, 'phrases') ?? 0, reading);
      using corpus = await Corpus.read(file, {
        ...reading,
        phrases,
        minCount: countOption(options, 'min-count'),
        maxVocabulary: countOption(options, 'max-vocabulary'),
        onProgress: ({ words }) => progress.update(words, null, 'words'),
      });
      const start = performance.now();
      const training = new ProgressLine();
      const onProgress = ({ words, fraction }: TrainingProgress): void =>
        training.update(words, fraction, method === 'glove' ? 'pairs' : 'words');
      using vectors = await learn({ method, options, corpus, signal, onProgress });
      await vectors.save(out, { signal });
      progress.clear();
      const { size: words, dimension: dimensions } = vectors;
      const seconds = Math.round(performance.now() - start) / 1e3;
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify({ file: out, words, dimensions, textWords: corpus.size, seconds })}\n`
          : `${words.toLocaleString('en')} words x ${dimensions} in ${out}, learnt from ${corpus.size.toLocaleString('en')} words in ${seconds.toFixed(1)} s\n`,
      );
    } finally {
      progress.clear();
      forget();
    }
  },
};

/** Finds phrases, and again phrases of those. */
async function findPhrases(file: string, times: number, reading: SentenceOptions): Promise<Phrases[]> {
  const phrases: Phrases[] = [];
  for (let time = 0; time < times; time++) phrases.push(await Phrases.find(file, { ...reading, phrases }));
  return phrases;
}
