import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Addon } from '../../../src/backend/native/addon.js';
import { requireNativeBackend } from '../../../src/backend/native/index.js';
import { loadAddon } from '../../../src/backend/native/load.js';

/** The backend first: its storage and these tests share one addon. */
export const native = requireNativeBackend();

/** The addon itself, below everything that checks its arguments. */
export const addon = loadAddon() as Addon;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage and lets finalisers run until `done`, or gives up after five seconds. */
export async function collectUntil(done: () => boolean): Promise<boolean> {
  for (let round = 0; round < 100 && !done(); round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return done();
}

/** The opcode of a primitive. */
export function opcode(name: string): number {
  return addon.primitives().indexOf(name);
}
