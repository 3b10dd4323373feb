import { createRequire } from 'node:module';
import path from 'node:path';
import { ModelError } from '../errors.js';

/** The package that holds frequent words of GloVe. */
const PACKAGE = '@gemmule/glove-6b-50d';

/** What the bundled vectors are called. */
export const BUNDLED_WORDS_NAME = 'GloVe 6B 50d';

/**
 * The file of the word vectors that are installed with gemmule as a package of their own.
 *
 * @throws ModelError when the package is not there.
 */
export function bundledWordsFile(): string {
  try {
    return path.join(
      path.dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)),
      'words.safetensors',
    );
  } catch (cause) {
    throw new ModelError(
      `the bundled word vectors are not installed: there is no package ${PACKAGE} beside gemmule; run \`npm install ${PACKAGE}\`, or give WordVectors.load a file. In a bundle, keep both packages external`,
      { cause },
    );
  }
}
