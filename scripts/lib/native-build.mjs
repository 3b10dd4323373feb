import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { attempt, root, run, SetupError } from './process.mjs';

/** The addon, where the loader looks for a local build. */
export const addonFile = path.join(root, 'build/Release/gemmule.node');

/** The build tree of the addon, which the C++ tests share. */
export const buildTree = path.join(root, 'build/cmake');

const environment = {
  CMAKE_BUILD_PARALLEL_LEVEL: process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism()),
};

/** Whether a build tree was configured to the end: the cache alone also stays behind when that failed. @param {string} tree */
function isConfigured(tree) {
  return ['build.ninja', 'Makefile'].some((file) => existsSync(path.join(tree, file)));
}

/**
 * Builds a target of CMakeLists.txt with the headers of Node-API, by cmake-js.
 *
 * @param {'gemmule' | 'native_tests' | 'limits_bench' | 'kernels_bench'} target
 */
export function buildWithNode(target) {
  const options = ['--out', buildTree, '--config', 'Release', '--log-level', 'error'];
  const cmake = (/** @type {string[]} */ ...args) =>
    attempt('node', ['node_modules/cmake-js/bin/cmake-js', ...args, ...options], { env: environment });
  const output = `--CDCMAKE_LIBRARY_OUTPUT_DIRECTORY=${path.dirname(addonFile)}`;
  if (!isConfigured(buildTree) && !cmake('configure', output)) {
    throw new SetupError('CMake could not configure the native build; the reason is in the output above');
  }
  if (!cmake('build', '--target', target)) {
    throw new SetupError('the native build failed; the reason is in the output above');
  }
}

/**
 * Builds the C++ tests in a tree of their own under a sanitizer, without Node.
 *
 * @param {string} tree @param {'address' | 'thread'} sanitizer
 */
export function buildSanitized(tree, sanitizer) {
  if (!isConfigured(tree)) {
    const settings = [`-DGEMMULE_SANITIZE=${sanitizer}`, '-DCMAKE_BUILD_TYPE=Release'];
    run('configuring the sanitized build', 'cmake', ['-S', root, '-B', tree, ...settings]);
  }
  run('the sanitized build', 'cmake', ['--build', tree, '--target', 'native_tests'], { env: environment });
}

/**
 * Runs the C++ tests of a build tree.
 *
 * @param {string} tree @param {string[]} args more arguments for CTest @returns {boolean} whether all passed
 */
export function runNativeTests(tree, args) {
  return attempt('ctest', ['--test-dir', tree, '--output-on-failure', '--no-tests=error', ...args]);
}
