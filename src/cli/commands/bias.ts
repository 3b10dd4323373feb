import { readFileSync } from 'node:fs';
import {
  type AssociationSets,
  type AssociationTest,
  axisBetween,
  CALISKAN_TESTS,
  embedSource,
  orLowerCase,
  projectWords,
  SEAT_TEMPLATES,
  type VectorSource,
  weat,
} from '../../bias/index.js';
import { ArgumentError, FileError, FormatError } from '../../index.js';
import { type Command, type CommandContext, stringOption, UsageError } from '../command.js';
import { formatTable } from '../table.js';
import { loadEmbedder, MODEL_OPTIONS } from './model-options.js';
import { loadWords, WORD_OPTIONS, WORD_USAGE } from './word-options.js';

const USAGE = `gemmule bias [TEST...] [options]
gemmule bias --axis HIGH:LOW WORD... [options]

What vectors associate with what: the word-embedding association tests of Caliskan et al. (Science, 2017), all ten or those
named, with effect sizes (from -2 to 2) and p-values; or where words lie on an axis between others.

Tests: ${CALISKAN_TESTS.map(({ name }) => name).join(', ')}

      --sets FILE        a test of your own: JSON with arrays of words x, y (targets), a and b (attributes)
      --axis HIGH:LOW    words that lie high and low, such as she,woman:he,man
  -m, --model MODEL      test this embedding model in sentences ("This is WORD.") instead of word vectors; a folder, the
                         name of a model on the Hugging Face Hub, or all-MiniLM-L6-v2, which is built in
      --revision NAME    the branch, tag or commit of a model on the Hub
      --dtype DTYPE      how the model's weights are kept and multiplied
${WORD_USAGE}`;

const SET_NAMES = ['x', 'y', 'a', 'b'] as const;

/** Vectors for whatever words a command needs. */
interface Space {
  source(words: readonly string[]): Promise<VectorSource>;
  /** What a word becomes: itself, or sentences that have it. */
  readonly forms: (word: string) => readonly string[];
  dispose(): void;
}

async function openSpace(context: CommandContext, templates: readonly string[]): Promise<Space> {
  const { options, signal } = context;
  if (stringOption(options, 'model') === undefined) {
    const words = await loadWords(context);
    const source = orLowerCase(words);
    return { source: async () => source, forms: (word) => [word], dispose: () => words.dispose() };
  }
  if (stringOption(options, 'vectors') !== undefined) throw new UsageError('give --model or --vectors, not both');
  const embedder = await loadEmbedder(options, signal);
  return {
    source: (texts) => embedSource(embedder, texts, { signal }),
    forms: (word) => templates.map((template) => template.replaceAll('{}', () => word)),
    dispose: () => embedder.dispose(),
  };
}

/** The sets of a JSON file. */
function readSets(file: string): AssociationTest {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  let sets: Partial<Record<keyof AssociationSets, unknown>> | null;
  try {
    sets = JSON.parse(text) as typeof sets;
  } catch (cause) {
    throw new FormatError(`${file} is no JSON: ${(cause as Error).message}`, { cause });
  }
  const [x, y, a, b] = SET_NAMES.map((name) => {
    const words = sets?.[name];
    if (!Array.isArray(words) || words.length === 0 || words.some((word) => typeof word !== 'string')) {
      throw new FormatError(`${file}: "${name}" must be an array of words`);
    }
    return words as string[];
  });
  return { name: file, labels: ['x', 'y', 'a', 'b'], x, y, a, b } as AssociationTest;
}

function chosenTests({ texts, options }: CommandContext): readonly AssociationTest[] {
  const own = stringOption(options, 'sets');
  const named = texts.map((name) => {
    const test = CALISKAN_TESTS.find((candidate) => candidate.name === name);
    if (test !== undefined) return test;
    throw new UsageError(`no test "${name}"; there are ${CALISKAN_TESTS.map((known) => known.name).join(', ')}`);
  });
  const tests = own === undefined ? named : [...named, readSets(own)];
  return tests.length > 0 ? tests : CALISKAN_TESTS;
}

interface Outcome {
  readonly test: AssociationTest;
  readonly result: Pick<ReturnType<typeof weat>, 'effectSize' | 'pValue' | 'exact' | 'permutations' | 'missing'> | null;
  /** Why there is no result. */
  readonly problem: string | null;
}

