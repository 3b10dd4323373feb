import { ArgumentError, ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';

/** What a classifier's labels are called: `id2label` of its config, or `LABEL_0`, `LABEL_1`, ... */
export function readLabels(config: ConfigReader): readonly string[] {
  const names = config.texts('id2label');
  if (names.size === 0) {
    const count = config.integer('num_labels', { fallback: 2 });
    return Array.from({ length: count }, (_, index) => `LABEL_${index}`);
  }
  return Array.from({ length: names.size }, (_, index) => {
    const name = names.get(String(index));
    if (name === undefined) {
      throw new ModelError(`${config.path}: id2label has ${names.size} labels, but none with the number ${index}`);
    }
    return name;
  });
}

/** What becomes of logits: shares that add up to 1, a probability each, or nothing. */
const SCORE_FUNCTIONS = ['softmax', 'sigmoid', 'none'] as const;
export type ScoreFunction = (typeof SCORE_FUNCTIONS)[number];

export function requireScoreFunction(operation: string, value: unknown): asserts value is ScoreFunction {
  if (!(SCORE_FUNCTIONS as readonly unknown[]).includes(value)) {
    throw new ArgumentError(
      `${operation}: scoreFunction must be one of ${SCORE_FUNCTIONS.join(', ')}, got ${String(value)}`,
    );
  }
}

/** What Hugging Face's pipelines make of a classifier's logits, by the kind of problem that its config names. */
export function defaultScoreFunction(config: ConfigReader, labels: number): ScoreFunction {
  const problem = config.text('problem_type', { fallback: '' });
  if (problem === 'regression') return 'none';
  return problem === 'multi_label_classification' || labels === 1 ? 'sigmoid' : 'softmax';
}

/** Logits as scores, in float64. */
export function scoresOf(logits: ArrayLike<number>, scoreFunction: ScoreFunction): number[] {
  const values = Array.from(logits);
  if (scoreFunction === 'none') return values;
  if (scoreFunction === 'sigmoid') return values.map(sigmoid);
  const greatest = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - greatest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

function sigmoid(x: number): number {
  // Of the two forms, the one whose exponential is small.
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
