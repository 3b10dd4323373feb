import type { AttributesOf, PrimitiveName } from './primitives/index.js';
import type { Program, RecordedProgram } from './recorder/program.js';
import type { Operand, PackedWeight, PackFormat, View } from './view.js';

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
   * Brings a weight matrix `[outFeatures, inFeatures]` (float32, float16, bfloat16) into the layout that `linear` reads.
   *
   * @param inputScale - with `int8` only: positive float32 `[inFeatures]`. Weights are divided by it, and activations
   *   multiplied before they are quantised: the product stays, and large activations become easier to quantise
   *   (SmoothQuant, Xiao et al., arXiv:2211.10438).
   */
  pack(weight: View, format: PackFormat, inputScale?: View): PackedWeight;
  /** Prepares a recording to run off the event loop. Without it, recordings are interpreted operation by operation. */
  compile?(recorded: RecordedProgram): Program;
}
