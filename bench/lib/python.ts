import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The virtual environment that holds every Python peer; nothing is installed outside it. */
export const pythonFolder = path.resolve('build/peers/python');

const python = path.join(pythonFolder, 'bin/python');

/** Runs a command with its output shown. @throws Error when it cannot be started or fails. */
export function runVisibly(command: string, args: readonly string[], cwd = process.cwd()): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

/**
 * Makes the virtual environment on first use and installs what a requirements file of `bench/peers` names, unless it is
 * there. Needs `python3` with `venv`, and pip's index. Returns the interpreter.
 */
export function preparePython(requirements: string): string {
  if (!existsSync(python)) runVisibly('python3', ['-m', 'venv', pythonFolder]);
  const file = path.resolve('bench/peers', requirements);
  runVisibly(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', file]);
  return python;
}

/**
 * Runs `bench/peers/<script>` with a job's file as its argument and returns what it prints in its last line as JSON.
 *
 * @param threads for OpenBLAS, MKL and OpenMP
 * @throws Error with the script's own words when it fails
 */
export function measureInPython<Result>(script: string, job: unknown, threads: number): Result {
  const folder = path.resolve('build/peers');
  mkdirSync(folder, { recursive: true });
  const jobFile = path.join(folder, `${path.parse(script).name}-job.json`);
  writeFileSync(jobFile, JSON.stringify(job));
  const count = String(threads);
  const { status, stdout, stderr } = spawnSync(python, [path.resolve('bench/peers', script), jobFile], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, OPENBLAS_NUM_THREADS: count, MKL_NUM_THREADS: count, OMP_NUM_THREADS: count },
  });
  if (status !== 0) throw new Error(`${script} failed: ${stderr?.trim() ?? 'it could not be started'}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Result;
}
