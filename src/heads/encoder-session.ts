import { defaultBackend } from '../backend/index.js';
import { type Program, recordProgram } from '../backend/recorder/recorder.js';
import type { View } from '../backend/view.js';
import { type CallOptions, type LoadOptions, requireCount } from '../embeddings/options.js';
import {
  type ItemOutput,
  type Route,
  Scheduler,
  type TokenBatch,
  type TokenSequence,
} from '../embeddings/scheduler.js';
import { ArgumentError, DisposedError, ModelError, TruncatedTextError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import { ModelFolder } from '../io/model-folder.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderModel } from '../models/encoder-model.js';
import { loadModel } from '../models/load.js';
import { addDims, SEQUENCES, TOKENS } from '../tensor/dim.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Encoding, Tokenizer } from '../tokenizers/tokenizer.js';

/** A text, or a pair of texts that the model reads together. */
export type TextInput = string | readonly [text: string, textPair: string];

/** How a recorded head goes on from the encoder's hidden states. */
export type HeadForward = (hidden: Tensor<'float32'>, cuSeqlens: View) => View;

/** What is done with a call's texts. */
export interface SessionWork {
  /** From {@link EncoderSession.route}. */
  readonly route: Route;
  /** The tokens of a text, for heads that want others than the tokenizer's. */
  readonly encode?:
    | ((input: TextInput, maxTokens: number) => TokenSequence & { readonly truncated: boolean })
    | undefined;
  /** Takes the result of a text; the numbers are only valid during the call. */
  readonly accept: (index: number, output: ItemOutput) => void;
}

/**
 * An encoder with its tokenizer, its folder and a scheduler: what every model with a head is made of. Texts of all calls share
 * runs of bounded size, off the event loop and without padding.
 */
export class EncoderSession {
  readonly folder: ModelFolder;
  readonly config: ConfigReader;
  readonly source: TensorSource;
  readonly encoder: EncoderModel;
  readonly tokenizer: Tokenizer;
  /** Texts are cut after so many tokens, special ones included. */
  readonly maxTokens: number;
  readonly #usesTypeIds: boolean;
  readonly #scheduler = new Scheduler();
  readonly #programs: Program[] = [];
  #disposed = false;

  private constructor(folder: ModelFolder, encoder: EncoderModel, tokenizer: Tokenizer, maxTokens: number) {
    this.folder = folder;
    this.config = folder.config('config.json');
    this.source = folder.weights();
    this.encoder = encoder;
    this.tokenizer = tokenizer;
    this.maxTokens = maxTokens;
    this.#usesTypeIds = encoder.tokenTypes > 1 && wantsTypeIds(folder);
  }

  /**
   * Loads a folder's encoder and tokenizer.
   *
   * @param operation - who asks, for error messages.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be.
   */
  static async load(operation: string, folderPath: string, options: LoadOptions): Promise<EncoderSession> {
    if (typeof folderPath !== 'string' || folderPath === '') {
      throw new ArgumentError(`${operation}: expected the path of a model folder, got ${String(folderPath)}`);
    }
    const { backend = defaultBackend(), dtype } = options;
    const folder = ModelFolder.open(folderPath);
    const tokenizer = Tokenizer.fromFolder(folder.path);
    const encoder = await loadModel(folder, { backend, weightFormat: dtype });
    if (tokenizer.vocabSize > encoder.config.vocabSize) {
      throw new ModelError(
        `${folder.path}: the tokenizer has ${tokenizer.vocabSize} tokens and the model ${encoder.config.vocabSize}; they do not belong together`,
      );
    }
    const most = encoder.config.maxTokens;
    const maxTokens = options.maxTokens ?? Math.min(longestOf(folder) ?? tokenizer.modelMaxLength ?? most, most);
    requireCount(operation, 'maxTokens', maxTokens, 1, most);
    return new EncoderSession(folder, encoder, tokenizer, maxTokens);
  }

  /** Records the encoder and a head behind it. It is freed with the session. */
  route(forward: HeadForward): Route {
    const perToken = { dtype: 'int32', dims: [TOKENS] } as const;
    const program = recordProgram({
      backend: this.encoder.backend,
      inputs: {
        ids: perToken,
        typeIds: perToken,
        positions: perToken,
        cuSeqlens: { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] },
      },
      forward: ({ ids, typeIds, positions, cuSeqlens }) => ({
        result: forward(this.encoder.forward({ ids, typeIds, positions, cuSeqlens }), cuSeqlens),
      }),
    });
    this.#programs.push(program);
    return {
      run: async ({ ids, typeIds, cuSeqlens }: TokenBatch, signal: AbortSignal) => {
        const positions = this.encoder.positions(ids, cuSeqlens);
        const sizes = { tokens: ids.length, sequences: cuSeqlens.length - 1, signal };
        const { result } = await program.run({ ids, typeIds, positions, cuSeqlens }, sizes);
        return result as Float32Array;
      },
    };
  }

  /** A text's tokens with their places in the text. */
  encode(text: string, maxTokens: number): Encoding {
    return this.tokenizer.encode(text, { maxTokens });
  }

  /**
   * Puts texts through a route, in no particular order.
   *
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async run(operation: string, inputs: readonly TextInput[], options: CallOptions, work: SessionWork): Promise<void> {
    this.requireAlive();
    const { signal, onProgress, truncate = true } = options;
    const maxTokens = this.limit(operation, options);
    const counts = { truncated: 0 };
    await this.#scheduler.submit({
      route: work.route,
      size: inputs.length,
      signal,
      encode: (index) => {
        const input = inputs[index] as TextInput;
        const sequence = work.encode?.(input, maxTokens) ?? this.#encodeInput(input, maxTokens);
        if (sequence.truncated && !truncate) {
          throw new TruncatedTextError(
            `${operation}: text ${index} has more than ${maxTokens} tokens; shorten it, or leave out truncate: false to have it cut`,
          );
        }
        if (sequence.truncated) counts.truncated += 1;
        return sequence;
      },
      accept: work.accept,
      onProgress: onProgress && ((done) => onProgress({ done, total: inputs.length, truncated: counts.truncated })),
    });
  }

  #encodeInput(input: TextInput, maxTokens: number): TokenSequence & { readonly truncated: boolean } {
    if (typeof input === 'string') return this.tokenizer.encodeIds(input, { maxTokens });
    const [text, textPair] = input;
    const { ids, typeIds, truncated } = this.tokenizer.encode(text, { textPair, maxTokens });
    return { ids, truncated, typeIds: this.#usesTypeIds ? typeIds : undefined };
  }

  /** The most tokens of a call's texts. */
  limit(operation: string, { maxTokens = this.maxTokens }: Pick<CallOptions, 'maxTokens'>): number {
    requireCount(operation, 'maxTokens', maxTokens, 1, this.encoder.config.maxTokens);
    return maxTokens;
  }

  requireAlive(): void {
    if (this.#disposed) throw new DisposedError('the model was disposed; load it again');
  }

  /** Rejects what is still being computed and frees the Programs. Disposing twice does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#scheduler.dispose(() => {
      for (const program of this.#programs) program.dispose();
    });
  }
}

/** The longest text that sentence-transformers' files allow, or null when they say nothing. */
function longestOf(folder: ModelFolder): number | null {
  const settings = folder.optionalConfig('sentence_bert_config.json');
  return settings?.has('max_seq_length') ? settings.integer('max_seq_length') : null;
}

/** Whether the model is told which of two texts a token is of: unless its tokenizer's config lists inputs without that. */
function wantsTypeIds(folder: ModelFolder): boolean {
  const config = folder.optionalConfig('tokenizer_config.json');
  return !config?.has('model_input_names') || config.words('model_input_names').includes('token_type_ids');
}

/** Refuses what is not an array of texts and pairs of texts; JavaScript callers have no compiler to stop them. */
export function requireInputs(operation: string, inputs: unknown): asserts inputs is readonly TextInput[] {
  if (!Array.isArray(inputs)) {
    const came = typeof inputs === 'string' ? `a string; put it in an array: ${operation}([text])` : typeof inputs;
    throw new ArgumentError(`${operation}: texts must be an array of strings or pairs of strings, got ${came}`);
  }
  for (const [index, input] of inputs.entries()) {
    const isPair = Array.isArray(input) && input.length === 2 && input.every((text) => typeof text === 'string');
    if (typeof input !== 'string' && !isPair) {
      throw new ArgumentError(
        `${operation}: texts must be an array of strings or pairs [text, text], but texts[${index}] is ${Array.isArray(input) ? 'an array of something else' : typeof input}`,
      );
    }
  }
}
