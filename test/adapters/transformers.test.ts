import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cos_sim,
  dot,
  type FeatureExtractionPipeline,
  PipelineTensor,
  pipeline,
} from '../../src/adapters/transformers/index.js';
import { TextEmbedder } from '../../src/index.js';
import { ModelCopy } from '../models/folder.js';

/* The examples are those of transformers.js's documentation of its pipelines, with the import changed. */

const MODEL = 'Xenova/all-MiniLM-L6-v2';

let extractor: FeatureExtractionPipeline;
let embedder: TextEmbedder;
beforeAll(async () => {
  extractor = await pipeline('feature-extraction', MODEL);
  embedder = await TextEmbedder.load();
});
afterAll(async () => {
  await extractor.dispose();
  embedder.dispose();
});

describe("transformers.js's feature extraction", () => {
  it('runs feature extraction without pooling/normalization', async () => {
    const output = await extractor('This is a simple test.');
    expect({ type: output.type, dims: output.dims }).toEqual({ type: 'float32', dims: [1, 8, 384] });
    const [expected] = await embedder.embedTokens(['This is a simple test.']);
    expect(output.tolist()).toEqual([expected?.vectors.toArray()]);
  });

  it('runs feature extraction with pooling and normalization', async () => {
    const texts = ['This is a simple test.', 'And this is another one, somewhat longer than that.'];
    const output = await extractor(texts, { pooling: 'mean', normalize: true });
    expect(output.dims).toEqual([2, 384]);
    const expected = (await embedder.embed(texts)).toArray() as number[][];
    for (const [row, vector] of (output.tolist() as number[][]).entries()) {
      for (const [column, value] of vector.entries()) expect(value).toBeCloseTo(expected[row]?.[column] as number, 6);
    }
  });

  it('runs feature extraction with cls pooling, and with the last token', async () => {
    const [tokens] = (await extractor(['one text'])).tolist() as number[][][];
    const first = await extractor(['one text'], { pooling: 'cls' });
    const last = await extractor(['one text'], { pooling: 'last_token' });
    expect(first.tolist()).toEqual([tokens?.[0]]);
    expect(last.tolist()).toEqual([tokens?.at(-1)]);
  });

  it('runs feature extraction with binary quantization', async () => {
    const plain = await extractor('This is a simple test.', { pooling: 'mean' });
    const signed = await extractor('This is a simple test.', { pooling: 'mean', quantize: true, precision: 'binary' });
    const unsigned = await extractor('This is a simple test.', {
      pooling: 'mean',
      quantize: true,
      precision: 'ubinary',
    });
    expect({ type: signed.type, dims: signed.dims }).toEqual({ type: 'int8', dims: [1, 48] });
    const bits = [...plain.data].map((value) => (value > 0 ? 1 : 0));
    const bytes = Array.from({ length: 48 }, (_, index) =>
      Number.parseInt(bits.slice(index * 8, index * 8 + 8).join(''), 2),
    );
    expect([...unsigned.data]).toEqual(bytes);
    expect([...signed.data]).toEqual(bytes.map((byte) => byte - 128));
  });

  it('computes sentence similarity', async () => {
    const similar = await pipeline('sentence-similarity', MODEL);
    const output = await similar(['a dog in the park', 'a puppy on the grass', 'taxes'], {
      pooling: 'mean',
      normalize: true,
    });
    const [dog, puppy, taxes] = output.tolist() as [number[], number[], number[]];
    expect(cos_sim(dog, puppy)).toBeGreaterThan(cos_sim(dog, taxes) + 0.3);
    expect(cos_sim(dog, puppy)).toBeCloseTo(dot(dog, puppy), 5);
    await similar.dispose();
  });

  it('ends shorter texts in zeros where there is no pooling', async () => {
    const output = await extractor(['short', 'a longer text than that']);
    const [shorter, longer] = output.tolist() as [number[][], number[][]];
    expect(output.dims[1]).toBe(longer.length);
    expect(
      shorter
        .slice(3)
        .flat()
        .every((value) => value === 0),
    ).toBe(true);
    expect(shorter.slice(0, 3)).toEqual(((await extractor('short')).tolist() as number[][][])[0]);
  });

  it('explains what it does not have', async () => {
    await expect(pipeline('summarization' as never)).rejects.toThrow(/task must be one of feature-extraction/);
    await expect(pipeline('feature-extraction', MODEL, { device: 'webgpu' })).rejects.toThrow(/device must be "cpu"/);
    await expect(pipeline('feature-extraction', MODEL, { dtype: 'q4' as never })).rejects.toThrow(
      /dtype must be one of/,
    );
    await expect(extractor('a', { pooling: 'max' as never })).rejects.toThrow(/pooling must be one of none, mean/);
    expect(() => dot([1], [1, 2])).toThrow(/vectors must have one length, got 1 and 2/);
  });
});

describe("transformers.js's text classification", () => {
  const FOLDER = 'test/fixtures/heads/classifier-distilbert';
  const TEXTS = ['The king rode out at dawn.', 'What is the capital of France?'];

  it('gives the best label, some of them, or all', async () => {
    const classifier = await pipeline('text-classification', FOLDER);
    const expected = await classifier.classifier.classify(TEXTS);
    expect(await classifier(TEXTS[0] as string)).toEqual([expected[0]?.[0]]);
    expect(await classifier(TEXTS[0] as string, { top_k: 2 })).toEqual(expected[0]?.slice(0, 2));
    expect(await classifier(TEXTS[0] as string, { top_k: null })).toEqual(expected[0]);
    expect(await classifier(TEXTS)).toEqual(expected.map(([best]) => best));
    expect(await classifier(TEXTS, { top_k: 100 })).toEqual(expected);
    await expect(classifier(TEXTS, { top_k: 0 })).rejects.toThrow(/top_k must be a whole number from 1 up, or null/);
    await classifier.dispose();
  });

  it('has sentiment analysis for another name, and no model of its own', async () => {
    const classifier = await pipeline('sentiment-analysis', FOLDER);
    expect(classifier.task).toBe('text-classification');
    await classifier.dispose();
    await expect(pipeline('text-classification', undefined as never)).rejects.toThrow(/model must be named/);
  });
});

