/*
 * Builds dist/: CommonJS chunks that hold the code, one ES module wrapper an entry, and declarations for both.
 *
 * The wrappers re-export the CommonJS code instead of repeating it, so that a process that imports gemmule here and
 * requires it there has one engine, one default backend and one Tensor class. Adapters are the exception: they extend
 * classes of frameworks that exist twice, and must extend the one that their user has, so they exist twice, too; all that
 * they use of gemmule they import from its entries.
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
  'adapters/ai-sdk': 'src/adapters/ai-sdk/index.ts',
  'adapters/chroma': 'src/adapters/chroma/index.ts',
  'adapters/langchain': 'src/adapters/langchain/index.ts',
  'adapters/llamaindex': 'src/adapters/llamaindex/index.ts',
  'adapters/transformers': 'src/adapters/transformers/index.ts',
  heads: 'src/heads/index.ts',
  cli: 'src/cli/main.ts',
  hub: 'src/hub/index.ts',
  pictures: 'src/pictures/index.ts',
  bulk: 'src/bulk/index.ts',
  bias: 'src/bias/index.ts',
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
    // The declarations have them; here they would be a third of what Node reads before the first vector.
    comments: { jsdoc: false },
    sourcemap: true,
  });
  await build.close();
  return output;
}

/** Where adapters find at run time what they import of the rest, by its file. */
const ADAPTER_IMPORTS = new Map([
  ['src/index.ts', '../index.js'],
  ['src/errors.ts', '../index.js'],
  ['src/heads/index.ts', '../heads.js'],
]);

/** An adapter as an ES module of its own. @param {string} name as in {@link ENTRIES} */
async function bundleAdapter(name) {
  const build = await rolldown({
    input: path.join(root, ENTRIES[/** @type {keyof typeof ENTRIES} */ (name)]),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id) && !id.startsWith('@oxc-project/runtime/'),
    plugins: [
      {
        name: 'gemmule-entries',
        resolveId(id, importer) {
          const from = importer === undefined ? '' : path.normalize(importer);
          if (!id.startsWith('.') || !from.startsWith(path.join(root, 'src'))) return null;
          const relative = path.relative(root, path.resolve(path.dirname(from), id)).replace(/\.js$/, '.ts');
          const file = relative.replaceAll(path.sep, '/');
          const entry = ADAPTER_IMPORTS.get(file);
          if (entry !== undefined) return { id: entry, external: true };
          if (file.startsWith('src/adapters/')) return null;
          throw new Error(
            `${importer} imports ${file}; an adapter may import ${[...ADAPTER_IMPORTS.keys()].join(', ')}`,
          );
        },
      },
    ],
    transform: { target: 'node20' },
  });
  await build.write({ file: path.join(dist, `${name}.js`), format: 'esm', sourcemap: true });
  await build.close();
}

/** @param {{ fileName: string, exports: string[] }} entry */
function writeModuleWrapper({ fileName, exports }) {
  const names = exports.filter((name) => name !== 'default').sort();
  const lines = [
    `import entry from './${path.basename(fileName)}';`,
    ...names.map((name) => `export const ${name} = entry.${name};`),
  ];
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
    if (chunk.type !== 'chunk' || !chunk.isEntry || chunk.exports.length === 0) continue;
    if (chunk.name.startsWith('adapters/')) await bundleAdapter(chunk.name);
    else writeModuleWrapper(chunk);
  }
  writeDeclarations();
}

if (isMain(import.meta.url)) await runMain(buildPackage);
