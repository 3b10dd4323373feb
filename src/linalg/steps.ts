import { backendFor } from '../backend/index.js';
import type { AttributesOf, PrimitiveName } from '../backend/primitives/index.js';
import { runOnce } from '../backend/recorder/run-once.js';
import type { HostView, View } from '../backend/view.js';
import { execute, isSymbolicView } from '../tensor/execute.js';
import { Tensor } from '../tensor/tensor.js';

/*
 * Every function of this folder is written once, as steps: a generator that yields each primitive whose work is cubic and
 * receives its results. One driver runs the steps on the caller's thread, the other runs each off the event loop. What lies
 * between them, checks and elementwise work, is done at once in both.
 */

/** A primitive to be run. */
export interface Step {
  readonly primitive: PrimitiveName;
  readonly operands: readonly View[];
  readonly attributes: object;
}

export type Steps<T> = Generator<Step, T, readonly View[]>;

/** What asynchronous forms take beside their own options. */
export interface AsyncOptions {
  /** Rejects the promise with its reason. Work that has begun ends at the next step, or matrix of a batch, unseen. */
  readonly signal?: AbortSignal | undefined;
}

/** Yields one primitive and returns its results. */
export function* step<P extends PrimitiveName>(
  primitive: P,
  operands: readonly View[],
  attributes: AttributesOf<P> & object,
): Steps<readonly View[]> {
  return yield { primitive, operands, attributes };
}

/** Runs steps on the caller's thread. */
export function runSteps<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (!next.done) {
    const { primitive, operands, attributes } = next.value;
    let results: View[];
    try {
      results = execute(primitive, operands, attributes as AttributesOf<PrimitiveName>);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(results);
  }
  return next.value;
}

/** Runs steps off the event loop, one after the other. */
export async function runStepsAsync<T>(steps: Steps<T>, { signal }: AsyncOptions = {}): Promise<T> {
  signal?.throwIfAborted();
  let next = steps.next();
  while (!next.done) {
    const { primitive, operands, attributes } = next.value;
    let results: View[];
    try {
      const backend = backendFor(operands);
      const checked = attributes as AttributesOf<PrimitiveName>;
      results = await runOnce(backend, primitive, operands as readonly HostView[], checked, signal);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(results);
  }
  return next.value;
}

/**
 * The same for steps that read their operands more than once: they get copies, so that the operands may change or be disposed
 * of meanwhile. What reads them once does so at once.
 */
export async function runStepsOnCopies<T, Operands extends readonly unknown[]>(
  begin: (...operands: Operands) => Steps<T>,
  operands: Operands,
  options: AsyncOptions = {},
): Promise<T> {
  options.signal?.throwIfAborted();
  const copies = operands.map((operand) =>
    operand instanceof Tensor && !isSymbolicView(operand) ? operand.clone() : operand,
  );
  try {
    return await runStepsAsync(begin(...(copies as unknown as Operands)), options);
  } finally {
    for (const [index, copy] of copies.entries()) {
      if (copy instanceof Tensor && copy !== operands[index]) copy.dispose();
    }
  }
}
