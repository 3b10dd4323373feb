import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GemmuleError, TokenizerError } from '../../src/errors.js';
import { Tokenizer } from '../../src/tokenizers/tokenizer.js';

/*
 * Damaged files are told as such, and no text makes a tokenizer fail, hang, or hold up other work.
 */

const models = path.resolve(import.meta.dirname, '../fixtures/models');
const NAMES = ['bert', 'roberta', 'xlm-roberta', 'mpnet'];

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A tokenizer.json with a vocabulary small enough to be read a thousand times. */
function smallFile(name: string): { [name: string]: Json } {
  const file = JSON.parse(readFileSync(path.join(models, name, 'tokenizer.json'), 'utf8'));
  const { model } = file;
  if (Array.isArray(model.vocab)) model.vocab = model.vocab.slice(0, 60);
  else if (model.merges === undefined) model.vocab = Object.fromEntries(Object.entries(model.vocab).slice(0, 200));
  else model.merges = model.merges.slice(0, 20);
  return file;
}

/** All places in a JSON value, as paths. */
function placesIn(value: Json, place: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [place];
  const entries = Object.entries(value).slice(0, 12);
  return [place, ...entries.flatMap(([name, part]) => placesIn(part as Json, [...place, name]))];
}

/** A copy with another value at a place; where the value is undefined, the name or the element goes. */
function changed(value: Json, place: readonly string[], replacement: Json | undefined): Json | undefined {
  const [name, ...rest] = place;
  if (name === undefined) return replacement;
  const copy = structuredClone(value) as { [name: string]: Json };
  const part = changed(copy[name] as Json, rest, replacement);
  if (part !== undefined) copy[name] = part;
  else if (Array.isArray(copy)) copy.splice(Number(name), 1);
  else delete copy[name];
  return copy;
}

const oddValues = fc.oneof(
  fc.constantFrom<Json | undefined>(undefined, null, true, -1, 0, 0.5, 1e30, 2 ** 31, '', '\ud800', '(', [], {}),
  fc.constantFrom<Json>('__proto__', 'constructor', 'toString', '[', '(?<=a', { Regex: '(a+' }, { Regex: '\\K' }),
  fc.constantFrom<Json>({ type: 'Sequence' }, { type: 'Unknown' }, { type: 7 }, [[]], [null], [['a', 'b', 'c']]),
  fc.jsonValue().map((value) => value as Json),
);

describe.each(NAMES)('damage to the tokenizer.json of %s', (name) => {
  const file = smallFile(name);
  const places = placesIn(file);

  it('gives a tokenizer that works, or a TokenizerError', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...places), oddValues, (place, value) => {
        let tokenizer: Tokenizer;
        try {
          tokenizer = Tokenizer.fromJson(changed(file, place, value));
        } catch (error) {
          expect(error, String((error as Error).stack)).toBeInstanceOf(TokenizerError);
          refused += 1;
          return;
        }
        const { ids, offsets } = tokenizer.encode('Héllo wörld 123, [MASK] 中 🙂');
        expect(offsets.length).toBe(ids.length);
        expect(typeof tokenizer.decode(ids)).toBe('string');
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it('is found when the file ends too soon', () => {
    const text = JSON.stringify(file);
    for (const share of [0, 0.1, 0.5, 0.99]) {
      expect(() => Tokenizer.fromJson(text.slice(0, text.length * share))).toThrow(TokenizerError);
    }
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['no model', {}, /no model/],
    ['a list', [], /must be an object, got \[\]/],
    ['an unknown model', { model: { type: 'Magic', vocab: {} } }, /does not know the model "Magic"/],
    ['an unknown normalizer', { normalizer: { type: 'Magic' }, model: {} }, /does not know the normalizer "Magic"/],
    ['a vocabulary of texts', { model: { type: 'WordLevel', vocab: { a: 'b' } } }, /the id of "a" must be a number/],
    [
      'an absent unknown token',
      { model: { type: 'WordPiece', vocab: { a: 0 } } },
      /"\[UNK\]" is not in the vocabulary/,
    ],
    [
      'a merge of an unknown token',
      { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } },
      /merges\[0\].*"b" is not in the vocabulary/,
    ],
  ])('%s is named', (_, json, message) => {
    expect(() => Tokenizer.fromJson(json)).toThrow(TokenizerError);
    expect(() => Tokenizer.fromJson(json)).toThrow(message);
  });

  it('is named when the folder has none', () => {
    expect(() => Tokenizer.fromFolder('/nonexistent')).toThrow(/tokenizer\.json/);
    expect(() => Tokenizer.fromFolder('/nonexistent')).toThrow(TokenizerError);
  });

  it('is named when the settings beside it are damaged', () => {
    const file = smallFile('bert');
    expect(() => Tokenizer.fromJson(file, { model_max_length: 'x' })).toThrow(/model_max_length must be a number/);
    expect(() => Tokenizer.fromJson(file, { cls_token: [] })).toThrow(TokenizerError);
    expect(() => Tokenizer.fromJson(file, '{')).toThrow(/tokenizer_config\.json is not valid JSON/);
  });
});

