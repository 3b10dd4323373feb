import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A model with a head, made by test/fixtures/heads/make.py. */
export function headFolder(name: string): string {
  return path.resolve(import.meta.dirname, '../fixtures/heads', name);
}

/** What Hugging Face's code computed with it. */
export function headGolden<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(headFolder(name), 'golden.json'), 'utf8')) as T;
}

/** An input of a sequence classifier with its logits. */
export interface LogitsCase {
  readonly text: string;
  readonly pair?: string;
  readonly ids: readonly number[];
  readonly type_ids?: readonly number[];
  readonly logits: readonly number[];
}

/**
 * Two float32 computations of one network may differ: two layers of sums of at most 48 terms of order 1, each rounded to
 * 6e-8, then normalised, and a head of two more, give some 1e-6; the goldens carry 7 digits of numbers up to 3.
 */
export const TOLERANCE = 2e-5;
