/*
 * The platforms whose binaries are cross-built by Zig's clang, which brings the C libraries of all of them: what Debian has
 * no compiler and no OpenBLAS for. Each is published as a package of its own, @gemmule/engine-NAME, of which npm installs
 * the one that fits: all in one would be 40 MB more for everybody.
 */

/**
 * @typedef {object} Platform
 * @property {string} zigTarget
 * @property {string} system CMake's name of the system
 * @property {string} processor CMake's name of the processor
 * @property {string} folder the folder in prebuilds/, as prebuildify names it
 * @property {string} file the addon in it
 * @property {{ os: string[], cpu: string[], libc?: string[] }} fits where npm installs its package
 * @property {string[]} emulator what runs its programs on a Debian of x64, if anything does
 * @property {string[]} openBlas settings of OpenBLAS's Makefile: for which processors
 */

/** Kernels for SSE3, AVX2 and AVX-512, as of Debian's archive (native/openblas.cmake). */
const X64 = ['TARGET=PRESCOTT', 'DYNAMIC_ARCH=1', 'DYNAMIC_LIST=HASWELL SKYLAKEX'];

/** @type {Readonly<Record<string, Platform>>} */
export const PLATFORMS = {
  'linux-x64-musl': {
    zigTarget: 'x86_64-linux-musl',
    system: 'Linux',
    processor: 'x86_64',
    folder: 'linux-x64',
    file: 'gemmule.musl.node',
    fits: { os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    emulator: [],
    openBlas: X64,
  },
  'linux-arm64-musl': {
    zigTarget: 'aarch64-linux-musl',
    system: 'Linux',
    processor: 'aarch64',
    folder: 'linux-arm64',
    file: 'gemmule.musl.node',
    fits: { os: ['linux'], cpu: ['arm64'], libc: ['musl'] },
    emulator: ['qemu-aarch64'],
    openBlas: ['TARGET=ARMV8'],
  },
  'darwin-x64': {
    zigTarget: 'x86_64-macos.11.0',
    system: 'Darwin',
    processor: 'x86_64',
    folder: 'darwin-x64',
    file: 'gemmule.node',
    fits: { os: ['darwin'], cpu: ['x64'] },
    emulator: [],
    // The engine takes no Mac for one with AVX-512 (native/runtime/cpu.cc).
    openBlas: ['TARGET=PRESCOTT', 'DYNAMIC_ARCH=1', 'DYNAMIC_LIST=HASWELL'],
  },
  'darwin-arm64': {
    zigTarget: 'aarch64-macos.11.0',
    system: 'Darwin',
    processor: 'aarch64',
    folder: 'darwin-arm64',
    file: 'gemmule.node',
    fits: { os: ['darwin'], cpu: ['arm64'] },
    emulator: [],
    openBlas: ['TARGET=VORTEX'],
  },
  'win32-x64': {
    zigTarget: 'x86_64-windows-gnu',
    system: 'Windows',
    processor: 'x86_64',
    folder: 'win32-x64',
    file: 'gemmule.node',
    fits: { os: ['win32'], cpu: ['x64'] },
    emulator: ['wine64'],
    openBlas: X64,
  },
};
