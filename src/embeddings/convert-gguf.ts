import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { View } from '../backend/view.js';
import { ArgumentError, FormatError, ModelError } from '../errors.js';
import { GgufFile, type GgufTensor } from '../io/gguf.js';
import { requireAbsent, writeNewFolder } from '../io/new-folder.js';
import { writeSafetensors } from '../io/safetensors-writer.js';

/** How the vectors of a text's tokens become one, by the names of sentence-transformers' files. */
const POOLINGS = ['mean', 'cls', 'lasttoken'] as const;

/** Settings of {@link convertGguf}. */
export interface ConvertGgufOptions {
  /** How token vectors become one; by default what the file says, which not every file does. */
  readonly pooling?: (typeof POOLINGS)[number] | undefined;
}

/** The names of a family's tensors: in GGUF, and as Hugging Face has them. `#` is the number of a layer. */
type TensorNames = Readonly<Record<string, string>>;

const COMMON_NAMES: TensorNames = {
  token_embd: 'embeddings.word_embeddings',
  token_types: 'embeddings.token_type_embeddings',
};

const BERT_NAMES: TensorNames = {
  ...COMMON_NAMES,
  position_embd: 'embeddings.position_embeddings',
  token_embd_norm: 'embeddings.LayerNorm',
  'blk.#.attn_q': 'encoder.layer.#.attention.self.query',
  'blk.#.attn_k': 'encoder.layer.#.attention.self.key',
  'blk.#.attn_v': 'encoder.layer.#.attention.self.value',
  'blk.#.attn_output': 'encoder.layer.#.attention.output.dense',
  'blk.#.attn_output_norm': 'encoder.layer.#.attention.output.LayerNorm',
  'blk.#.ffn_up': 'encoder.layer.#.intermediate.dense',
  'blk.#.ffn_down': 'encoder.layer.#.output.dense',
  'blk.#.layer_output_norm': 'encoder.layer.#.output.LayerNorm',
};

const NOMIC_NAMES: TensorNames = {
  ...COMMON_NAMES,
  token_embd_norm: 'emb_ln',
  'blk.#.attn_qkv': 'encoder.layers.#.attn.Wqkv',
  'blk.#.attn_output': 'encoder.layers.#.attn.out_proj',
  'blk.#.attn_output_norm': 'encoder.layers.#.norm1',
  'blk.#.ffn_up': 'encoder.layers.#.mlp.fc11',
  'blk.#.ffn_gate': 'encoder.layers.#.mlp.fc12',
  'blk.#.ffn_down': 'encoder.layers.#.mlp.fc2',
  'blk.#.layer_output_norm': 'encoder.layers.#.norm2',
};

/** What GGUF numbers ways of pooling by; 0 is none, and 4 a reranker's head. */
const POOLING_NUMBERS: ReadonlyMap<number, (typeof POOLINGS)[number]> = new Map([
  [1, 'mean'],
  [2, 'cls'],
  [3, 'lasttoken'],
]);

/**
 * Writes a model of llama.cpp's, of the families `bert` and `nomic-bert` and with a vocabulary of WordPiece, as a folder that
 * `TextEmbedder.load` and sentence-transformers read. Weights in F32, F16 and BF16 stay as they are, Q8_0 becomes F32. GGUF
 * does not say whether vectors are normalised: they are, as llama.cpp does it.
 *
 * @param source - the `.gguf` file.
 * @param target - the folder to write; it must not exist yet. It appears once it is complete.
 * @throws ArgumentError when there is something under that name, FileError when a file cannot be read or written, FormatError
 *   when the file is damaged, ModelError for other families, vocabularies and element types, each by its name.
 */
