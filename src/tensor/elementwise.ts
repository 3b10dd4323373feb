import type { binaryPrimitives, unaryPrimitives } from '../backend/primitives/elementwise.js';
import type { View } from '../backend/view.js';
import { ArgumentError, DTypeError, RecordingError } from '../errors.js';
import type { Dim } from './dim.js';
import { type DType, isFloating } from './dtype.js';
import { castView, compute, execute, isSymbolicView, requireView, scalarView, Temporaries } from './execute.js';
import {
  arithmeticDType,
  floatingDType,
  promoteScalar,
  promoteTypes,
  quotientDType,
  requireFits,
  type Scalar,
  scalarDType,
} from './promotion.js';
import { broadcastDims, broadcastView } from './shape.js';

export type UnaryName = keyof typeof unaryPrimitives;
export type BinaryName = keyof typeof binaryPrimitives;

/** An argument of an elementwise operation. */
export type ViewOrScalar = View | Scalar;

const ROUNDING: ReadonlySet<UnaryName> = new Set(['floor', 'ceil', 'round', 'trunc']);
const SIGNED: ReadonlySet<UnaryName> = new Set(['negative', 'sign', 'relu']);
const ANY_NUMBER: ReadonlySet<UnaryName> = new Set(['negative', 'absolute', 'sign', 'square', 'relu']);

/** `operation(x)`, in the dtype that NumPy's function of that name would use. */
export function unary(name: UnaryName, x: View): View {
  const dtype = unaryDType(name, x.dtype);
  if (dtype === null) return x;
  const temporaries = new Temporaries(x);
  const operand = temporaries.keep(castView(x, dtype));
  return temporaries.finish(compute(name, operand));
}

/** The dtype to compute in, or null where the operation changes nothing. */
function unaryDType(name: UnaryName, dtype: DType): DType | null {
  if (name === 'logicalNot') return 'bool';
  if (ROUNDING.has(name) && !isFloating(dtype)) return null;
  if (!ANY_NUMBER.has(name)) return floatingDType(dtype);
  if (dtype !== 'bool') return arithmeticDType(dtype);
  if (name === 'absolute') return null;
  if (SIGNED.has(name)) {
    throw new DTypeError(`${name}: not defined for bool; use logicalNot(), or .to('int32') first`);
  }
  return 'int32';
}

/** isNaN and isFinite: for integers known without looking, but still of the right shape. */
export function classify(name: 'isNaN' | 'isFinite', x: View): View {
  return isFloating(x.dtype) ? unary(name, x) : compute(name === 'isNaN' ? 'notEqual' : 'equal', x, x);
}

const COMPARISONS: ReadonlySet<BinaryName> = new Set([
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
]);
const LOGICAL: ReadonlySet<BinaryName> = new Set(['logicalAnd', 'logicalOr', 'logicalXor']);
const NO_BOOL: Partial<Record<BinaryName, BinaryName | DType | 'refused'>> = {
  add: 'logicalOr',
  multiply: 'logicalAnd',
  subtract: 'refused',
  floorDivide: 'int32',
  remainder: 'int32',
  power: 'int32',
};

/** The dtype of two operands together. */
function promoted(operation: BinaryName | 'where' | 'clip', a: ViewOrScalar, b: ViewOrScalar): DType {
  if (typeof a === 'object' && typeof b === 'object') return promoteTypes(a.dtype, b.dtype);
  if (typeof a !== 'object' && typeof b !== 'object') return promoteTypes(scalarDType(a), scalarDType(b));
  const [view, scalar] = typeof a === 'object' ? [a, b as Scalar] : [b as View, a];
  const dtype = promoteScalar(view.dtype, scalar);
  const isComparison = COMPARISONS.has(operation as BinaryName);
  // Logic asks whether a number is zero, and these two compute in a floating type: any number will do.
  if (LOGICAL.has(operation as BinaryName) || operation === 'divide' || operation === 'arctan2') return dtype;
  if (isComparison && Number.isInteger(scalar) && !isFloating(dtype)) {
    // Comparing with a number beyond the dtype's range is meaningful, and exact in float64.
    return fits(scalar, dtype) ? dtype : 'float64';
  }
  requireFits(operation, scalar, dtype);
  return dtype;
}

function fits(scalar: Scalar, dtype: DType): boolean {
  if (dtype === 'uint8') return Number(scalar) >= 0 && Number(scalar) <= 255;
  return dtype !== 'int32' || (Number(scalar) >= -(2 ** 31) && Number(scalar) < 2 ** 31);
}

