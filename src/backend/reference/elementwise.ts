import type { DType } from '../../tensor/dtype.js';
import type { binaryPrimitives, unaryPrimitives } from '../primitives/elementwise.js';
import { decoderOf, numbersOf, storedElements } from './elements.js';
import { roundHalfToEven, toBfloat16Bits, toFloat16Bits } from './half.js';
import { type Kernel, type Kernels, viewAt } from './kernel.js';
import { copySign, erf, gelu, geluTanh, sigmoid, silu } from './special-functions.js';

type UnaryName = keyof typeof unaryPrimitives;
type BinaryName = keyof typeof binaryPrimitives;

/**
 * Each unary function on numbers. Integer results leave the range of their dtype only by the store, which wraps.
 * A boolean result is stored as 0 or 1.
 */
const UNARY: Record<UnaryName, (x: number) => number | boolean> = {
  negative: (x) => -x,
  absolute: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x),
  square: (x) => x * x,
  reciprocal: (x) => 1 / x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  arcsin: Math.asin,
  arccos: Math.acos,
  arctan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  floor: Math.floor,
  ceil: Math.ceil,
  round: (x) => (Number.isFinite(x) ? copySign(roundHalfToEven(x), x) : x),
  trunc: Math.trunc,
  erf,
  sigmoid,
  relu: (x) => (x < 0 ? 0 : x),
  gelu,
  geluTanh,
  silu,
  isNaN: Number.isNaN,
  isFinite: Number.isFinite,
  logicalNot: (x) => x === 0,
};

/** Where the store would wrap a product that float64 has rounded. */
const UNARY_INTEGER: Partial<Record<UnaryName, (x: number) => number>> = {
  square: (x) => Math.imul(x, x),
};

type BinaryFunction = (a: number, b: number) => number | boolean;

/** Each binary function on floating-point numbers, and on integers where {@link BINARY_INTEGER} has no other. */
const BINARY: Record<BinaryName, BinaryFunction> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  floorDivide,
  remainder,
  power,
  arctan2: Math.atan2,
  maximum: Math.max,
  minimum: Math.min,
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
  logicalAnd: (a, b) => a !== 0 && b !== 0,
  logicalOr: (a, b) => a !== 0 || b !== 0,
  logicalXor: (a, b) => (a !== 0) !== (b !== 0),
};

const BINARY_INTEGER: Partial<Record<BinaryName, BinaryFunction>> = {
  multiply: Math.imul,
  floorDivide: (a, b) => (b === 0 ? 0 : Math.floor(a / b)),
  remainder: (a, b) => (b === 0 ? 0 : a - b * Math.floor(a / b)),
  power: integerPower,
};

/** The remainder of `a / b` that takes the sign of `b`; a zero takes it too. */
function remainder(a: number, b: number): number {
  const sameSignAsA = a % b;
  if (sameSignAsA === 0) return copySign(0, b);
  return sameSignAsA < 0 === b < 0 ? sameSignAsA : sameSignAsA + b;
}

/**
 * `floor(a / b)` of the exact quotient, which `a / b` may have rounded up to an integer: so the remainder is taken away
 * first, as in Python's `float.__divmod__`.
 */
function floorDivide(a: number, b: number): number {
  if (b === 0) return a / b;
  const sameSignAsA = a % b;
  const exact = (a - sameSignAsA) / b;
  const quotient = sameSignAsA !== 0 && sameSignAsA < 0 !== b < 0 ? exact - 1 : exact;
  if (quotient === 0) return copySign(0, a / b);
  // Rounding may have left the quotient just beside the integer that it stands for.
  const below = Math.floor(quotient);
  return quotient - below > 0.5 ? below + 1 : below;
}

/** `a ** b` as IEEE 754 and NumPy have it; JavaScript differs where the base is 1 or -1. */
function power(a: number, b: number): number {
  if (a === 1) return 1;
  if (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) return 1;
  return a ** b;
}

/** `a ** b` modulo 2^32 by repeated squaring; for negative b the integer part of the rational power. */
function integerPower(a: number, b: number): number {
  if (b < 0) {
    if (a === 1) return 1;
    if (a === -1) return b % 2 === 0 ? 1 : -1;
    return 0;
  }
  let result = 1;
  let square = a;
  for (let exponent = b; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

function isInteger(dtype: DType): boolean {
  return dtype === 'int32' || dtype === 'uint8' || dtype === 'bool';
}

function unaryKernel(name: UnaryName): Kernel<UnaryName> {
  return (operands, [y]) => {
    const x = numbersOf(viewAt(operands, 0));
    const integer = isInteger(viewAt(operands, 0).dtype) ? UNARY_INTEGER[name] : undefined;
    const apply = integer ?? UNARY[name];
    for (let n = 0; n < x.length; n++) y.data[n] = Number(apply(x[n]));
  };
}

function binaryKernel(name: BinaryName): Kernel<BinaryName> {
  return (operands, [y]) => {
    const a = numbersOf(viewAt(operands, 0));
    const b = numbersOf(viewAt(operands, 1));
    const integer = isInteger(viewAt(operands, 0).dtype) ? BINARY_INTEGER[name] : undefined;
    const apply = integer ?? BINARY[name];
    for (let n = 0; n < a.length; n++) y.data[n] = Number(apply(a[n], b[n]));
  };
}

const whereKernel: Kernel<'where'> = (operands, [y]) => {
  const condition = storedElements(viewAt(operands, 0));
  const a = storedElements(viewAt(operands, 1));
  const b = storedElements(viewAt(operands, 2));
  for (let n = 0; n < condition.length; n++) y.data[n] = condition[n] ? a[n] : b[n];
};

/** Towards zero, saturating at the ends of the range; NaN becomes 0. */
function saturate(x: number, least: number, greatest: number): number {
  return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), least), greatest);
}

/** What turns a number of dtype `from` into a stored element of dtype `to`. */
function encoder(from: DType, to: DType): (x: number) => number {
  switch (to) {
    case 'float16':
      return toFloat16Bits;
    case 'bfloat16':
      return toBfloat16Bits;
    case 'bool':
      return (x) => (x !== 0 ? 1 : 0);
    case 'int32':
      return isInteger(from) ? (x) => x : (x) => saturate(x, -(2 ** 31), 2 ** 31 - 1);
    case 'uint8':
      return isInteger(from) ? (x) => x : (x) => saturate(x, 0, 255);
    case 'float32':
    case 'float64':
      return (x) => x;
  }
}

const castKernel: Kernel<'cast'> = (operands, [y], { dtype }) => {
  const x = viewAt(operands, 0);
  const stored = storedElements(x);
  const decode = decoderOf(x.dtype);
  const encode = encoder(x.dtype, dtype);
  for (let n = 0; n < stored.length; n++) {
    y.data[n] = dtype === x.dtype ? stored[n] : encode(decode(stored[n]));
  }
};

function mapKernels<N extends string, K>(names: readonly N[], make: (name: N) => K): Record<N, K> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<N, K>;
}

export const elementwiseKernels: Kernels<UnaryName | BinaryName | 'where' | 'cast'> = {
  ...mapKernels(Object.keys(UNARY) as UnaryName[], unaryKernel),
  ...mapKernels(Object.keys(BINARY) as BinaryName[], binaryKernel),
  where: whereKernel,
  cast: castKernel,
};
