import { ArgumentError, ShapeError } from '../../errors.js';
import { addDims, equalDims, formatShape, multiplyDims, SEQUENCES } from '../../tensor/dim.js';
import { definePrimitive, optionalView, packedOperand, requireDType, requireRank, viewOperand } from '../primitive.js';
import type { Operand, View } from '../view.js';

/*
 * Fused primitives of transformers. Sequences are never padded: a batch is one matrix `[tokens, hidden]`, and
 * `cuSeqlens` (int32, [sequences + 1], from 0 to tokens, non-decreasing) says where each sequence begins.
 * `src/nn/decompositions.ts` says what each means in plain ones.
 */

/** Activations that `linear` applies to its result; `gelu` is the exact one, with erf. */
export const ACTIVATIONS = ['none', 'relu', 'gelu', 'geluTanh', 'silu', 'tanh'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

function requireVector(primitive: string, argument: string, view: View | null, length: View['dims'][number]): void {
  if (view === null) return;
  requireDType(primitive, argument, view, ['float32']);
  if (view.dims.length !== 1 || !equalDims(view.dims[0], length)) {
    throw new ShapeError(
      `${primitive}: argument ${argument} must have shape [${length}], got ${formatShape(view.dims)}`,
    );
  }
}

/**
 * `activation(x * weight^T + bias) + residual`.
 * Operands: x float32 `[tokens, in]` (rows may be strided), packed weight `[out, in]`, bias `[out]` or null,
 * residual `[tokens, out]` or null. Result float32 `[tokens, out]`.
 */
export const linear = definePrimitive<{ activation: Activation }>({
  name: 'linear',
  infer(operands, { activation }) {
    const x = viewOperand('linear', operands, 0, 'x');
    const weight = packedOperand('linear', operands, 1, 'weight');
    const bias = optionalView('linear', operands, 2, 'bias');
    const residual = optionalView('linear', operands, 3, 'residual');
    requireDType('linear', 'x', x, ['float32']);
    if (x.dims.length !== 2 || x.dims[1] !== weight.inFeatures) {
      throw new ShapeError(`linear: expected x [*, ${weight.inFeatures}], got ${formatShape(x.dims)}`);
    }
    if (!ACTIVATIONS.includes(activation)) {
      throw new ArgumentError(`linear: activation must be one of ${ACTIVATIONS.join(', ')}, got ${activation}`);
    }
    requireVector('linear', 'bias', bias, weight.outFeatures);
    const dims = [x.dims[0], weight.outFeatures];
    requireResidual('linear', residual, dims);
    return [{ dtype: 'float32', dims }];
  },
  encode: ({ activation }) => [ACTIVATIONS.indexOf(activation)],
});

function requireResidual(primitive: string, residual: View | null, dims: View['dims']): void {
  if (residual === null) return;
  requireDType(primitive, 'residual', residual, ['float32']);
  if (residual.dims.length !== 2 || !residual.dims.every((dim, axis) => equalDims(dim, dims[axis]))) {
    throw new ShapeError(
      `${primitive}: argument residual must have shape ${formatShape(dims)}, got ${formatShape(residual.dims)}`,
    );
  }
}

/**
 * Layer normalisation of `x + residual` over the last axis (Ba, Kiros, Hinton, arXiv:1607.06450), biased variance.
 * Operands: x float32 `[tokens, hidden]`, residual of x's shape or null, weight `[hidden]` or null (ones), bias `[hidden]` or null (zeros).
 */
export const layerNorm = definePrimitive<{ epsilon: number }>({
  name: 'layerNorm',
  infer(operands) {
    const x = viewOperand('layerNorm', operands, 0, 'x');
    requireDType('layerNorm', 'x', x, ['float32']);
    requireRank('layerNorm', 'x', x, 2);
    requireResidual('layerNorm', optionalView('layerNorm', operands, 1, 'residual'), x.dims);
    requireVector('layerNorm', 'weight', optionalView('layerNorm', operands, 2, 'weight'), x.dims[1]);
    requireVector('layerNorm', 'bias', optionalView('layerNorm', operands, 3, 'bias'), x.dims[1]);
    return [{ dtype: 'float32', dims: x.dims }];
  },
  encode: ({ epsilon }) => [epsilon],
});

/**
 * The sum of up to three embeddings, layer-normalised when a norm weight is given: what begins every BERT.
 * Operands, in this order: norm weight `[hidden]` or null, norm bias `[hidden]` or null, then pairs of ids (int32 `[tokens]`)
 * and table (float32, float16 or bfloat16 `[rows, hidden]`, rows contiguous). Tables are read in their own dtype and summed
 * in float32, in the order given. An id outside its table is an error of the run. Result float32 `[tokens, hidden]`.
 */
export const embedding = definePrimitive<{ epsilon: number }>({
  name: 'embedding',
  infer(operands) {
    const firstIds = viewOperand('embedding', operands, 2, 'ids');
    const firstTable = viewOperand('embedding', operands, 3, 'table');
    for (let index = 2; index < Math.max(operands.length, 4); index += 2) {
      const ids = viewOperand('embedding', operands, index, 'ids');
      const table = viewOperand('embedding', operands, index + 1, 'table');
      requireDType('embedding', 'ids', ids, ['int32']);
      requireRank('embedding', 'ids', ids, 1);
      requireDType('embedding', 'table', table, ['float32', 'float16', 'bfloat16']);
      requireRank('embedding', 'table', table, 2);
      if (!equalDims(ids.dims[0], firstIds.dims[0]) || !equalDims(table.dims[1], firstTable.dims[1])) {
        throw new ShapeError(
          `embedding: ids ${formatShape(ids.dims)} and table ${formatShape(table.dims)} do not fit ids ${formatShape(firstIds.dims)} and table ${formatShape(firstTable.dims)}`,
        );
      }
    }
    const hidden = firstTable.dims[1];
    requireVector('embedding', 'weight', optionalView('embedding', operands, 0, 'weight'), hidden);
    requireVector('embedding', 'bias', optionalView('embedding', operands, 1, 'bias'), hidden);
    return [{ dtype: 'float32', dims: [firstIds.dims[0], hidden] }];
  },
  encode: ({ epsilon }) => [epsilon],
});

/**
 * Rotary position embedding (Su et al., arXiv:2104.09864) in the layout of GPT-NeoX: within every head, number i and number
 * i + half are turned by the angle of pair i at the token's position.
 * Operands: x float32 `[tokens, numHeads * headDim]` (unit column stride, rows may be strided), positions int32 `[tokens]`,
 * table float32 `[rows, width]` with unit column stride: row p has the cosines of its `width / 2` pairs, then their sines.
 * Numbers of a head beyond `width` are left as they are. A position outside the table is an error of the run. Result of x's
 * shape.
 */
export const rotary = definePrimitive<{ numHeads: number }>({
  name: 'rotary',
  infer(operands, { numHeads }) {
    const x = viewOperand('rotary', operands, 0, 'x');
    const positions = viewOperand('rotary', operands, 1, 'positions');
    const table = viewOperand('rotary', operands, 2, 'table');
    requireDType('rotary', 'x', x, ['float32']);
    requireRank('rotary', 'x', x, 2);
    requireHeads('rotary', numHeads, x.dims[1]);
    requireDType('rotary', 'positions', positions, ['int32']);
    if (positions.dims.length !== 1 || !equalDims(positions.dims[0], x.dims[0])) {
      throw new ShapeError(
        `rotary: argument positions must have shape ${formatShape([x.dims[0]])}, got ${formatShape(positions.dims)}`,
      );
    }
    requireDType('rotary', 'table', table, ['float32']);
    const headDim = (x.dims[1] as number) / numHeads;
    const width = table.dims[1];
    if (table.dims.length !== 2 || typeof width !== 'number' || width % 2 !== 0 || width > headDim) {
      throw new ShapeError(
        `rotary: argument table must have shape [positions, an even number up to the head's ${headDim}], got ${formatShape(table.dims)}`,
      );
    }
    return [{ dtype: 'float32', dims: x.dims }];
  },
  encode: ({ numHeads }) => [numHeads],
});

/**
 * A gated activation (Shazeer, arXiv:2002.05202): `activation(left half of x) * right half of x`.
 * Operand: x float32 `[tokens, 2 * width]` (unit column stride, rows may be strided). Result float32 `[tokens, width]`.
 */
export const gatedActivation = definePrimitive<{ activation: Activation }>({
  name: 'gatedActivation',
  infer(operands, { activation }) {
    const x = viewOperand('gatedActivation', operands, 0, 'x');
    requireDType('gatedActivation', 'x', x, ['float32']);
    const columns = x.dims[1];
    if (x.dims.length !== 2 || typeof columns !== 'number' || columns % 2 !== 0) {
      throw new ShapeError(`gatedActivation: expected x [tokens, an even number], got ${formatShape(x.dims)}`);
    }
    if (!ACTIVATIONS.includes(activation)) {
      throw new ArgumentError(
        `gatedActivation: activation must be one of ${ACTIVATIONS.join(', ')}, got ${activation}`,
      );
    }
    return [{ dtype: 'float32', dims: [x.dims[0], columns / 2] }];
  },
  encode: ({ activation }) => [ACTIVATIONS.indexOf(activation)],
});

function requireHeads(primitive: string, numHeads: number, hidden: View['dims'][number]): void {
  if (!Number.isInteger(numHeads) || numHeads < 1 || typeof hidden !== 'number' || hidden % numHeads !== 0) {
    throw new ShapeError(`${primitive}: hidden size ${hidden} is not a multiple of numHeads ${numHeads}`);
  }
}

/** A table `[numHeads, 2 * R + 1]` of biases by relative position: entry `R + clamp(key - query, -R, R)`. */
function requireRelativeBias(primitive: string, bias: View | null, numHeads: number): void {
  if (bias === null) return;
  requireDType(primitive, 'relativeBias', bias, ['float32']);
  const width = bias.dims[1];
  if (bias.dims.length !== 2 || bias.dims[0] !== numHeads || typeof width !== 'number' || width % 2 !== 1) {
    throw new ShapeError(
      `${primitive}: argument relativeBias must have shape [${numHeads}, odd], got ${formatShape(bias.dims)}`,
    );
  }
}

function attentionOperands(primitive: string, operands: readonly Operand[], numHeads: number): [View, View] {
  const query = viewOperand(primitive, operands, 0, 'query');
  const key = viewOperand(primitive, operands, 1, 'key');
  requireDType(primitive, 'query', query, ['float32']);
  requireDType(primitive, 'key', key, ['float32']);
  requireRank(primitive, 'query', query, 2);
  requireHeads(primitive, numHeads, query.dims[1]);
  if (!key.dims.every((dim, axis) => equalDims(dim, query.dims[axis]))) {
    throw new ShapeError(
      `${primitive}: key ${formatShape(key.dims)} does not have the shape of query ${formatShape(query.dims)}`,
    );
  }
  return [query, key];
}

/**
 * Multi-head attention within each sequence (Vaswani et al., arXiv:1706.03762):
 * `softmax(scale * Q K^T + relativeBias) V`, per head, never across sequences.
 * Operands: query, key, value float32 `[tokens, numHeads * headDim]` (unit column stride, rows may be strided: slices of one
 * fused buffer), cuSeqlens int32 `[sequences + 1]`, relativeBias or null, keyCounts int32 `[sequences]` or null (all): how
 * many of a sequence's tokens, counted from its first, may be seen. Result `[tokens, numHeads * headDim]`; zeros where a query
 * sees nothing. `window` is how many positions on each side a query sees (0: all, as in full attention).
 */
export const attention = definePrimitive<{ numHeads: number; scale: number; causal: boolean; window: number }>({
  name: 'attention',
  infer(operands, { numHeads }) {
    const [query] = attentionOperands('attention', operands, numHeads);
    const value = viewOperand('attention', operands, 2, 'value');
    requireDType('attention', 'value', value, ['float32']);
    if (!value.dims.every((dim, axis) => equalDims(dim, query.dims[axis]))) {
      throw new ShapeError(
        `attention: value ${formatShape(value.dims)} does not have the shape of query ${formatShape(query.dims)}`,
      );
    }
    const cuSeqlens = viewOperand('attention', operands, 3, 'cuSeqlens');
    requireDType('attention', 'cuSeqlens', cuSeqlens, ['int32']);
    requireRank('attention', 'cuSeqlens', cuSeqlens, 1);
    requireRelativeBias('attention', optionalView('attention', operands, 4, 'relativeBias'), numHeads);
    const keyCounts = optionalView('attention', operands, 5, 'keyCounts');
    if (keyCounts !== null) {
      requireDType('attention', 'keyCounts', keyCounts, ['int32']);
      const sequences = addDims(keyCounts.dims[0] ?? 0, 1);
      if (keyCounts.dims.length !== 1 || !equalDims(sequences, cuSeqlens.dims[0])) {
        throw new ShapeError(
          `attention: argument keyCounts must have one element a sequence, got shape ${formatShape(keyCounts.dims)} for cuSeqlens ${formatShape(cuSeqlens.dims)}`,
        );
      }
    }
    return [{ dtype: 'float32', dims: query.dims }];
  },
  encode: ({ numHeads, scale, causal, window }) => [numHeads, scale, causal ? 1 : 0, window],
});

/**
 * The attention weights of one sequence, for looking at: `softmax(scale * Q K^T + relativeBias)` of every head.
 * Operands: query, key `[tokens, numHeads * headDim]`, relativeBias or null. Result `[numHeads * tokens, tokens]`, head-major.
 */
export const attentionWeights = definePrimitive<{ numHeads: number; scale: number; causal: boolean; window: number }>({
  name: 'attentionWeights',
  infer(operands, { numHeads }) {
    const [query] = attentionOperands('attentionWeights', operands, numHeads);
    requireRelativeBias('attentionWeights', optionalView('attentionWeights', operands, 2, 'relativeBias'), numHeads);
    return [{ dtype: 'float32', dims: [multiplyDims(numHeads, query.dims[0]), query.dims[0]] }];
  },
  encode: ({ numHeads, scale, causal, window }) => [numHeads, scale, causal ? 1 : 0, window],
});

/** How the token vectors of a sequence become one, with the names and meanings of sentence-transformers. */
export const POOLING_MODES = ['mean', 'cls', 'max', 'weightedMean', 'lastToken', 'meanSqrtLength'] as const;
export type PoolingMode = (typeof POOLING_MODES)[number];

/**
 * One vector a sequence. Operands: x float32 `[tokens, hidden]`, cuSeqlens int32 `[sequences + 1]`. Result float32
 * `[sequences, hidden]`. `weightedMean` weighs the token at position p (from 0) by p + 1; `normalize` divides by
 * max(L2 norm, 1e-12). An empty sequence gives zeros.
 */
export const pool = definePrimitive<{ mode: PoolingMode; normalize: boolean }>({
  name: 'pool',
  infer(operands, { mode }) {
    const x = viewOperand('pool', operands, 0, 'x');
    const cuSeqlens = viewOperand('pool', operands, 1, 'cuSeqlens');
    requireDType('pool', 'x', x, ['float32']);
    requireRank('pool', 'x', x, 2);
    requireDType('pool', 'cuSeqlens', cuSeqlens, ['int32']);
    requireRank('pool', 'cuSeqlens', cuSeqlens, 1);
    if (!POOLING_MODES.includes(mode)) {
      throw new ArgumentError(`pool: mode must be one of ${POOLING_MODES.join(', ')}, got ${mode}`);
    }
    const ends = cuSeqlens.dims[0];
    const sequences = typeof ends === 'number' ? ends - 1 : SEQUENCES;
    if (typeof sequences === 'number' && sequences < 0) {
      throw new ShapeError('pool: argument cuSeqlens must have at least one element');
    }
    return [{ dtype: 'float32', dims: [sequences, x.dims[1]] }];
  },
  encode: ({ mode, normalize }) => [POOLING_MODES.indexOf(mode), normalize ? 1 : 0],
});
