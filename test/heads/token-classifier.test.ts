import { describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { type Aggregation, TokenClassifier } from '../../src/heads/index.js';
import { ModelCopy } from '../models/folder.js';
import { BACKENDS } from '../models/golden.js';
import { headFolder, headGolden } from './golden.js';

/*
 * Token classifiers against Hugging Face's pipeline (test/fixtures/heads/make.py).
 */

const MODELS = ['ner-bert', 'ner-roberta', 'ner-modernbert'];
const AGGREGATIONS: readonly Aggregation[] = ['none', 'simple', 'first', 'average', 'max'];

interface GoldenEntity {
  readonly label: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

type Golden = { readonly text: string } & Readonly<Record<Aggregation, readonly GoldenEntity[]>>;

describe.each(BACKENDS)('on the %s backend', (_, backend) => {
  it.each(MODELS)('%s finds what the pipeline finds, however tokens are joined', async (name) => {
    using classifier = await TokenClassifier.load(headFolder(name), { backend });
    const { cases } = headGolden<{ cases: Golden[] }>(name);
    for (const aggregation of AGGREGATIONS) {
      const found = await classifier.classify(
        cases.map(({ text }) => text),
        { aggregation },
      );
      for (const [index, golden] of cases.entries()) {
        const expected = golden[aggregation];
        const entities = found[index];
        expect(
          entities.map(({ label, start, end }) => ({ label, start, end })),
          `${aggregation}: ${golden.text}`,
        ).toEqual(expected.map(({ label, start, end }) => ({ label, start, end })));
        for (const [place, { score }] of expected.entries()) expect(entities[place].score).toBeCloseTo(score, 5);
        for (const { text, start, end } of entities) expect(text).toBe(golden.text.slice(start, end));
      }
    }
  });
});

describe('TokenClassifier', () => {
  it('leaves out the labels that are not wanted, and nothing else', async () => {
    using classifier = await TokenClassifier.load(headFolder('ner-bert'));
    const text = 'Ada Lovelace lived in London, unhappily';
    const [all] = await classifier.classify([text], { aggregation: 'none', ignoreLabels: [] });
    const { specialTokensMask } = classifier.tokenizer.encode(text);
    expect(all).toHaveLength(specialTokensMask.filter((special) => special === 0).length);
    const [wanted] = await classifier.classify([text], { aggregation: 'none', ignoreLabels: ['O', 'B-LOC'] });
    expect(wanted).toEqual(all.filter(({ label }) => label !== 'O' && label !== 'B-LOC'));
  });

  it('has no entities where a text was cut off', async () => {
    using classifier = await TokenClassifier.load(headFolder('ner-bert'), { maxTokens: 12 });
    const text = 'what a day it was in Paris '.repeat(8);
    const [entities] = await classifier.classify([text], { aggregation: 'none', ignoreLabels: [] });
    expect(entities).toHaveLength(10);
    await expect(classifier.classify([text], { truncate: false })).rejects.toThrow(/more than 12 tokens/);
  });

  it('refuses other models and options', async () => {
    await expect(TokenClassifier.load(headFolder('reranker-bert'))).rejects.toThrow(ModelError);
    await expect(TokenClassifier.load(headFolder('reranker-bert'))).rejects.toThrow(/BertForSequenceClassification/);
    using copy = new ModelCopy(headFolder('ner-bert'));
    await copy.rewrite((key, view) => (key === 'classifier.bias' ? null : [key, view]));
    await expect(TokenClassifier.load(copy.folder)).rejects.toThrow(/no tensor classifier\.bias/);
    using classifier = await TokenClassifier.load(headFolder('ner-bert'));
    await expect(classifier.classify(['a'], { aggregation: 'all' as Aggregation })).rejects.toThrow(
      /none, simple, first/,
    );
    await expect(classifier.classify([['a', 'b']] as unknown as string[])).rejects.toThrow(/texts\[0\] is an array/);
  });
});
