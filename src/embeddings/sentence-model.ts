import type { RunSignal } from '../backend/recorder/program.js';
import { type Program, recordProgram } from '../backend/recorder/recorder.js';
import { withScope } from '../backend/scope.js';
import type { View } from '../backend/view.js';
import { ArgumentError, ModelError } from '../errors.js';
import type { EncoderModel } from '../models/encoder-model.js';
import { pool } from '../nn/functional.js';
import { addDims, multiplyDims, SEQUENCES, TOKENS } from '../tensor/dim.js';
import type { DType } from '../tensor/dtype.js';
import { execute } from '../tensor/execute.js';
import type { Dense } from './dense.js';
import type { Route, TokenBatch } from './scheduler.js';
import type { SentenceConfig } from './sentence-config.js';

const IDS = { dtype: 'int32', dims: [TOKENS] } as const;
const OFFSETS = { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] } as const;

/** The attention of one text: its weights, layer by layer. */
export interface AttentionResult {
  /** One array a layer, `[numHeads, tokens, tokens]`. */
  readonly layers: readonly Float32Array[];
}

/** The vectors of the tokens of one text, layer by layer. */
export interface HiddenStates {
  /** `[tokens, hidden]` each: first the embeddings, then the output of every layer. */
  readonly layers: readonly Float32Array[];
}

/**
 * An encoder with its pooling and dense layers, recorded as Programs: one for vectors of whole texts, with and without
 * normalisation, one for vectors of tokens, and one a length for attention maps. Each is recorded when it is first needed.
 */
export class SentenceModel {
  readonly encoder: EncoderModel;
  /** The length of a text's vector. */
  readonly dimension: number;
  readonly #config: SentenceConfig;
  readonly #dense: readonly Dense[];
  readonly #routes = new Map<string, Route & { readonly program: Program }>();

  constructor(encoder: EncoderModel, config: SentenceConfig, dense: readonly Dense[]) {
    this.encoder = encoder;
    this.#config = config;
    this.#dense = dense;
    let dimension = encoder.config.hiddenSize * config.pooling.modes.length;
    for (const layer of dense) {
      if (layer.inFeatures !== dimension) {
        throw new ModelError(`a dense layer takes vectors of ${layer.inFeatures} numbers, but gets ${dimension}`);
      }
      dimension = layer.outFeatures;
    }
    this.dimension = dimension;
  }

  /** Whether {@link texts} can divide vectors by their length itself. */
  get normalizesWhilePooling(): boolean {
    return this.#dense.length === 0 && this.#config.pooling.modes.length === 1;
  }

