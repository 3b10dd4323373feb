import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCommand } from '../src/cli/command.js';
import { COMMANDS } from '../src/cli/commands.js';

/*
 * Every JavaScript in the documentation runs as it stands, against the built package; commands of gemmule are ones that there
 * are, with options that they take; and every link leads somewhere.
 */

const root = path.resolve(import.meta.dirname, '..');
const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)];
const textOf = (page: string) => readFileSync(path.join(root, page), 'utf8');

const snippets = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ''], index) => ({
    name: `${page}, snippet ${index + 1}`,
    code,
  })),
);

const scripts = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = ''], index) => ({
    name: `${page}, script ${index + 1}`,
    code,
  })),
);

/** What a script's commands are called with: the shell divides them, and nothing but their arguments is written down. */
function argumentsOf(code: string, cwd: string): string[][] {
  const record = path.join(cwd, 'arguments');
  const others = ['npm', 'docker', 'curl', 'cat', 'zcat'].map((name) => `${name}() { :; }`);
  const prelude = [
    `gemmule() { printf '%s\\0' "$@" >> '${record}'; printf '\\1\\0' >> '${record}'; }`,
    'npx() { "$@"; }',
    ...others,
    'SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=4',
  ];
  writeFileSync(record, '');
  const { status, stderr } = spawnSync('/bin/sh', ['-euc', [...prelude, code].join('\n')], {
    cwd,
    encoding: 'utf8',
    env: { PATH: '' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const calls = readFileSync(record, 'utf8').split('\u0001\0').slice(0, -1);
  return calls.map((call) => call.split('\0').slice(0, -1));
}

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

  it.each(scripts)('$name calls what there is', ({ code }) => {
    const calls = argumentsOf(code, folder);
    expect(calls).toHaveLength([...code.matchAll(/(?<!install )\bgemmule [a-z]/g)].length);
    for (const [name, ...args] of calls) {
      const command = COMMANDS.find((each) => each.name === name);
      if (command === undefined) throw new Error(`there is no gemmule ${name}`);
      parseCommand(command, args);
    }
  });

  it.each(pages)('%s links to what is there', (page) => {
    for (const [, target = ''] of textOf(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      expect(existsSync(path.join(root, path.dirname(page), target)), target).toBe(true);
    }
  });
});
