import { TokenClassifier } from '../../heads/index.js';
import { loadOptions, type PipelineOptions, requiredModelName } from './options.js';

/** Settings of a call, by transformers.js's names. */
export interface TokenClassificationOptions {
  /** Labels to leave out; `['O']` by default. */
  readonly ignore_labels?: readonly string[] | undefined;
}

/** A token with a label. */
export interface TokenClassification {
  readonly entity: string;
  readonly score: number;
  /** The token's place among those of the text, special ones included. */
  readonly index: number;
  readonly word: string;
}

/** Texts to tokens with labels: call it like a function. */
export interface TokenClassificationPipeline {
  (text: string, options?: TokenClassificationOptions): Promise<TokenClassification[]>;
  /** @returns a list for each text. */
  (texts: readonly string[], options?: TokenClassificationOptions): Promise<TokenClassification[][]>;
  readonly task: 'token-classification';
  readonly classifier: TokenClassifier;
  /** Frees the model. */
  dispose(): Promise<void>;
}

export async function tokenClassification(
  model: string | null | undefined,
  options: PipelineOptions,
): Promise<TokenClassificationPipeline> {
  const name = requiredModelName(
    model,
    'token-classification: model must be named, since no classifier is built in; for instance "dslim/bert-base-NER"',
  );
  const classifier = await TokenClassifier.load(name, loadOptions(name, options));
  options.progress_callback?.({ status: 'ready', name });
  const { tokenizer, maxTokens } = classifier;
  const classify = async (texts: string | readonly string[], call: TokenClassificationOptions = {}) => {
    const { ignore_labels = ['O'] } = call;
    const list = typeof texts === 'string' ? [texts] : texts;
    // One entity a token that is not special, in order.
    const entities = await classifier.classify(list, { aggregation: 'none', ignoreLabels: [] });
    const results = list.map((text, index) => {
      const { ids, specialTokensMask } = tokenizer.encode(text, { maxTokens });
      const places = [...ids.keys()].filter((place) => specialTokensMask[place] === 0);
      return places
        .map((place, entity) => {
          const { label, score } = (entities[index] ?? [])[entity] as { label: string; score: number };
          return { entity: label, score, index: place, word: tokenizer.decode([ids[place] as number]) };
        })
        .filter(({ entity }) => !ignore_labels.includes(entity));
    });
    return typeof texts === 'string' ? results[0] : results;
  };
  const dispose = async () => classifier.dispose();
  const parts = { task: 'token-classification', classifier, dispose } as const;
  return Object.assign(classify, parts) as unknown as TokenClassificationPipeline;
}
