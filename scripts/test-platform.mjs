/*
 * Cross-builds the engine for a platform of lib/platforms.mjs, makes its prebuild, and runs its C++ tests where this machine
 * can: those for musl as they are, the others through qemu-user or Wine where they are installed. Arguments: the platform,
 * then CTest's. With `--built`, on that platform itself: only runs what was built elsewhere.
 */
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { runNativeTests } from './lib/native-build.mjs';
import { attempt, isMain, runMain, SetupError, which } from './lib/process.mjs';
import { buildForPlatform, platformNamed, platformTree } from './lib/zig-build.mjs';
import { prebuildForPlatform } from './prebuild.mjs';

/** Runs the programs of a build tree that was brought here, without CMake. @param {string} name */
function runBuilt(name) {
  const tree = platformTree(name);
  const programs = existsSync(tree) ? readdirSync(tree).filter((file) => /_test(\.exe)?$/.test(file)) : [];
  if (programs.length === 0) throw new SetupError(`no C++ tests were built in ${tree}`);
  const failed = programs.filter((program) => {
    const file = path.join(tree, program);
    // Archives of build systems do not keep this.
    chmodSync(file, 0o755);
    process.stdout.write(`> ${program}\n`);
    return !attempt(file, []);
  });
  process.stdout.write(`${programs.length - failed.length} of ${programs.length} passed\n`);
  if (failed.length > 0) throw new SetupError(`failed: ${failed.join(', ')}`);
}

function testPlatform() {
  const [name = '', ...args] = process.argv.slice(2);
  const { emulator } = platformNamed(name);
  if (args.includes('--built')) return runBuilt(name);
  buildForPlatform(name, 'native_tests');
  prebuildForPlatform(name);
  const runs = name.startsWith('linux') || emulator.length > 0;
  if (!runs || emulator.some((program) => which(program) === null)) {
    process.stdout.write(`built for ${name}; nothing here runs its programs\n`);
  } else if (!runNativeTests(platformTree(name), args)) {
    process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await runMain(testPlatform);
