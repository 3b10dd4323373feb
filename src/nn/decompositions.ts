import type { View } from '../backend/view.js';
import { concreteDim, contiguousStrides } from '../tensor/dim.js';
import { arrayConstructor, type StorageArray } from '../tensor/dtype.js';
import { binary, unary } from '../tensor/elementwise.js';
import { castView, compute, contiguousView, copyView, execute } from '../tensor/execute.js';
import { mean, norm, reduce, variance } from '../tensor/reductions.js';
import { reorderAxes, windowOf } from '../tensor/strided.js';
import type { Activation, AttentionOptions, LayerNormOptions, Lookup, PoolingMode } from './functional.js';

/*
 * What each fused operation of `functional.ts` means, in plain ones: the definition that backends are tested against.
 * Slow, and eager only, since lengths of sequences are read from `cuSeqlens`. Where a fused operation and its decomposition
 * differ, the fused one is wrong.
 */

type Matrix = View;

const transpose = (x: Matrix): Matrix => reorderAxes(x, [1, 0]);
const matmul = (a: Matrix, b: Matrix): Matrix => compute('matmul', a, b);

/** Rows `begin` to `end`, and of them columns `left` to `right`, as a window. */
function block(x: Matrix, begin: number, end: number, left = 0, right = columnsOf(x)): Matrix {
  const [row, column] = x.strides as number[];
  const offset = (x.offset as number) + begin * row + left * column;
  return windowOf(x, [end - begin, right - left], x.strides, offset);
}

function rowsOf(x: Matrix): number {
  return concreteDim(x.dims[0], 'the number of rows');
}

function columnsOf(x: Matrix): number {
  return concreteDim(x.dims[1], 'the number of columns');
}

function concat(parts: readonly View[], axis: number): View {
  return execute('concat', parts, { axis })[0] as View;
}

function constant(
  dims: readonly number[],
  values: ArrayLike<number>,
  dtype: 'float32' | 'int32' | 'bool' = 'float32',
): View {
  const data = arrayConstructor(dtype).from(values) as StorageArray;
  return { dtype, dims, strides: contiguousStrides(dims), offset: 0, data };
}

/** `activation(x * weight^T + bias) + residual`, with the weight `[out, in]` itself instead of a packed one. */
export function decomposedLinear(
  x: Matrix,
  weight: Matrix,
  options: { readonly bias?: View; readonly activation?: Activation; readonly residual?: Matrix } = {},
): Matrix {
  const { bias, activation = 'none', residual } = options;
  const product = matmul(x, transpose(castView(weight, 'float32')));
  const sum = bias === undefined ? product : binary('add', product, bias);
  const activated = activation === 'none' ? sum : unary(activation, sum);
  return residual === undefined ? activated : binary('add', activated, residual);
}

/** `(x - mean) / sqrt(variance + epsilon) * weight + bias`, of `x + residual`, over the last axis. */
export function decomposedLayerNorm(x: Matrix, options: LayerNormOptions = {}): Matrix {
  const { weight, bias, residual, epsilon = 1e-5 } = options;
  const sum = residual ? binary('add', x, residual) : x;
  const centred = binary('subtract', sum, mean(sum, 1, true));
  const deviation = unary('sqrt', binary('add', variance(sum, 1, { keepdims: true }), epsilon));
  const normalized = binary('divide', centred, deviation);
  const scaled = weight ? binary('multiply', normalized, weight) : normalized;
  return bias ? binary('add', scaled, bias) : scaled;
}

/** The rows that ids select, summed over the tables in order, then normalised if there is a weight. */
export function decomposedEmbeddingSum(
  lookups: readonly Lookup[],
  norms: { readonly weight?: View | null; readonly bias?: View | null; readonly epsilon?: number } = {},
): Matrix {
  const selected = lookups.map(({ ids, table }) => {
    const [rows] = execute('take', [castView(table, 'float32'), ids], { axis: 0 });
    return rows as View;
  });
  const sum = selected.reduce((total, rows) => binary('add', total, rows));
  return norms.weight ? decomposedLayerNorm(sum, { epsilon: 1e-12, ...norms }) : sum;
}

/** Every head's pairs of numbers, half a width apart, turned by the angles of the token's position. */
export function decomposedRotary(x: Matrix, positions: View, table: Matrix, options: { numHeads: number }): Matrix {
  const [width, tokens] = [columnsOf(table), rowsOf(x)];
  const half = width / 2;
  const [angles] = execute('take', [table, positions], { axis: 0 });
  const cosine = block(angles as View, 0, tokens, 0, half);
  const sine = block(angles as View, 0, tokens, half, width);
  const heads = headsOf(x, options, (left, right) => {
    const [a, b] = [block(x, 0, tokens, left, left + half), block(x, 0, tokens, left + half, left + width)];
    const first = binary('subtract', binary('multiply', a, cosine), binary('multiply', b, sine));
    const second = binary('add', binary('multiply', b, cosine), binary('multiply', a, sine));
    return concat([first, second, block(x, 0, tokens, left + width, right)], 1);
  });
  return concat(heads, 1);
}

/** `activation(left half) * right half`. */
export function decomposedGatedActivation(x: Matrix, activation: Activation): Matrix {
  const [width, rows] = [columnsOf(x) / 2, rowsOf(x)];
  const left = block(x, 0, rows, 0, width);
  return binary('multiply', activation === 'none' ? left : unary(activation, left), block(x, 0, rows, width));
}

