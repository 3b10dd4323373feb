import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../src/tokenizers/tokenizer.js';

/*
 * Ids that Hugging Face's tokenizers give, for every text of the golden models and of the default model.
 */

const fixtures = path.resolve(import.meta.dirname, '../fixtures');
const MODELS = [
  'bert',
  'bert-cls',
  'bert-st6',
  'distilbert',
  'roberta',
  'xlm-roberta',
  'mpnet',
  'modernbert',
  'nomic_bert',
];

interface GoldenText {
  readonly text: string;
  readonly ids: readonly number[];
  readonly truncated_ids?: readonly number[];
}

function read(file: string): { readonly cases: readonly GoldenText[] } {
  return JSON.parse(readFileSync(path.join(fixtures, file), 'utf8'));
}

describe.each(MODELS)('the tokenizer of %s', (name) => {
  const tokenizer = Tokenizer.fromFolder(path.join(fixtures, 'models', name));
  const { cases } = read(`models/${name}/golden.json`);

  it('gives the ids of Hugging Face', () => {
    expect(cases.length).toBeGreaterThan(10);
    for (const { text, ids } of cases) {
      expect([...tokenizer.encode(text).ids], text).toEqual(ids);
      expect([...tokenizer.encodeIds(text).ids], text).toEqual(ids);
    }
  });

  it('cuts long texts so that special tokens still fit', () => {
    for (const { text, ids, truncated_ids } of cases) {
      if (truncated_ids === undefined) continue;
      const encoding = tokenizer.encode(text, { maxTokens: 96 });
      expect([...encoding.ids], text).toEqual(truncated_ids);
      expect(encoding.truncated).toBe(ids.length > truncated_ids.length);
    }
  });
});

describe('the tokenizer of the default model', () => {
  const tokenizer = Tokenizer.fromFolder(path.resolve(import.meta.dirname, '../../models/all-minilm-l6-v2'));

  it('gives the ids of Hugging Face', () => {
    const { cases } = read('minilm.json');
    for (const { text, ids } of cases) {
      const encoding = tokenizer.encode(text, { maxTokens: 256 });
      expect([...encoding.ids], text).toEqual(ids);
    }
  });
});
