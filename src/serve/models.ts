import { type RunReport, TextEmbedder, type Tokenizer } from '../index.js';
import { lacksCapability, RequestError } from './errors.js';
import type { ModelSpec } from './options.js';

/** What a model can be asked for. */
export type Capability = 'tokenize' | 'embed' | 'embed_sparse' | 'rerank' | 'predict';

/** A model that is being served. */
export interface ServedModel {
  /** What requests call it. */
  readonly name: string;
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  readonly capabilities: ReadonlySet<Capability>;
  readonly tokenizer: Tokenizer;
  readonly embedder: TextEmbedder;
}

/** What an embedder that computes nothing yet is asked once, so that the first request does not wait for it. */
const WARM_UP_TEXTS = ['warm-up', 'A text that is a little longer, so that more than one batch has been seen.'];

/** The models of a server, in the order in which they were named. */
export class ModelRegistry {
  readonly #models: ServedModel[] = [];

  get all(): readonly ServedModel[] {
    return this.#models;
  }

  /**
   * Loads a model and computes something with it, so that it is ready.
   *
   * @throws what loading throws, RequestError when there is a model of that name.
   */
  async add(spec: ModelSpec, onRun: (model: string, report: RunReport) => void): Promise<ServedModel> {
    const { source, name: wanted, ...options } = spec;
    let name = wanted ?? source;
    const embedder = await TextEmbedder.load(source, { ...options, onRun: (report) => onRun(name, report) });
    name = wanted ?? embedder.describe().name;
    if (this.#models.some((model) => model.name === name)) {
      embedder.dispose();
      throw new RequestError(
        409,
        'Validation',
        `two models are called "${name}"; give one another name: NAME=${source}`,
      );
    }
    const model = {
      name,
      created: Math.floor(Date.now() / 1000),
      capabilities: new Set<Capability>(['tokenize', 'embed']),
      tokenizer: embedder.tokenizer,
      embedder,
    };
    for (const normalize of [true, false]) (await embedder.embed(WARM_UP_TEXTS, { normalize })).dispose();
    this.#models.push(model);
    return model;
  }

  /**
   * The model that a request names, or the first that can do what it asks.
   *
   * @throws RequestError 404 for a name that is not known, 424 for a model that cannot do it.
   */
  find(name: string | null | undefined, capability: Capability): ServedModel {
    if (name === null || name === undefined) {
      const able = this.#models.find((model) => can(model, capability));
      if (able !== undefined) return able;
      throw lacksCapability(`no model here can ${capability}; there are ${this.#names()}`);
    }
    const named = this.#models.find((model) => model.name === name);
    if (named === undefined) {
      throw new RequestError(404, 'NotFound', `there is no model "${name}" here; there are ${this.#names()}`, {
        param: 'model',
        reason: 'model_not_found',
      });
    }
    if (!can(named, capability)) throw lacksCapability(`the model "${name}" cannot ${capability}`);
    return named;
  }

  dispose(): void {
    for (const { embedder } of this.#models) embedder.dispose();
    this.#models.length = 0;
  }

  #names(): string {
    return this.#models.map((model) => JSON.stringify(model.name)).join(', ') || 'none';
  }
}

function can(model: ServedModel, capability: Capability): boolean {
  return model.capabilities.has(capability);
}
