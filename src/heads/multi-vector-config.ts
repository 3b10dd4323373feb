import path from 'node:path';
import { Dense } from '../embeddings/dense.js';
import { FormatError, ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import { ModelFolder } from '../io/model-folder.js';
import { Weights } from '../models/weights.js';
import { Linear, type WeightOptions } from '../nn/linear.js';
import type { Tensor } from '../tensor/tensor.js';

/** How queries are made longer by tokens that let the model ask for more than stands there. */
export interface Expansion {
  /** Tokens of a query, added ones included: exactly so many, or at least. */
  readonly length: number;
  readonly isFixed: boolean;
  /** Whether the text's own tokens see the added ones. */
  readonly attends: boolean;
  /** What is added; null for the mask token. */
  readonly token: string | null;
}

/** What queries and documents are told apart by. */
export interface TaskConfig {
  /** A token, or a text, in front of each text; `''` for none. */
  readonly prefix: string;
  /** Texts are cut after so many tokens; null where the files say nothing. */
  readonly maxTokens: number | null;
  /** Tokens whose vectors are left out. */
  readonly skipped: readonly string[];
}

/** What a folder says of a late-interaction model. */
export interface MultiVectorConfig {
  /** The folder of the transformer: the model folder itself, or one inside. */
  readonly transformer: ModelFolder;
  readonly query: TaskConfig;
  readonly document: TaskConfig;
  /** Null for none. */
  readonly expansion: Expansion | null;
  /** Makes the layers between hidden states and vectors. */
  readonly projections: (options: WeightOptions) => readonly Projection[];
}

/** A layer behind the encoder, a token at a time. */
export interface Projection {
  readonly inFeatures: number;
  readonly outFeatures: number;
  forward(x: Tensor<'float32'>): Tensor<'float32'>;
}

const PUNCTUATION = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'];

/** How long queries are where the files of a ColBERT do not say it. */
const QUERY_LENGTH = 32;

/**
 * Reads what sentence-transformers (MultiVectorEncoder), PyLate and Stanford's ColBERT write beside their models.
 *
 * @throws FormatError, FileError when a file is damaged or missing; ModelError for a model of another kind.
 */
export function readMultiVectorConfig(folder: ModelFolder): MultiVectorConfig {
  const architectures = folder.optionalConfig('config.json');
  if (architectures?.has('architectures') && architectures.words('architectures').includes('HF_ColBERT')) {
    return readStanford(folder);
  }
  return readModules(folder);
}

/** Stanford's ColBERT (Santhanam et al., arXiv:2112.01488): the projection lies beside the encoder's weights. */
function readStanford(folder: ModelFolder): MultiVectorConfig {
  const file = 'artifact.metadata';
  const metadata = folder.has(file) ? folder.config(file) : new ConfigReader(folder.file(file), {});
  const markerOf = (field: string, fallback: string): string => metadata.text(field, { fallback });
  return {
    transformer: folder,
    query: { prefix: markerOf('query_token_id', '[unused0]'), maxTokens: null, skipped: [] },
    document: {
      prefix: markerOf('doc_token_id', '[unused1]'),
      maxTokens: metadata.has('doc_maxlen') ? metadata.integer('doc_maxlen') : null,
      skipped: metadata.flag('mask_punctuation', { fallback: true }) ? PUNCTUATION : [],
    },
    expansion: {
      length: metadata.integer('query_maxlen', { fallback: QUERY_LENGTH }),
      isFixed: true,
      attends: metadata.flag('attend_to_mask_tokens', { fallback: false }),
      token: null,
    },
    projections: (options) => {
      const source = folder.weights();
      const name = 'linear.weight';
      if (!source.has(name))
        throw new ModelError(`${source.path} has no tensor ${name}, which a ColBERT projects with`);
      const [outFeatures, inFeatures] = source.entry(name).shape as [number, number];
      const weight = Weights.locate(source, name, '').read(name, [outFeatures, inFeatures]);
      return [new Linear({ weight }, options)];
    },
  };
}

/** Modules of sentence-transformers; of PyLate, whose first versions wrote only the first two of them. */
function readModules(folder: ModelFolder): MultiVectorConfig {
  const file = 'modules.json';
  const where = folder.file(file);
  if (!folder.has(file)) {
    throw new ModelError(
      `${folder.path} is no ColBERT of Stanford's, and has no ${file}; load encoders with TextEmbedder`,
    );
  }
  const list = folder.json(file);
  if (!Array.isArray(list)) throw new FormatError(`${where} must hold an array of modules`);
  const modules = list.map((value, index) => {
    const module = new ConfigReader(`${where}: module ${index}`, value);
    const inside = module.text('path', { fallback: '' });
    if (path.isAbsolute(inside) || inside.split(/[\\/]/).includes('..')) {
      throw new FormatError(
        `${where}: the path of a module must lie in the model's folder, got ${JSON.stringify(inside)}`,
      );
    }
    return { kind: module.text('type').split('.').at(-1) as string, inside };
  });
  const kinds = modules.map(({ kind }) => kind).join(',');
  if (!/^Transformer(,Dense)+(,MultiVectorMask)?(,Normalize)?$/.test(kinds)) {
    throw new ModelError(
      `${where} lists ${kinds || 'nothing'}; a model of many vectors has Transformer, Dense, MultiVectorMask, Normalize`,
    );
  }
  const transformerPath = (modules[0] as { inside: string }).inside;
  const transformer = transformerPath === '' ? folder : ModelFolder.open(folder.file(transformerPath));
  const settings = folder.optionalConfig('config_sentence_transformers.json');
  const encoder = transformer.optionalConfig('sentence_bert_config.json');
  const maskModule = modules.find(({ kind }) => kind === 'MultiVectorMask');
  const mask = maskModule && folder.config(path.join(maskModule.inside, 'config.json'));
  const skipped = skippedWords(settings, mask ?? null);
  const taskOf = (task: 'query' | 'document'): TaskConfig => {
    const lengths = [encoder, settings].find((config) => config?.has(`${task}_length`));
    return {
      prefix: prefixOf(settings, task),
      maxTokens: lengths?.integer(`${task}_length`) ?? null,
      skipped: skipped.tasks.includes(task) ? skipped.words : [],
    };
  };
  return {
    transformer,
    query: taskOf('query'),
    document: taskOf('document'),
    expansion: expansionOf(encoder, settings),
    projections: (options) =>
      modules
        .filter(({ kind }) => kind === 'Dense')
        .map(({ inside }) => {
          const config = folder.config(path.join(inside, 'config.json'));
          if (config.flag('use_residual', { fallback: false })) {
            throw new ModelError(`${config.path}: use_residual: gemmule has no dense layers with a residual`);
          }
          return new Dense({ folder: ModelFolder.open(folder.file(inside)), config }, options);
        }),
  };
}

/** PyLate's `query_prefix`, in front of what `prompts` says, or the latter alone. */
function prefixOf(settings: ConfigReader | null, task: string): string {
  const prefix = settings?.text(`${task}_prefix`, { fallback: '' }) ?? '';
  const prompt = settings?.texts('prompts').get(task) ?? '';
  return prompt.startsWith(prefix) ? prompt : prefix + prompt;
}

function skippedWords(
  settings: ConfigReader | null,
  mask: ConfigReader | null,
): { readonly words: readonly string[]; readonly tasks: readonly string[] } {
  if (mask !== null) {
    const tasks = mask.has('skiplist_tasks') ? mask.words('skiplist_tasks') : ['document'];
    return { words: mask.has('skiplist_words') ? mask.words('skiplist_words') : [], tasks };
  }
  const words = settings?.has('skiplist_words') ? settings.words('skiplist_words') : PUNCTUATION;
  return { words, tasks: ['document'] };
}

/** What sentence-transformers says of the transformer, else what PyLate says of the model. */
function expansionOf(encoder: ConfigReader | null, settings: ConfigReader | null): Expansion | null {
  for (const config of [encoder, settings]) {
    const section = config?.section('query_expansion') ?? null;
    if (section === null) continue;
    const strategy = section.text('strategy');
    if (strategy !== 'fixed' && strategy !== 'min') {
      throw new ModelError(`${section.path}: strategy is "${strategy}"; gemmule knows fixed, min`);
    }
    return {
      length: section.integer('length'),
      isFixed: strategy === 'fixed',
      attends: section.flag('attend', { fallback: false }),
      token: section.text('token', { fallback: '' }) || null,
    };
  }
  const isPyLate = ['query_prefix', 'do_query_expansion', 'attend_to_expansion_tokens'].some((field) =>
    settings?.has(field),
  );
  if (settings === null || !isPyLate || !settings.flag('do_query_expansion', { fallback: true })) return null;
  return {
    length: settings.integer('query_length', { fallback: QUERY_LENGTH }),
    isFixed: true,
    attends: settings.flag('attend_to_expansion_tokens', { fallback: false }),
    token: null,
  };
}
