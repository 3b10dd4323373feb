/*
 * Brings a fresh clone to where demo, tests and benchmarks can run: system packages, npm packages, the native engine and
 * the TypeScript build. Plain Node without dependencies, because it runs before `npm ci`. Each step is skipped when
 * nothing that it reads has changed, so a second run takes a moment.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { isMain, root, run, runMain, SetupError } from './lib/process.mjs';
import { whenChanged } from './lib/stamp.mjs';
import { ensureSystemPackages } from './lib/system-packages.mjs';
import { formatDuration, heading } from './lib/terminal.mjs';

const OLDEST_NODE = [20, 19];

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(
    `Node ${OLDEST_NODE.join('.')} or newer is needed to build gemmule; this is ${process.version} (${process.execPath})`,
  );
}

/** Whether npm installed exactly what the lock file says: npm writes its own copy of the lock last. */
function npmPackagesAreCurrent() {
  const installed = path.join(root, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(path.join(root, 'package-lock.json')).mtimeMs;
}

function installNpmPackages() {
  if (npmPackagesAreCurrent()) return;
  heading('Installing npm packages');
  // No dependency needs its install script, and NODE_ENV=production must not drop the tools of the build.
  run('npm ci', 'npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']);
}

function buildNative() {
  whenChanged({
    stamp: 'build/.native-stamp',
    sources: ['CMakeLists.txt', 'binding.gyp', 'native'],
    products: ['build/Release/gemmule.node'],
    work: () => {
      heading('Building the native engine');
      run('the native build', 'npm', ['run', '--silent', 'build:native']);
    },
  });
}

function buildTypeScript() {
  whenChanged({
    stamp: 'dist/.stamp',
    sources: ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'],
    products: ['dist/index.cjs', 'dist/index.js', 'dist/index.d.ts'],
    work: () => {
      heading('Building the TypeScript package');
      run('the TypeScript build', 'npm', ['run', '--silent', 'build']);
    },
  });
}

/**
 * Everything above, in order.
 *
 * @param {{ tests?: boolean }} [options] - `tests`: also what only the tests need.
 */
export function setup({ tests = false } = {}) {
  const start = performance.now();
  checkNode();
  ensureSystemPackages({ tests });
  installNpmPackages();
  buildNative();
  buildTypeScript();
  heading(`Set up in ${formatDuration(performance.now() - start)}`);
}

if (isMain(import.meta.url)) await runMain(() => setup({ tests: true }));
