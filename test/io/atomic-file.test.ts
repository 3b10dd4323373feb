import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/io/atomic-file.js';

it('removes what a killed process left an hour ago, and nothing else', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-atomic-'));
  try {
    const old = ['a.bin.17-0123456789ab.partial', 'a.bin.99-0123456789ab.partial.txt', 'b.bin.17-0123456789ab.partial'];
    for (const name of [...old, 'a.bin.18-0123456789ab.partial']) writeFileSync(path.join(folder, name), 'x');
    const before = new Date(Date.now() - 2 * 3_600_000);
    for (const name of old) utimesSync(path.join(folder, name), before, before);
    await writeFileAtomically(path.join(folder, 'a.bin'), async (file) => file.writeFile('whole'));
    expect(readFileSync(path.join(folder, 'a.bin'), 'utf8')).toBe('whole');
    expect(readdirSync(folder).sort()).toEqual(['a.bin', 'a.bin.18-0123456789ab.partial', old[1], old[2]].sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
