import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { View } from '../backend/view.js';
import { ArgumentError, FileError, FormatError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { describeJson, isJsonObject, parseStrictJson } from './json.js';
import { type SafetensorsEntry, SafetensorsFile, type TensorSource } from './safetensors.js';

/**
 * Tensors in several safetensors files of one folder, with a `*.safetensors.index.json` that says which lies where, as
 * Hugging Face splits large models. All files are opened, and checked against the index, at once.
 */
export class ShardedSafetensors implements TensorSource {
  readonly path: string;
  readonly #shards: ReadonlyMap<string, SafetensorsFile>;

  private constructor(indexPath: string, shards: ReadonlyMap<string, SafetensorsFile>) {
    this.path = indexPath;
    this.#shards = shards;
  }

  /**
   * Opens the files that an index names.
   *
   * @param indexPath - the index; the files lie in its folder.
   * @throws FileError when a file is missing, FormatError when the index or a file is damaged, or they contradict each other.
   */
  static open(indexPath: string): ShardedSafetensors {
    const weightMap = readIndex(indexPath);
    const files = new Map<string, SafetensorsFile>();
    const shards = new Map<string, SafetensorsFile>();
    for (const [name, fileName] of weightMap) {
      const file = files.get(fileName) ?? SafetensorsFile.open(path.join(path.dirname(indexPath), fileName));
      files.set(fileName, file);
      if (!file.has(name)) {
        throw new FormatError(
          `${indexPath} says that tensor ${JSON.stringify(name)} lies in ${fileName}, but it does not; the files belong to different models, get them again`,
        );
      }
      shards.set(name, file);
    }
    return new ShardedSafetensors(indexPath, shards);
  }

  names(): string[] {
    return [...this.#shards.keys()];
  }

  has(name: string): boolean {
    return this.#shards.has(name);
  }

  entry(name: string): SafetensorsEntry {
    return this.#shard(name).entry(name);
  }

  view(name: string): View {
    return this.#shard(name).view(name);
  }

  tensor(name: string): Tensor {
    return this.#shard(name).tensor(name);
  }

  #shard(name: string): SafetensorsFile {
    const shard = this.#shards.get(name);
    if (shard === undefined) {
      throw new ArgumentError(`${this.path} has no tensor ${JSON.stringify(name)}; names() lists what it has`);
    }
    return shard;
  }
}

function readIndex(indexPath: string): Map<string, string> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(indexPath);
  } catch (cause) {
    throw new FileError(`cannot read ${indexPath}: ${(cause as Error).message}`, { cause });
  }
  const index = parseStrictJson(bytes, indexPath);
  const weightMap = isJsonObject(index) ? index.weight_map : undefined;
  if (!isJsonObject(weightMap)) {
    throw new FormatError(`${indexPath}: weight_map must be an object, got ${describeJson(weightMap)}`);
  }
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap)) {
    // A path would let a downloaded index reach files outside its folder.
    if (
      typeof file !== 'string' ||
      file !== path.basename(file) ||
      !file.endsWith('.safetensors') ||
      file.includes('\\')
    ) {
      throw new FormatError(
        `${indexPath}: the file of tensor ${JSON.stringify(name)} must be the plain name of a .safetensors file, got ${describeJson(file)}`,
      );
    }
    files.set(name, file);
  }
  return files;
}
