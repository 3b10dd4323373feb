import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendError } from '../../errors.js';
import type { Addon } from './addon.js';
import { type Libc, libcOf } from './libc.js';

const require = createRequire(import.meta.url);

/** The folder of the gemmule package: the nearest one upwards whose package.json says so, or as installed beside a bundle. */
function packageRoot(): string | null {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'gemmule') return folder;
    folder = dirname(folder);
  }
  try {
    return dirname(require.resolve('gemmule/package.json'));
  } catch {
    return null;
  }
}

/**
 * The prebuilds to try, of the names in a platform's folder: those for its C library, which prebuildify puts before the
 * ending, and those that do not say; all of them where the library is not known.
 */
export function prebuildsFor(libc: Libc | null, names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith('.node'))
    .filter((name) => {
      const tag = /\.(musl|glibc)\.node$/.exec(name)?.[1];
      return tag === undefined || libc === null || tag === libc;
    })
    .sort();
}

/**
 * The package that has the engine for a platform that is not in this one; npm installs it beside it where it fits
 * (`scripts/pack-release.mjs`).
 */
export function enginePackage(platform: string, arch: string, libc: Libc | null): string {
  return `@gemmule/engine-${platform}-${arch}${libc === 'musl' ? '-musl' : ''}`;
}

function engineOfPackage(name: string): string | null {
  try {
    return require.resolve(`${name}/gemmule.node`);
  } catch {
    return null;
  }
}

/** Addon files to try, best first; and the package that could have had one, where neither it nor a prebuild is there. */
function candidates(): { files: string[]; absent: string | null } {
  const forced = process.env.GEMMULE_NATIVE_PATH;
  if (forced) return { files: [forced], absent: null };
  const root = packageRoot();
  if (root === null) return { files: [], absent: null };
  const libc = libcOf(process.platform, process.execPath);
  const name = enginePackage(process.platform, process.arch, libc);
  const installed = engineOfPackage(name);
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const prebuilds = existsSync(folder) ? prebuildsFor(libc, readdirSync(folder)) : [];
  return {
    files: [
      ...(installed === null ? [] : [installed]),
      ...prebuilds.map((file) => join(folder, file)),
      join(root, 'build', 'Release', 'gemmule.node'),
    ],
    absent: installed === null && prebuilds.length === 0 ? name : null,
  };
}

let loaded: Addon | BackendError | null = null;

/**
 * The addon: a prebuilt binary for this platform, else a local build.
 *
 * @returns the addon, or an error that lists every file tried, why it failed and what to do.
 */
export function loadAddon(): Addon | BackendError {
  loaded ??= tryCandidates();
  return loaded;
}

function tryCandidates(): Addon | BackendError {
  const { files, absent } = candidates();
  const failures = absent === null ? [] : [`${absent}: not installed, or there is none for this platform`];
  for (const file of files) {
    if (!existsSync(file)) {
      failures.push(`${file}: no such file`);
      continue;
    }
    try {
      return require(file) as Addon;
    } catch (error) {
      failures.push(`${file}: ${(error as Error).message}`);
    }
  }
  const tried = failures.length > 0 ? failures.map((line) => `\n  - ${line}`).join('') : ' no candidate was found';
  return new BackendError(
    `gemmule has no native engine for ${process.platform}-${process.arch} here; tried:${tried}\n` +
      'Reinstall gemmule on this platform, or build it from a checkout with `npm run build:native`. ' +
      'In a bundle, keep the package external or name the file in GEMMULE_NATIVE_PATH.',
    undefined,
    'ERR_NATIVE_UNAVAILABLE',
  );
}
