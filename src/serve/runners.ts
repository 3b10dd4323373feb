import {
  type MultiVectorEmbedder,
  maxSim,
  type Reranker,
  type SparseEmbedder,
  type StaticEmbedder,
  type TextClassifier,
  type TokenClassifier,
} from '../heads/index.js';
import { similarity, type Tensor, type TextEmbedder, type Tokenizer } from '../index.js';
import { CharacterCounter } from './characters.js';
import { invalidField } from './errors.js';
import type { Pacer } from './pacing.js';

/*
 * What models can be asked for, as routes see it: several kinds of models can do the same.
 */

/** Settings of one call. */
export interface RunOptions {
  readonly signal: AbortSignal;
  /** Whether texts that are too long are cut; otherwise they are an error. */
  readonly truncate: boolean;
}

/** Makes one vector a text. */
export interface VectorRunner {
  readonly maxTokens: number;
  /** By name, what can be put in front of texts. */
  readonly prompts: ReadonlyMap<string, string>;
  embed(texts: readonly string[], options: VectorOptions & { readonly prompt?: string }): Promise<Tensor<'float32'>>;
  embedIds(sequences: readonly (readonly number[])[], options: VectorOptions): Promise<Tensor<'float32'>>;
  /** `[a, b]`, by the model's measure. */
  similarity(a: Tensor, b: Tensor): Tensor<'float32'>;
}

/** Settings of a {@link VectorRunner}. */
export interface VectorOptions extends RunOptions {
  /** Only the first so many numbers. */
  readonly dimensions?: number | undefined;
  readonly normalize?: boolean | undefined;
  readonly onProgress?: ((progress: { readonly tokens: number }) => void) | undefined;
}

/** Makes a vector for every token. */
export interface TokenVectorRunner {
  readonly maxTokens: number;
  /** The length of a vector. */
  readonly width: number;
  readonly prompts: ReadonlyMap<string, string>;
  /** Shorter texts are made so long, in tokens. */
  leastTokens(prompt: string | undefined): number;
  /** @returns `[tokens, width]` for each text. */
  embedTokens(
    texts: readonly string[],
    options: RunOptions & { readonly prompt: string | undefined },
  ): Promise<Tensor<'float32'>[]>;
}

/** Puts texts in order by how well they answer a query. */
export interface RerankRunner {
  readonly maxTokens: number;
  /** The texts as the model reads them, by which the work is estimated. */
  readings(query: string, texts: readonly string[]): readonly string[];
  /** @returns the best first. */
  rerank(query: string, texts: readonly string[], options: RerankRunOptions): Promise<readonly Ranked[]>;
}

/** Settings of a {@link RerankRunner}. */
export interface RerankRunOptions extends RunOptions {
  /** The model's own numbers, instead of those that are made to be compared. */
  readonly raw: boolean;
  /** Has time for what would hold up the event loop. */
  readonly pacer: Pacer;
}

/** A text's number, and how well it answers. */
export interface Ranked {
  readonly index: number;
  readonly score: number;
}

/** What does what a model can be asked for. */
export interface Runners {
  readonly tokenize: Tokenizer;
  readonly embed: VectorRunner;
  readonly embed_all: TokenVectorRunner;
  readonly embed_sparse: SparseEmbedder;
  readonly rerank: RerankRunner;
  readonly predict: PredictRunner;
}

/** A text, or a pair of texts. */
export type Sequence = readonly [string] | readonly [string, string];

/** Says what texts, or parts of them, are. */
export interface PredictRunner {
  readonly maxTokens: number;
  /** @returns what each text's answer is written as. @throws RequestError for what the model cannot do. */
  predict(sequences: readonly Sequence[], options: PredictRunOptions): Promise<readonly (readonly object[])[]>;
}

/** Settings of a {@link PredictRunner}. */
export interface PredictRunOptions extends RunOptions {
  readonly raw: boolean;
  readonly parameters: PredictParameters | null;
}

/** Settings that only token classifiers have, as Hugging Face's interface calls them. */
export interface PredictParameters {
  readonly aggregation_strategy?: 'none' | 'simple' | 'first' | 'average' | 'max' | null;
  readonly ignore_labels?: readonly string[] | null;
}

/** A cross-encoder, which reads every text together with the query. */
export function crossEncoderRunner(reranker: Reranker): RerankRunner {
  return {
    maxTokens: reranker.maxTokens,
    readings: (query, texts) => texts.map((text) => query + text),
    rerank: (query, texts, { raw, signal, truncate }) =>
      reranker.rerank(query, texts, { signal, truncate, scoreFunction: raw ? 'none' : 'sigmoid' }),
  };
}

/** Documents whose vectors are held at once. */
const DOCUMENTS_AT_ONCE = 64;