/** The dtype and primitive that compute `name` on operands of the promoted dtype. */
function plan(name: BinaryName, dtype: DType): [BinaryName, DType] {
  if (LOGICAL.has(name)) return [name, 'bool'];
  if (name === 'divide') return [name, quotientDType(dtype)];
  if (name === 'arctan2') return [name, floatingDType(dtype)];
  if (dtype !== 'bool') return [name, arithmeticDType(dtype)];
  const instead = NO_BOOL[name];
  if (instead === undefined) return [name, 'bool'];
  if (instead === 'refused') {
    throw new DTypeError(`${name}: not defined for bool; use logicalXor(), or .to('int32') first`);
  }
  return instead === 'int32' ? [name, 'int32'] : [instead as BinaryName, 'bool'];
}

function operandView(
  operation: string,
  argument: string,
  value: ViewOrScalar,
  dtype: DType,
  temporaries: Temporaries,
): View {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return temporaries.keep(scalarView(dtype === 'bool' ? value !== 0 && value !== false : value, dtype));
  }
  return temporaries.keep(castView(requireView(operation, argument, value), dtype));
}

/** `operation(a, b)` after promotion and broadcasting. */
export function binary(name: BinaryName, a: ViewOrScalar, b: ViewOrScalar): View {
  requireOperand(name, 'a', a);
  requireOperand(name, 'b', b);
  const [primitive, dtype] = plan(name, promoted(name, a, b));
  if (name === 'power' && !isFloating(dtype)) requireNonNegative(b);
  const temporaries = new Temporaries(a, b);
  const x = operandView(name, 'a', a, dtype, temporaries);
  const y = operandView(name, 'b', b, dtype, temporaries);
  const dims = broadcastDims(name, x.dims, y.dims);
  return temporaries.finish(compute(primitive, broadcastView(name, x, dims), broadcastView(name, y, dims)));
}

function requireOperand(operation: string, argument: string, value: unknown): void {
  if (typeof value !== 'number' && typeof value !== 'boolean') requireView(operation, argument, value);
}

function requireNonNegative(exponent: ViewOrScalar): void {
  const refuse = (what: string): ArgumentError =>
    new ArgumentError(`power: integers to negative integer powers are not integers; ${what} .to('float64') first`);
  if (typeof exponent === 'boolean') return;
  if (typeof exponent === 'number') {
    if (exponent < 0) throw refuse('cast the base with');
    return;
  }
  if (exponent.dtype !== 'int32') return;
  if (isSymbolicView(exponent)) {
    throw new RecordingError('power: a recording cannot check that integer exponents are not negative; cast to float');
  }
  const temporaries = new Temporaries(exponent);
  const negative = temporaries.keep(binary('less', exponent, 0));
  const [found] = execute('any', [negative], { axes: negative.dims.length });
  const isNegative = (found.data as Uint8Array)[0] === 1;
  temporaries.finish(exponent, temporaries.keep(found));
  if (isNegative) throw refuse('cast one of them with');
}

/** `condition ? a : b`, element by element. */
export function where(condition: View, a: ViewOrScalar, b: ViewOrScalar): View {
  requireView('where', 'condition', condition);
  requireOperand('where', 'a', a);
  requireOperand('where', 'b', b);
  const dtype = promoted('where', a, b);
  const temporaries = new Temporaries(condition, a, b);
  const test = temporaries.keep(castView(condition, 'bool'));
  const x = operandView('where', 'a', a, dtype, temporaries);
  const y = operandView('where', 'b', b, dtype, temporaries);
  const dims: readonly Dim[] = broadcastDims('where', test.dims, x.dims, y.dims);
  const operands = [test, x, y].map((view) => broadcastView('where', view, dims));
  return temporaries.finish(compute('where', ...operands));
}

/** `min(max(x, low), high)`; null leaves an end open. NaN stays NaN. */
export function clip(x: View, low: ViewOrScalar | null, high: ViewOrScalar | null): View {
  if (low === null && high === null) throw new ArgumentError('clip: at least one of low and high must be given');
  const temporaries = new Temporaries(x);
  const raised = low === null ? x : temporaries.keep(binary('maximum', x, low));
  return temporaries.finish(high === null ? raised : temporaries.keep(binary('minimum', raised, high)));
}
