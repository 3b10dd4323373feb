import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendError } from '../../errors.js';
import type { Addon } from './addon.js';

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

/** `musl` or `glibc`; null where there is only one. */
function libcName(): string | null {
  if (process.platform !== 'linux') return null;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** Addon files to try, best first. */
function candidates(): string[] {
  const forced = process.env.GEMMULE_NATIVE_PATH;
  if (forced) return [forced];
  const root = packageRoot();
  if (root === null) return [];
  const prebuilds = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const files: string[] = [];
  if (existsSync(prebuilds)) {
    const libc = libcName();
    for (const file of readdirSync(prebuilds).sort()) {
      const tag = /\.(musl|glibc)\.node$/.exec(file)?.[1];
      if (file.endsWith('.node') && (tag === undefined || tag === libc)) files.push(join(prebuilds, file));
    }
  }
  files.push(join(root, 'build', 'Release', 'gemmule.node'));
  return files;
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
  const failures: string[] = [];
  for (const file of candidates()) {
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
