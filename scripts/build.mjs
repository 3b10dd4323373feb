/*
 * Builds dist/: CommonJS chunks that hold the code, one ES module wrapper an entry, and declarations for both.
 *
 * The wrappers re-export the CommonJS code instead of repeating it, so that a process that imports gemmule here and
 * requires it there has one engine, one default backend and one Tensor class.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { isMain, root, run, runMain } from './lib/process.mjs';

/** Entries by their names in dist/; those that package.json's `exports` do not name are loaded by path. */
const ENTRIES = {
  index: 'src/index.ts',
  linalg: 'src/linalg/index.ts',
  geometry: 'src/geometry/index.ts',
  search: 'src/search/index.ts',
  serve: 'src/serve/index.ts',
  words: 'src/words/index.ts',
  cli: 'src/cli/main.ts',
  hub: 'src/hub/index.ts',
  pictures: 'src/pictures/index.ts',
};

const dist = path.join(root, 'dist');

/** Files that are imported with `?raw` are strings: scripts and style sheets of pages that gemmule writes. */
const rawText = {
  name: 'raw-text',
  /** @param {string} id @param {string | undefined} importer */
  resolveId: (id, importer = '') => (id.endsWith('?raw') ? path.resolve(path.dirname(importer), id) : null),
  /** @param {string} id */
  load: (id) =>
    id.endsWith('?raw') ? `export default ${JSON.stringify(readFileSync(id.slice(0, -'?raw'.length), 'utf8'))}` : null,
};

async function bundle() {
  const build = await rolldown({
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, path.join(root, file)])),
    platform: 'node',
    plugins: [rawText],
    // The transpiler's helpers are part of the bundle.
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id) && !id.startsWith('@oxc-project/runtime/'),
    transform: { target: 'node20' },
  });
  const { output } = await build.write({
    dir: dist,
    format: 'cjs',
    exports: 'named',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'chunks/[name]-[hash].cjs',
    banner: ({ name, isEntry }) => (isEntry && name === 'cli' ? '#!/usr/bin/env node' : ''),
    sourcemap: true,
  });
  await build.close();
  return output;
}

/** @param {{ fileName: string, exports: string[] }} entry */
function writeModuleWrapper({ fileName, exports }) {
  const names = exports.filter((name) => name !== 'default').sort();
  const lines = [`import entry from './${fileName}';`, ...names.map((name) => `export const ${name} = entry.${name};`)];
  writeFileSync(path.join(dist, fileName.replace(/\.cjs$/, '.js')), `${lines.join('\n')}\n`);
}

/** Declarations read as ES modules in types/ and, by a package.json of its own, as CommonJS in types-cjs/. */
function writeDeclarations() {
  const types = path.join(dist, 'types');
  run('writing the declarations', 'node', [
    'node_modules/typescript/bin/tsc',
    ...['--noEmit', 'false', '--emitDeclarationOnly', '--declaration', '--stripInternal', '--noCheck'],
    ...['-p', 'tsconfig.build.json', '--outDir', types],
  ]);
  const commonjs = path.join(dist, 'types-cjs');
  cpSync(types, commonjs, { recursive: true });
  writeFileSync(path.join(commonjs, 'package.json'), '{ "type": "commonjs" }\n');
}

async function buildPackage() {
  rmSync(dist, { recursive: true, force: true });
  for (const chunk of await bundle()) {
    if (chunk.type === 'chunk' && chunk.isEntry && chunk.exports.length > 0) writeModuleWrapper(chunk);
  }
  writeDeclarations();
}

if (isMain(import.meta.url)) await runMain(buildPackage);
