import { describe, expect, it } from 'vitest';
import { ArgumentError, DisposedError, FileError, ModelError, TruncatedTextError } from '../../src/errors.js';
import { Reranker, TextClassifier } from '../../src/heads/index.js';
import { ModelCopy } from '../models/folder.js';
import { BACKENDS, worstDifference } from '../models/golden.js';
import { headFolder, headGolden, type LogitsCase, TOLERANCE } from './golden.js';

/*
 * Rerankers and text classifiers against transformers and sentence-transformers (test/fixtures/heads/make.py).
 */

const CLASSIFIERS = [
  'classifier-distilbert',
  'classifier-modernbert',
  'classifier-mpnet',
  'classifier-nomic_bert',
  'classifier-roberta',
];
const RERANKERS = ['reranker-bert', 'reranker-xlm-roberta'];

interface RerankerGolden {
  readonly query: string;
  readonly documents: readonly string[];
  readonly scores: readonly number[];
  readonly ranking: readonly number[];
  readonly cases: readonly (LogitsCase & { readonly pair: string })[];
}

const inputOf = ({ text, pair }: LogitsCase): string | [string, string] => (pair === undefined ? text : [text, pair]);
const copyOf = (name: string) => new ModelCopy(headFolder(name));

describe.each(BACKENDS)('on the %s backend', (_, backend) => {
  it.each(CLASSIFIERS)('%s gives the logits of Hugging Face, of texts and of pairs', async (name) => {
    using classifier = await TextClassifier.load(headFolder(name), { backend, maxTokens: 96 });
    const { cases } = headGolden<{ cases: LogitsCase[] }>(name);
    const logits = await classifier.logits(cases.map(inputOf));
    for (const [index, golden] of cases.entries()) {
      expect(worstDifference(logits[index] as Float32Array, golden.logits), golden.text).toBeLessThan(TOLERANCE);
    }
  });

  it.each(RERANKERS)('%s gives the scores of sentence-transformers', async (name) => {
    using reranker = await Reranker.load(headFolder(name), { backend });
    const { query, documents, scores, ranking, cases } = headGolden<RerankerGolden>(name);
    expect(reranker.maxTokens).toBe(96);
    expect(worstDifference(await reranker.score(query, documents), scores)).toBeLessThan(TOLERANCE);
    const ranked = await reranker.rerank(query, documents);
    expect(ranked.map(({ index }) => index)).toEqual(ranking);
    expect(ranked.map(({ document }) => document)).toEqual(ranking.map((index) => documents[index]));
    const raw = await reranker.scorePairs(
      cases.map(({ text, pair }) => [text, pair]),
      { scoreFunction: 'none' },
    );
    expect(
      worstDifference(
        raw,
        cases.map(({ logits }) => logits[0] as number),
      ),
    ).toBeLessThan(TOLERANCE);
  });
});

describe('pairs', () => {
  it.each([...CLASSIFIERS, ...RERANKERS])('%s: are encoded as Hugging Face does', async (name) => {
    using classifier = await TextClassifier.load(headFolder(name));
    for (const { text, pair, ids, type_ids } of headGolden<{ cases: LogitsCase[] }>(name).cases) {
      const encoding = classifier.tokenizer.encode(text, { textPair: pair, maxTokens: 96 });
      expect([...encoding.ids], text).toEqual(ids);
      if (type_ids !== undefined) expect([...encoding.typeIds], text).toEqual(type_ids);
    }
  });
});

