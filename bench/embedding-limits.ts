/*
 * How near embedding comes to what the processor can do: the products of the model's layers in tokens' time, as a share
 * of the multiply-adds of that precision that never leave the registers. Limit and workload take turns, since the
 * machine's speed varies.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { engineInfo, TextEmbedder } from 'gemmule';
import { embedMilliseconds, tokenCounts } from './lib/embedding.js';
import { arithmeticLimit, measureLimits } from './lib/limits.js';
import { type Row, report } from './lib/report.js';
import { median } from './lib/statistics.js';
import { embeddingWorkloads } from './lib/workloads.js';

const ROUNDS = 7;

/** Weights as `TextEmbedder` takes them, and the arithmetic of their products. */
const PRECISIONS = { float32: 'float32', bfloat16Products: 'bfloat16', int8: 'int8' } as const;

interface Work {
  readonly tokens: number;
  readonly operations: number;
}

/** Multiplications and additions of the layers' products with weights, and of attention over each text's tokens. */
function workOf(embedder: TextEmbedder, texts: readonly string[]): Work {
  const { folder, layers, hiddenSize } = embedder.describe();
  const { intermediate_size: intermediateSize } = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
  const perToken = 2 * layers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize);
  const perPair = 4 * layers * hiddenSize;
  const counts = tokenCounts(embedder, texts);
  const operations = counts.reduce((sum, count) => sum + count * perToken + count ** 2 * perPair, 0);
  return { tokens: counts.reduce((sum, count) => sum + count, 0), operations };
}

const { isa } = engineInfo();

/** In billions a second, on all processors; null where this processor has no such arithmetic. */
function limitOf(precision: string): number | null {
  return arithmeticLimit(measureLimits(precision, isa), precision, isa)?.all ?? null;
}

const rows: Row[] = [];
for (const [dtype, precision] of Object.entries(PRECISIONS)) {
  if (limitOf(precision) === null) continue;
  const embedder = await TextEmbedder.load(undefined, { dtype: dtype as keyof typeof PRECISIONS });
  for (const { name, texts } of embeddingWorkloads()) {
    const { tokens, operations } = workOf(embedder, texts);
    await embedMilliseconds(embedder, texts);
    const seconds: number[] = [];
    const limits: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      limits.push(limitOf(precision) as number);
      seconds.push((await embedMilliseconds(embedder, texts)) / 1e3);
    }
    const shares = seconds.map((each, round) => operations / each / 1e9 / (limits[round] as number));
    rows.push({
      weights: dtype,
      workload: name,
      'tokens/s': Math.round(tokens / median(seconds)),
      'GOP/s': Math.round(operations / median(seconds) / 1e9),
      limit: Math.round(median(limits)),
      'share %': Math.round(100 * median(shares)),
    });
  }
  embedder.dispose();
}
report('embedding-limits', `Embedding as a share of the ${isa} limits, medians of ${ROUNDS} rounds in turn`, rows);
