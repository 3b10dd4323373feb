/*
 * Everything that `npm test` checks, after the set-up that it needs: format and lint, C++ format, types, C++ tests,
 * vitest (unit, parity, golden, command line), and the packed package. Goes on after a failure, so that one run shows
 * all of them; the last line counts checks and tests.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { attempt, isMain, root, runMain } from './lib/process.mjs';
import { formatDuration, green, heading, red } from './lib/terminal.mjs';
import { setup } from './setup.mjs';

const reports = path.join(root, 'build/reports');

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @param {string} extension @param {string} [folder] @returns {string[]} */
function filesEndingWith(extension, folder = 'native') {
  return readdirSync(path.join(root, folder)).flatMap((name) => {
    const file = `${folder}/${name}`;
    if (statSync(path.join(root, file)).isDirectory()) return filesEndingWith(extension, file);
    return name.endsWith(extension) ? [file] : [];
  });
}

/** One check that passes or fails as a whole. @param {boolean} passed @returns {Counts} */
const asCheck = (passed) => ({ passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 });

/** @param {string} command @param {string[]} args */
const check = (command, args) => asCheck(attempt(command, args));

function checkNativeFormat() {
  const sources = ['.cc', '.h', '.inl'].flatMap((extension) => filesEndingWith(extension));
  return check('clang-format', ['--dry-run', '--Werror', ...sources]);
}

/** Builds and runs the C++ tests in the build folder of the addon, whose objects they share. @returns {Counts} */
function testNative() {
  const report = path.join(reports, 'ctest.xml');
  rmSync(report, { force: true });
  const passed = attempt('npm', ['run', '--silent', 'test:native', '--', '--output-junit', report]);
  if (!existsSync(report)) return asCheck(passed);
  const suite = /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  const count = (/** @type {string} */ name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = Math.max(count('failures'), passed ? 0 : 1);
  const skipped = count('skipped') + count('disabled');
  return { passed: count('tests') - count('failures') - skipped, failed, skipped };
}

/** @param {string} project a project of vitest.config.ts @returns {Counts} */
function vitest(project) {
  const report = path.join(reports, `vitest-${project}.json`);
  rmSync(report, { force: true });
  const passed = attempt('node', [
    ...['node_modules/vitest/vitest.mjs', 'run', '--project', project, '--reporter', 'default'],
    ...['--reporter', 'json', '--outputFile.json', report],
  ]);
  if (!existsSync(report)) return asCheck(passed);
  const summary = JSON.parse(readFileSync(report, 'utf8'));
  // A file that cannot even be loaded fails the run without a failed test in it.
  const failed = Math.max(summary.numFailedTests, passed ? 0 : 1);
  return { passed: summary.numPassedTests, failed, skipped: summary.numPendingTests + summary.numTodoTests };
}

/** @type {readonly { name: string, run: () => Counts }[]} */
const CHECKS = [
  { name: 'Format and lint', run: () => check('node', ['node_modules/@biomejs/biome/bin/biome', 'ci', '.']) },
  { name: 'C++ format', run: checkNativeFormat },
  { name: 'Types', run: () => check('node', ['node_modules/typescript/bin/tsc', '--noEmit']) },
  { name: 'Types of pages', run: () => check('node', ['node_modules/typescript/bin/tsc', '-p', 'src/pictures/page']) },
  { name: 'C++ tests', run: testNative },
  { name: 'Tests', run: () => vitest('unit') },
  { name: 'Package', run: () => vitest('package') },
];

function test() {
  setup({ tests: true });
  mkdirSync(reports, { recursive: true });
  /** @type {Counts} */
  const total = { passed: 0, failed: 0, skipped: 0 };
  /** @type {string[]} */
  const lines = [];
  for (const { name, run } of CHECKS) {
    heading(name);
    const start = performance.now();
    const counts = run();
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    const verdict = counts.failed === 0 ? green('passed') : red(`${counts.failed} failed`);
    lines.push(`  ${name.padEnd(16)} ${verdict}  ${formatDuration(performance.now() - start)}`);
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  process.stdout.write(`\n${lines.join('\n')}\n\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
  if (total.failed > 0) process.exitCode = 1;
}

if (isMain(import.meta.url)) await runMain(test);
