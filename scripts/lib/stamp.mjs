import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { root } from './process.mjs';

/** @param {string} file @returns {string[]} */
function filesUnder(file) {
  if (!existsSync(file)) return [];
  if (!statSync(file).isDirectory()) return [file];
  return readdirSync(file)
    .sort()
    .flatMap((name) => filesUnder(path.join(file, name)));
}

/**
 * One hash over the names and contents of files and folders, relative to the root of the checkout, and over the Node
 * version and platform: contents, because a clone sets every modification time to now.
 *
 * @param {string[]} sources
 */
export function hashSources(sources) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.versions.modules}\n`);
  for (const file of sources.flatMap((source) => filesUnder(path.join(root, source)))) {
    hash.update(`${path.relative(root, file)}\n`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/**
 * Does `work` unless it was done for the same sources before and its products are still there.
 *
 * @param {{ stamp: string, sources: string[], products: string[], work: () => void }} step
 * @returns {boolean} whether work was done
 */
export function whenChanged({ stamp, sources, products, work }) {
  const stampFile = path.join(root, stamp);
  const hash = hashSources(sources);
  const current = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash;
  if (current && products.every((product) => existsSync(path.join(root, product)))) return false;
  work();
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, hash);
  return true;
}
