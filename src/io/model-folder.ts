import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileError, ModelError } from '../errors.js';
import { ConfigReader } from './config-reader.js';
import { parseStrictJson } from './json.js';
import { SafetensorsFile, type TensorSource } from './safetensors.js';
import { ShardedSafetensors } from './sharded-safetensors.js';

const WEIGHTS = 'model.safetensors';
const WEIGHTS_INDEX = `${WEIGHTS}.index.json`;

/** Weights in formats that run code when read, that only Python reads, or that are programs. */
const OTHER_WEIGHTS = /\.(bin|h5|msgpack|onnx|gguf|pt|ckpt)$/;

/** Where repositories keep exported models. */
const EXPORT_FOLDERS = ['', 'onnx', 'gguf'];

/** What can be done with GGUF. */
const CONVERT_GGUF =
  'where it is of the family bert or nomic-bert, make a folder of it: gemmule convert MODEL.gguf FOLDER';

/** The name of a model on the Hub: an organisation and a name. */
const MODEL_NAME = /^[\w.-]+\/[\w.-]+$/;

/** A model as Hugging Face lays it out in a folder: JSON files, weights, and further folders. */
export class ModelFolder {
  private constructor(readonly path: string) {}

  /** @throws FileError when there is no such folder. */
  static open(folder: string): ModelFolder {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats?.isFile() && folder.endsWith('.gguf')) {
      throw new ModelError(`${folder} is a file of llama.cpp's; ${CONVERT_GGUF}`);
    }
    if (!stats?.isDirectory()) {
      throw new FileError(
        `there is no model folder ${folder}; give the path of a folder with config.json and ${WEIGHTS}, as Hugging Face lays it out, or the name of a model on the Hub, such as BAAI/bge-small-en-v1.5`,
      );
    }
    const opened = new ModelFolder(path.resolve(folder));
    const [gguf] = opened.has('config.json') ? [] : opened.#otherWeights('').filter((name) => name.endsWith('.gguf'));
    if (gguf !== undefined) {
      throw new ModelError(`${opened.path} has only ${gguf}, ${opened.#whatToFetch()}; or, ${CONVERT_GGUF}`);
    }
    return opened;
  }

  /** The path of a file in the folder. */
  file(name: string): string {
    return path.join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  /** A JSON file as it is. @throws FileError, FormatError */
  json(name: string): unknown {
    const file = this.file(name);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(file);
    } catch (cause) {
      throw new FileError(`cannot read ${file}: ${(cause as Error).message}; is this a complete model folder?`, {
        cause,
      });
    }
    return parseStrictJson(bytes, file);
  }

  /** A JSON file that holds an object. @throws FileError, FormatError */
  config(name: string): ConfigReader {
    return new ConfigReader(this.file(name), this.json(name));
  }

  /** Such a file, or null when there is none. */
  optionalConfig(name: string): ConfigReader | null {
    return this.has(name) ? this.config(name) : null;
  }

  /**
   * The weights: `model.safetensors`, or the files named in `model.safetensors.index.json`.
   *
   * @param folder - a folder inside, `''` for this one.
   * @throws ModelError when there are none, FormatError when they are damaged.
   */
  weights(folder = ''): TensorSource {
    const single = path.join(folder, WEIGHTS);
    if (this.has(single)) return SafetensorsFile.open(this.file(single));
    const index = path.join(folder, WEIGHTS_INDEX);
    if (this.has(index)) return ShardedSafetensors.open(this.file(index));
    const [other] = this.#otherWeights(folder);
    throw new ModelError(
      `${path.join(this.path, folder)} has neither ${WEIGHTS} nor ${WEIGHTS_INDEX}` +
        (other === undefined ? '; download the whole model' : `; it has ${other}, ${this.#whatToFetch()}`),
    );
  }

  /** Weights that gemmule does not read, in a folder inside. */
  #otherWeights(folder: string): string[] {
    return EXPORT_FOLDERS.flatMap((inside) => {
      const where = this.file(path.join(folder, inside));
      const names = existsSync(where) ? readdirSync(where) : [];
      return names.filter((name) => OTHER_WEIGHTS.test(name)).map((name) => path.posix.join(folder, inside, name));
    });
  }

  /** What to do about weights in another format: where their model comes from is often written beside them. */
  #whatToFetch(): string {
    const original = this.#originalName();
    return `which gemmule does not read: ${
      original === null
        ? 'take the model that it was made from, or a revision of it that has safetensors, or convert it with transformers (model.save_pretrained)'
        : `it was made from ${original}; load that, if it has ${WEIGHTS}, or convert it with transformers (model.save_pretrained)`
    }`;
  }

  /** The model that this one was exported from, as its card (`base_model`) or its config says; null where neither does. */
  #originalName(): string | null {
    const card = this.has('README.md') ? readFileSync(this.file('README.md'), 'utf8') : '';
    // What stands between the first two lines of dashes describes the model.
    const [, description = ''] = card.startsWith('---\n') ? card.split('\n---\n', 1)[0].split('---\n') : [];
    const [, fromCard] = /^base_model:[ \t]*(?:\n[ \t]*-[ \t]*)?["']?([^\s"']+)/m.exec(description) ?? [];
    if (fromCard !== undefined && MODEL_NAME.test(fromCard)) return fromCard;
    try {
      const fromConfig = this.optionalConfig('config.json')?.text('_name_or_path', { fallback: '' }) ?? '';
      return MODEL_NAME.test(fromConfig) ? fromConfig : null;
    } catch {
      // A config that cannot be read is not what the caller has to hear about here.
      return null;
    }
  }
}
