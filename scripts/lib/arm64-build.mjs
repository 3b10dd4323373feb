import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root, run, SetupError, which } from './process.mjs';

/*
 * Cross-builds for 64-bit Arm on a Debian of another architecture. Needs g++-aarch64-linux-gnu; OpenBLAS for Arm is fetched
 * from Debian's archive into the build folder, with lists of its own, so that the system keeps its architectures.
 */

/** The build tree for Arm. */
export const armTree = path.join(root, 'build/arm64');
const aptFolder = path.join(armTree, 'apt');
const archive = path.join(aptFolder, 'root/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.a');

/** The compiler and its library, and what runs their programs. */
const PROGRAMS = { 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu', 'qemu-aarch64': 'qemu-user', cmake: 'cmake' };

function requirePrograms() {
  const missing = Object.entries(PROGRAMS).flatMap(([program, name]) => (which(program) === null ? [name] : []));
  if (missing.length > 0) throw new SetupError(`please run: sudo apt-get install -y ${missing.join(' ')}`);
}

function fetchOpenBlas() {
  if (existsSync(archive)) return;
  for (const folder of ['lists/partial', 'cache/archives/partial', 'state']) {
    mkdirSync(path.join(aptFolder, folder), { recursive: true });
  }
  writeFileSync(path.join(aptFolder, 'state/status'), '');
  const settings = [
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    `Dir::State::lists=${aptFolder}/lists`,
    `Dir::State::status=${aptFolder}/state/status`,
    `Dir::Cache=${aptFolder}/cache`,
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const script = 'cd "$0" && apt-get "$@" -qq update && apt-get "$@" -q download libopenblas-pthread-dev';
  run('fetching OpenBLAS for Arm', 'sh', ['-c', script, aptFolder, ...settings]);
  const file = readdirSync(aptFolder).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new SetupError('apt-get fetched no package of OpenBLAS for Arm');
  run('unpacking OpenBLAS for Arm', 'dpkg', ['-x', path.join(aptFolder, file), path.join(aptFolder, 'root')]);
}

/**
 * Builds a target of CMakeLists.txt for 64-bit Arm.
 *
 * @param {'gemmule' | 'native_tests'} target
 */
export function buildForArm(target) {
  requirePrograms();
  fetchOpenBlas();
  const settings = [
    `-DCMAKE_TOOLCHAIN_FILE=${root}/native/arm64-toolchain.cmake`,
    `-DGEMMULE_OPENBLAS=${archive}`,
    `-DCMAKE_JS_INC=${root}/node_modules/node-api-headers/include`,
    '-DCMAKE_BUILD_TYPE=Release',
  ];
  run('configuring the build for Arm', 'cmake', ['-S', root, '-B', armTree, ...settings]);
  run('the build for Arm', 'cmake', ['--build', armTree, '--target', target, '--parallel']);
}
