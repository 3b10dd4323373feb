import type { View } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import { binary } from './elementwise.js';
import { execute } from './execute.js';
import { sort } from './indexing.js';
import { fitsDType } from './promotion.js';
import { checkShape } from './shape.js';
import { Tensor } from './tensor.js';

type RandomDType = 'float32' | 'float64';

export interface RandomOptions<D extends RandomDType> {
  readonly dtype?: D;
}

/**
 * Random numbers from a seed: the same on every machine, backend and number of threads. Each call takes the next stream of the
 * counter-based generator Philox4x32-10 (Salmon et al., SC 2011), so results depend on the order of calls alone.
 */
export class Random {
  readonly #seed: number;
  #stream = 0;

  /** @param seed - a whole number from 0 to 2^53 - 1. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new ArgumentError(`Random: seed must be a whole number from 0 to 2^53 - 1, got ${String(seed)}`);
    }
    this.#seed = seed;
  }

  /** Uniform in [low, high), [0, 1) by default. */
  uniform<D extends RandomDType = 'float32'>(
    shape: readonly number[] | number,
    options: RandomOptions<D> & { readonly low?: number; readonly high?: number } = {},
  ): Tensor<D> {
    const { low = 0, high = 1 } = options;
    return this.#scaled(this.#draw('uniform', shape, options.dtype), high - low, low);
  }

  /** Normally distributed with a mean (0) and a standard deviation (1). */
  normal<D extends RandomDType = 'float32'>(
    shape: readonly number[] | number,
    options: RandomOptions<D> & { readonly mean?: number; readonly deviation?: number } = {},
  ): Tensor<D> {
    const { mean = 0, deviation = 1 } = options;
    return this.#scaled(this.#draw('normal', shape, options.dtype), deviation, mean);
  }

  /** Whole numbers from `low` up to, not including, `high`, all equally likely; int32. */
  integers(low: number, high: number, shape: readonly number[] | number): Tensor<'int32'> {
    if (!fitsDType(low, 'int32') || !fitsDType(high - 1, 'int32') || high <= low) {
      throw new ArgumentError(
        `Random.integers: low and high must be whole numbers of 32 bits, low less than high, got ${low} and ${high}`,
      );
    }
    using uniform = this.uniform(shape, { dtype: 'float64' });
    using wide = uniform
      .multiply(high - low)
      .add(low)
      .floor();
    return wide.to('int32');
  }

  /** The numbers from 0 to count - 1 in random order, int32. */
  permutation(count: number): Tensor<'int32'> {
    const keys = this.#draw('uniform', [count], 'float64');
    return Tensor.fromView(sort(keys, 0, false).indices);
  }

  #draw<D extends RandomDType>(
    distribution: 'uniform' | 'normal',
    shape: readonly number[] | number,
    dtype: D = 'float32' as D,
  ): View<D> {
    const dims = checkShape('random', shape);
    const stream = this.#stream++;
    const [seedLow, seedHigh] = [this.#seed % 2 ** 32, Math.floor(this.#seed / 2 ** 32)];
    return execute('random', [], { distribution, seedLow, seedHigh, stream, dtype, dims })[0] as View<D>;
  }

  #scaled<D extends RandomDType>(view: View<D>, factor: number, shift: number): Tensor<D> {
    const scaled = factor === 1 ? view : binary('multiply', view, factor);
    return Tensor.fromView((shift === 0 ? scaled : binary('add', scaled, shift)) as View<D>);
  }
}
