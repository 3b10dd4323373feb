/*
 * Packs what a release publishes into the folder given: the main package with the prebuilds for glibc, which name no engine
 * package; one package for each platform of lib/platforms.mjs; and those as optional dependencies of the main one, so that
 * npm installs the one that fits. All prebuilds must be there.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PLATFORMS } from './lib/platforms.mjs';
import { isMain, root, run, runMain, SetupError } from './lib/process.mjs';

const stage = path.join(root, 'build/release');

/** Prebuilds inside the main package. */
const INSIDE = ['linux-x64/gemmule.glibc.node', 'linux-arm64/gemmule.glibc.node'];

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** @param {string} name in lib/platforms.mjs */
export const enginePackage = (name) => `@gemmule/engine-${name}`;

/** Lays out the package of one platform. @param {string} name @returns {string} its folder */
function stageEngine(name) {
  const platform = /** @type {import('./lib/platforms.mjs').Platform} */ (PLATFORMS[name]);
  const folder = path.join(stage, `engine-${name}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(root, 'prebuilds', platform.folder, platform.file), path.join(folder, 'gemmule.node'));
  for (const file of ['LICENSE', 'NOTICE', 'THIRD_PARTY_NOTICES.md']) {
    copyFileSync(path.join(root, file), path.join(folder, file));
  }
  const engine = {
    name: enginePackage(name),
    version: manifest.version,
    description: `The native engine of gemmule for ${name}.`,
    license: manifest.license,
    ...platform.fits,
    main: 'gemmule.node',
    files: ['gemmule.node', 'NOTICE', 'THIRD_PARTY_NOTICES.md'],
    engines: manifest.engines,
  };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(engine, null, 2)}\n`);
  writeFileSync(
    path.join(folder, 'README.md'),
    `# ${engine.name}\n\n${engine.description} It comes with gemmule, by itself.\n`,
  );
  return folder;
}

/** Lays out the main package. @returns {string} its folder */
function stageMain() {
  const folder = path.join(stage, 'gemmule');
  mkdirSync(folder, { recursive: true });
  for (const file of ['dist', 'README.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE', 'THIRD_PARTY_NOTICES.md']) {
    cpSync(path.join(root, file), path.join(folder, file), { recursive: true });
  }
  for (const file of INSIDE) {
    mkdirSync(path.dirname(path.join(folder, 'prebuilds', file)), { recursive: true });
    copyFileSync(path.join(root, 'prebuilds', file), path.join(folder, 'prebuilds', file));
  }
  const { workspaces: _, devDependencies: __, scripts: ___, ...published } = manifest;
  published.optionalDependencies = Object.fromEntries(
    Object.keys(PLATFORMS).map((name) => [enginePackage(name), manifest.version]),
  );
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  return folder;
}

function packRelease() {
  const [destination = 'build/release'] = process.argv.slice(2);
  const needed = [...INSIDE, ...Object.values(PLATFORMS).map(({ folder, file }) => `${folder}/${file}`)];
  const missing = needed.filter((file) => !existsSync(path.join(root, 'prebuilds', file)));
  if (missing.length > 0) throw new SetupError(`these prebuilds are missing in prebuilds/: ${missing.join(', ')}`);
  rmSync(stage, { recursive: true, force: true });
  const target = path.resolve(destination);
  mkdirSync(target, { recursive: true });
  for (const folder of [stageMain(), ...Object.keys(PLATFORMS).map(stageEngine)]) {
    run(`packing ${path.basename(folder)}`, 'npm', ['pack', folder, '--pack-destination', target, '--silent']);
  }
}

if (isMain(import.meta.url)) await runMain(packRelease);
