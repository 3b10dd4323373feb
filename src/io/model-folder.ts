import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileError, ModelError } from '../errors.js';
import { ConfigReader } from './config-reader.js';
import { parseStrictJson } from './json.js';
import { SafetensorsFile, type TensorSource } from './safetensors.js';
import { ShardedSafetensors } from './sharded-safetensors.js';

const WEIGHTS = 'model.safetensors';
const WEIGHTS_INDEX = `${WEIGHTS}.index.json`;

/** Weights in formats that run code when read, or that only Python reads. */
const OTHER_WEIGHTS = ['pytorch_model.bin', 'tf_model.h5', 'flax_model.msgpack'];

/** A model as Hugging Face lays it out in a folder: JSON files, weights, and further folders. */
export class ModelFolder {
  private constructor(readonly path: string) {}

  /** @throws FileError when there is no such folder. */
  static open(folder: string): ModelFolder {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
      throw new FileError(
        `there is no model folder ${folder}; give the path of a folder with config.json and ${WEIGHTS}, as Hugging Face lays it out, or the name of a model on the Hub, such as BAAI/bge-small-en-v1.5`,
      );
    }
    return new ModelFolder(path.resolve(folder));
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
    const other = OTHER_WEIGHTS.find((name) => this.has(path.join(folder, name)));
    throw new ModelError(
      `${path.join(this.path, folder)} has neither ${WEIGHTS} nor ${WEIGHTS_INDEX}` +
        (other === undefined
          ? '; download the whole model'
          : `; it has ${other}, which gemmule does not read: convert it to safetensors, or take a revision that has them`),
    );
  }
}
