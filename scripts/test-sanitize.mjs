/*
 * Runs all C++ tests under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer. With `address` or
 * `thread` as the first argument only that; further arguments go to CTest.
 */
import path from 'node:path';
import process from 'node:process';
import { buildSanitized, runNativeTests } from './lib/native-build.mjs';
import { isMain, root, runMain } from './lib/process.mjs';
import { heading } from './lib/terminal.mjs';

const SANITIZERS = /** @type {const} */ (['address', 'thread']);

function testSanitized() {
  const [first, ...rest] = process.argv.slice(2);
  const chosen = SANITIZERS.filter((sanitizer) => sanitizer === first);
  const args = chosen.length > 0 ? rest : process.argv.slice(2);
  for (const sanitizer of chosen.length > 0 ? chosen : SANITIZERS) {
    heading(`C++ tests under the ${sanitizer} sanitizer`);
    const tree = path.join(root, 'build', `sanitize-${sanitizer}`);
    buildSanitized(tree, sanitizer);
    if (!runNativeTests(tree, args)) process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await runMain(testSanitized);
