import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

interface Lock {
  readonly packages: Record<string, { readonly optionalDependencies?: Record<string, string> }>;
}

/*
 * npm leaves an optional dependency that its registry does not have out of the lock file without a word, and `npm ci` then
 * refuses the lock file. Choose a version whose packages for all platforms can be had.
 */
it('locks the packages of every platform', () => {
  const root = path.resolve(import.meta.dirname, '..');
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Lock;
  const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !(`node_modules/${name}` in packages) && !(`${parent}/node_modules/${name}` in packages))
      .map((name) => `${parent} needs ${name}`),
  );
  expect(missing).toEqual([]);
});
