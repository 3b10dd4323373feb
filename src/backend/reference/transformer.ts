import { BackendError, IndexOutOfRangeError } from '../../errors.js';
import type { Activation, PoolingMode } from '../primitives/transformer.js';
import type { HostView } from '../view.js';
import { decoderOf, numbersOf } from './elements.js';
import { fromBfloat16Bits, toBfloat16Bits } from './half.js';
import { type Kernel, type Kernels, optionalViewAt, viewAt } from './kernel.js';
import type { ReferencePackedWeight } from './packed-weight.js';
import { dotQuantized, quantizeRows } from './quantized.js';
import { gelu, geluTanh, silu } from './special-functions.js';

const ACTIVATION_FUNCTIONS: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => (x < 0 ? 0 : x),
  gelu,
  geluTanh,
  silu,
  tanh: Math.tanh,
};

function optionalNumbers(view: HostView | null): Float64Array | null {
  return view === null ? null : numbersOf(view);
}

/** The product of row `token` of x and row `feature` of the weight. */
function rowProduct(x: Float64Array, weight: ReferencePackedWeight): (token: number, feature: number) => number {
  const length = weight.inFeatures;
  if (weight.format === 'int8') {
    const { inputScale } = weight;
    const scaled = inputScale === null ? x : Float32Array.from(x, (value, n) => value * inputScale[n % length]);
    const rows = quantizeRows(scaled, length === 0 ? 0 : x.length / length, length);
    return (token, feature) => dotQuantized(rows, token, weight.rows, feature, length);
  }
  const { values } = weight;
  const inputs = weight.format === 'bfloat16Products' ? x.map((value) => fromBfloat16Bits(toBfloat16Bits(value))) : x;
  return (token, feature) => {
    const xStart = token * length;
    const weightStart = feature * length;
    let sum = 0;
    for (let k = 0; k < length; k++) sum += inputs[xStart + k] * values[weightStart + k];
    return sum;
  };
}

/** x [tokens, in], weight [out, in], bias [out], residual [tokens, out] -> y [tokens, out]. */
const linearKernel: Kernel<'linear'> = (operands, [y], { activation }) => {
  const weight = operands[1] as ReferencePackedWeight;
  const bias = optionalNumbers(optionalViewAt(operands, 2));
  const residual = optionalNumbers(optionalViewAt(operands, 3));
  const product = rowProduct(numbersOf(viewAt(operands, 0)), weight);
  const activate = ACTIVATION_FUNCTIONS[activation];
  const [tokens, features] = y.dims;
  for (let token = 0; token < tokens; token++) {
    for (let feature = 0; feature < features; feature++) {
      let sum = product(token, feature);
      if (bias !== null) sum += bias[feature];
      let value = activate(sum);
      if (residual !== null) value += residual[token * features + feature];
      y.data[token * features + feature] = value;
    }
  }
};

/** Normalises one row to mean 0 and variance 1, then scales and shifts it, in place. */
function normalizeRow(
  row: Float64Array,
  weight: Float64Array | null,
  bias: Float64Array | null,
  epsilon: number,
): void {
  let mean = 0;
  for (const x of row) mean += x / row.length;
  let variance = 0;
  for (const x of row) variance += (x - mean) ** 2 / row.length;
  const deviation = Math.sqrt(variance + epsilon);
  for (let n = 0; n < row.length; n++) {
    row[n] = ((row[n] - mean) / deviation) * (weight?.[n] ?? 1) + (bias?.[n] ?? 0);
  }
}

/** x, residual [tokens, hidden], weight, bias [hidden] -> y [tokens, hidden]. */
const layerNormKernel: Kernel<'layerNorm'> = (operands, [y], { epsilon }) => {
  const x = numbersOf(viewAt(operands, 0));
  const residual = optionalNumbers(optionalViewAt(operands, 1));
  const weight = optionalNumbers(optionalViewAt(operands, 2));
  const bias = optionalNumbers(optionalViewAt(operands, 3));
  const [tokens, hidden] = y.dims;
  for (let token = 0; token < tokens; token++) {
    const start = token * hidden;
    const row = x.slice(start, start + hidden);
    if (residual !== null) for (let n = 0; n < hidden; n++) row[n] += residual[start + n];
    normalizeRow(row, weight, bias, epsilon);
    y.data.set(row, start);
  }
};

