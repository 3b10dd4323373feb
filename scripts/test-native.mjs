/* Builds the C++ tests beside the addon, whose objects they share, and runs them; arguments go to CTest. */
import process from 'node:process';
import { buildTree, buildWithNode, runNativeTests } from './lib/native-build.mjs';
import { isMain, runMain } from './lib/process.mjs';

function testNative() {
  buildWithNode('native_tests');
  if (!runNativeTests(buildTree, process.argv.slice(2))) process.exitCode = 1;
}

if (isMain(import.meta.url)) await runMain(testNative);
