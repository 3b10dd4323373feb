import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { PLATFORMS } from './platforms.mjs';
import { capture, root, run, SetupError, which } from './process.mjs';

/*
 * Cross-builds for the platforms of platforms.mjs, on Linux. Zig comes from PyPI and OpenBLAS from its repository, each at
 * one version with its hash; both stay in the build folder.
 */

/** The program inside PyPI's package, a wheel that is one zip file. */
const ZIG = { version: '0.17.1', requirements: 'scripts/lib/zig-requirements.txt' };

/**
 * The newest in which setting the number of threads takes no working memory away from threads at work for another caller
 * (0.3.28 does). In Debian's 0.3.21 the LAPACK in C is wrong: it takes addresses for numbers. Git checks that a commit is what
 * its hash says.
 */
const OPENBLAS = { version: '0.3.27', commit: 'ce3f668c992cb3cc80849d5c30ed637f5adbd5b2' };

const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());

/** The build tree for a platform. @param {string} name */
export const platformTree = (name) => path.join(root, 'build', name);

/** @param {string} name @returns {import('./platforms.mjs').Platform} */
export function platformNamed(name) {
  const platform = PLATFORMS[name];
  if (platform === undefined) {
    throw new SetupError(`no platform is named ${name}; these are: ${Object.keys(PLATFORMS).join(', ')}`);
  }
  return platform;
}

/** Zig's program: of GEMMULE_ZIG, else fetched by pip. */
function zigProgram() {
  if (process.env.GEMMULE_ZIG) return process.env.GEMMULE_ZIG;
  const folder = path.join(root, 'build/zig', ZIG.version);
  const program = path.join(folder, 'ziglang/zig');
  if (!existsSync(program)) {
    const quietly = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'];
    const pinned = ['--require-hashes', '--requirement', ZIG.requirements];
    run('fetching Zig', 'python3', ['-m', 'pip', 'install', ...quietly, ...pinned, '--target', folder]);
  }
  return program;
}

/** OpenBLAS's sources, from GEMMULE_OPENBLAS_REPOSITORY (a mirror) or its own. */
function openBlasSources() {
  const folder = path.join(root, 'build/openblas', OPENBLAS.version);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  const repository = process.env.GEMMULE_OPENBLAS_REPOSITORY ?? 'https://github.com/OpenMathLib/OpenBLAS.git';
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  run('fetching OpenBLAS', 'git', ['-C', partial, 'init', '--quiet']);
  run('fetching OpenBLAS', 'git', ['-C', partial, 'fetch', '--quiet', '--depth', '1', repository, OPENBLAS.commit]);
  run('fetching OpenBLAS', 'git', ['-C', partial, 'checkout', '--quiet', '--detach', OPENBLAS.commit]);
  renameSync(partial, folder);
  return folder;
}

/**
 * Makes two routines safe to call from several threads: where Fortran has local variables under two names, the translation
 * made them static.
 *
 * @param {string} tree
 */
function makeLocalsLocal(tree) {
  for (const name of ['slaln2.c', 'dlaln2.c']) {
    const file = path.join(tree, 'lapack-netlib/SRC', name);
    const source = readFileSync(file, 'utf8');
    const local = source.replace(/\bstatic (real|doublereal) equiv_0/, '$1 equiv_0');
    if (local === source) throw new SetupError(`${file} is not the one of OpenBLAS ${OPENBLAS.version}`);
    writeFileSync(file, local);
  }
}

/**
 * A compiler for OpenBLAS's Makefiles: they name processors as GCC does.
 *
 * @param {string} file @param {string} zig @param {string} target
 */
