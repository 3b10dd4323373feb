#!/usr/bin/env node
/*
 * Builds the addon, build/Release/gemmule.node. node-gyp (by binding.gyp) and prebuildify come here, too, so that
 * CMakeLists.txt is the only definition of the build; their arguments mean nothing here.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { addonFile, buildWithNode } from './lib/native-build.mjs';
import { isMain, root, runMain } from './lib/process.mjs';

const modified = () => (existsSync(addonFile) ? statSync(addonFile).mtimeMs : 0);

function buildNative() {
  const before = modified();
  buildWithNode('gemmule');
  // The loader prefers a prebuild, which a newer local build makes stale.
  if (modified() !== before) {
    rmSync(path.join(root, 'prebuilds', `${process.platform}-${process.arch}`), { recursive: true, force: true });
  }
}

if (isMain(import.meta.url)) await runMain(buildNative);
