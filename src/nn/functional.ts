import type { Activation, PoolingMode } from '../backend/primitives/transformer.js';
import type { PackedWeight, View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { addDims, formatShape, multiplyDims } from '../tensor/dim.js';
import { execute } from '../tensor/execute.js';
import { Tensor } from '../tensor/tensor.js';

export type { Activation, PoolingMode };

/*
 * The fused operations of transformers as functions. Each is one primitive of the backend; `decompositions.ts` says what it
 * means in plain ones. Sequences are never padded: a batch is one matrix `[tokens, hidden]`, and `cuSeqlens` (int32,
 * `[sequences + 1]`, from 0 to tokens) says where each sequence begins.
 */

/** What fused operations give. */
type Result = Tensor<'float32'>;

function only(results: readonly View[]): Result {
  return Tensor.fromView(results[0] as View<'float32'>);
}

/** Settings of {@link linear}. */
export interface LinearOptions {
  /** `[out]`; none by default. */
  readonly bias?: View | null | undefined;
  /** Applied after the bias; `none` by default. */
  readonly activation?: Activation | undefined;
  /** `[tokens, out]`, added after the activation; none by default. */
  readonly residual?: View | null | undefined;
}

/**
 * `activation(x * weight^T + bias) + residual`.
 *
 * @param x - float32 `[tokens, in]`; rows may be strided.
 * @param weight - `[out, in]`, packed.
 * @returns float32 `[tokens, out]`.
 */
export function linear(x: View, weight: PackedWeight, options: LinearOptions = {}): Result {
  const { bias = null, activation = 'none', residual = null } = options;
  return only(execute('linear', [x, weight, bias, residual], { activation }));
}

/** Settings of {@link layerNorm}. */
export interface LayerNormOptions {
  /** `[hidden]`; ones by default. */
  readonly weight?: View | null | undefined;
  /** `[hidden]`; zeros by default. */
  readonly bias?: View | null | undefined;
  /** Of x's shape, added before normalising; none by default. */
  readonly residual?: View | null | undefined;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon?: number | undefined;
}

/**
 * Layer normalisation of every row, with the biased variance (Ba, Kiros, Hinton, arXiv:1607.06450).
 *
 * @param x - float32 `[tokens, hidden]`.
 * @returns float32 of x's shape.
 */
export function layerNorm(x: View, options: LayerNormOptions = {}): Result {
  const { weight = null, bias = null, residual = null, epsilon = 1e-5 } = options;
  return only(execute('layerNorm', [x, residual, weight, bias], { epsilon }));
}

/** One of the embeddings that {@link embeddingSum} adds: row `ids[t]` of `table` for token t. */
export interface Lookup {
  /** int32 `[tokens]`. */
  readonly ids: View;
  /** float32, float16 or bfloat16 `[rows, hidden]`. */
  readonly table: View;
}

/**
 * The sum of one to three embeddings, in the order given, layer-normalised when `norm.weight` is there.
 *
 * @returns float32 `[tokens, hidden]`.
 */
export function embeddingSum(
  lookups: readonly Lookup[],
  norm: { readonly weight?: View | null; readonly bias?: View | null; readonly epsilon?: number } = {},
): Result {
  const { weight = null, bias = null, epsilon = 1e-12 } = norm;
  const operands = lookups.flatMap(({ ids, table }) => [ids, table]);
  return only(execute('embedding', [weight, bias, ...operands], { epsilon }));
}

/**
 * Rotary position embedding of query or key (Su et al., arXiv:2104.09864): within every head, number i and number i + half
 * are turned by the angle of pair i at the token's position.
 *
 * @param x - float32 `[tokens, numHeads * headDim]`; rows may be strided.
 * @param positions - int32 `[tokens]`, each a row of `table`.
 * @param table - float32 `[rows, width]`, from {@link rotaryTable}: `width / 2` cosines, then as many sines. Numbers of a head
 *   beyond `width` are left as they are.
 * @returns float32 of x's shape.
 */
export function rotary(x: View, positions: View, table: View, options: { readonly numHeads: number }): Result {
  return only(execute('rotary', [x, positions, table], { numHeads: options.numHeads }));
}

/**
 * A gated activation, as in GeGLU and SwiGLU (Shazeer, arXiv:2002.05202): `activation(left half) * right half` of every row.
 *
 * @param x - float32 `[tokens, 2 * width]`; rows may be strided.
 * @returns float32 `[tokens, width]`.
 */
export function gatedActivation(x: View, activation: Activation): Result {
  return only(execute('gatedActivation', [x], { activation }));
}

/** Settings of {@link attention}. */
export interface AttentionOptions {
  readonly numHeads: number;
  /** What scores are multiplied with; one over the root of a head's width by default. */
  readonly scale?: number | undefined;
  /** Whether a token sees only itself and those before it; false by default. */
  readonly causal?: boolean | undefined;
  /** How many tokens on each side a token sees; 0, all of them, by default. */
  readonly window?: number | undefined;
  /** `[numHeads, 2 * R + 1]`: entry `R + clamp(key - query, -R, R)` is added to the score of two positions. */
  readonly relativeBias?: View | null | undefined;
}

/** What {@link attention} is told of a batch besides where its sequences begin. */
export interface AttentionBatch {
  /** int32 `[sequences]`: how many tokens of each sequence, counted from its first, may be seen; all by default. */
  readonly keyCounts?: View | null | undefined;
}

function attentionAttributes(query: View, options: AttentionOptions) {
  const { numHeads, causal = false, window = 0 } = options;
  const width = query.dims[1];
  const scale = options.scale ?? (typeof width === 'number' ? 1 / Math.sqrt(width / numHeads) : 1);
  return { numHeads, scale, causal, window };
}

/**
 * Multi-head attention within each sequence (Vaswani et al., arXiv:1706.03762).
 *
 * @param query - float32 `[tokens, hidden]`, as are key and value; rows may be strided.
 * @param cuSeqlens - int32 `[sequences + 1]`.
 * @returns float32 `[tokens, hidden]`.
 */
export function attention(
  query: View,
  key: View,
  value: View,
  cuSeqlens: View,
  options: AttentionOptions & AttentionBatch,
): Result {
  const operands = [query, key, value, cuSeqlens, options.relativeBias ?? null, options.keyCounts ?? null];
  return only(execute('attention', operands, attentionAttributes(query, options)));
}

/**
 * The weights with which each token of one sequence attends to each.
 *
 * @param query - float32 `[tokens, hidden]`, as is key: one sequence.
 * @returns float32 `[numHeads * tokens, tokens]`, head after head.
 */
export function attentionWeights(query: View, key: View, options: AttentionOptions): Result {
  return only(
    execute('attentionWeights', [query, key, options.relativeBias ?? null], attentionAttributes(query, options)),
  );
}

/**
 * One vector a sequence.
 *
 * @param x - float32 `[tokens, hidden]`.
 * @param cuSeqlens - int32 `[sequences + 1]`.
 * @param options.mode - how; an empty sequence gives zeros.
 * @param options.normalize - whether to divide each vector by its length; false by default.
 * @returns float32 `[sequences, hidden]`.
 */
export function pool(
  x: View,
  cuSeqlens: View,
  options: { readonly mode: PoolingMode; readonly normalize?: boolean | undefined },
): Result {
  const { mode, normalize = false } = options;
  return only(execute('pool', [x, cuSeqlens], { mode, normalize }));
}

/** Columns `begin` to `end` of a matrix, without copying. */
export function columnsOf<D extends View['dtype']>(x: View<D>, begin: number, end: number): View<D> {
  const [rows, columns] = x.dims;
  if (x.dims.length !== 2 || typeof columns !== 'number' || begin < 0 || end < begin || end > columns) {
    throw new ShapeError(`columnsOf: there are no columns ${begin} to ${end} in x ${formatShape(x.dims)}`);
  }
  const offset = addDims(x.offset, multiplyDims(x.strides[1], begin));
  return { dtype: x.dtype, dims: [rows, end - begin], strides: x.strides, offset, data: x.data };
}

/** A matrix `[rows, parts * width]` as `parts` matrices `[rows, width]` side by side, without copying. */
export function splitColumns<D extends View['dtype']>(x: View<D>, parts: number): View<D>[] {
  const columns = x.dims[1];
  if (x.dims.length !== 2 || typeof columns !== 'number' || columns % parts !== 0) {
    throw new ShapeError(`splitColumns: expected x [*, a multiple of ${parts}], got ${formatShape(x.dims)}`);
  }
  const width = columns / parts;
  return Array.from({ length: parts }, (_, part) => columnsOf(x, part * width, (part + 1) * width));
}
