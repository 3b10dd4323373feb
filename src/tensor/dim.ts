import { RecordingError, ShapeError } from '../errors.js';

/**
 * A length that is known only when a Program runs: `tokens * T + sequences * S + constant`, where T and S are bound by
 * each run. Sums and multiples of such forms are again such forms; products of two of them are not, and are refused.
 */
export class LinearDim {
  constructor(
    readonly tokens: number,
    readonly sequences: number,
    readonly constant: number,
  ) {}

  toString(): string {
    const terms: string[] = [];
    if (this.tokens !== 0) terms.push(this.tokens === 1 ? 'tokens' : `${this.tokens}*tokens`);
    if (this.sequences !== 0) terms.push(this.sequences === 1 ? 'sequences' : `${this.sequences}*sequences`);
    if (this.constant !== 0 || terms.length === 0) terms.push(String(this.constant));
    return terms.join('+');
  }
}

/** A dimension, stride or offset: a plain number, or while recording possibly a {@link LinearDim}. */
export type Dim = number | LinearDim;

/** The total number of tokens of a run. */
export const TOKENS = new LinearDim(1, 0, 0);
/** The number of sequences of a run. */
export const SEQUENCES = new LinearDim(0, 1, 0);

/** The coefficients `[tokens, sequences, constant]` of a dimension. */
export function coefficients(dim: Dim): readonly [number, number, number] {
  return typeof dim === 'number' ? [0, 0, dim] : [dim.tokens, dim.sequences, dim.constant];
}

function fromCoefficients(tokens: number, sequences: number, constant: number): Dim {
  return tokens === 0 && sequences === 0 ? constant : new LinearDim(tokens, sequences, constant);
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const x = coefficients(a);
  const y = coefficients(b);
  return fromCoefficients(x[0] + y[0], x[1] + y[1], x[2] + y[2]);
}

/** The product of two dimensions, at least one of which must be a number. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') {
    if (typeof b === 'number') return a * b;
    return fromCoefficients(a * b.tokens, a * b.sequences, a * b.constant);
  }
  if (typeof b === 'number') return multiplyDims(b, a);
  throw new ShapeError(
    `a size of (${a}) * (${b}) is not linear in tokens and sequences; a Program cannot plan memory for it`,
  );
}

export function equalDims(a: Dim, b: Dim): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return a.tokens === b.tokens && a.sequences === b.sequences && a.constant === b.constant;
}

export function equalShapes(a: readonly Dim[], b: readonly Dim[]): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (!equalDims(a[axis], b[axis])) return false;
  return true;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly Dim[]): Dim {
  let size: Dim = 1;
  for (const dim of shape) size = multiplyDims(size, dim);
  return size;
}

/** Row-major strides of a shape, in elements. */
export function contiguousStrides(shape: readonly Dim[]): Dim[] {
  const strides: Dim[] = new Array(shape.length);
  let stride: Dim = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    if (axis > 0) stride = multiplyDims(stride, shape[axis]);
  }
  return strides;
}

/** The value of a dimension when `tokens` and `sequences` are known. */
export function bindDim(dim: Dim, tokens: number, sequences: number): number {
  return typeof dim === 'number' ? dim : dim.tokens * tokens + dim.sequences * sequences + dim.constant;
}

/** The dimension as a number; while recording, an error that says why there is none. */
export function concreteDim(dim: Dim, what: string): number {
  if (typeof dim === 'number') return dim;
  throw new RecordingError(
    `${what} is ${dim}, which is known only when the Program runs; control flow in a recorded forward cannot depend on it`,
  );
}

/** A shape as `[2, 3]` or `[tokens, 384]`. */
export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.map(String).join(', ')}]`;
}
