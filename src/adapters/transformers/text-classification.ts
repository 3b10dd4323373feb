import { ArgumentError } from '../../errors.js';
import { type Classification, TextClassifier } from '../../heads/index.js';
import { loadOptions, type PipelineOptions, requiredModelName } from './options.js';

/** Settings of a call, by transformers.js's names. */
export interface TextClassificationOptions {
  /** How many labels of each text; 1 by default, null for all. */
  readonly top_k?: number | null | undefined;
}

/** Texts to labels: call it like a function. */
export interface TextClassificationPipeline {
  /** @returns the best labels, the best first. */
  (text: string, options?: TextClassificationOptions): Promise<Classification[]>;
  /** @returns the best label of each text where one is wanted, else a list for each. */
  (texts: readonly string[], options?: TextClassificationOptions & { readonly top_k?: 1 }): Promise<Classification[]>;
  (texts: readonly string[], options: TextClassificationOptions): Promise<Classification[][]>;
  readonly task: 'text-classification';
  readonly classifier: TextClassifier;
  /** Frees the model. */
  dispose(): Promise<void>;
}

export async function textClassification(
  model: string | null | undefined,
  options: PipelineOptions,
): Promise<TextClassificationPipeline> {
  const name = requiredModelName(
    model,
    'text-classification: model must be named, since no classifier is built in; for instance "distilbert/distilbert-base-uncased-finetuned-sst-2-english"',
  );
  const classifier = await TextClassifier.load(name, loadOptions(name, options));
  options.progress_callback?.({ status: 'ready', name });
  const classify = async (texts: string | readonly string[], { top_k = 1 }: TextClassificationOptions = {}) => {
    const count = classifier.labels.length;
    if (top_k !== null && (!Number.isInteger(top_k) || top_k < 1)) {
      throw new ArgumentError(`text-classification: top_k must be a whole number from 1 up, or null, got ${top_k}`);
    }
    const topK = top_k === null ? count : Math.min(top_k, count);
    const results = await classifier.classify(typeof texts === 'string' ? [texts] : texts, { topK });
    if (typeof texts === 'string') return results[0];
    return top_k === 1 ? results.flat() : results;
  };
  const dispose = async () => classifier.dispose();
  const parts = { task: 'text-classification', classifier, dispose } as const;
  return Object.assign(classify, parts) as unknown as TextClassificationPipeline;
}