describe.each(NAMES)('texts given to %s', (name) => {
  const tokenizer = Tokenizer.fromFolder(path.join(models, name));

  it('must be strings', () => {
    for (const text of [undefined, null, 7, [], {}, Symbol('a')]) {
      expect(() => tokenizer.encode(text as string)).toThrow(GemmuleError);
      expect(() => tokenizer.encodeIds(text as string)).toThrow(GemmuleError);
    }
    expect(() => tokenizer.encode('a', { maxTokens: Number.NaN })).toThrow(/maxTokens/);
    expect(() => tokenizer.encode('a', { maxTokens: 1 })).toThrow(/2 of them for special tokens/);
  });

  it('may be anything: places lie in the text, in order, and the short way gives the same ids', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc
        .array(fc.constantFrom('a', ' ', 'É', 'e\u0301', '\ud83d', '[CLS]', '<mask>', '\n', '中', '👍🏽'))
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        const { ids, offsets } = tokenizer.encode(given);
        expect(tokenizer.encodeIds(given).ids).toEqual(ids);
        let before = 0;
        for (const [start, end] of offsets.slice(1, -1)) {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(given.length);
          before = start;
        }
      }),
      { numRuns: 300 },
    );
  });

  // Quadratic work on these would take minutes, longer than a test may.
  it.each([
    ['one letter', 'a'.repeat(1e6)],
    ['spaces', ' '.repeat(1e6)],
    ['marks', `e${'\u0301'.repeat(2e5)}`],
    ['halves of pairs', '\ud83d'.repeat(2e5)],
    ['special tokens', '<mask>[MASK]'.repeat(3e4)],
    ['conjoining letters', '\u1100'.repeat(1e5)],
  ])('may be very long: %s', (_, text) => {
    expect(tokenizer.encode(text).ids.length).toBeGreaterThan(1);
    expect(tokenizer.encodeIds(text, { maxTokens: 64 }).ids.length).toBeLessThanOrEqual(64);
  });
});

describe('many texts', () => {
  const tokenizer = Tokenizer.fromFolder(path.join(models, 'bert'));
  const texts = Array.from({ length: 2000 }, (_, index) =>
    `the number of this sentence is ${index}, and so on. `.repeat(4),
  );
  const huge = 'a long text with many words in it, ünd ßome öthers. '.repeat(40_000);

  it('let other work have its turn, within a huge text too', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const start = process.cpuUsage();
    const encodings = await tokenizer.encodeAll([...texts, huge]);
    const { user, system } = process.cpuUsage(start);
    clearInterval(timer);
    expect(encodings.length).toBe(2001);
    // A turn is due every 5 ms of work; a quarter of that allows for a busy machine.
    expect(turns).toBeGreaterThan((user + system) / 1000 / 20);
    expect(encodings.at(-1)?.ids).toEqual(tokenizer.encodeIds(huge).ids);
  });

  it('can be stopped', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 5);
    await expect(tokenizer.encodeBatch([huge, huge, huge], { signal: controller.signal })).rejects.toThrow('enough');
    await expect(tokenizer.encodeAll([], { signal: AbortSignal.abort() })).rejects.toThrow();
  });

  it('are all checked to be texts', async () => {
    await expect(tokenizer.encodeAll(['a', 7 as unknown as string])).rejects.toThrow(GemmuleError);
  });
});
