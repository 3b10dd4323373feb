/*
 * Writes the package of the default model, models/all-minilm-l6-v2, from the folder with the float32 weights that its
 * authors publish (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2):
 *
 *   npm run build && node scripts/make-default-model.mjs FOLDER
 *
 * Weights are rounded to float16, to nearest and ties to even; input scales for int8 lie beside them. The same folder always gives the same bytes.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { quantizeModel, SafetensorsFile, writeSafetensors } from 'gemmule';
import { isMain, root, runMain, SetupError } from './lib/process.mjs';

const target = path.join(root, 'models/all-minilm-l6-v2');

/** Everything that is needed to load the model, here and with sentence-transformers. */
const FILES = [
  '1_Pooling/config.json',
  'config.json',
  'config_sentence_transformers.json',
  'modules.json',
  'sentence_bert_config.json',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

const SCALES = 'input_scales.safetensors';

async function makeDefaultModel() {
  const [source] = process.argv.slice(2);
  if (source === undefined) throw new SetupError('usage: node scripts/make-default-model.mjs FOLDER');
  const weights = SafetensorsFile.open(path.join(source, 'model.safetensors'));
  // Position ids, the only integers, are 0, 1, 2, ...: nobody reads them.
  const names = weights.names().filter((name) => weights.entry(name).dtype === 'float32');
  const rounded = Object.fromEntries(names.map((name) => [name, weights.tensor(name).to('float16')]));
  mkdirSync(path.join(target, '1_Pooling'), { recursive: true });
  for (const file of FILES) copyFileSync(path.join(source, file), path.join(target, file));
  await writeSafetensors(path.join(target, 'model.safetensors'), rounded, { format: 'pt' });
  await writeInputScales(source);
  process.stdout.write(`wrote ${names.length} tensors and ${FILES.length} other files to ${target}\n`);
}

/** The scales that int8 wants, so that nobody has to find them while loading. @param {string} source */
async function writeInputScales(source) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-model-'));
  try {
    await quantizeModel(source, path.join(folder, 'half'), { dtype: 'float16' });
    copyFileSync(path.join(folder, 'half', SCALES), path.join(target, SCALES));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (isMain(import.meta.url)) await runMain(makeDefaultModel);