export async function convertGguf(source: string, target: string, options: ConvertGgufOptions = {}): Promise<void> {
  const { pooling } = options;
  if (pooling !== undefined && !POOLINGS.includes(pooling)) {
    throw new ArgumentError(`convertGguf: pooling must be one of ${POOLINGS.join(', ')}, got ${String(pooling)}`);
  }
  await requireAbsent('convertGguf', target);
  const model = new GgufModel(GgufFile.open(source));
  const files: Readonly<Record<string, unknown>> = {
    'config.json': model.config(),
    'tokenizer.json': model.tokenizer(),
    'tokenizer_config.json': model.tokenizerConfig(),
    'sentence_bert_config.json': { max_seq_length: model.maxTokens, do_lower_case: false },
    'modules.json': ['Transformer', 'Pooling', 'Normalize'].map((kind, index) => ({
      idx: index,
      name: String(index),
      path: index === 0 ? '' : `${index}_${kind}`,
      type: `sentence_transformers.models.${kind}`,
    })),
    '1_Pooling/config.json': model.pooling(pooling),
  };
  const weights = model.weights();
  await writeNewFolder(target, async (partial) => {
    for (const [name, contents] of Object.entries(files)) {
      const file = path.join(partial, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(contents, null, 2)}\n`);
    }
    await mkdir(path.join(partial, '2_Normalize'));
    await writeSafetensors(path.join(partial, 'model.safetensors'), weights, { format: 'pt' });
  });
}

/** What marks a token that begins a word; the others continue one. */
const WORD_START = '\u2581';

/** The type of tokens that stand for no text. */
const CONTROL_TYPE = 3;

/** Tokens with a task, and where GGUF notes their numbers: files of different ages have different names for them. */
const SPECIAL_TOKENS = [
  ['pad_token', '[PAD]', ['padding_token_id']],
  ['unk_token', '[UNK]', ['unknown_token_id']],
  ['cls_token', '[CLS]', ['cls_token_id', 'bos_token_id']],
  ['sep_token', '[SEP]', ['seperator_token_id', 'separator_token_id', 'eos_token_id']],
  ['mask_token', '[MASK]', ['mask_token_id']],
] as const;

/** What is noted in a file, as Hugging Face has it. */
class GgufModel {
  readonly #file: GgufFile;
  readonly #family: 'bert' | 'nomic-bert';
  readonly #tokens: readonly string[];
  readonly #special: ReadonlyMap<string, string>;

  constructor(file: GgufFile) {
    this.#file = file;
    const family = this.#text('general.architecture');
    if (family !== 'bert' && family !== 'nomic-bert') {
      throw new ModelError(
        `${file.path} is a model of the family "${family}"; gemmule converts bert and nomic-bert: take the model that it was made from`,
      );
    }
    this.#family = family;
    if (file.metadata.get(`${family}.attention.causal`) === true) {
      throw new ModelError(`${file.path}: its attention is causal, which gemmule does not have`);
    }
    const kind = this.#text('tokenizer.ggml.model');
    if (kind !== 'bert') {
      throw new ModelError(
        `${file.path}: its vocabulary is of the kind "${kind}"; gemmule converts WordPiece ("bert"): take the model that it was made from`,
      );
    }
    this.#tokens = this.#readTokens();
    this.#special = this.#readSpecialTokens();
  }

  get maxTokens(): number {
    return this.#number('context_length');
  }

  config(): object {
    const tokens = this.#shape('token_embd.weight', 2)[0];
    if (tokens !== this.#tokens.length) {
      throw new FormatError(`${this.#file.path} has ${this.#tokens.length} tokens, and vectors for ${tokens}`);
    }
    const common = {
      vocab_size: tokens,
      hidden_size: this.#number('embedding_length'),
      num_hidden_layers: this.#number('block_count'),
      num_attention_heads: this.#number('attention.head_count'),
      intermediate_size: this.#number('feed_forward_length'),
      layer_norm_eps: this.#number('attention.layer_norm_epsilon', false),
      type_vocab_size: this.#file.tensors.has('token_types.weight') ? this.#shape('token_types.weight', 2)[0] : 0,
      pad_token_id: this.#tokens.indexOf(this.#special.get('pad_token') ?? ''),
    };
    if (this.#family === 'nomic-bert') {
      return {
        architectures: ['NomicBertModel'],
        model_type: 'nomic_bert',
        ...common,
        max_position_embeddings: this.maxTokens,
        hidden_act: 'silu',
        rope_parameters: { rope_type: 'default', rope_theta: this.#number('rope.freq_base', false) },
      };
    }
    return {
      architectures: ['BertModel'],
      model_type: 'bert',
      ...common,
      max_position_embeddings: this.#shape('position_embd.weight', 2)[0],
      hidden_act: 'gelu',
    };
  }

  tokenizer(): object {
    const [cls, sep, unknown] = ['cls_token', 'sep_token', 'unk_token'].map(
      (role) => this.#special.get(role) as string,
    );
    const special = (token: string, type = 0) => ({ SpecialToken: { id: token, type_id: type } });
    const sequence = (id: 'A' | 'B', type = 0) => ({ Sequence: { id, type_id: type } });
    const single = [special(cls), sequence('A'), special(sep)];
    const added = (token: string) => ({
      id: this.#tokens.indexOf(token),
      content: token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    });
    return {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [...this.#special.values()].map(added).sort((a, b) => a.id - b.id),
      // GGUF does not say whether a model tells capitals apart; a vocabulary that has some does.
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: !this.#tokens.some((token) => !/^\[.*\]$/.test(token) && token !== token.toLowerCase()),
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single,
        pair: [...single, sequence('B', 1), special(sep, 1)],
        special_tokens: Object.fromEntries(
          [cls, sep].map((token) => [token, { id: token, ids: [this.#tokens.indexOf(token)], tokens: [token] }]),
        ),
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: unknown,
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(this.#tokens.map((token, id) => [token, id])),
      },
    };
  }

  tokenizerConfig(): object {
    return {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: this.maxTokens,
      ...Object.fromEntries(this.#special),
    };
  }

  pooling(wanted: (typeof POOLINGS)[number] | undefined): object {
    const noted = this.#file.metadata.get(`${this.#family}.pooling_type`);
    const mode = wanted ?? POOLING_NUMBERS.get(Number(noted ?? 0));
    if (mode === undefined) {
      throw new ModelError(
        `${this.#file.path} does not say how token vectors become one (pooling_type ${String(noted ?? 'is missing')}); give pooling: ${POOLINGS.join(', ')}, as the model's card says it`,
      );
    }
    return {
      word_embedding_dimension: this.#number('embedding_length'),
      pooling_mode_cls_token: mode === 'cls',
      pooling_mode_mean_tokens: mode === 'mean',
      pooling_mode_max_tokens: false,
      pooling_mode_mean_sqrt_len_tokens: false,
      pooling_mode_weightedmean_tokens: false,
      pooling_mode_lasttoken: mode === 'lasttoken',
      include_prompt: true,
    };
  }

  weights(): Readonly<Record<string, View>> {
    const names = this.#family === 'bert' ? BERT_NAMES : NOMIC_NAMES;
    return Object.fromEntries(
      [...this.#file.tensors.values()].map((tensor) => [this.#nameOf(tensor, names), this.#file.view(tensor.name)]),
    );
  }

  #nameOf({ name }: GgufTensor, names: TensorNames): string {
    const [, layer, kind = '', part = ''] = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
    const stem = layer === undefined ? kind : `blk.#.${kind}`;
    const known = Object.hasOwn(names, stem) ? names[stem] : undefined;
    // A tensor that was left out would give other vectors, in silence.
    if (known === undefined) {
      throw new ModelError(
        `${this.#file.path}: tensor ${JSON.stringify(name)} is not of a ${this.#family} that gemmule knows`,
      );
    }
    return `${known.replace('#', layer ?? '')}.${part}`;
  }

  /** Tokens as WordPiece has them: GGUF marks those that begin a word instead of those that continue one. */
  #readTokens(): readonly string[] {
    const tokens = this.#list('tokenizer.ggml.tokens', 'string') as readonly string[];
    const types = this.#file.metadata.has('tokenizer.ggml.token_type')
      ? (this.#list('tokenizer.ggml.token_type', 'number') as readonly number[])
      : [];
    const own = tokens.map((token, id) => {
      if (token.startsWith(WORD_START)) return token.slice(WORD_START.length);
      return types[id] === CONTROL_TYPE || /^\[.*\]$/.test(token) ? token : `##${token}`;
    });
    const seen = new Set<string>();
    for (const token of own) {
      if (seen.has(token)) throw new FormatError(`${this.#file.path} has the token ${JSON.stringify(token)} twice`);
      seen.add(token);
    }
    return own;
  }

  #readSpecialTokens(): ReadonlyMap<string, string> {
    const special = new Map<string, string>();
    for (const [role, usual, fields] of SPECIAL_TOKENS) {
      const noted = fields.map((field) => this.#file.metadata.get(`tokenizer.ggml.${field}`));
      const id = noted.find((value) => typeof value === 'number') ?? this.#tokens.indexOf(usual);
      const token = this.#tokens[Number(id)];
      if (token !== undefined) special.set(role, token);
      else if (role !== 'mask_token' && role !== 'pad_token') {
        throw new ModelError(`${this.#file.path}: its vocabulary has no ${usual}, which its texts need`);
      }
    }
    return special;
  }

  #shape(name: string, axes: number): readonly number[] {
    const tensor = this.#file.tensors.get(name);
    if (tensor?.shape.length !== axes) {
      throw new FormatError(`${this.#file.path} must have a tensor ${JSON.stringify(name)} with ${axes} axes`);
    }
    return tensor.shape;
  }

  #text(key: string): string {
    const value = this.#file.metadata.get(key);
    if (typeof value === 'string') return value;
    throw new FormatError(`${this.#file.path}: ${key} must be a text; is it the file of a model?`);
  }

  /** A number of the family's own; above zero, and whole unless said otherwise. */
  #number(field: string, isWhole = true): number {
    const key = `${this.#family}.${field}`;
    const value = this.#file.metadata.get(key);
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (
      typeof number === 'number' &&
      number > 0 &&
      Number.isFinite(number) &&
      (!isWhole || Number.isSafeInteger(number))
    ) {
      return number;
    }
    throw new FormatError(`${this.#file.path}: ${key} must be a ${isWhole ? 'whole ' : ''}number above 0`);
  }

  #list(key: string, type: 'string' | 'number'): readonly unknown[] {
    const value = this.#file.metadata.get(key);
    if (Array.isArray(value) && value.length > 0 && typeof value[0] === type) return value;
    throw new FormatError(`${this.#file.path}: ${key} must be a list of ${type}s`);
  }
}
