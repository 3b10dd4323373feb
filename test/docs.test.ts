import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/* Every JavaScript in the documentation runs as it stands, against the built package, and every link leads somewhere. */

const root = path.resolve(import.meta.dirname, '..');
const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)];
const textOf = (page: string) => readFileSync(path.join(root, page), 'utf8');

const snippets = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ''], index) => ({
    name: `${page}, snippet ${index + 1}`,
    code,
  })),
);

let folder: string;
beforeAll(() => {
  // Inside the checkout, so that 'gemmule' is the package that is being tested.
  mkdirSync(path.join(root, 'build'), { recursive: true });
  folder = mkdtempSync(path.join(root, 'build/docs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('documentation', () => {
  it('has snippets to run', () => {
    expect(snippets.length).toBeGreaterThan(5);
  });

  it.each(snippets)('$name runs', async ({ name, code }) => {
    const file = path.join(folder, `${name.replaceAll(/\W+/g, '-')}.mjs`);
    writeFileSync(file, code);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: root });
    expect(stderr).toBe('');
    expect(stdout).not.toBe('');
  });

  it.each(pages)('%s links to what is there', (page) => {
    for (const [, target = ''] of textOf(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      expect(existsSync(path.join(root, path.dirname(page), target)), target).toBe(true);
    }
  });
});
