import type { AttributesOf, PrimitiveName } from './primitives/index.js';
import type { Program, RecordedProgram } from './recorder/program.js';
import type { Trainer } from './training.js';
import type { Operand, PackedWeight, PackFormat, PackScales, View } from './view.js';

export type BackendName = 'native' | 'reference' | 'recorder';

/**
 * What executes primitives.
 *
 * Three implementations: `reference` (plain TypeScript), `native` (the C++ engine) and `recorder` (writes a Program).
 * `run` checks its arguments with the primitive's `infer`, so an error names the operation and the argument before
 * anything is computed. Results are fresh and contiguous.
 */
export interface Backend {
  readonly name: BackendName;
  run<P extends PrimitiveName>(
    primitive: P,
    operands: readonly Operand[],
    attributes: AttributesOf<P> & object,
  ): View[];
  /**
   * Brings a weight matrix `[outFeatures, inFeatures]` into the layout that `linear` reads.
   *
   * @param weight - float32, float16 or bfloat16; uint8 with `scales.groupScale`.
   * @param scales - with `int8` only.
   */
  pack(weight: View, format: PackFormat, scales?: PackScales): PackedWeight;
  /** Prepares a recording to run off the event loop. Without it, recordings are interpreted operation by operation. */
  compile?(recorded: RecordedProgram): Program;
  /** What trains word vectors; the recorder has none. */
  readonly trainer?: Trainer;
}
