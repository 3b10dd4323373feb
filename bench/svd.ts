/* Thin singular value decompositions, float64, reference against native. */
import { Random, svd } from 'gemmule';
import { report } from './lib/report.js';
import { measureVersus, type VersusCase } from './lib/versus.js';

const SHAPES = [
  [16, 16],
  [64, 64],
  [128, 128],
  [256, 256],
  [500, 100],
];

const cases = SHAPES.map(
  (shape): VersusCase => ({
    name: `svd ${shape.join(' x ')}`,
    prepare: () => {
      const a = new Random(1).normal(shape, { dtype: 'float64' });
      return () => {
        for (const factor of Object.values(svd(a))) factor.dispose();
      };
    },
  }),
);

report('svd', 'Singular value decomposition, float64', await measureVersus(cases));
