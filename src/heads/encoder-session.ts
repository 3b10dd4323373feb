import { requireCount } from '../arguments.js';
import { defaultBackend } from '../backend/index.js';
import { recordProgram } from '../backend/recorder/recorder.js';
import type { View } from '../backend/view.js';
import type { LoadOptions } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { ArgumentError, ModelError } from '../errors.js';
import type { DownloadOptions } from '../hub/index.js';
import { openModelFolder } from '../hub/open.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { ModelFolder } from '../io/model-folder.js';
import type { TensorSource } from '../io/safetensors.js';
import type { EncoderModel } from '../models/encoder-model.js';
import { loadModel } from '../models/load.js';
import { addDims, SEQUENCES, TOKENS } from '../tensor/dim.js';
import type { Tensor } from '../tensor/tensor.js';
import { Tokenizer } from '../tokenizers/tokenizer.js';
import { type EncodedInput, type TextInput, TextSession } from './text-session.js';

/** How a recorded head goes on from the encoder's hidden states, float32 `[tokens, hidden]`. */
export type HeadForward = (hidden: Tensor<'float32'>, cuSeqlens: View) => View;

/** An encoder with its tokenizer and its folder: what every model with a head is made of. */
export class EncoderSession extends TextSession {
  readonly folder: ModelFolder;
  readonly config: ConfigReader;
  readonly source: TensorSource;
  readonly encoder: EncoderModel;
  readonly #usesTypeIds: boolean;

  private constructor(
    folder: ModelFolder,
    encoder: EncoderModel,
    tokenizer: Tokenizer,
    maxTokens: number,
    onRun: LoadOptions['onRun'],
  ) {
    super(tokenizer, maxTokens, encoder.config.maxTokens, onRun);
    this.folder = folder;
    this.config = folder.config('config.json');
    this.source = folder.weights();
    this.encoder = encoder;
    this.#usesTypeIds = encoder.tokenTypes > 1 && wantsTypeIds(folder);
  }

  /**
   * Loads a model's encoder and tokenizer.
   *
   * @param operation - who asks, for error messages.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be.
   */
  static async load(operation: string, nameOrFolder: string, options: LoadOptions): Promise<EncoderSession> {
    const folder = await openFolder(operation, nameOrFolder, options);
    return EncoderSession.open(operation, folder, options);
  }

  /** The same of a folder that is open already. */
  static async open(operation: string, folder: ModelFolder, options: LoadOptions): Promise<EncoderSession> {
    const { backend = defaultBackend(), dtype } = options;
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
    return new EncoderSession(folder, encoder, tokenizer, maxTokens, options.onRun);
  }

  /**
   * Records the encoder and a head behind it. It is freed with the session.
   *
   * @param options.keyCounts - whether sequences may hide their last tokens from others; false by default.
   */
  route(forward: HeadForward, options: { readonly keyCounts?: boolean } = {}): Route {
    const perToken = { dtype: 'int32', dims: [TOKENS] } as const;
    const counts = options.keyCounts === true ? { keyCounts: { dtype: 'int32', dims: [SEQUENCES] } as const } : {};
    const program = recordProgram({
      backend: this.encoder.backend,
      inputs: {
        ids: perToken,
        typeIds: perToken,
        positions: perToken,
        cuSeqlens: { dtype: 'int32', dims: [addDims(SEQUENCES, 1)] },
        ...counts,
      },
      forward: ({ ids, typeIds, positions, cuSeqlens, keyCounts }) => ({
        result: forward(this.encoder.forward({ ids, typeIds, positions, cuSeqlens, keyCounts }), cuSeqlens),
      }),
    });
    this.own(program);
    return {
      run: async ({ ids, typeIds, cuSeqlens, keyCounts }, signal) => {
        const positions = this.encoder.positions(ids, cuSeqlens);
        const sizes = { tokens: ids.length, sequences: cuSeqlens.length - 1, signal };
        const shown = options.keyCounts === true ? { keyCounts } : {};
        const { result } = await program.run({ ids, typeIds, positions, cuSeqlens, ...shown }, sizes);
        return result as Float32Array;
      },
    };
  }

  protected override encodeInput(input: TextInput, maxTokens: number): EncodedInput {
    if (typeof input === 'string') return this.tokenizer.encodeIds(input, { maxTokens });
    const { ids, typeIds, truncated } = super.encodeInput(input, maxTokens);
    return { ids, truncated, typeIds: this.#usesTypeIds ? typeIds : undefined };
  }
}

/** The folder of a model that a caller names: a path, or a name on the Hugging Face Hub. */
export async function openFolder(
  operation: string,
  nameOrFolder: string,
  options: DownloadOptions,
): Promise<ModelFolder> {
  if (typeof nameOrFolder !== 'string' || nameOrFolder === '') {
    throw new ArgumentError(
      `${operation}: expected a model folder or the name of a model, got ${String(nameOrFolder)}`,
    );
  }
  return openModelFolder(operation, nameOrFolder, options);
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
