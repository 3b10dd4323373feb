import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import {
  ArgumentError,
  DisposedError,
  FileError,
  FormatError,
  type GemmuleError,
  ModelError,
  TokenizerError,
  TruncatedTextError,
} from '../../src/errors.js';
import { modelFolder } from '../models/golden.js';

let embedder: TextEmbedder;
const scratch = mkdtempSync(path.join(tmpdir(), 'gemmule-embedder-'));

beforeAll(async () => {
  embedder = await TextEmbedder.load();
});

afterAll(() => {
  embedder.dispose();
  rmSync(scratch, { recursive: true });
});

/** Texts of 0 to 60 words, the same in every run. */
function mixedTexts(count: number): string[] {
  const words = 'the river bank money loan water Zürich 東京 running unbelievable 42 , . ! data vector'.split(' ');
  let state = 12345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: next(60) }, () => words[next(words.length)]).join(' '),
  );
}

describe('embed', () => {
  it('gives a thousand mixed texts the same bits as one at a time', async () => {
    const texts = mixedTexts(1000);
    const together = (await embedder.embed(texts)).toTypedArray();
    for (let index = 0; index < texts.length; index++) {
      using one = await embedder.embed([texts[index]]);
      const alone = one.toTypedArray();
      const batched = together.subarray(index * embedder.dimension, (index + 1) * embedder.dimension);
      expect(Buffer.compare(Buffer.from(alone.slice().buffer), Buffer.from(batched.slice().buffer)), texts[index]).toBe(
        0,
      );
    }
  });

  it('keeps the order of concurrent calls, and joins them', async () => {
    const texts = mixedTexts(60);
    const whole = (await embedder.embed(texts)).toArray() as number[][];
    const single = await Promise.all(texts.map((text) => embedder.embed([text])));
    expect(single.map((vectors) => (vectors.toArray() as number[][])[0])).toEqual(whole);
  });

  it('takes empty texts and empty lists', async () => {
    expect((await embedder.embed([])).shape).toEqual([0, 384]);
    const vector = (await embedder.embed([''])).toTypedArray();
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });

  it('cuts texts, counts them, and refuses them on request', async () => {
    const long = 'word '.repeat(1000);
    const reports: { done: number; total: number; truncated: number; tokens: number }[] = [];
    const vectors = await embedder.embed([long, 'short'], { onProgress: (progress) => reports.push(progress) });
    expect(reports.at(-1)).toMatchObject({ done: 2, total: 2, truncated: 1 });
    const cut = await embedder.embed(['word '.repeat(254)]);
    expect(vectors.select(0, 0).toArray()).toEqual(cut.select(0, 0).toArray());
    await expect(embedder.embed(['short', long], { truncate: false })).rejects.toThrow(TruncatedTextError);
    await expect(embedder.embed(['short', long], { truncate: false })).rejects.toThrow(/texts\[1\].*256/);
  });

  it('keeps the first dimensions, normalised again', async () => {
    const whole = (await embedder.embed(['a text'])).toTypedArray();
    const part = (await embedder.embed(['a text'], { dimensions: 64 })).toTypedArray();
    const length = Math.hypot(...whole.subarray(0, 64));
    expect(part.length).toBe(64);
    for (let n = 0; n < 64; n++) expect(part[n]).toBeCloseTo(whole[n] / length, 6);
    const raw = (await embedder.embed(['a text'], { normalize: false })).toTypedArray();
    expect(Math.hypot(...raw)).toBeGreaterThan(1.5);
  });

  it('puts prompts in front', async () => {
    const byHand = await embedder.embed(['query: a text']);
    const prompted = await embedder.embed(['a text'], { prompt: { text: 'query: ' } });
    expect(prompted.toArray()).toEqual(byHand.toArray());
    await expect(embedder.embed(['a text'], { prompt: 'unheard' })).rejects.toThrow(/no prompt "unheard"/);
  });

  it('stops when its signal aborts, and goes on serving others', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const pending = embedder.embed(mixedTexts(3000), { signal: controller.signal });
    const other = embedder.embed(['another']);
    setTimeout(() => controller.abort(reason), 20);
    await expect(pending).rejects.toBe(reason);
    expect((await other).shape).toEqual([1, 384]);
    await expect(embedder.embed(['x'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('is not loaded for a signal that has aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(TextEmbedder.load(modelFolder('bert'), { signal })).rejects.toThrow('enough');
    await expect(TextEmbedder.load(undefined, { signal })).rejects.toThrow('enough');
  });

  it.each([['a text'], [null], [[1]], [['fine', undefined]], [[['nested']]]])('refuses %j', async (texts) => {
    await expect(embedder.embed(texts as unknown as string[])).rejects.toThrow(ArgumentError);
  });

  it.each([
    [{ dimensions: 0 }],
    [{ dimensions: 385 }],
    [{ dimensions: Number.NaN }],
    [{ maxTokens: 513 }],
    [{ maxTokens: 1 }],
    [{ maxTokens: 2.5 }],
  ])('refuses the options %j', async (options) => {
    await expect(embedder.embed(['x'], options)).rejects.toThrow(ArgumentError);
  });

  it('rejects what is under way when it is disposed', async () => {
    const own = await TextEmbedder.load(modelFolder('bert'));
    const pending = own.embed(mixedTexts(500));
    own.dispose();
    own.dispose();
    await expect(pending).rejects.toThrow(DisposedError);
    await expect(own.embed(['x'])).rejects.toThrow(DisposedError);
  });
});

describe('embedTokens', () => {
  it('gives a word another vector beside other words', async () => {
    const texts = [
      'He sat on the bank of the river.',
      'The bank lent him some money.',
      'A bank of the river was steep.',
    ];
    const results = await embedder.embedTokens(texts);
    const banks = results.map(({ tokens, offsets, vectors }, index) => {
      const place = tokens.indexOf('bank');
      expect(texts[index].slice(...offsets[place])).toBe('bank');
      return vectors.slice([place, place + 1]);
    });
    const [river, money, steep] = banks.map((bank) => embedder.similarity(banks[0], bank).item());
    expect(river).toBeCloseTo(1, 5);
    expect(steep).toBeGreaterThan(money + 0.1);
  });
});

describe('attention', () => {
  it('gives every layer and head, with rows that add up to one', async () => {
    const { tokens, layers } = await embedder.attention('A short text.');
    expect(tokens).toEqual(['[CLS]', 'a', 'short', 'text', '.', '[SEP]']);
    expect(layers.map(({ shape }) => shape)).toEqual(Array(6).fill([12, 6, 6]));
    for (const layer of layers) {
      for (const sum of layer.sum([2]).toTypedArray()) expect(sum).toBeCloseTo(1, 5);
    }
  });
});

describe('load', () => {
  /** A copy of the small model with one file replaced. */
  function brokenModel(name: string, file: string, contents: string | null): string {
    const folder = path.join(scratch, name);
    mkdirSync(path.join(folder, '1_Pooling'), { recursive: true });
    const files = ['config.json', 'model.safetensors', 'modules.json', 'tokenizer.json', '1_Pooling/config.json'];
    for (const part of files)
      writeFileSync(path.join(folder, part), readFileSync(path.join(modelFolder('bert'), part)));
    if (contents === null) rmSync(path.join(folder, file));
    else writeFileSync(path.join(folder, file), contents);
    return folder;
  }

  it.each<[string, string | null, new (message: string) => GemmuleError]>([
    ['config.json', null, FileError],
    ['config.json', '{"model_type": "bert"', FormatError],
    ['config.json', '{"model_type": "unheard"}', ModelError],
    ['model.safetensors', null, ModelError],
    ['model.safetensors', 'short', FormatError],
    ['tokenizer.json', null, TokenizerError],
    ['tokenizer.json', '{}', TokenizerError],
    ['tokenizer.json', '{"model": {"type": "Unheard"}}', TokenizerError],
    ['modules.json', '[{"type": "a.b.Unheard", "path": ""}]', ModelError],
  ])('refuses a folder whose %s is %j', async (file, contents, expected) => {
    const folder = brokenModel(`${file}-${String(contents).length}`, file, contents);
    await expect(TextEmbedder.load(folder)).rejects.toThrow(expected);
  });

  it('refuses a folder that is not there', async () => {
    await expect(TextEmbedder.load('/no/such/folder')).rejects.toThrow(FileError);
    await expect(TextEmbedder.load(5 as unknown as string)).rejects.toThrow(ArgumentError);
  });
});
