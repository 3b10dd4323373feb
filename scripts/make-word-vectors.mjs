/*
 * Writes the package of the default word vectors, models/glove-6b-50d, from the text that GloVe's authors publish
 * (glove.6B.50d.txt of https://nlp.stanford.edu/data/glove.6B.zip, or its first lines, also packed by gzip):
 *
 *   npm run build && node scripts/make-word-vectors.mjs FILE
 *
 * Numbers are rounded to float16, to nearest and ties to even. The same file always gives the same bytes.
 */
import path from 'node:path';
import process from 'node:process';
import { WordVectors } from 'gemmule/words';
import { isMain, root, runMain, SetupError } from './lib/process.mjs';

const target = path.join(root, 'models/glove-6b-50d/words.safetensors');

/** The most frequent words, which stand first in the file. */
const WORDS = 8000;

async function makeWordVectors() {
  const [source] = process.argv.slice(2);
  if (source === undefined) throw new SetupError('usage: node scripts/make-word-vectors.mjs FILE');
  const words = await WordVectors.load(source, { format: 'glove', limit: WORDS });
  await words.save(target, { format: 'gemmule', dtype: 'float16' });
  process.stdout.write(`wrote ${words.size} words of ${words.dimension} numbers to ${target}\n`);
  words.dispose();
}

if (isMain(import.meta.url)) await runMain(makeWordVectors);