function writeCompiler(file, zig, target) {
  const script = `#!/bin/sh
for argument do
  shift
  case $argument in
    -march=skylake-avx512) set -- "$@" -mcpu=skylake_avx512 ;;
    -march=armv8-a) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec '${zig}' cc -target ${target} "$@"
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
}

/**
 * A static OpenBLAS: pthread build (Windows: its own threads), LAPACK translated to C, float32 and float64 alone. What it
 * asks of the environment, and of pthread_atfork, it asks native/linalg/blas.cc.
 *
 * @param {string} name @param {string} zig @returns {string} the archive
 */
function buildOpenBlas(name, zig) {
  const platform = platformNamed(name);
  const tree = path.join(platformTree(name), 'openblas');
  const archive = path.join(platformTree(name), `libopenblas-${OPENBLAS.version}.a`);
  if (existsSync(archive)) return archive;
  const sources = openBlasSources();
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(platformTree(name), { recursive: true });
  cpSync(sources, tree, { recursive: true, filter: (file) => path.basename(file) !== '.git' });
  makeLocalsLocal(tree);
  const compiler = path.join(platformTree(name), 'openblas-cc');
  writeCompiler(compiler, zig, platform.zigTarget);
  const settings = [
    ...[`CC=${compiler}`, `AR=${zig} ar`, `RANLIB=${zig} ranlib`, 'HOSTCC=cc', 'CROSS=1', ...platform.openBlas],
    ...['NOFORTRAN=1', 'NO_LAPACKE=1', 'NO_SHARED=1', 'BUILD_SINGLE=1', 'BUILD_DOUBLE=1'],
    ...['USE_THREAD=1', 'USE_OPENMP=0', 'NUM_THREADS=128', 'NO_AFFINITY=1'],
    'CFLAGS=-Dgetenv=gemmule_openblas_getenv -Dpthread_atfork=gemmule_openblas_atfork -w -Wno-error=incompatible-pointer-types',
  ];
  run(`OpenBLAS for ${name}`, 'make', ['-C', tree, '--silent', '-j', jobs, ...settings, 'libs', 'netlib']);
  const built = capture('sh', ['-c', 'ls "$0"/libopenblas*.a', tree])?.trim().split('\n')[0];
  if (built === undefined) throw new SetupError(`OpenBLAS for ${name} left no archive in ${tree}`);
  cpSync(built, archive, { dereference: true });
  rmSync(tree, { recursive: true });
  return archive;
}

/**
 * Builds a target of CMakeLists.txt for a platform.
 *
 * @param {string} name in platforms.mjs @param {'gemmule' | 'native_tests' | 'kernels_bench'} target
 */
export function buildForPlatform(name, target) {
  const platform = platformNamed(name);
  const missing = ['cmake', 'make', 'git', 'cc'].filter((program) => which(program) === null);
  if (missing.length > 0) throw new SetupError(`building for ${name} needs ${missing.join(', ')}`);
  const zig = zigProgram();
  const archive = buildOpenBlas(name, zig);
  const settings = [
    `-DCMAKE_TOOLCHAIN_FILE=${root}/native/zig-toolchain.cmake`,
    ...[`-DGEMMULE_ZIG=${zig}`, `-DGEMMULE_ZIG_TARGET=${platform.zigTarget}`],
    ...[`-DCMAKE_SYSTEM_NAME=${platform.system}`, `-DCMAKE_SYSTEM_PROCESSOR=${platform.processor}`],
    `-DCMAKE_CROSSCOMPILING_EMULATOR=${platform.emulator.join(';')}`,
    ...[`-DGEMMULE_OPENBLAS=${archive}`, '-DGEMMULE_OPENBLAS_FROM_SOURCE=ON'],
    `-DCMAKE_JS_INC=${root}/node_modules/node-api-headers/include`,
    ...['-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_SHARED_LINKER_FLAGS=-s'],
  ];
  const tree = platformTree(name);
  run(`configuring the build for ${name}`, 'cmake', ['-S', root, '-B', tree, ...settings]);
  run(`the build for ${name}`, 'cmake', ['--build', tree, '--target', target, '--parallel', jobs]);
}