describe("transformers.js's token classification", () => {
  const FOLDER = 'test/fixtures/heads/ner-bert';
  const golden = JSON.parse(readFileSync(`${FOLDER}/golden.json`, 'utf8')) as {
    cases: { text: string; ids: number[]; logits: number[][] }[];
  };
  // Longer texts were cut when they were computed.
  const cases = golden.cases.filter(({ ids }) => ids.length < 90);
  const NAMES = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'];

  it('performs named entity recognition: tokens with their places', async () => {
    const classifier = await pipeline('token-classification', FOLDER);
    const texts = cases.map(({ text }) => text);
    const all = await classifier(texts, { ignore_labels: [] });
    for (const [index, { ids, logits }] of cases.entries()) {
      // Without the tokens at both ends, which are special.
      expect(all[index]?.map((token) => token.index)).toEqual(ids.slice(1, -1).map((_, place) => place + 1));
      expect(all[index]?.map(({ entity }) => entity)).toEqual(
        logits.slice(1, -1).map((row) => NAMES[row.indexOf(Math.max(...row))]),
      );
    }
    const chosen = await classifier(texts);
    expect(chosen).toEqual(all.map((tokens) => tokens.filter(({ entity }) => entity !== 'O')));
    expect(chosen.flat().length).toBeGreaterThan(0);
    expect(await classifier(texts[0] as string)).toEqual(chosen[0]);
    const [first] = await classifier('Sarah', { ignore_labels: [] });
    expect('sarah'.startsWith(first?.word.toLowerCase() ?? '?')).toBe(true);
    await classifier.dispose();
  });

  it('has another name, and no model of its own', async () => {
    const classifier = await pipeline('ner', FOLDER);
    expect(classifier.task).toBe('token-classification');
    await classifier.dispose();
    await expect(pipeline('ner', undefined as never)).rejects.toThrow(/model must be named/);
  });
});

describe("transformers.js's zero-shot classification", () => {
  const LABELS = ['mobile', 'billing', 'website', 'account access'];
  const TEXT = 'Last week I upgraded my version and ever since then my phone has been overheating.';

  it('scores labels by whether the text entails them', async () => {
    using copy = new ModelCopy(path.resolve('test/fixtures/heads/classifier-distilbert'));
    copy.edit('config.json', { id2label: { 0: 'contradiction', 1: 'neutral', 2: 'entailment' } });
    const classifier = await pipeline('zero-shot-classification', copy.folder);
    const logits = async (template: string) =>
      classifier.classifier.logits(LABELS.map((label) => [TEXT, template.replace('{}', label)] as const));
    const rank = (scores: readonly number[]) =>
      LABELS.map((label, index) => ({ label, score: scores[index] as number })).sort((a, b) => b.score - a.score);
    const close = (actual: { labels: string[]; scores: number[] }, expected: ReturnType<typeof rank>) => {
      expect(actual.labels).toEqual(expected.map(({ label }) => label));
      for (const [index, { score }] of expected.entries()) expect(actual.scores[index]).toBeCloseTo(score, 9);
    };
    const entailed = (await logits('This example is {}.')).map(([, , value = 0]) => Math.exp(value));
    const sum = entailed.reduce((total, value) => total + value, 0);
    const output = await classifier(TEXT, LABELS);
    expect(output.sequence).toBe(TEXT);
    close(output, rank(entailed.map((value) => value / sum)));

    const template = 'Ceci est {} !';
    const each = (await logits(template)).map(([no = 0, , yes = 0]) => 1 / (1 + Math.exp(no - yes)));
    const [several] = await classifier([TEXT], LABELS, { multi_label: true, hypothesis_template: template });
    close(several as typeof output, rank(each));
    const one = await classifier(TEXT, 'mobile', { hypothesis_template: template });
    expect(one.scores[0]).toBeCloseTo(each[0] as number, 9);
    await expect(classifier(TEXT, [])).rejects.toThrow(/labels must be a string or an array of at least one string/);
    await classifier.dispose();
  });

  it('refuses models that were not trained for it', async () => {
    const other = 'test/fixtures/heads/classifier-distilbert';
    await expect(pipeline('zero-shot-classification', other)).rejects.toThrow(
      /must have the labels entailment and contradiction; it has sad, neutral, happy/,
    );
    await expect(pipeline('zero-shot-classification', undefined as never)).rejects.toThrow(/model must be named/);
  });
});

describe('PipelineTensor', () => {
  it('is read by its axes', () => {
    const tensor = new PipelineTensor('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    expect(tensor.tolist()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect([...tensor].map((row) => row.tolist())).toEqual(tensor.tolist());
    expect(tensor.at(-1).at(0).item()).toBe(5);
    expect(() => tensor.at(3)).toThrow(/index must be a whole number from -3 to 2, got 3/);
    expect(() => tensor.item()).toThrow(/must have one number/);
    expect(() => new PipelineTensor('float32', new Float32Array(5), [3, 2])).toThrow(/are 6 numbers, but data has 5/);
  });
});
