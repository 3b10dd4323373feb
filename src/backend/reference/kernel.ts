import type { AttributesOf, PrimitiveName } from '../primitives/index.js';
import type { HostView } from '../view.js';
import type { ReferencePackedWeight } from './packed-weight.js';

/** A result, allocated and contiguous: element n in row-major order is `data[n]`. */
export type Result = HostView;

/** What a kernel reads: a strided view, a packed weight, or nothing for an optional argument left out. */
export type KernelOperand = HostView | ReferencePackedWeight | null;

/**
 * Computes one primitive. Shapes and dtypes were checked by the primitive's `infer`, so a kernel may rely on them.
 * JavaScript computes in float64; storing into a typed array rounds to the result's dtype, once.
 */
export type Kernel<P extends PrimitiveName> = (
  operands: readonly KernelOperand[],
  results: readonly Result[],
  attributes: AttributesOf<P>,
) => void;

/** The kernels of a family of primitives; one left out is a type error. */
export type Kernels<P extends PrimitiveName> = { readonly [Name in P]: Kernel<Name> };

/** The operand at `index`, which the primitive's `infer` has shown to be a view. */
export function viewAt(operands: readonly KernelOperand[], index: number): HostView {
  return operands[index] as HostView;
}

/** The operand at `index`, or null where the optional argument was left out. */
export function optionalViewAt(operands: readonly KernelOperand[], index: number): HostView | null {
  return (operands[index] as HostView | null | undefined) ?? null;
}
