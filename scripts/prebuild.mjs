/*
 * Makes the stripped addon that a package ships: prebuilds/<platform>-<arch>/gemmule[.libc].node; with `linux-arm64` or a
 * name of lib/platforms.mjs as its argument the one for that platform, cross-built.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';
import { armTree, buildForArm } from './lib/arm64-build.mjs';
import { addonFile } from './lib/native-build.mjs';
import { isMain, root, run, runMain } from './lib/process.mjs';
import { buildForPlatform, platformNamed, platformTree } from './lib/zig-build.mjs';

async function prebuild() {
  const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  rmSync(folder, { recursive: true, force: true });
  await promisify(prebuildify)({
    cwd: root,
    napi: true,
    strip: true,
    tagLibc: process.platform === 'linux',
    targets: [process.versions.node],
    // In place of node-gyp, which would want Node's headers.
    nodeGyp: path.join(root, 'scripts/build-native.mjs'),
  });
  // prebuildify moves the file; the local build stays usable.
  const [file] = readdirSync(folder);
  copyFileSync(path.join(folder, /** @type {string} */ (file)), addonFile);
}

/** The same for 64-bit Arm, on any Debian. */
export function prebuildForArm() {
  buildForArm('gemmule');
  const folder = path.join(root, 'prebuilds/linux-arm64');
  mkdirSync(folder, { recursive: true });
  const built = path.join(armTree, 'gemmule.node');
  run('stripping', 'aarch64-linux-gnu-strip', ['-o', path.join(folder, 'gemmule.glibc.node'), built]);
}

/** The same for a platform of lib/platforms.mjs, on Linux. @param {string} name */
export function prebuildForPlatform(name) {
  buildForPlatform(name, 'gemmule');
  const { folder, file } = platformNamed(name);
  mkdirSync(path.join(root, 'prebuilds', folder), { recursive: true });
  copyFileSync(path.join(platformTree(name), 'gemmule.node'), path.join(root, 'prebuilds', folder, file));
}

async function main() {
  const [platform = `${process.platform}-${process.arch}`] = process.argv.slice(2);
  if (platform === `${process.platform}-${process.arch}`) await prebuild();
  else if (platform === 'linux-arm64') prebuildForArm();
  else prebuildForPlatform(platform);
}

if (isMain(import.meta.url)) await runMain(main);
