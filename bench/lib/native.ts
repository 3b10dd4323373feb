import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** What an executable of `native/bench` had to say: what it printed, and whether it was content. */
export interface NativeResult<T> {
  readonly output: T;
  readonly success: boolean;
}

/** Runs an executable of `native/bench`, which `scripts/bench.mjs` has built, and reads the JSON that it prints. */
export function runNative<T>(name: string, args: readonly string[] = []): NativeResult<T> {
  const file = path.resolve('build/cmake', name);
  const { status, stdout, error } = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (error) throw new Error(`${file} could not be started: ${error.message}`);
  if (!stdout.startsWith('{')) throw new Error(`${file} failed with exit code ${status}`);
  return { output: JSON.parse(stdout) as T, success: status === 0 };
}
