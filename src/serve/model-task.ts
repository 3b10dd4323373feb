import { isDefaultModelName } from '../embeddings/default-model.js';
import { openModelFolder } from '../hub/open.js';
import { ConfigReader } from '../io/config-reader.js';
import type { ModelFolder } from '../io/model-folder.js';
import type { ModelSpec, ModelTask } from './options.js';

/**
 * What a model is for, by what its files say: sentence-transformers' list of modules, or else the architecture that it was
 * saved as. Everything that is not known for something else is taken for an embedder.
 *
 * @throws what opening the folder throws, FormatError when a file is damaged.
 */
export async function taskOf(source: string, options: Omit<ModelSpec, 'source' | 'name' | 'task'>): Promise<ModelTask> {
  if (isDefaultModelName(source) && options.revision === undefined) return 'embedding';
  const folder = await openModelFolder('serve', source, options);
  const modules = moduleKinds(folder);
  if (modules.includes('StaticEmbedding')) return 'static';
  if (modules.includes('SpladePooling')) return 'sparse';
  const config = folder.optionalConfig('config.json');
  const architectures = config?.has('architectures') ? config.words('architectures') : [];
  if (architectures.includes('HF_ColBERT')) return 'multi-vector';
  // Vectors of tokens are projected, and not pooled.
  if (modules.includes('Dense') && !modules.includes('Pooling')) return 'multi-vector';
  // A cross-encoder's only module is its transformer; an embedder's is followed by pooling.
  if (modules.length > 1) return 'embedding';
  if (config?.has('model_type') && config.text('model_type') === 'model2vec') return 'static';
  if (architectures.some((name) => name.endsWith('ForTokenClassification'))) return 'token-classifier';
  if (!architectures.some((name) => name.endsWith('ForSequenceClassification'))) return 'embedding';
  return labelsOf(config) === 1 ? 'reranker' : 'classifier';
}

/** The last parts of the modules' types; none where there is no list of them. */
function moduleKinds(folder: ModelFolder): string[] {
  if (!folder.has('modules.json')) return [];
  const list = folder.json('modules.json');
  if (!Array.isArray(list)) return [];
  return list.map((value, index) => {
    const module = new ConfigReader(`${folder.file('modules.json')}: module ${index}`, value);
    return module.text('type').split('.').at(-1) as string;
  });
}

/** As Hugging Face counts: the names of labels, or their number, or two. */
function labelsOf(config: ConfigReader | null): number {
  if (config?.has('id2label')) return config.texts('id2label').size;
  return config?.integer('num_labels', { fallback: 2 }) ?? 2;
}