/** The attention weights `[tokens, tokens]` of one head of one sequence. */
function headWeights(query: Matrix, key: Matrix, head: number, options: AttentionOptions, keys = rowsOf(key)): Matrix {
  const { numHeads, causal = false, window = 0, relativeBias } = options;
  const scale = options.scale ?? 1 / Math.sqrt(columnsOf(query) / numHeads);
  const length = rowsOf(query);
  let scores = binary('multiply', matmul(query, transpose(key)), scale);
  // Distances key - query of all pairs, [length, length].
  const distance = (row: number, column: number): number => column - row;
  const pairs = (value: (query: number, key: number) => number): number[] =>
    Array.from({ length: length * length }, (_, n) => value(Math.floor(n / length), n % length));
  if (relativeBias) {
    const range = (columnsOf(relativeBias) - 1) / 2;
    const columns = pairs((q, k) => range + Math.max(-range, Math.min(range, distance(q, k))));
    const biases = copyView(block(relativeBias, head, head + 1));
    const [added] = execute(
      'take',
      [windowOf(biases, [2 * range + 1], [1]), constant([length, length], columns, 'int32')],
      {
        axis: 0,
      },
    );
    scores = binary('add', scores, added as View);
  }
  const hidden = pairs((q, k) => {
    const tooFar = window > 0 && Math.abs(distance(q, k)) > window;
    return tooFar || (causal && k > q) || k >= keys ? Number.NEGATIVE_INFINITY : 0;
  });
  const weights = compute('softmax', binary('add', scores, constant([length, length], hidden)));
  // The keys that a query sees follow each other, so it sees none if not the last it might: it has no softmax then.
  const blind = pairs((q) => ((window > 0 && q - window >= keys) || keys === 0 ? 1 : 0));
  const operands = [
    constant([length, length], blind, 'bool'),
    constant(
      [length, length],
      pairs(() => 0),
    ),
    weights,
  ];
  return execute('where', operands, {})[0] as View;
}

/** `softmax(scale * Q K^T + relativeBias)` of every head of one sequence, one below the other. */
export function decomposedAttentionWeights(query: Matrix, key: Matrix, options: AttentionOptions): Matrix {
  return concat(
    headsOf(query, options, (left, right, head) => {
      const rows = rowsOf(query);
      return headWeights(
        block(query, 0, rows, left, right),
        block(key, 0, rows, left, right),
        head,
        withScale(query, options),
      );
    }),
    0,
  );
}

/** Attention within each sequence and each head: weights times values. */
export function decomposedAttention(
  query: Matrix,
  key: Matrix,
  value: Matrix,
  cuSeqlens: View,
  options: AttentionOptions & { readonly keyCounts?: readonly number[] | undefined },
): Matrix {
  const sequences = rangesOf(cuSeqlens).map(([begin, end], sequence) =>
    concat(
      headsOf(query, options, (left, right, head) => {
        const q = block(query, begin, end, left, right);
        const k = block(key, begin, end, left, right);
        const keys = options.keyCounts?.[sequence] ?? end - begin;
        const weights = headWeights(q, k, head, withScale(query, options), keys);
        return matmul(weights, block(value, begin, end, left, right));
      }),
      1,
    ),
  );
  return concat([constant([0, columnsOf(query)], []), ...sequences], 0);
}

/** The scale that belongs to the whole width, since a head alone does not know it. */
function withScale(query: Matrix, options: AttentionOptions): AttentionOptions {
  return { scale: 1 / Math.sqrt(columnsOf(query) / options.numHeads), ...options };
}

function headsOf<T>(
  query: Matrix,
  { numHeads }: Pick<AttentionOptions, 'numHeads'>,
  body: (left: number, right: number, head: number) => T,
): T[] {
  const width = columnsOf(query) / numHeads;
  return Array.from({ length: numHeads }, (_, head) => body(head * width, (head + 1) * width, head));
}

/** Where each sequence begins and ends. */
function rangesOf(cuSeqlens: View): [number, number][] {
  const { data } = contiguousView(cuSeqlens);
  const ends = Array.from(data as StorageArray);
  return ends.slice(1).map((end, index) => [ends[index] as number, end]);
}

/** One vector a sequence, put one below the other. */
export function decomposedPool(
  x: Matrix,
  cuSeqlens: View,
  options: { readonly mode: PoolingMode; readonly normalize?: boolean },
): Matrix {
  const width = columnsOf(x);
  const vectors = rangesOf(cuSeqlens).map(([begin, end]) =>
    begin === end ? constant([1, width], new Float32Array(width)) : pooledVector(block(x, begin, end), options.mode),
  );
  const pooled = concat([constant([0, width], []), ...vectors], 0);
  if (!options.normalize) return pooled;
  return binary('divide', pooled, binary('maximum', norm(pooled, 1, { keepdims: true }), 1e-12));
}

/** The vector `[1, hidden]` of one sequence that is not empty. */
function pooledVector(tokens: Matrix, mode: PoolingMode): Matrix {
  const length = rowsOf(tokens);
  switch (mode) {
    case 'mean':
      return mean(tokens, 0, true);
    case 'cls':
      return block(tokens, 0, 1);
    case 'max':
      return reduce('max', tokens, 0, true);
    case 'lastToken':
      return block(tokens, length - 1, length);
    case 'meanSqrtLength':
      return binary('divide', reduce('sum', tokens, 0, true), Math.sqrt(length));
    case 'weightedMean': {
      const weights = Array.from({ length }, (_, position) => position + 1);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return binary('divide', matmul(constant([1, length], weights), tokens), total);
    }
  }
}
