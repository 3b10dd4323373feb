import { ShapeError } from '../errors.js';
import { contiguousStrides } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';

/** How a table of sinusoidal positions is laid out. */
export interface SinusoidOptions {
  /**
   * `interleaved` (default): sine in even columns, cosine in odd ones, as in the paper. `halves`: all sines, then all
   * cosines, as in tensor2tensor.
   */
  readonly layout?: 'interleaved' | 'halves';
  /** The longest wavelength over 2 pi; 10,000 by default. */
  readonly base?: number;
}

/**
 * Sinusoidal positions (Vaswani et al., arXiv:1706.03762, section 3.5): column pair i of row p holds the sine and cosine of
 * `p / base^(2 i / hidden)`. Use it as the table of an {@link Embedding} that position ids select from.
 *
 * @param length - number of positions.
 * @param hidden - width of a vector, even.
 * @returns float32 `[length, hidden]`.
 */
export function sinusoidalPositions(length: number, hidden: number, options: SinusoidOptions = {}): Tensor<'float32'> {
  const { layout = 'interleaved', base = 10_000 } = options;
  if (!Number.isInteger(length) || length < 0 || !Number.isInteger(hidden) || hidden < 2 || hidden % 2 !== 0) {
    throw new ShapeError(
      `sinusoidalPositions: expected a length from 0 up and an even hidden size, got ${length} and ${hidden}`,
    );
  }
  const data = new Float32Array(length * hidden);
  const half = hidden / 2;
  for (let position = 0; position < length; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = position / base ** ((2 * pair) / hidden);
      const [sine, cosine] = layout === 'interleaved' ? [2 * pair, 2 * pair + 1] : [pair, half + pair];
      data[position * hidden + sine] = Math.sin(angle);
      data[position * hidden + cosine] = Math.cos(angle);
    }
  }
  const dims = [length, hidden];
  return Tensor.fromView<'float32'>({ dtype: 'float32', dims, strides: contiguousStrides(dims), offset: 0, data });
}

/**
 * The angles of rotary positions (Su et al., arXiv:2104.09864) for {@link rotary}: pair i of position p turns by
 * `p / base^(2 i / width)`. In float32 steps, as Hugging Face's code computes it, so that long texts get the angles that
 * models were trained with.
 *
 * @param length - number of positions.
 * @param width - how many numbers of a head take part, even.
 * @param base - the longest wavelength over 2 pi; 10,000 in most models.
 * @returns float32 `[length, width]`: `width / 2` cosines, then as many sines.
 * @throws ShapeError for a width that is odd.
 */
export function rotaryTable(length: number, width: number, base = 10_000): Tensor<'float32'> {
  if (!Number.isInteger(length) || length < 0 || !Number.isInteger(width) || width < 2 || width % 2 !== 0) {
    throw new ShapeError(`rotaryTable: expected a length from 0 up and an even width, got ${length} and ${width}`);
  }
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, pair) => {
    return 1 / Math.fround(base ** Math.fround((2 * pair) / width));
  });
  const data = new Float32Array(length * width);
  for (let position = 0; position < length; position++) {
    const row = data.subarray(position * width, (position + 1) * width);
    for (const [pair, frequency] of frequencies.entries()) {
      const angle = Math.fround(position * frequency);
      row[pair] = Math.cos(angle);
      row[half + pair] = Math.sin(angle);
    }
  }
  const dims = [length, width];
  return Tensor.fromView<'float32'>({ dtype: 'float32', dims, strides: contiguousStrides(dims), offset: 0, data });
}
