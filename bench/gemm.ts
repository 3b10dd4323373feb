/* Square matrix products, float32 and float64, reference against native. */
import { Random, type Tensor } from 'gemmule';
import { report } from './lib/report.js';
import { measureVersus, type VersusCase } from './lib/versus.js';

const SIZES = [64, 128, 256, 512, 1024, 2048];

/** The reference takes minutes above this, and says nothing new. */
const LARGEST_FLOAT64 = 1024;

function square(size: number, dtype: 'float32' | 'float64'): Tensor {
  return new Random(1).normal([size, size], { dtype });
}

const cases = (['float32', 'float64'] as const).flatMap((dtype) =>
  SIZES.filter((size) => dtype === 'float32' || size <= LARGEST_FLOAT64).map(
    (size): VersusCase => ({
      name: `${dtype} ${size} x ${size}`,
      operations: 2 * size ** 3,
      prepare: () => {
        const [a, b] = [square(size, dtype), square(size, dtype)];
        return () => a.matmul(b).dispose();
      },
    }),
  ),
);

report('gemm', 'Matrix product', await measureVersus(cases));
