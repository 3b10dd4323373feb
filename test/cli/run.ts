import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

export const program = path.resolve(import.meta.dirname, '../../dist/cli.cjs');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Starts the built program; `npm run build` must have been run. */
export function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  if (!existsSync(program)) throw new Error(`${program} is missing; run: npm run build`);
  return spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
}

/** Waits for the program to end and collects what it said. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...ended) => resolve(ended));
  });
  return { code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/** Runs the program to its end with `input` on standard input. */
export function run(args: readonly string[], input = '', env: Record<string, string> = {}): Promise<Outcome> {
  const child = start(args, env);
  // The program may end, with an error, before it has read its input.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return outcomeOf(child);
}
