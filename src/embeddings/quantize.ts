import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Backend } from '../backend/index.js';
import { ArgumentError } from '../errors.js';
import type { DownloadOptions } from '../hub/index.js';
import { openModelFolder } from '../hub/open.js';
import { requireAbsent, writeNewFolder } from '../io/new-folder.js';
import { QUANTIZED_DTYPES, type QuantizedDType, writeQuantizedWeights } from '../models/quantize.js';
import { readSentenceConfig } from './sentence-config.js';

/** Settings of {@link quantizeModel}; those of the Hub are for a source that is given by a name there. */
export interface QuantizeOptions extends DownloadOptions {
  /** `int8` by default. */
  readonly dtype?: QuantizedDType | undefined;
  /** What the model runs on, which int8 needs to find out which of its channels are large; the default one by default. */
  readonly backend?: Backend | undefined;
}

/** Files beside the weights that belong to a model; other forms of its weights do not. */
const KEPT = /(\.json|\.txt|\.md|\.model|^LICENSE.*|^NOTICE.*)$/i;
const WEIGHT_INDEX = /\.index\.json$/;

/**
 * Writes a copy of a model with its weights in fewer bits: half of float32's size for `float16` and `bfloat16`, about a
 * quarter for `int8`. `TextEmbedder.load` reads it as it reads the original.
 *
 * @param source - a model folder that `TextEmbedder.load` reads, or the name of such a model on the Hugging Face Hub.
 * @param target - the folder to write; it must not exist yet. It appears once it is complete.
 * @throws ArgumentError when there is something under that name, FileError when it cannot be written, and what loading the
 *   model throws.
 */
export async function quantizeModel(source: string, target: string, options: QuantizeOptions = {}): Promise<void> {
  const { dtype = 'int8', backend } = options;
  if (!QUANTIZED_DTYPES.includes(dtype)) {
    throw new ArgumentError(`quantizeModel: dtype must be one of ${QUANTIZED_DTYPES.join(', ')}, got ${String(dtype)}`);
  }
  await requireAbsent('quantizeModel', target);
  const folder = await openModelFolder('quantizeModel', source, options);
  const { transformer, dense } = readSentenceConfig(folder);
  await writeNewFolder(target, async (partial) => {
    await copyFiles(folder.path, partial, new Set(dense.map((module) => module.folder.path)));
    const inside = path.join(partial, path.relative(folder.path, transformer.path));
    await writeQuantizedWeights(transformer, inside, dtype, backend);
  });
}

/** Copies what belongs to a model but the transformer's weights; folders of dense layers whole. */
async function copyFiles(from: string, to: string, whole: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (whole.has(source)) {
      await cp(source, copy, { recursive: true, dereference: true });
    } else if (entry.isDirectory()) {
      await mkdir(copy, { recursive: true });
      await copyFiles(source, copy, whole);
      // Folders of other forms of the weights, such as onnx/, are left empty by that.
      if ((await readdir(copy)).length === 0) await rm(copy, { recursive: true });
    } else if (KEPT.test(entry.name) && !WEIGHT_INDEX.test(entry.name)) {
      await cp(source, copy, { dereference: true });
    }
  }
}
