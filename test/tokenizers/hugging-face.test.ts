import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../src/tokenizers/tokenizer.js';

/*
 * 200 difficult texts as Hugging Face's tokenizers (Python) encode them: ids, places in the text (in UTF-16 units), and the
 * text that the ids decode to. The first 48 are chosen, the others are random mixtures of letters, marks, spaces, emoji,
 * ideographs, control characters and special tokens.
 */

interface Expected {
  readonly ids: readonly (readonly number[])[];
  /** Start and end of every token, in a row. */
  readonly offsets: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}

interface ExpectedPair {
  readonly a: string;
  readonly b: string;
  readonly ids: readonly number[];
  readonly typeIds: readonly number[];
  /** The ids with at most 12 tokens. */
  readonly cut: readonly number[];
}

interface Fixture {
  readonly texts: readonly string[];
  readonly models: Readonly<Record<string, Expected>>;
  readonly pairs: Readonly<Record<string, readonly ExpectedPair[]>>;
}

const root = path.resolve(import.meta.dirname, '../..');
const fixture: Fixture = JSON.parse(readFileSync(path.join(root, 'test/fixtures/tokenizers/huggingface.json'), 'utf8'));

function open(name: string): Tokenizer {
  const folder = name === 'minilm' ? 'models/all-minilm-l6-v2' : `test/fixtures/models/${name}`;
  return Tokenizer.fromFolder(path.join(root, folder));
}

describe.each(Object.entries(fixture.models))('%s, against Hugging Face', (name, expected) => {
  const tokenizer = open(name);

  it('has 200 texts to compare', () => {
    expect(fixture.texts.length).toBe(200);
    expect(expected.ids.length).toBe(200);
  });

  it('gives the same ids and places', () => {
    for (const [index, text] of fixture.texts.entries()) {
      const { ids, offsets, tokens } = tokenizer.encode(text);
      expect([...ids], JSON.stringify(text)).toEqual(expected.ids[index]);
      expect(offsets.flat(), JSON.stringify(text)).toEqual(expected.offsets[index]);
      expect(tokens).toEqual([...ids].map((id) => tokenizer.idToToken(id)));
    }
  });

  it('gives the same ids by every way to encode', async () => {
    const ofBatch = await tokenizer.encodeBatch(fixture.texts);
    const ofAll = await tokenizer.encodeAll(fixture.texts);
    for (const [index, text] of fixture.texts.entries()) {
      const ids = expected.ids[index];
      expect([...tokenizer.encodeIds(text).ids], JSON.stringify(text)).toEqual(ids);
      expect([...(ofBatch[index]?.ids ?? [])]).toEqual(ids);
      expect([...(ofAll[index]?.ids ?? [])]).toEqual(ids);
    }
  });

  it('cuts to the first tokens, with special tokens around them and the same places', () => {
    const added = tokenizer.encode('').ids.length;
    for (const [index, text] of fixture.texts.entries()) {
      const whole = tokenizer.encode(text);
      const cut = tokenizer.encode(text, { maxTokens: 8 });
      expect(cut.ids.length).toBe(Math.min(8, whole.ids.length));
      expect(cut.truncated).toBe(whole.ids.length > 8);
      // All of these models put one token before the text and one behind.
      expect(added).toBe(2);
      const kept = cut.ids.length - 1;
      expect([...cut.ids.slice(0, kept)]).toEqual(expected.ids[index]?.slice(0, kept));
      expect(cut.ids.at(-1)).toBe(whole.ids.at(-1));
      expect(cut.offsets.slice(0, kept), JSON.stringify(text)).toEqual(whole.offsets.slice(0, kept));
    }
  });

  it('decodes to the same text', () => {
    for (const [index, ids] of expected.ids.entries()) {
      expect(tokenizer.decode(ids)).toBe(expected.decoded[index]);
    }
  });
});

describe.each(Object.entries(fixture.pairs))('pairs of texts in %s', (name, pairs) => {
  const tokenizer = open(name);

  it('have the ids and types of Hugging Face, and lose the same tokens', () => {
    expect(pairs.length).toBeGreaterThan(10);
    for (const { a, b, ids, typeIds, cut } of pairs) {
      const encoding = tokenizer.encode(a, { textPair: b });
      expect([...encoding.ids], JSON.stringify([a, b])).toEqual(ids);
      expect([...encoding.typeIds], JSON.stringify([a, b])).toEqual(typeIds);
      const short = tokenizer.encode(a, { textPair: b, maxTokens: 12 });
      expect([...short.ids], JSON.stringify([a, b])).toEqual(cut);
      expect(short.truncated).toBe(ids.length > 12);
    }
  });
});