/** Late interaction, by MaxSim: its sum over the query's vectors, or, for comparison, their mean, from -1 to 1. */
export function lateInteractionRunner(embedder: MultiVectorEmbedder): RerankRunner {
  return {
    maxTokens: Math.max(embedder.maxDocumentTokens, embedder.maxQueryTokens),
    readings: (query, texts) => [query, ...texts],
    rerank: async (query, texts, { raw, signal, truncate, pacer }) => {
      const queries = await embedder.embedQueries([query], { signal, truncate });
      try {
        const [count = 0] = queries[0]?.shape ?? [];
        const ranked: Ranked[] = [];
        while (ranked.length < texts.length) {
          const part = texts.slice(ranked.length, ranked.length + DOCUMENTS_AT_ONCE);
          const documents = await embedder.embedDocuments(part, { signal, truncate });
          try {
            for (const document of documents) {
              const score = await pacer.run(() => {
                using scores = maxSim(queries, [document]);
                return scores.at(0, 0);
              });
              // A document of which nothing is kept is like nothing.
              const sum = Math.max(score, -count);
              ranked.push({ index: ranked.length, score: raw ? sum : sum / Math.max(count, 1) });
            }
          } finally {
            for (const document of documents) document.dispose();
          }
        }
        return ranked.sort((a, b) => b.score - a.score);
      } finally {
        for (const vectors of queries) vectors.dispose();
      }
    },
  };
}

/** Vectors from a table, without prompts, compared by their cosine. */
export function staticRunner(embedder: StaticEmbedder): VectorRunner {
  return {
    maxTokens: embedder.maxTokens,
    prompts: new Map(),
    embed: (texts, options) => embedder.embed(texts, options),
    embedIds: (sequences, options) => embedder.embedIds(sequences, options),
    similarity,
  };
}

/** An encoder's last hidden states. */
export function hiddenStateRunner(embedder: TextEmbedder): TokenVectorRunner {
  return {
    maxTokens: embedder.maxTokens,
    width: embedder.describe().hiddenSize,
    prompts: embedder.prompts,
    leastTokens: () => 0,
    embedTokens: async (texts, { prompt, ...options }) => {
      const prefix = prompt === undefined ? '' : (embedder.prompts.get(prompt) as string);
      const results = await embedder.embedTokens(prefix === '' ? texts : texts.map((text) => prefix + text), options);
      return results.map(({ vectors }) => vectors);
    },
  };
}

/** What the prompts `query` and `document` of a late-interaction model stand for is known to the model. */
const QUERY = 'query';
const LATE_INTERACTION_PROMPTS: ReadonlyMap<string, string> = new Map([
  [QUERY, ''],
  ['document', ''],
]);

/** The vectors that late interaction compares; texts are documents unless the prompt says `query`. */
export function multiVectorRunner(embedder: MultiVectorEmbedder): TokenVectorRunner {
  return {
    maxTokens: Math.max(embedder.maxDocumentTokens, embedder.maxQueryTokens),
    width: embedder.dimension,
    prompts: LATE_INTERACTION_PROMPTS,
    leastTokens: (prompt) => (prompt === QUERY ? embedder.queryLength : 0),
    embedTokens: (texts, { prompt, ...options }) =>
      prompt === QUERY ? embedder.embedQueries(texts, options) : embedder.embedDocuments(texts, options),
  };
}

/** Labels of whole texts and pairs. */
export function textClassifierRunner(classifier: TextClassifier): PredictRunner {
  return {
    maxTokens: classifier.maxTokens,
    predict: (sequences, { raw, parameters, signal, truncate }) => {
      if (parameters !== null)
        throw invalidField('parameters', 'parameters must be left out: they are for token classifiers');
      const texts = sequences.map(([text, textPair]) => (textPair === undefined ? text : ([text, textPair] as const)));
      return classifier.classify(texts, { signal, truncate, ...(raw ? { scoreFunction: 'none' as const } : {}) });
    },
  };
}

/** Labels of parts of texts, as Hugging Face's interface writes them; places count Unicode characters, as there. */
export function tokenClassifierRunner(classifier: TokenClassifier): PredictRunner {
  return {
    maxTokens: classifier.maxTokens,
    predict: async (sequences, { raw, parameters, signal, truncate }) => {
      if (raw) throw invalidField('raw_scores', 'raw_scores must be false: token classifiers give probabilities');
      const pair = sequences.findIndex(({ length }) => length > 1);
      if (pair >= 0) {
        throw invalidField(
          'inputs',
          `inputs must be single texts for a token classifier, but ${pair} is a pair; send many as [["a"], ["b"]]`,
        );
      }
      const aggregation = parameters?.aggregation_strategy ?? 'simple';
      const texts = sequences.map(([text]) => text);
      const ignoreLabels = parameters?.ignore_labels ?? undefined;
      const results = await classifier.classify(texts, { signal, truncate, aggregation, ignoreLabels });
      const field = aggregation === 'none' ? 'entity' : 'entity_group';
      return results.map((entities, index) => {
        const characters = new CharacterCounter(texts[index] as string);
        return entities.map(({ label, score, text, start, end }) => {
          return { [field]: label, score, word: text, start: characters.before(start), end: characters.before(end) };
        });
      });
    },
  };
}
