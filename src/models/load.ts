import { type Backend, defaultBackend } from '../backend/index.js';
import { PACK_FORMATS, type PackFormat } from '../backend/view.js';
import { ArgumentError, ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import { ModelFolder } from '../io/model-folder.js';
import type { TensorSource } from '../io/safetensors.js';
import { readBert, readRoberta } from './bert.js';
import { readDistilBert } from './distilbert.js';
import { EncoderModel, type EncoderModelParameters } from './encoder-model.js';
import { readModernBert } from './modernbert.js';
import { readMpnet } from './mpnet.js';
import { readNomicBert } from './nomic-bert.js';
import { isQuantized, smoothed } from './smoothing.js';

/** The families by the `model_type` of their configs. */
const FAMILIES: ReadonlyMap<string, (config: ConfigReader, source: TensorSource) => EncoderModelParameters> = new Map([
  ['bert', readBert],
  ['distilbert', readDistilBert],
  ['modernbert', readModernBert],
  ['mpnet', readMpnet],
  ['nomic_bert', readNomicBert],
  ['roberta', readRoberta],
  ['xlm-roberta', readRoberta],
]);

/** The numbers of a model as its folder has them, and where they come from; throws what {@link loadModel} throws. */
export function readModel(folder: ModelFolder): { parameters: EncoderModelParameters; source: TensorSource } {
  const config = folder.config('config.json');
  const modelType = config.text('model_type');
  const family = FAMILIES.get(modelType);
  if (family === undefined) {
    throw new ModelError(
      `${config.path}: gemmule does not run models of type "${modelType}"; it runs ${[...FAMILIES.keys()].join(', ')}`,
    );
  }
  const source = folder.weights();
  return { parameters: family(config, source), source };
}

/** Settings of {@link loadModel}. */
export interface LoadModelOptions {
  /** What the model will run on; the default backend by default. */
  readonly backend?: Backend | undefined;
  /**
   * The form that the weights of linear layers are kept and multiplied in: `float32` (exact for every file), `bfloat16` or
   * `bfloat16Products` (half of the memory), or `int8` (a quarter). By default `int8` for a model that was saved so, else
   * `float32`.
   */
  readonly weightFormat?: PackFormat | undefined;
}

/**
 * Loads an encoder of the BERT family (bert, distilbert, modernbert, mpnet, nomic_bert, roberta, xlm-roberta) from a folder
 * as Hugging Face lays it out: `config.json`, and `model.safetensors` or several files with an index. Weights come through a memory
 * map: linear layers are packed from it, embedding tables stay in it.
 *
 * @param folder - the folder's path, or the folder opened.
 * @throws FileError when files are missing, FormatError when they are damaged, ModelError when the model is of a kind that
 *   gemmule does not run, or its files do not belong together.
 */
export async function loadModel(folder: string | ModelFolder, options: LoadModelOptions = {}): Promise<EncoderModel> {
  const { backend = defaultBackend() } = options;
  if (options.weightFormat !== undefined && !PACK_FORMATS.includes(options.weightFormat)) {
    throw new ArgumentError(
      `loadModel: the form of the weights (weightFormat; dtype of an embedder) must be one of ${PACK_FORMATS.join(', ')}, got ${String(options.weightFormat)}`,
    );
  }
  const opened = typeof folder === 'string' ? ModelFolder.open(folder) : folder;
  const { parameters } = readModel(opened);
  const { weightFormat = isQuantized(parameters) ? 'int8' : 'float32' } = options;
  if (weightFormat !== 'int8' && isQuantized(parameters)) {
    throw new ModelError(
      `${opened.path} was saved in int8, and cannot be loaded in ${weightFormat}; load the model that it was made from`,
    );
  }
  const prepared = weightFormat === 'int8' ? await smoothed(parameters, opened, backend) : parameters;
  return new EncoderModel(prepared, { backend, weightFormat });
}
