import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Modules remember what they loaded: every test gets its own copies.
beforeEach(() => void vi.resetModules());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const importNative = () => import('../../../src/backend/native/index.js');
const importBackend = () => import('../../../src/backend/index.js');

describe('the loader', () => {
  it('finds the engine of this checkout', async () => {
    const { requireNativeBackend } = await importNative();
    const { version, isa, threads, processors, blas } = requireNativeBackend().info();
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(['baseline', 'avx2', 'avx512', 'neon']).toContain(isa);
    expect(threads).toBeGreaterThan(0);
    expect(processors).toBeGreaterThan(0);
    expect(blas).toMatch(/^OpenBLAS/);
  });

  it('says which file was tried and why it failed', async () => {
    const broken = path.join(folder, 'broken.node');
    writeFileSync(broken, 'this is no shared library');
    for (const [file, reason] of [
      [path.join(folder, 'missing.node'), /missing\.node: no such file/],
      [broken, /broken\.node: .*(file too short|invalid ELF header)/],
    ] as const) {
      vi.resetModules();
      vi.stubEnv('GEMMULE_NATIVE_PATH', file);
      const { requireNativeBackend } = await importNative();
      expect(requireNativeBackend).toThrow(reason);
      expect(requireNativeBackend).toThrow(/npm run build:native/);
      expect(requireNativeBackend).toThrow(expect.objectContaining({ code: 'ERR_NATIVE_UNAVAILABLE' }));
    }
  });

  it('warns once and goes on without the engine', async () => {
    vi.stubEnv('GEMMULE_NATIVE_PATH', path.join(folder, 'missing.node'));
    vi.stubEnv('GEMMULE_BACKEND', '');
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { loadNativeBackend } = await importNative();
    const { defaultBackend } = await importBackend();
    expect(defaultBackend().name).toBe('reference');
    expect(loadNativeBackend()).toBeNull();
    expect(defaultBackend().name).toBe('reference');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]).toEqual([
      expect.stringMatching(
        /no native engine.*\n.*missing\.node: no such file\n(?:.*\n)*.*reference backend is used instead/,
      ),
      { type: 'GemmuleWarning', code: 'GEMMULE_REFERENCE_BACKEND' },
    ]);
  });
});

describe('GEMMULE_BACKEND', () => {
  it.each(['native', 'reference'] as const)('forces %s', async (name) => {
    vi.stubEnv('GEMMULE_BACKEND', name);
    const { defaultBackend } = await importBackend();
    expect(defaultBackend().name).toBe(name);
  });

  it('takes the engine when it is empty', async () => {
    vi.stubEnv('GEMMULE_BACKEND', '');
    const { defaultBackend } = await importBackend();
    expect(defaultBackend().name).toBe('native');
  });

  it('fails where it demands an engine that is not there', async () => {
    vi.stubEnv('GEMMULE_BACKEND', 'native');
    vi.stubEnv('GEMMULE_NATIVE_PATH', path.join(folder, 'missing.node'));
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { defaultBackend } = await importBackend();
    expect(defaultBackend).toThrow(expect.objectContaining({ code: 'ERR_NATIVE_UNAVAILABLE' }));
    expect(warn).not.toHaveBeenCalled();
  });

  it('refuses other names', async () => {
    vi.stubEnv('GEMMULE_BACKEND', 'cuda');
    const { defaultBackend } = await importBackend();
    expect(defaultBackend).toThrow(/GEMMULE_BACKEND must be "native" or "reference", got "cuda"/);
  });
});

describe('a backend by name', () => {
  it('is one of two', async () => {
    const { getBackend, setDefaultBackend } = await importBackend();
    expect(getBackend('reference').name).toBe('reference');
    expect(() => getBackend('cuda' as never)).toThrow(/must be "native" or "reference", got "cuda"/);
    expect(() => setDefaultBackend('cuda' as never)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
