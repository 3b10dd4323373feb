import { createRequire } from 'node:module';
import path from 'node:path';
import { ModelError } from '../errors.js';

/** The package that holds the default model. */
const PACKAGE = '@gemmule/all-minilm-l6-v2';

/** What the default model is called, and what Hugging Face calls it. */
export const DEFAULT_MODEL_NAME = 'all-MiniLM-L6-v2';
const NAMES = new Set([DEFAULT_MODEL_NAME, `sentence-transformers/${DEFAULT_MODEL_NAME}`].map((n) => n.toLowerCase()));

/** Whether a name is the default model's. */
export function isDefaultModelName(name: string): boolean {
  return NAMES.has(name.toLowerCase());
}

/**
 * The folder of the default model, which is installed with gemmule as a package of its own.
 *
 * @throws ModelError when the package is not there.
 */
export function defaultModelFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  } catch (cause) {
    throw new ModelError(
      `the default model is not installed: there is no package ${PACKAGE} beside gemmule; run \`npm install ${PACKAGE}\`, or give TextEmbedder.load a model folder. In a bundle, keep both packages external`,
      { cause },
    );
  }
}
