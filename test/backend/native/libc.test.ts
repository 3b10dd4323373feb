import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { libcOf } from '../../../src/backend/native/libc.js';
import { prebuildsFor } from '../../../src/backend/native/load.js';

const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-libc-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ENTRY = 56;

/** The start of an executable whose program table has a segment of code, and the loader's name if there is one. */
function executable(loader: string | null, change: (bytes: Buffer) => void = () => {}): string {
  const entries = loader === null ? 1 : 2;
  const name = Buffer.from(`${loader ?? ''}\0`);
  const bytes = Buffer.alloc(64 + entries * ENTRY + name.length);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(ENTRY, 54);
  bytes.writeUInt16LE(entries, 56);
  bytes.writeUInt32LE(1, 64);
  if (loader !== null) {
    const entry = 64 + ENTRY;
    bytes.writeUInt32LE(3, entry);
    bytes.writeBigUInt64LE(BigInt(64 + entries * ENTRY), entry + 8);
    bytes.writeBigUInt64LE(BigInt(name.length), entry + 32);
    name.copy(bytes, 64 + entries * ENTRY);
  }
  change(bytes);
  const file = path.join(folder, 'program');
  writeFileSync(file, bytes);
  return file;
}

describe('the C library of a program', () => {
  it.each([
    ['/lib/ld-musl-x86_64.so.1', 'musl'],
    ['/lib/ld-musl-aarch64.so.1', 'musl'],
    ['/lib64/ld-linux-x86-64.so.2', 'glibc'],
    ['/lib/ld-linux-aarch64.so.1', 'glibc'],
    ['/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2', 'glibc'],
  ])('is told by its loader: %s', (loader, libc) => {
    expect(libcOf('linux', executable(loader))).toBe(libc);
  });

  it('is only asked for on Linux', () => {
    expect(libcOf('darwin', executable('/lib/ld-musl-x86_64.so.1'))).toBeNull();
    expect(libcOf('win32', executable('/lib/ld-musl-x86_64.so.1'))).toBeNull();
  });

  // What Node says of itself is the answer then.
  const own = libcOf('linux', process.execPath);

  it.each([
    ['is linked statically', executable.bind(null, null)],
    ['has a loader of its own', executable.bind(null, '/opt/loader.so')],
    ['is no executable', () => executable(null, (bytes) => bytes.write('#!/bin/sh'))],
    ['does not exist', () => path.join(folder, 'missing')],
    ['is a folder', () => folder],
    ['names a table beyond its end', () => executable(null, (bytes) => bytes.writeBigUInt64LE(2n ** 40n, 32))],
    ['names a table nowhere', () => executable(null, (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, 32))],
    ['has entries of no size', () => executable(null, (bytes) => bytes.writeUInt16LE(0, 54))],
    ['has too many entries', () => executable(null, (bytes) => bytes.writeUInt16LE(0xffff, 56))],
    [
      'has a loader with an endless name',
      () => executable('/x', (bytes) => bytes.writeBigUInt64LE(2n ** 63n, 64 + 88)),
    ],
  ])('is asked of Node where the program %s', (_, file) => {
    expect(libcOf('linux', file())).toBe(process.platform === 'linux' ? own : null);
  });
});

describe('prebuilds', () => {
  const names = ['gemmule.musl.node', 'gemmule.glibc.node', 'README.md'];

  it('are tried for the own C library alone', () => {
    expect(prebuildsFor('musl', names)).toEqual(['gemmule.musl.node']);
    expect(prebuildsFor('glibc', names)).toEqual(['gemmule.glibc.node']);
    expect(prebuildsFor('musl', ['gemmule.glibc.node'])).toEqual([]);
  });

  it('are all tried where it is not known, or they do not say', () => {
    expect(prebuildsFor(null, names)).toEqual(['gemmule.glibc.node', 'gemmule.musl.node']);
    expect(prebuildsFor(null, ['gemmule.node'])).toEqual(['gemmule.node']);
    expect(prebuildsFor('musl', ['gemmule.node'])).toEqual(['gemmule.node']);
  });
});
