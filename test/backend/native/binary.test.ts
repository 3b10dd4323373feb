import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const file = path.resolve(import.meta.dirname, '../../../build/Release/gemmule.node');
const readelf = (...args: string[]) => execFileSync('readelf', [...args, '--wide', file], { encoding: 'utf8' });

describe.runIf(process.platform === 'linux')('the addon as a file', () => {
  it('needs nothing but the C library', () => {
    const needed = [...readelf('--dynamic').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library);
    const own = /^(libc|libm|libpthread|libdl|ld-linux-(x86-64|aarch64))\.so/;
    expect(needed.length).toBeGreaterThan(0);
    expect(needed.filter((library) => !own.test(library ?? ''))).toEqual([]);
  });

  it('exports its entry points and nothing else', () => {
    const symbols = readelf('--dyn-syms').matchAll(/ (?:GLOBAL|WEAK) +DEFAULT +\d+ (\S+)$/gm);
    expect([...symbols].map(([, name]) => name).sort()).toEqual([
      'napi_register_module_v1',
      'node_api_module_get_api_version_v1',
    ]);
  });

  it('is small', () => {
    expect(statSync(file).size).toBeLessThan(15 * 2 ** 20);
  });
});