/** ids [tokens] into table [rows, hidden], up to three pairs, summed -> y [tokens, hidden]. */
const embeddingKernel: Kernel<'embedding'> = (operands, [y], { epsilon }) => {
  const weight = optionalNumbers(optionalViewAt(operands, 0));
  const bias = optionalNumbers(optionalViewAt(operands, 1));
  const [tokens, hidden] = y.dims;
  const sums = new Float64Array(tokens * hidden);
  for (let pair = 2; pair < operands.length; pair += 2) {
    addRows(sums, hidden, numbersOf(viewAt(operands, pair)), viewAt(operands, pair + 1));
  }
  for (let token = 0; token < tokens; token++) {
    const row = sums.subarray(token * hidden, (token + 1) * hidden);
    if (weight !== null) normalizeRow(row, weight, bias, epsilon);
    else if (bias !== null) for (let n = 0; n < hidden; n++) row[n] += bias[n];
    y.data.set(row, token * hidden);
  }
};

/** Adds row ids[token] of the table to row `token` of the sums. The table is large: only the rows needed are read. */
function addRows(sums: Float64Array, hidden: number, ids: Float64Array, table: HostView): void {
  const [rows] = table.dims;
  const [rowStride, columnStride] = table.strides;
  const decode = decoderOf(table.dtype);
  for (let token = 0; token < ids.length; token++) {
    const id = ids[token];
    if (id < 0 || id >= rows) {
      throw new IndexOutOfRangeError(
        `embedding: id ${id} at position ${token} is out of range for a table of ${rows} rows`,
      );
    }
    const start = table.offset + id * rowStride;
    for (let n = 0; n < hidden; n++) sums[token * hidden + n] += decode(table.data[start + n * columnStride]);
  }
}

/** x [tokens, numHeads * headDim], positions [tokens], table [rows, width] of cosines and sines -> y of x's shape. */
const rotaryKernel: Kernel<'rotary'> = (operands, [y], { numHeads }) => {
  const positions = numbersOf(viewAt(operands, 1));
  const table = viewAt(operands, 2);
  const [rows, width] = table.dims;
  const [rowStride, columnStride] = table.strides;
  const [tokens, hidden] = y.dims;
  y.data.set(numbersOf(viewAt(operands, 0)));
  const half = width / 2;
  for (let token = 0; token < tokens; token++) {
    const position = positions[token];
    if (position < 0 || position >= rows) {
      throw new IndexOutOfRangeError(
        `rotary: position ${position} of token ${token} is out of range for a table of ${rows} rows`,
      );
    }
    const angles = table.offset + position * rowStride;
    for (let head = 0; head < numHeads; head++) {
      const start = token * hidden + head * (hidden / numHeads);
      for (let pair = 0; pair < half; pair++) {
        const cosine = table.data[angles + pair * columnStride];
        const sine = table.data[angles + (half + pair) * columnStride];
        const [a, b] = [y.data[start + pair], y.data[start + half + pair]];
        y.data[start + pair] = a * cosine - b * sine;
        y.data[start + half + pair] = b * cosine + a * sine;
      }
    }
  }
};

/** x [tokens, 2 * width] -> y [tokens, width]. */
const gatedActivationKernel: Kernel<'gatedActivation'> = (operands, [y], { activation }) => {
  const x = numbersOf(viewAt(operands, 0));
  const activate = ACTIVATION_FUNCTIONS[activation];
  const [tokens, width] = y.dims;
  for (let token = 0; token < tokens; token++) {
    for (let n = 0; n < width; n++) {
      const left = x[token * 2 * width + n];
      y.data[token * width + n] = activate(left) * x[token * 2 * width + width + n];
    }
  }
};

