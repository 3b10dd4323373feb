/*
 * `npm run bench` runs every benchmark below in turn, each in a process of its own; `npm run bench -- gemm svd` runs
 * those. Benchmarks are TypeScript against the built package, compiled here into build/bench/.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { buildWithNode } from './lib/native-build.mjs';
import { attempt, isMain, root, runMain, SetupError } from './lib/process.mjs';
import { heading } from './lib/terminal.mjs';
import { setup } from './setup.mjs';

/** In the order they are run in when none is named. */
const DEFAULT_BENCHMARKS = ['gemm', 'softmax', 'svd', 'embedding', 'event-loop', 'memory'];

/**
 * The executables of native/bench that some benchmarks run.
 *
 * @type {Record<string, ('limits_bench' | 'kernels_bench')[]>}
 */
const EXECUTABLES = {
  limits: ['limits_bench'],
  'embedding-limits': ['limits_bench'],
  kernels: ['limits_bench', 'kernels_bench'],
};

function available() {
  return readdirSync(path.join(root, 'bench'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

/** @param {string} name @returns the compiled file */
async function compile(name) {
  const { rolldown } = await import('rolldown');
  const file = path.join(root, 'build/bench', `${name}.mjs`);
  const build = await rolldown({
    input: path.join(root, 'bench', `${name}.ts`),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id),
    transform: { target: 'node20' },
  });
  await build.write({ file, format: 'esm', sourcemap: true });
  await build.close();
  return file;
}

async function bench() {
  // Every OpenBLAS, ours and the peers', chooses its kernels for this processor itself.
  for (const name of Object.keys(process.env)) if (name.startsWith('OPENBLAS_')) delete process.env[name];
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !existsSync(path.join(root, 'bench', `${name}.ts`)));
  if (unknown.length > 0) {
    throw new SetupError(`no benchmark "${unknown.join('", "')}"; there are ${available().join(', ')}`);
  }
  setup();
  for (const name of names.length > 0 ? names : DEFAULT_BENCHMARKS) {
    for (const executable of EXECUTABLES[name] ?? []) buildWithNode(executable);
    heading(`bench/${name}.ts`);
    const file = await compile(name);
    if (!attempt(process.execPath, ['--expose-gc', '--enable-source-maps', file])) process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await runMain(bench);