describe('TextClassifier', () => {
  it('gives labels with probabilities, the best first', async () => {
    using classifier = await TextClassifier.load(headFolder('classifier-distilbert'));
    expect(classifier.labels).toEqual(['sad', 'neutral', 'happy']);
    const [{ logits }] = headGolden<{ cases: LogitsCase[] }>('classifier-distilbert').cases as [LogitsCase];
    const [all] = await classifier.classify(['The king rode out at dawn.']);
    const exponentials = logits.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b);
    const expected = ['sad', 'neutral', 'happy']
      .map((label, index) => ({ label, score: exponentials[index] / sum }))
      .sort((a, b) => b.score - a.score);
    expect(all.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
    for (const [place, { score }] of expected.entries()) expect(all[place].score).toBeCloseTo(score, 5);
    const [best] = await classifier.classify(['The king rode out at dawn.'], { topK: 1 });
    expect(best).toEqual(all.slice(0, 1));
    expect(await classifier.classify([])).toEqual([]);
  });

  it('gives each of several labels a probability of its own where the config says so', async () => {
    using classifier = await TextClassifier.load(headFolder('classifier-roberta'));
    const [golden] = headGolden<{ cases: LogitsCase[] }>('classifier-roberta').cases as [LogitsCase];
    const [scores] = await classifier.classify([golden.text]);
    for (const { label, score } of scores) {
      const logit = golden.logits[classifier.labels.indexOf(label)] as number;
      expect(score).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5);
    }
    const [shares] = await classifier.classify([golden.text], { scoreFunction: 'softmax' });
    expect(shares.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 12);
  });

  it('does not let a text depend on what it is classified with', async () => {
    using classifier = await TextClassifier.load(headFolder('classifier-modernbert'));
    const inputs = headGolden<{ cases: LogitsCase[] }>('classifier-modernbert').cases.map(inputOf);
    const together = await classifier.logits(inputs);
    for (const [index, input] of inputs.entries()) {
      expect(await classifier.logits([input])).toEqual([together[index]]);
    }
  });

  it('reports progress, cuts or refuses long texts, stops when told, and ends with dispose', async () => {
    const classifier = await TextClassifier.load(headFolder('classifier-mpnet'), { maxTokens: 8 });
    const reports: object[] = [];
    await classifier.classify(['a b c '.repeat(50), 'a'], { onProgress: (progress) => void reports.push(progress) });
    expect(reports.at(-1)).toMatchObject({ done: 2, total: 2, truncated: 1 });
    const long = classifier.classify(['a', 'a b c '.repeat(50)], { truncate: false });
    await expect(long).rejects.toThrow(TruncatedTextError);
    await expect(long).rejects.toThrow(/text 1 has more than 8 tokens/);
    const reason = new Error('enough');
    await expect(classifier.classify(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const running = classifier.classify(['a']);
    classifier.dispose();
    classifier.dispose();
    await expect(running).rejects.toThrow(DisposedError);
    await expect(classifier.classify(['a'])).rejects.toThrow(DisposedError);
  });

  it('refuses what is no list of texts', async () => {
    using classifier = await TextClassifier.load(headFolder('classifier-mpnet'));
    const classify = (inputs: unknown, options?: object) => classifier.classify(inputs as string[], options);
    await expect(classify('text')).rejects.toThrow(/put it in an array/);
    await expect(classify([1])).rejects.toThrow(/texts\[0\] is number/);
    await expect(classify(['a', ['b']])).rejects.toThrow(/texts\[1\] is an array of something else/);
    await expect(classify([['a', 'b', 'c']])).rejects.toThrow(ArgumentError);
    await expect(classify(['a'], { topK: 3 })).rejects.toThrow(/topK must be a whole number from 1 to 2/);
    await expect(classify(['a'], { scoreFunction: 'argmax' })).rejects.toThrow(/softmax, sigmoid, none/);
  });
});

describe('Reranker', () => {
  const texts = ['Paris is the capital.', 'The king rode out.', 'Soup'];

  it('takes the best only, and scores from 0 to 1 unless told otherwise', async () => {
    using reranker = await Reranker.load(headFolder('reranker-bert'));
    const scores = await reranker.score('king', texts);
    const raw = await reranker.score('king', texts, { scoreFunction: 'none' });
    for (const [index, logit] of raw.entries()) expect(scores[index]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 6);
    const best = await reranker.rerank('king', texts, { topK: 2 });
    expect(best.map(({ score }) => score)).toEqual([...scores].sort((a, b) => b - a).slice(0, 2));
    expect(await reranker.rerank('king', [])).toEqual([]);
    expect(await reranker.score('king', [])).toEqual(new Float32Array(0));
  });

  it.each<[string, (copy: ModelCopy) => void]>([
    [
      'the newest files',
      (copy) => copy.edit('config_sentence_transformers.json', { activation_fn: 'torch.nn.Identity' }),
    ],
    [
      'config.json',
      (copy) => {
        copy.remove('config_sentence_transformers.json');
        copy.edit('config.json', { sentence_transformers: { activation_fn: 'torch.nn.modules.linear.Identity' } });
      },
    ],
    [
      'the oldest files',
      (copy) => {
        copy.remove('config_sentence_transformers.json');
        copy.edit('config.json', { sbert_ce_default_activation_function: 'torch.nn.modules.linear.Identity' });
      },
    ],
  ])('leaves logits as they are where %s say so', async (_, change) => {
    using copy = copyOf('reranker-bert');
    change(copy);
    using reranker = await Reranker.load(copy.folder);
    expect(await reranker.score('king', texts)).toEqual(await reranker.score('king', texts, { scoreFunction: 'none' }));
  });

  it('refuses models of other kinds, by name', async () => {
    await expect(Reranker.load(headFolder('classifier-mpnet'))).rejects.toThrow(
      /this model has 2; load it with TextClassifier/,
    );
    await expect(Reranker.load('/no/such/folder')).rejects.toThrow(FileError);
    using encoder = new ModelCopy('bert');
    const loading = TextClassifier.load(encoder.folder);
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(/BertModel.*ForSequenceClassification/s);
    using headless = copyOf('classifier-roberta');
    await headless.rewrite((key, view) => (key.startsWith('classifier.out_proj') ? null : [key, view]));
    await expect(TextClassifier.load(headless.folder)).rejects.toThrow(/no tensor classifier\.out_proj\.weight/);
    using fewer = copyOf('classifier-roberta');
    fewer.edit('config.json', { id2label: { 0: 'a', 1: 'b' } });
    await expect(TextClassifier.load(fewer.folder)).rejects.toThrow(
      /has shape \[4, 32\], config\.json calls for \[2, 32\]/,
    );
    fewer.edit('config.json', { id2label: { 0: 'a', 7: 'b' } });
    await expect(TextClassifier.load(fewer.folder)).rejects.toThrow(/none with the number 1/);
    using odd = copyOf('reranker-bert');
    odd.edit('config_sentence_transformers.json', { activation_fn: 'torch.nn.Mish' });
    await expect(Reranker.load(odd.folder)).rejects.toThrow(/"torch\.nn\.Mish"; gemmule knows Sigmoid, Identity/);
  });

  it('refuses what is no query or no documents', async () => {
    using reranker = await Reranker.load(headFolder('reranker-bert'));
    await expect(reranker.score(7 as unknown as string, texts)).rejects.toThrow(/text must be a string/);
    await expect(reranker.score('a', 'b' as unknown as string[])).rejects.toThrow(/must be an array of strings/);
    await expect(reranker.rerank('a', texts, { topK: 4 })).rejects.toThrow(/topK must be .* from 1 to 3/);
  });
});
