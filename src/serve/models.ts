import { existsSync } from 'node:fs';
import path from 'node:path';
import { ArgumentError } from '../errors.js';
import {
  MultiVectorEmbedder,
  Reranker,
  SparseEmbedder,
  StaticEmbedder,
  TextClassifier,
  TokenClassifier,
} from '../heads/index.js';
import { type RunReport, TextEmbedder } from '../index.js';
import { lacksCapability, RequestError } from './errors.js';
import { taskOf } from './model-task.js';
import type { ModelSpec, ModelTask } from './options.js';
import {
  crossEncoderRunner,
  hiddenStateRunner,
  lateInteractionRunner,
  multiVectorRunner,
  type Runners,
  staticRunner,
  textClassifierRunner,
  tokenClassifierRunner,
} from './runners.js';

/** What a model can be asked for. */
export type Capability = keyof Runners;

/** A model that is being served. */
export interface ServedModel {
  /** What requests call it. */
  readonly name: string;
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  readonly maxTokens: number;
  /** How its weights are kept, where that can be chosen. */
  readonly dtype?: string;
  /** Its kind, as Text Embeddings Inference tells it. */
  readonly type: object;
  readonly runners: Partial<Runners>;
  dispose(): void;
}

/** A model, and what does that which it was found for. */
export interface FoundModel<C extends Capability> {
  readonly model: ServedModel;
  readonly runner: Runners[C];
}

/** What models compute once when they are loaded, so that the first request does not wait for it. */
const WARM_UP_TEXTS = ['warm-up', 'A text that is a little longer, so that more than one batch has been seen.'];

type Loaded = Omit<ServedModel, 'name' | 'created'> & { readonly name?: string };
type Load = (source: string, options: Omit<ModelSpec, 'source' | 'name' | 'task'> & OnRun) => Promise<Loaded>;
type OnRun = { readonly onRun: (report: RunReport) => void };

/** How models of each kind are loaded and warmed up. */
const LOADERS: Readonly<Record<ModelTask, Load>> = {
  embedding: async (source, options) => {
    const embed = await TextEmbedder.load(source, options);
    for (const normalize of [true, false]) (await embed.embed(WARM_UP_TEXTS, { normalize })).dispose();
    const { name, maxTokens, weights, pooling, dimension } = embed.describe();
    return {
      name,
      maxTokens,
      dtype: weights,
      type: { embedding: { pooling, dimension } },
      runners: { tokenize: embed.tokenizer, embed, embed_all: hiddenStateRunner(embed) },
      dispose: () => embed.dispose(),
    };
  },
  static: async (source, options) => {
    const model = await StaticEmbedder.load(source, options);
    (await model.embed(WARM_UP_TEXTS)).dispose();
    return {
      maxTokens: model.maxTokens,
      type: { embedding: { pooling: 'mean', dimension: model.dimension } },
      runners: { tokenize: model.tokenizer, embed: staticRunner(model) },
      dispose: () => model.dispose(),
    };
  },
  'multi-vector': async (source, options) => {
    const model = await MultiVectorEmbedder.load(source, options);
    for (const vectors of await model.embedDocuments(WARM_UP_TEXTS)) vectors.dispose();
    return {
      maxTokens: model.maxDocumentTokens,
      type: { multi_vector: { dimension: model.dimension } },
      runners: {
        tokenize: model.tokenizer,
        embed_all: multiVectorRunner(model),
        rerank: lateInteractionRunner(model),
      },
      dispose: () => model.dispose(),
    };
  },
  sparse: async (source, options) => {
    const model = await SparseEmbedder.load(source, options);
    await model.embed(WARM_UP_TEXTS);
    return {
      maxTokens: model.maxTokens,
      type: { embedding: { pooling: 'splade' } },
      runners: { tokenize: model.tokenizer, embed_sparse: model },
      dispose: () => model.dispose(),
    };
  },
  reranker: async (source, options) => {
    const model = await Reranker.load(source, options);
    await model.score('warm-up', WARM_UP_TEXTS);
    return {
      maxTokens: model.maxTokens,
      type: { reranker: {} },
      runners: { tokenize: model.tokenizer, rerank: crossEncoderRunner(model) },
      dispose: () => model.dispose(),
    };
  },
  classifier: async (source, options) => {
    const model = await TextClassifier.load(source, options);
    await model.classify(WARM_UP_TEXTS);
    return {
      maxTokens: model.maxTokens,
      type: { classifier: { id2label: { ...model.labels } } },
      runners: { tokenize: model.tokenizer, predict: textClassifierRunner(model) },
      dispose: () => model.dispose(),
    };
  },
  'token-classifier': async (source, options) => {
    const model = await TokenClassifier.load(source, options);
    await model.classify(WARM_UP_TEXTS);
    return {
      maxTokens: model.maxTokens,
      type: { token_classifier: { id2label: { ...model.labels } } },
      runners: { tokenize: model.tokenizer, predict: tokenClassifierRunner(model) },
      dispose: () => model.dispose(),
    };
  },
};

/** The models of a server, in the order in which they were named. */
export class ModelRegistry {
  readonly #models: ServedModel[] = [];

  get all(): readonly ServedModel[] {
    return this.#models;
  }

  /**
   * Loads a model and computes something with it, so that it is ready.
   *
   * @throws what loading throws, ArgumentError when there is a model of that name.
   */
  async add(spec: ModelSpec, onRun: (model: string, report: RunReport) => void): Promise<ServedModel> {
    const { source, name: wanted, task, ...options } = spec;
    const load = LOADERS[task ?? (await taskOf(source, options))];
    let name = wanted ?? nameOf(source);
    const loaded = await load(source, { ...options, onRun: (report) => onRun(name, report) });
    name = wanted ?? loaded.name ?? name;
    if (this.#models.some((model) => model.name === name)) {
      loaded.dispose();
      throw new ArgumentError(`serve: two models are called "${name}"; give one another name: NAME=${source}`);
    }
    const model = { ...loaded, name, created: Math.floor(Date.now() / 1000) };
    this.#models.push(model);
    return model;
  }

  /**
   * The model that a request names, or the first that can do what it asks.
   *
   * @throws RequestError 404 for a name that is not known, 424 for a model that cannot do it.
   */
  find<C extends Capability>(name: string | null | undefined, capability: C): FoundModel<C> {
    if (name === null || name === undefined) {
      for (const model of this.#models) {
        const runner = model.runners[capability];
        if (runner !== undefined) return { model, runner };
      }
      throw lacksCapability(`no model here can ${capability}; there are ${this.#names()}`);
    }
    const model = this.#models.find((each) => each.name === name);
    if (model === undefined) {
      throw new RequestError(404, 'NotFound', `there is no model "${name}" here; there are ${this.#names()}`, {
        param: 'model',
        reason: 'model_not_found',
      });
    }
    const runner = model.runners[capability];
    if (runner === undefined) throw lacksCapability(`the model "${name}" cannot ${capability}`);
    return { model, runner };
  }

  dispose(): void {
    for (const model of this.#models) model.dispose();
    this.#models.length = 0;
  }

  #names(): string {
    return this.#models.map((model) => JSON.stringify(model.name)).join(', ') || 'none';
  }
}

/** What a folder is called, or a model on the Hub. */
function nameOf(source: string): string {
  return existsSync(source) ? path.basename(path.resolve(source)) : source;
}
