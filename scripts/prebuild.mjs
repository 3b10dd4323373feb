/* Makes the stripped addon that the package ships: prebuilds/<platform>-<arch>/gemmule[.libc].node. */
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';
import { addonFile } from './lib/native-build.mjs';
import { isMain, root, runMain } from './lib/process.mjs';

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

if (isMain(import.meta.url)) await runMain(prebuild);
