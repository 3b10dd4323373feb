import path from 'node:path';
import { FormatError, ModelError } from '../errors.js';
import { ConfigReader } from '../io/config-reader.js';
import { describeJson, isJsonObject } from '../io/json.js';
import { requireRepositoryPath } from './names.js';

/** A repository's files, on the Hub or in the cache. */
export interface RepositoryFiles {
  /** The repository's name, for messages. */
  readonly name: string;
  /** Whether there is such a file. */
  has(file: string): boolean;
  /** A JSON file, parsed. */
  json(file: string): Promise<unknown>;
  /** All of them, where that is known: to tell what there is in place of what is missing. */
  readonly all: Iterable<string>;
}

/** What of a repository gemmule reads. */
export interface Selection {
  /** Settings and tokenizer first, weights last. */
  readonly files: readonly string[];
  /** Files that might have been there, and make a difference. */
  readonly absent: readonly string[];
}

const WEIGHTS = 'model.safetensors';
const WEIGHTS_INDEX = `${WEIGHTS}.index.json`;
const MODULES = 'modules.json';

/** Of a transformer, or of what stands in its place. */
const TRANSFORMER_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];

/** Settings of sentence-transformers for the transformer: the first that is there. */
const SENTENCE_FILES = [
  'sentence_bert_config.json',
  'sentence_roberta_config.json',
  'sentence_distilbert_config.json',
  'sentence_xlm-roberta_config.json',
];

/**
 * The files of a repository that a model needs, and no others: not its weights in other formats, pictures, or training state.
 *
 * @throws ModelError where there are no weights that gemmule reads, FormatError where modules or shards are not as they should be.
 */
export async function selectFiles(repository: RepositoryFiles): Promise<Selection> {
  const files = new Set<string>();
  const absent = new Set<string>();
  const weights = new Set<string>();
  const want = (file: string): boolean => {
    const found = repository.has(file);
    (found ? files : absent).add(file);
    return found;
  };
  const wantWeights = async (folder: string): Promise<void> => {
    if (repository.has(inside(folder, WEIGHTS))) {
      weights.add(inside(folder, WEIGHTS));
    } else if (want(inside(folder, WEIGHTS_INDEX))) {
      for (const shard of await readShards(repository, inside(folder, WEIGHTS_INDEX)))
        weights.add(inside(folder, shard));
    }
  };
  const wantTransformer = async (folder: string): Promise<void> => {
    for (const name of TRANSFORMER_FILES) want(inside(folder, name));
    SENTENCE_FILES.some((name) => want(inside(folder, name)));
    await wantWeights(folder);
  };

  const hasModules = want(MODULES);
  const modules = hasModules ? await readModules(repository) : [{ kind: 'Transformer', folder: '' }];
  want('config_sentence_transformers.json');
  // Settings of Stanford's ColBERT, which knows no modules: beside them, caches that others filled have no answer.
  if (!hasModules || [...repository.all].includes('artifact.metadata')) want('artifact.metadata');
  for (const { kind, folder } of modules) {
    if (kind === 'Normalize') continue;
    if (kind.endsWith('Transformer')) await wantTransformer(folder);
    else {
      for (const name of TRANSFORMER_FILES.slice(0, kind.endsWith('Pooling') || kind === 'Dense' ? 1 : undefined)) {
        want(inside(folder, name));
      }
      if (!kind.endsWith('Pooling')) await wantWeights(folder);
    }
  }
  if (weights.size === 0) throw withoutWeights(repository);
  return { files: [...files, ...weights], absent: [...absent] };
}

function inside(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

async function readModules(repository: RepositoryFiles): Promise<{ kind: string; folder: string }[]> {
  const where = `${repository.name}/${MODULES}`;
  const list = await repository.json(MODULES);
  if (!Array.isArray(list)) throw new FormatError(`${where} must hold an array of modules, got ${describeJson(list)}`);
  return list.map((value, index) => {
    const module = new ConfigReader(`${where}: module ${index}`, value);
    const folder = module.text('path', { fallback: '' });
    if (folder !== '') requireRepositoryPath(folder, where);
    return { kind: module.text('type').split('.').at(-1) as string, folder };
  });
}

async function readShards(repository: RepositoryFiles, index: string): Promise<Set<string>> {
  const where = `${repository.name}/${index}`;
  const value = await repository.json(index);
  const map = isJsonObject(value) ? value.weight_map : undefined;
  if (!isJsonObject(map)) throw new FormatError(`${where}: weight_map must be an object, got ${describeJson(map)}`);
  const folder = index.slice(0, index.length - WEIGHTS_INDEX.length);
  const shards = new Set<string>();
  for (const shard of new Set(Object.values(map))) {
    requireRepositoryPath(shard, where);
    if (!shard.endsWith('.safetensors') || shard !== path.posix.basename(shard)) {
      throw new FormatError(`${where} must name .safetensors files beside it, got ${describeJson(shard)}`);
    }
    if (!repository.has(folder + shard)) {
      throw new ModelError(`${where} names ${shard}, which the repository does not have; it is incomplete`);
    }
    shards.add(shard);
  }
  return shards;
}

function withoutWeights(repository: RepositoryFiles): ModelError {
  const all = [...repository.all];
  const other = ['.bin', '.onnx', '.gguf', '.h5', '.msgpack', '.safetensors'].flatMap((ending) => {
    const file = all.find((name) => name.endsWith(ending));
    return file === undefined ? [] : [file];
  });
  return new ModelError(
    `${repository.name} has neither ${WEIGHTS} nor ${WEIGHTS_INDEX}${
      other.length === 0
        ? ': it is no model that gemmule loads'
        : `, only ${other.join(', ')}; take the repository that this was made from, or a revision with safetensors (revision: 'refs/pr/N')`
    }`,
  );
}