async function runTest(space: Space, test: AssociationTest): Promise<Outcome> {
  const formsOf = (words: readonly string[]): string[] => words.flatMap((word) => space.forms(word));
  const sets = { x: formsOf(test.x), y: formsOf(test.y), a: formsOf(test.a), b: formsOf(test.b) };
  const source = await space.source(Object.values(sets).flat());
  const lacking = SET_NAMES.map((name) => ({
    name,
    size: sets[name].length,
    missing: sets[name].filter((word) => !source.has(word)).length,
  })).filter(({ size, missing }) => missing === size || missing > MOST_MISSING * size);
  if (lacking.length > 0) {
    const parts = lacking.map(({ name, size, missing }) => `${missing} of ${size} words of ${name}`);
    return { test, result: null, problem: `too many words without a vector: ${parts.join(', ')}` };
  }
  return { test, result: weat(source, sets, { mostMissing: MOST_MISSING }), problem: null };
}

/** The share of a set that may be missing: as many as weat leaves out by itself. */
const MOST_MISSING = 0.2;

function formatP(pValue: number): string {
  return pValue < 0.0001 ? '<0.0001' : pValue.toFixed(4);
}

function printOutcomes(outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ test, result, problem }) => {
    const [x, y, a, b] = test.labels;
    const claim = `${x} : ${y} as ${a} : ${b}`;
    if (result === null) return [test.name, '-', '-', `${claim} (${problem?.split(':')[0]})`];
    const missing = Object.values(result.missing).flat();
    const without = missing.length === 0 ? '' : ` (without ${missing.join(', ')})`;
    return [test.name, result.effectSize.toFixed(2), formatP(result.pValue), `${claim}${without}`];
  });
  process.stdout.write(formatTable([['test', 'effect', 'p', ''], ...rows], new Set([1, 2])));
}

function printAsJson(outcomes: readonly Outcome[]): void {
  const plain = outcomes.map(({ test, result, problem }) => ({
    test: test.name,
    labels: test.labels,
    ...(result === null ? { problem } : pick(result)),
  }));
  process.stdout.write(`${JSON.stringify(plain)}\n`);
}

function pick({ effectSize, pValue, exact, permutations, missing }: NonNullable<Outcome['result']>): object {
  return { effectSize, pValue, exact, permutations, missing };
}

/** The two sides of `she,woman:he,man`. */
function parseAxis(text: string): [string[], string[]] {
  const sides = text.split(':').map((side) => side.split(',').filter((word) => word !== ''));
  const [high, low] = sides;
  if (high === undefined || low === undefined || sides.length > 2 || high.length === 0 || low.length === 0) {
    throw new UsageError(`--axis must be words that lie high and low, such as she,woman:he,man; got "${text}"`);
  }
  return [high, low];
}

async function printAxis(context: CommandContext, space: Space, axisText: string): Promise<void> {
  const [high, low] = parseAxis(axisText);
  const words = context.texts;
  if (words.length === 0) throw new UsageError('give the words that are to be placed on the axis');
  const source = await space.source([...high, ...low, ...words]);
  const positions = projectWords(source, words, axisBetween(source, high, low));
  const missing = words.filter((word) => !source.has(word));
  if (positions.length === 0) throw new ArgumentError(`none of these words has a vector: ${missing.join(', ')}`);
  if (context.options.json === true) {
    process.stdout.write(`${JSON.stringify({ high, low, words: positions, missing })}\n`);
    return;
  }
  process.stdout.write(
    formatTable(
      positions.map(({ word, position }) => [word, position.toFixed(3)]),
      new Set([1]),
    ),
  );
  if (missing.length > 0) process.stderr.write(`gemmule: warning: without a vector: ${missing.join(', ')}\n`);
}

export const biasCommand: Command = {
  name: 'bias',
  summary: 'test what vectors associate with what',
  usage: USAGE,
  options: {
    ...MODEL_OPTIONS,
    ...WORD_OPTIONS,
    sets: { type: 'string' },
    axis: { type: 'string' },
  },
  async run(context) {
    const axis = stringOption(context.options, 'axis');
    if (axis !== undefined) parseAxis(axis);
    const tests = axis === undefined ? chosenTests(context) : [];
    // On an axis words stand alone: sentences would say more of themselves than of the word.
    const space = await openSpace(context, axis === undefined ? SEAT_TEMPLATES : ['{}']);
    try {
      if (axis !== undefined) {
        await printAxis(context, space, axis);
        return;
      }
      const outcomes: Outcome[] = [];
      for (const test of tests) outcomes.push(await runTest(space, test));
      if (context.options.json === true) printAsJson(outcomes);
      else printOutcomes(outcomes);
    } finally {
      space.dispose();
    }
  },
};
