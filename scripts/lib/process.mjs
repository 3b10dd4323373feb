import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** An error whose message says everything that a person needs: print it without a stack trace. */
export class SetupError extends Error {}

/**
 * Runs a command in the root of the checkout, its output going to the terminal.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string> }} [options]
 * @returns {boolean} whether it exited with 0
 */
export function attempt(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...options.env },
  });
  if (result.error) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result.status === 0;
}

/**
 * Like {@link attempt}, but a failure ends the set-up.
 *
 * @param {string} what the step's name, for the error
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string> }} [options]
 */
export function run(what, command, args, options = {}) {
  if (!attempt(command, args, options)) {
    throw new SetupError(`${what} failed (${[command, ...args].join(' ')}); the reason is in the output above`);
  }
}

/**
 * What a command prints, or null when it is missing or fails.
 *
 * @param {string} command
 * @param {string[]} args
 */
export function capture(command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return result.status === 0 ? result.stdout : null;
}

/** The full path of a program on the PATH, or null. @param {string} name */
export function which(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}

/** Runs `main` and turns a {@link SetupError} into one line and exit code 1. @param {() => Promise<void> | void} main */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`gemmule: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Whether the module at `url` is the program that was started. @param {string} url */
export function isMain(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url);
}
