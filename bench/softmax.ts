/* Softmax over the last axis, from one attention row to far beyond the cache, reference against native. */
import { Random } from 'gemmule';
import { report } from './lib/report.js';
import { measureVersus, type VersusCase } from './lib/versus.js';

const SHAPES = [
  [1, 1000],
  [256, 256],
  [1024, 1024],
  [4096, 4096],
];

const cases = SHAPES.map(
  (shape): VersusCase => ({
    name: `softmax ${shape.join(' x ')}`,
    prepare: () => {
      const x = new Random(1).normal(shape);
      return () => x.softmax().dispose();
    },
  }),
);

report('softmax', 'Softmax, float32', await measureVersus(cases));
