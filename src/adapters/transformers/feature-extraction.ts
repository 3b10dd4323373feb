import { ArgumentError } from '../../errors.js';
import { TextEmbedder, type TokenEmbeddings } from '../../index.js';
import { loadOptions, modelName, type PipelineOptions } from './options.js';
import { PipelineTensor } from './tensor.js';

/** How the vectors of a text's tokens become one. */
const POOLINGS = ['none', 'mean', 'cls', 'first_token', 'eos', 'last_token'] as const;

/** Settings of a call, by transformers.js's names. */
export interface FeatureExtractionOptions {
  /** `none` (the default) leaves a vector for every token. */
  readonly pooling?: (typeof POOLINGS)[number] | undefined;
  /** Whether vectors are divided by their length. */
  readonly normalize?: boolean | undefined;
  /** Whether only the signs of numbers are kept, eight in a byte. */
  readonly quantize?: boolean | undefined;
  /** What bytes are: `binary` (signed, the default) or `ubinary`. */
  readonly precision?: 'binary' | 'ubinary' | undefined;
}

/** Texts to vectors: call it like a function. */
export interface FeatureExtractionPipeline {
  /**
   * @returns float32 `[texts, hidden]`; without pooling `[texts, tokens, hidden]`, where shorter texts end in zeros; with
   *   `quantize` bytes `[texts, hidden / 8]`.
   */
  (texts: string | readonly string[], options?: FeatureExtractionOptions): Promise<PipelineTensor>;
  readonly task: 'feature-extraction';
  readonly embedder: TextEmbedder;
  /** Frees the model. */
  dispose(): Promise<void>;
}

export async function featureExtraction(
  model: string | null | undefined,
  options: PipelineOptions,
): Promise<FeatureExtractionPipeline> {
  const name = modelName(model, 'all-MiniLM-L6-v2');
  const embedder = await TextEmbedder.load(name, loadOptions(name, options));
  options.progress_callback?.({ status: 'ready', name });
  const extract = async (texts: string | readonly string[], call: FeatureExtractionOptions = {}) => {
    const { pooling = 'none', normalize = false, quantize = false, precision = 'binary' } = call;
    if (!POOLINGS.includes(pooling)) {
      throw new ArgumentError(`feature-extraction: pooling must be one of ${POOLINGS.join(', ')}, got "${pooling}"`);
    }
    const list = typeof texts === 'string' ? [texts] : texts;
    // Of a prompt, which transformers.js does not know, nothing is said here either.
    const tokens = await embedder.embedTokens(list);
    try {
      const result = pooling === 'none' ? padded(tokens, embedder) : pooled(tokens, embedder, pooling);
      if (normalize) normalizeLastAxis(result);
      return quantize ? quantized(result, precision) : result;
    } finally {
      for (const { vectors } of tokens) vectors.dispose();
    }
  };
  const dispose = async () => embedder.dispose();
  return Object.assign(extract, { task: 'feature-extraction', embedder, dispose } as const);
}

/** Every token's vector; what a text has fewer of than the longest are zeros. */
function padded(texts: readonly TokenEmbeddings[], embedder: TextEmbedder): PipelineTensor {
  const { hiddenSize } = embedder.describe();
  const most = texts.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const data = new Float32Array(texts.length * most * hiddenSize);
  for (const [index, { vectors }] of texts.entries()) data.set(vectors.toTypedArray(), index * most * hiddenSize);
  return new PipelineTensor('float32', data, [texts.length, most, hiddenSize]);
}

function pooled(
  texts: readonly TokenEmbeddings[],
  embedder: TextEmbedder,
  pooling: Exclude<(typeof POOLINGS)[number], 'none'>,
): PipelineTensor {
  const { hiddenSize } = embedder.describe();
  const data = new Float32Array(texts.length * hiddenSize);
  for (const [index, { vectors, ids }] of texts.entries()) {
    const numbers = vectors.toTypedArray();
    const row = data.subarray(index * hiddenSize, (index + 1) * hiddenSize);
    if (pooling === 'mean') meanOfRows(numbers, row, ids.length);
    else {
      const token = pooling === 'cls' || pooling === 'first_token' ? 0 : ids.length - 1;
      row.set(numbers.subarray(token * hiddenSize, (token + 1) * hiddenSize));
    }
  }
  return new PipelineTensor('float32', data, [texts.length, hiddenSize]);
}

/** The mean of rows, summed in float64. */
function meanOfRows(numbers: Float32Array, mean: Float32Array, rows: number): void {
  for (let column = 0; column < mean.length; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += numbers[row * mean.length + column] as number;
    mean[column] = sum / rows;
  }
}

function normalizeLastAxis({ data, dims }: PipelineTensor): void {
  const width = dims.at(-1) ?? 1;
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    let squares = 0;
    for (const value of row) squares += value * value;
    const length = Math.max(Math.sqrt(squares), 1e-12);
    for (let index = 0; index < width; index++) row[index] = (row[index] as number) / length;
  }
}

/** One bit a number: whether it is above zero. Signed bytes are 128 less, as sentence-transformers has it. */
function quantized({ data, dims }: PipelineTensor, precision: 'binary' | 'ubinary'): PipelineTensor {
  const width = dims.at(-1) ?? 0;
  if (precision !== 'binary' && precision !== 'ubinary') {
    throw new ArgumentError(`feature-extraction: precision must be binary or ubinary, got "${precision}"`);
  }
  if (width % 8 !== 0) {
    throw new ArgumentError(
      `feature-extraction: only vectors of a multiple of 8 numbers can be quantised, not ${width}`,
    );
  }
  const bytes = new Uint8Array(data.length / 8);
  for (const [index, value] of data.entries()) if (value > 0) bytes[index >> 3] |= 0x80 >> (index & 7);
  const shape = [...dims.slice(0, -1), width / 8];
  if (precision === 'ubinary') return new PipelineTensor('uint8', bytes, shape);
  return new PipelineTensor(
    'int8',
    Int8Array.from(bytes, (byte) => byte - 128),
    shape,
  );
}