/** First and last-plus-one token of every sequence, checked: the kernels index by them. */
function sequenceBounds(primitive: string, cuSeqlens: HostView, tokens: number): [number, number][] {
  const ends = numbersOf(cuSeqlens);
  const valid =
    ends.length > 0 &&
    ends[0] === 0 &&
    ends[ends.length - 1] === tokens &&
    ends.every((end, n) => n === 0 || end >= ends[n - 1]);
  if (!valid) {
    throw new BackendError(
      `${primitive}: argument cuSeqlens must rise from 0 to the number of tokens, ${tokens}; got [${ends.join(', ')}]`,
    );
  }
  return Array.from(ends.subarray(1), (end, sequence) => [ends[sequence], end]);
}

interface AttentionSettings {
  readonly numHeads: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly window: number;
}

interface AttentionInputs extends AttentionSettings {
  /** `[tokens, hidden]`, as is `key`; a head's part of a row is `headDim` numbers from `head * headDim` on. */
  readonly query: Float64Array;
  readonly key: Float64Array;
  readonly hidden: number;
  /** `[numHeads, 2 * reach + 1]`. */
  readonly relativeBias: HostView | null;
}

/** Whether a query may look at a key `distance` positions after it. */
function isVisible({ causal, window }: AttentionSettings, distance: number): boolean {
  return !(causal && distance > 0) && (window === 0 || Math.abs(distance) <= window);
}

