import { ArgumentError, ModelError } from '../../errors.js';
import { TextClassifier } from '../../heads/index.js';
import { loadOptions, type PipelineOptions, requiredModelName } from './options.js';

/** Settings of a call, by transformers.js's names. */
export interface ZeroShotClassificationOptions {
  /** What a label is put into, in the place of `{}`; `This example is {}.` by default. */
  readonly hypothesis_template?: string | undefined;
  /** Whether several labels may hold; otherwise scores add up to 1. */
  readonly multi_label?: boolean | undefined;
}

/** How well labels fit a text, the best first. */
export interface ZeroShotClassification {
  readonly sequence: string;
  readonly labels: string[];
  readonly scores: number[];
}

/** Texts to labels that are named when it is called (Yin et al., arXiv:1909.00161): call it like a function. */
export interface ZeroShotClassificationPipeline {
  (
    text: string,
    labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassification>;
  (
    texts: readonly string[],
    labels: string | readonly string[],
    options?: ZeroShotClassificationOptions,
  ): Promise<ZeroShotClassification[]>;
  readonly task: 'zero-shot-classification';
  readonly classifier: TextClassifier;
  /** Frees the model. */
  dispose(): Promise<void>;
}

export async function zeroShotClassification(
  model: string | null | undefined,
  options: PipelineOptions,
): Promise<ZeroShotClassificationPipeline> {
  const name = requiredModelName(
    model,
    'zero-shot-classification: model must be named, since none is built in: one for natural language inference, such as "cross-encoder/nli-distilroberta-base"',
  );
  const classifier = await TextClassifier.load(name, loadOptions(name, options));
  const places = classifier.labels.map((label) => label.toLowerCase());
  const entailment = places.indexOf('entailment');
  const contradiction = places.findIndex((label) => label === 'contradiction' || label === 'not_entailment');
  if (entailment < 0 || contradiction < 0) {
    classifier.dispose();
    throw new ModelError(
      `zero-shot-classification: ${name} must have the labels entailment and contradiction; it has ${classifier.labels.join(', ')}`,
    );
  }
  options.progress_callback?.({ status: 'ready', name });
  const classify = async (
    texts: string | readonly string[],
    labels: string | readonly string[],
    { hypothesis_template = 'This example is {}.', multi_label = false }: ZeroShotClassificationOptions = {},
  ) => {
    const candidates = typeof labels === 'string' ? [labels] : labels;
    if (!Array.isArray(candidates) || candidates.length === 0) {
      throw new ArgumentError('zero-shot-classification: labels must be a string or an array of at least one string');
    }
    const list = typeof texts === 'string' ? [texts] : texts;
    const hypotheses = candidates.map((label) => hypothesis_template.replace('{}', () => label));
    const logits = await classifier.logits(list.flatMap((text) => hypotheses.map((one) => [text, one] as const)));
    const results = list.map((sequence, index) => {
      const own = logits.slice(index * hypotheses.length, (index + 1) * hypotheses.length);
      const isEach = multi_label || hypotheses.length === 1;
      const scores = isEach
        ? own.map((row) => sharesOf([row[contradiction] as number, row[entailment] as number])[1] as number)
        : sharesOf(own.map((row) => row[entailment] as number));
      const order = [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number));
      return {
        sequence,
        labels: order.map((place) => candidates[place] as string),
        scores: order.map((place) => scores[place] as number),
      };
    });
    return typeof texts === 'string' ? results[0] : results;
  };
  const dispose = async () => classifier.dispose();
  const parts = { task: 'zero-shot-classification', classifier, dispose } as const;
  return Object.assign(classify, parts) as unknown as ZeroShotClassificationPipeline;
}

/** Logits as shares that add up to 1 (softmax), in float64. */
function sharesOf(logits: readonly number[]): number[] {
  const greatest = Math.max(...logits);
  const exponentials = logits.map((value) => Math.exp(value - greatest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
