import path from 'node:path';
import { FormatError, ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import { describeJson } from '../io/json.js';
import { ModelFolder } from '../io/model-folder.js';
import { type PoolingConfig, readPooling } from './pooling-config.js';
import { SIMILARITY_NAMES, type SimilarityName } from './similarity.js';

/** A linear layer behind the pooling, with where its numbers lie. */
export interface DenseModule {
  readonly folder: ModelFolder;
  readonly config: ConfigReader;
}

/** How a folder's sentence-transformers files turn hidden states into vectors. */
export interface SentenceConfig {
  /** The folder of the transformer and its tokenizer: the model folder itself, or one inside. */
  readonly transformer: ModelFolder;
  readonly pooling: PoolingConfig;
  readonly dense: readonly DenseModule[];
  /** Whether vectors are divided by their length at the end. */
  readonly normalize: boolean;
  /** The most tokens of a text, special ones included, that the files allow; null when they say nothing. */
  readonly maxTokens: number | null;
  /** Whether texts are lower-cased before the tokenizer sees them. */
  readonly lowerCase: boolean;
  /** Texts to put in front, by name. */
  readonly prompts: ReadonlyMap<string, string>;
  /** The prompt taken when none is asked for; null for none. */
  readonly defaultPrompt: string | null;
  readonly similarity: SimilarityName;
}

/** Names under which the transformer's own settings lie, oldest models included. */
const TRANSFORMER_CONFIGS = [
  'sentence_bert_config.json',
  'sentence_roberta_config.json',
  'sentence_distilbert_config.json',
  'sentence_xlm-roberta_config.json',
];

/** A longer limit than any model has: how Python's tokenizers write "none". */
const NO_LIMIT = 1e9;

/**
 * Reads the sentence-transformers files of a folder, of both generations: until 5.3, and since 5.4 with other module types
 * and keys. A folder without them gets what sentence-transformers gives it: mean pooling, not normalised.
 *
 * @throws FormatError, FileError when a file is damaged or missing; ModelError when it asks for a module that gemmule lacks.
 */
export function readSentenceConfig(folder: ModelFolder): SentenceConfig {
  const modules = readModules(folder);
  const transformer = modules.transformer === '' ? folder : ModelFolder.open(folder.file(modules.transformer));
  const settings = TRANSFORMER_CONFIGS.map((name) => transformer.optionalConfig(name)).find((found) => found !== null);
  const sentence = folder.optionalConfig('config_sentence_transformers.json');
  const similarity = sentence?.text('similarity_fn_name', { fallback: 'cosine' }) ?? 'cosine';
  if (!isSimilarityName(similarity)) {
    throw new ModelError(
      `${sentence?.path}: similarity_fn_name is "${similarity}"; gemmule knows ${SIMILARITY_NAMES.join(', ')}`,
    );
  }
  const prompts = sentence?.texts('prompts') ?? new Map<string, string>();
  const defaultPrompt = sentence?.text('default_prompt_name', { fallback: '' }) || null;
  if (defaultPrompt !== null && !prompts.has(defaultPrompt)) {
    throw new ModelError(`${sentence?.path}: default_prompt_name is "${defaultPrompt}", which prompts does not have`);
  }
  return {
    transformer,
    pooling: modules.pooling === null ? { modes: ['mean'], includePrompt: true } : readPooling(modules.pooling),
    dense: modules.dense,
    normalize: modules.normalize,
    maxTokens: settings?.has('max_seq_length') ? settings.integer('max_seq_length') : tokenizerLimit(transformer),
    lowerCase: settings?.flag('do_lower_case', { fallback: false }) ?? false,
    prompts,
    defaultPrompt,
    similarity,
  };
}

function isSimilarityName(name: string): name is SimilarityName {
  return (SIMILARITY_NAMES as readonly string[]).includes(name);
}

function tokenizerLimit(transformer: ModelFolder): number | null {
  const limit = transformer.optionalConfig('tokenizer_config.json')?.number('model_max_length', { fallback: NO_LIMIT });
  return limit === undefined || limit >= NO_LIMIT ? null : limit;
}

interface Modules {
  readonly transformer: string;
  readonly pooling: ConfigReader | null;
  readonly dense: readonly DenseModule[];
  readonly normalize: boolean;
}

/** The modules in the order in which they run; gemmule knows transformer, pooling, dense layers and normalisation. */
function readModules(folder: ModelFolder): Modules {
  const file = 'modules.json';
  if (!folder.has(file)) return { transformer: '', pooling: null, dense: [], normalize: false };
  const where = folder.file(file);
  const list = folder.json(file);
  if (!Array.isArray(list)) throw new FormatError(`${where} must hold an array of modules, got ${describeJson(list)}`);
  const kinds: string[] = [];
  const dense: DenseModule[] = [];
  let transformer = '';
  let pooling: ConfigReader | null = null;
  for (const [index, value] of list.entries()) {
    const module = new ConfigReader(`${where}: module ${index}`, value);
    // The last part of the type's path is what both generations have in common.
    const kind = module.text('type').split('.').at(-1) as string;
    const inside = modulePath(module, where);
    kinds.push(kind);
    switch (kind) {
      case 'Transformer':
        transformer = inside;
        break;
      case 'Pooling':
        pooling = folder.config(path.join(inside, 'config.json'));
        break;
      case 'Dense':
        dense.push({
          folder: ModelFolder.open(folder.file(inside)),
          config: folder.config(path.join(inside, 'config.json')),
        });
        break;
      case 'Normalize':
        break;
      default:
        throw new ModelError(
          `${where} asks for a module ${kind}; TextEmbedder has Transformer, Pooling, Dense, Normalize${hintFor(kind)}`,
        );
    }
  }
  if (!/^Transformer,Pooling(,Dense)*(,Normalize)?$/.test(kinds.join(','))) {
    throw new ModelError(
      `${where} lists ${kinds.join(', ') || 'nothing'}; TextEmbedder runs Transformer, Pooling, then Dense layers, then Normalize${hintFor(kinds.join(','))}`,
    );
  }
  return { transformer, pooling, dense, normalize: kinds.includes('Normalize') };
}

/** Which class of `gemmule/heads` runs what TextEmbedder does not, by a module that only its models have. */
const OTHER_CLASSES: ReadonlyMap<string, string> = new Map([
  ['Transformer', 'Reranker'],
  ['Transformer,Dense', 'MultiVectorEmbedder'],
  ['MultiVectorMask', 'MultiVectorEmbedder'],
  ['MLMTransformer', 'SparseEmbedder'],
  ['SpladePooling', 'SparseEmbedder'],
  ['StaticEmbedding', 'StaticEmbedder'],
]);

function hintFor(kinds: string): string {
  const found = OTHER_CLASSES.get(kinds);
  return found === undefined ? '' : `; ${found} of gemmule/heads may run it`;
}

/** The folder of a module, which must lie in that of the model. */
function modulePath(module: ConfigReader, where: string): string {
  const inside = module.text('path', { fallback: '' });
  if (path.isAbsolute(inside) || inside.split(/[\\/]/).includes('..')) {
    throw new FormatError(`${where}: the path of a module must lie in the model's folder, got ${describeJson(inside)}`);
  }
  return inside;
}
