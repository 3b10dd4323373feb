import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Backend } from '../../src/backend/backend.js';
import { loadNativeBackend } from '../../src/backend/native/index.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import type { View } from '../../src/backend/view.js';

/** A text with what Hugging Face's transformers and PyTorch make of it. */
export interface GoldenCase {
  readonly text: string;
  readonly ids: readonly number[];
  /** At most 96 of them. */
  readonly truncated_ids: readonly number[];
  readonly last_hidden_first_token: readonly number[];
  readonly embedding: readonly number[];
}

export const GOLDEN_MODELS = [
  'bert',
  'bert-cls',
  'bert-st6',
  'distilbert',
  'roberta',
  'xlm-roberta',
  'mpnet',
  'modernbert',
  'nomic_bert',
] as const;

export function modelFolder(name: string): string {
  return path.resolve(import.meta.dirname, '../fixtures/models', name);
}

export function goldenCases(name: string): GoldenCase[] {
  const golden = JSON.parse(readFileSync(path.join(modelFolder(name), 'golden.json'), 'utf8')) as {
    cases: GoldenCase[];
  };
  return golden.cases;
}

/** Both backends where the engine is built, with their names for `describe.each`. */
export const BACKENDS: readonly (readonly [string, Backend])[] = [referenceBackend, loadNativeBackend()]
  .filter((backend) => backend !== null)
  .map((backend) => [backend.name, backend] as const);

export function int32(values: readonly number[]): View<'int32'> {
  return { dtype: 'int32', dims: [values.length], strides: [1], offset: 0, data: Int32Array.from(values) };
}

export function worstDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  if (actual.length < expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (const [index, value] of expected.entries()) {
    const difference = Math.abs((actual[index] as number) - value);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}
