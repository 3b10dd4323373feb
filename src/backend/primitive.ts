import { DTypeError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import type { DType } from '../tensor/dtype.js';
import { isPackedWeight, type Operand, type OutputSpec, type PackedWeight, type View } from './view.js';

/**
 * One operation that every backend implements.
 *
 * `infer` is the only place where arguments are checked and result shapes are derived: all backends and the recorder
 * call it first. `encode` gives the attributes as the numbers that a Program and the native engine read, in order.
 */
export interface Primitive<Attributes extends object = object> {
  readonly name: string;
  infer(operands: readonly Operand[], attributes: Attributes): readonly OutputSpec[];
  encode(attributes: Attributes): readonly number[];
}

/** Declares a primitive. */
export function definePrimitive<Attributes extends object>(primitive: Primitive<Attributes>): Primitive<Attributes> {
  return primitive;
}

/** The operand at `index` as a view, or an error that names the primitive and the argument. */
export function viewOperand(primitive: string, operands: readonly Operand[], index: number, argument: string): View {
  const operand = operands[index];
  if (operand === null || operand === undefined || isPackedWeight(operand)) {
    throw new ShapeError(
      `${primitive}: argument ${argument} must be a tensor, got ${operand ? 'a packed weight' : 'nothing'}`,
    );
  }
  return operand;
}

/** The operand at `index` as a view, or null where an optional argument was left out. */
export function optionalView(
  primitive: string,
  operands: readonly Operand[],
  index: number,
  argument: string,
): View | null {
  return operands[index] == null ? null : viewOperand(primitive, operands, index, argument);
}

export function packedOperand(
  primitive: string,
  operands: readonly Operand[],
  index: number,
  argument: string,
): PackedWeight {
  const operand = operands[index];
  if (operand === null || operand === undefined || !isPackedWeight(operand)) {
    throw new ShapeError(`${primitive}: argument ${argument} must be a packed weight; call pack(weight) first`);
  }
  return operand;
}

export function requireDType(primitive: string, argument: string, view: View, allowed: readonly DType[]): void {
  if (!allowed.includes(view.dtype)) {
    throw new DTypeError(`${primitive}: argument ${argument} must be ${allowed.join(' or ')}, got ${view.dtype}`);
  }
}

export function requireRank(primitive: string, argument: string, view: View, rank: number): void {
  if (view.dims.length !== rank) {
    throw new ShapeError(
      `${primitive}: argument ${argument} must have rank ${rank}, got shape ${formatShape(view.dims)}`,
    );
  }
}