  /**
   * One vector a text, `[sequences, dimension]`.
   *
   * @param normalize - only where {@link normalizesWhilePooling}.
   * @param promptTokens - how many tokens at the beginning of every text do not count.
   */
  texts(normalize: boolean, promptTokens: number): Route {
    const key = `texts ${normalize} ${promptTokens}`;
    return this.#route(key, promptTokens, ({ ids, positions, cuSeqlens, kept, keptSeqlens }) => {
      const hidden = this.encoder.forward({ ids, positions, cuSeqlens });
      const counted = kept === undefined ? hidden : (execute('take', [hidden, kept], { axis: 0 })[0] as View);
      const pooled = this.#config.pooling.modes.map((mode) =>
        withScope('pooling', () =>
          // The first token is the model's own, whatever a prompt says.
          mode === 'cls'
            ? pool(hidden, cuSeqlens, { mode, normalize })
            : pool(counted, keptSeqlens ?? cuSeqlens, { mode, normalize }),
        ),
      );
      let vectors: View = pooled.length === 1 ? pooled[0] : (execute('concat', pooled, { axis: 1 })[0] as View);
      for (const [index, layer] of this.#dense.entries()) {
        vectors = withScope(`dense.${index}`, () => layer.forward(vectors));
      }
      return vectors;
    });
  }

  /** One vector a token, `[tokens, hidden]`. */
  tokens(): Route {
    return this.#route('tokens', 0, ({ ids, positions, cuSeqlens }) =>
      this.encoder.forward({ ids, positions, cuSeqlens }),
    );
  }

  #route(key: string, promptTokens: number, forward: (inputs: Inputs) => View): Route {
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const inputs: Record<string, { dtype: DType; dims: readonly (typeof TOKENS | number)[] }> = {};
    Object.assign(inputs, { ids: IDS, positions: IDS, cuSeqlens: OFFSETS });
    if (promptTokens > 0) {
      const dims = [addDims(TOKENS, multiplyDims(-promptTokens, SEQUENCES))];
      Object.assign(inputs, { kept: { dtype: 'int32', dims }, keptSeqlens: OFFSETS });
    }
    const program = recordProgram({
      backend: this.encoder.backend,
      inputs,
      forward: (views) => ({ result: forward(views as unknown as Inputs) }),
    });
    const route = {
      program,
      run: async ({ ids, cuSeqlens }: TokenBatch, signal: RunSignal) => {
        const positions = this.encoder.positions(ids, cuSeqlens);
        const behindPrompt = promptTokens > 0 ? withoutPrompt(cuSeqlens, promptTokens) : {};
        const sizes = { tokens: ids.length, sequences: cuSeqlens.length - 1, signal };
        const { result } = await program.run({ ids, positions, cuSeqlens, ...behindPrompt }, sizes);
        return result as Float32Array;
      },
    };
    this.#routes.set(key, route);
    return route;
  }

  /** The vectors of the tokens of one text, before the first layer and behind each. */
  async hiddenStates(ids: Int32Array, signal?: AbortSignal): Promise<HiddenStates> {
    const cuSeqlens = Int32Array.of(0, ids.length);
    const positions = this.encoder.positions(ids, cuSeqlens);
    const program = recordProgram({
      backend: this.encoder.backend,
      inputs: { ids: IDS, positions: IDS, cuSeqlens: OFFSETS },
      forward: (inputs) => {
        const states: View[] = [];
        const last = this.encoder.forward(inputs as unknown as Inputs, {
          onEmbeddings: (hidden) => states.push(hidden),
          onLayer: (hidden) => states.push(hidden),
        });
        // What follows the last layer belongs to it.
        const layers = [...states.slice(0, -1), last];
        return Object.fromEntries(layers.map((hidden, layer) => [layer, hidden]));
      },
    });
    try {
      const states = await program.run({ ids, positions, cuSeqlens }, { tokens: ids.length, sequences: 1, signal });
      const count = this.encoder.config.numLayers + 1;
      return { layers: Array.from({ length: count }, (_, layer) => states[layer] as Float32Array) };
    } finally {
      program.dispose();
    }
  }

  /** The attention weights of one text. Their size is not linear in its length, so each length has its own Program. */
  async attention(ids: Int32Array, signal?: AbortSignal): Promise<AttentionResult> {
    const cuSeqlens = Int32Array.of(0, ids.length);
    const positions = this.encoder.positions(ids, cuSeqlens);
    const program = recordProgram({
      backend: this.encoder.backend,
      inputs: {
        ids: { dtype: 'int32', dims: [ids.length] },
        positions: { dtype: 'int32', dims: [ids.length] },
        cuSeqlens: { dtype: 'int32', dims: [2] },
      },
      forward: (inputs) => {
        const maps: Record<string, View> = {};
        const onWeights = (weights: View, layer: number): void => {
          maps[layer] = weights;
        };
        this.encoder.forward(
          { ids: inputs.ids, positions: inputs.positions, cuSeqlens: inputs.cuSeqlens },
          { onWeights },
        );
        return maps;
      },
    });
    try {
      const maps = await program.run({ ids, positions, cuSeqlens }, { tokens: ids.length, sequences: 1, signal });
      const layers = Array.from({ length: this.encoder.config.numLayers }, (_, layer) => maps[layer] as Float32Array);
      return { layers };
    } finally {
      program.dispose();
    }
  }

  /** Frees the Programs. None may be running. */
  dispose(): void {
    for (const { program } of this.#routes.values()) program.dispose();
    this.#routes.clear();
  }
}

interface Inputs {
  readonly ids: View;
  readonly positions: View;
  readonly cuSeqlens: View;
  readonly kept?: View;
  readonly keptSeqlens?: View;
}

/** Which tokens of a batch are not of the prompt, and where each sequence of only those begins. */
function withoutPrompt(cuSeqlens: Int32Array, promptTokens: number): { kept: Int32Array; keptSeqlens: Int32Array } {
  const sequences = cuSeqlens.length - 1;
  const kept = new Int32Array(cuSeqlens[sequences] - promptTokens * sequences);
  const keptSeqlens = new Int32Array(sequences + 1);
  let position = 0;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const begin = cuSeqlens[sequence] + promptTokens;
    if (begin > cuSeqlens[sequence + 1]) {
      throw new ArgumentError('embed: with the prompt in front a text has fewer tokens than the prompt alone');
    }
    for (let token = begin; token < cuSeqlens[sequence + 1]; token++) kept[position++] = token;
    keptSeqlens[sequence + 1] = position;
  }
  return { kept, keptSeqlens };
}
