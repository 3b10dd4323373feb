import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { SetupError, which } from './process.mjs';
import { heading } from './terminal.mjs';

/**
 * What the native build needs from the system, by Debian's package names.
 *
 * @type {readonly { name: string, present: () => boolean }[]}
 */
const FOR_BUILD = [
  { name: 'g++', present: () => which('g++') !== null },
  { name: 'make', present: () => which('make') !== null },
  { name: 'cmake', present: () => which('cmake') !== null },
  { name: 'libopenblas-pthread-dev', present: hasOpenBlasArchive },
];

/**
 * What the tests need beyond that: `python3` runs node-gyp, through which prebuildify builds; Chromium opens web pages;
 * BullMQ keeps its queues in Redis.
 */
const FOR_TESTS = [
  { name: 'clang-format', present: () => which('clang-format') !== null },
  { name: 'python3', present: () => which('python3') !== null },
  { name: 'redis-server', present: () => which('redis-server') !== null },
  {
    name: 'chromium',
    present: () => ['chromium', 'chromium-browser', 'google-chrome'].some((name) => which(name) !== null),
  },
];

/** OpenBLAS is linked statically, and only its pthread build is safe to call from several threads. */
function hasOpenBlasArchive() {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib') : [];
  return folders.some((folder) => existsSync(`/usr/lib/${folder}/openblas-pthread/libopenblas.a`));
}

/** How to run a command as root without asking for a password, or null. @returns {string[] | null} */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (which('sudo') !== null && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0) {
    return ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND'];
  }
  return null;
}

/** @param {string[]} command */
function runQuietly(command) {
  const result = spawnSync(/** @type {string} */ (command[0]), command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  throw new SetupError(`${command.join(' ')} failed; its output is above`);
}

/**
 * Installs missing system packages where that is allowed, else says in one line which ones to install.
 *
 * @param {{ tests: boolean }} options
 */
export function ensureSystemPackages({ tests }) {
  const required = tests ? [...FOR_BUILD, ...FOR_TESTS] : FOR_BUILD;
  const missing = required.filter((requirement) => !requirement.present()).map((requirement) => requirement.name);
  if (missing.length === 0) return;
  const prefix = rootPrefix();
  if (which('apt-get') === null) {
    throw new SetupError(
      `building the engine needs these packages (by their names in Debian): ${missing.join(' ')}. ` +
        'Install them with the package manager of this system, then run the same command again',
    );
  }
  if (prefix === null) {
    throw new SetupError(`please run: sudo apt-get install -y ${missing.join(' ')} — then run the same command again`);
  }
  heading(`Installing system packages: ${missing.join(' ')}`);
  runQuietly([...prefix, 'apt-get', 'update', '-qq']);
  runQuietly([...prefix, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing]);
}