/** How much the query at `position` attends to each token from `begin` to `end`: adds up to 1, 0 where it may not look. */
function attentionRow(
  inputs: AttentionInputs,
  head: number,
  position: number,
  begin: number,
  end: number,
): Float64Array {
  const { query, key, hidden, numHeads, scale, relativeBias } = inputs;
  const headDim = hidden / numHeads;
  const scores = new Float64Array(end - begin).fill(Number.NEGATIVE_INFINITY);
  for (let other = begin; other < end; other++) {
    if (!isVisible(inputs, other - position)) continue;
    const queryStart = position * hidden + head * headDim;
    const keyStart = other * hidden + head * headDim;
    let dot = 0;
    for (let n = 0; n < headDim; n++) dot += query[queryStart + n] * key[keyStart + n];
    const bias = relativeBias === null ? 0 : biasAt(relativeBias, head, other - position);
    scores[other - begin] = scale * dot + bias;
  }
  const greatest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  // No key is in sight.
  if (greatest === Number.NEGATIVE_INFINITY) return scores.fill(0);
  const exponentials = scores.map((score) => Math.exp(score - greatest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((exponential) => exponential / sum);
}

/** The bias of a head for `key - query` positions from a table `[numHeads, 2 * reach + 1]`. */
function biasAt(table: HostView, head: number, distance: number): number {
  const reach = (table.dims[1] - 1) / 2;
  const column = reach + Math.min(Math.max(distance, -reach), reach);
  return table.data[table.offset + head * table.strides[0] + column * table.strides[1]];
}

/** Where the keys of each sequence end, behind its last token unless counts say otherwise. */
function keyEndsOf(bounds: readonly [number, number][], keyCounts: HostView | null): number[] {
  const counts = optionalNumbers(keyCounts);
  return bounds.map(([begin, end], sequence) => {
    const count = counts === null ? end - begin : counts[sequence];
    if (count < 0 || count > end - begin) {
      throw new IndexOutOfRangeError(
        `attention: keyCounts has ${count} keys for sequence ${sequence} of ${end - begin} tokens`,
      );
    }
    return begin + count;
  });
}

/** query, key, value [tokens, numHeads * headDim] -> y of the same shape; each sequence by itself. */
const attentionKernel: Kernel<'attention'> = (operands, [y], settings) => {
  const [tokens, hidden] = y.dims;
  const inputs: AttentionInputs = {
    ...settings,
    query: numbersOf(viewAt(operands, 0)),
    key: numbersOf(viewAt(operands, 1)),
    hidden,
    relativeBias: optionalViewAt(operands, 4),
  };
  const value = numbersOf(viewAt(operands, 2));
  const headDim = hidden / settings.numHeads;
  const bounds = sequenceBounds('attention', viewAt(operands, 3), tokens);
  const keyEnds = keyEndsOf(bounds, optionalViewAt(operands, 5));
  for (const [sequence, [begin, end]] of bounds.entries()) {
    const keyEnd = keyEnds[sequence];
    for (let position = begin; position < end; position++) {
      for (let head = 0; head < settings.numHeads; head++) {
        const weights = attentionRow(inputs, head, position, begin, keyEnd);
        for (let n = head * headDim; n < (head + 1) * headDim; n++) {
          let sum = 0;
          for (let other = begin; other < keyEnd; other++) {
            // A token out of sight takes no part, not even where its value is infinite.
            if (isVisible(settings, other - position)) sum += weights[other - begin] * value[other * hidden + n];
          }
          y.data[position * hidden + n] = sum;
        }
      }
    }
  }
};

/** query, key [tokens, numHeads * headDim] -> y [numHeads * tokens, tokens]. */
const attentionWeightsKernel: Kernel<'attentionWeights'> = (operands, [y], settings) => {
  const [tokens, hidden] = viewAt(operands, 0).dims;
  const inputs: AttentionInputs = {
    ...settings,
    query: numbersOf(viewAt(operands, 0)),
    key: numbersOf(viewAt(operands, 1)),
    hidden,
    relativeBias: optionalViewAt(operands, 2),
  };
  for (let head = 0; head < settings.numHeads; head++) {
    for (let position = 0; position < tokens; position++) {
      y.data.set(attentionRow(inputs, head, position, 0, tokens), (head * tokens + position) * tokens);
    }
  }
};

/** What `pool` makes of one column of the token vectors of a sequence. Modes as in sentence-transformers. */
const POOLING: Record<PoolingMode, (column: Float64Array) => number> = {
  mean: (column) => column.reduce((a, b) => a + b) / column.length,
  cls: (column) => column[0],
  max: (column) => column.reduce((a, b) => Math.max(a, b)),
  weightedMean: (column) => {
    const weightSum = (column.length * (column.length + 1)) / 2;
    return column.reduce((sum, x, position) => sum + x * (position + 1), 0) / weightSum;
  },
  lastToken: (column) => column[column.length - 1],
  meanSqrtLength: (column) => column.reduce((a, b) => a + b) / Math.sqrt(column.length),
};

/** x [tokens, hidden] -> y [sequences, hidden]. */
const poolKernel: Kernel<'pool'> = (operands, [y], { mode, normalize }) => {
  const x = numbersOf(viewAt(operands, 0));
  const [tokens, hidden] = viewAt(operands, 0).dims;
  const bounds = sequenceBounds('pool', viewAt(operands, 1), tokens);
  for (const [sequence, [begin, end]] of bounds.entries()) {
    const row = new Float64Array(hidden);
    for (let n = 0; n < hidden && begin < end; n++) {
      const column = Float64Array.from({ length: end - begin }, (_, position) => x[(begin + position) * hidden + n]);
      row[n] = POOLING[mode](column);
    }
    if (normalize) {
      const norm = Math.max(Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)), 1e-12);
      for (let n = 0; n < hidden; n++) row[n] /= norm;
    }
    y.data.set(row, sequence * hidden);
  }
};

export const transformerKernels: Kernels<
  'linear' | 'layerNorm' | 'embedding' | 'rotary' | 'gatedActivation' | 'attention' | 'attentionWeights' | 'pool'
> = {
  linear: linearKernel,
  layerNorm: layerNormKernel,
  embedding: embeddingKernel,
  rotary: rotaryKernel,
  gatedActivation: gatedActivationKernel,
  attention: attentionKernel,
  attentionWeights: attentionWeightsKernel,
  pool: poolKernel,
};
