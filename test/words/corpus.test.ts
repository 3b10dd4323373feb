import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Corpus, type CorpusOptions } from '../../src/words/corpus.js';
import { Phrases } from '../../src/words/phrases.js';
import { type CorpusSource, type SentenceOptions, sentencesOf } from '../../src/words/sentences.js';

const folder = mkdtempSync(path.join(tmpdir(), 'gemmule-corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(contents: string | Uint8Array): string {
  const file = path.join(folder, `corpus-${files++}.txt`);
  writeFileSync(file, contents);
  return file;
}

async function sentences(source: CorpusSource, options: SentenceOptions = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const words of sentencesOf(source, options)) if (words.length > 0) found.push(words.join(' '));
  return found;
}

/** The text of a corpus, with `|` between sentences. */
function textOf(corpus: Corpus): string {
  return Array.from(corpus.encoded.tokens, (token) => (token < 0 ? '|' : corpus.words[token])).join(' ');
}

describe('sentencesOf', () => {
  it('takes words out of lines', async () => {
    const file = fileOf("It's the DOG’s, isn't it?\r\n\r\n  Émile's naïve 3-year-old: 漢字 test.\nlast");
    expect(await sentences(file)).toEqual(["it's the dog’s isn't it", "émile's naïve 3 year old 漢字 test", 'last']);
    expect(await sentences(file, { tokenize: 'whitespace' })).toEqual([
      "It's the DOG’s, isn't it?",
      "Émile's naïve 3-year-old: 漢字 test.",
      'last',
    ]);
    expect(await sentences(file, { tokenize: (text) => [text.slice(0, 2)] })).toContain('la');
  });

  it('takes paragraphs of wrapped lines', async () => {
    const file = fileOf('one\ntwo\n\nthree\r\n \t\r\n\r\nfour\nfive\n');
    expect(await sentences(file, { unit: 'paragraph' })).toEqual(['one two', 'three', 'four five']);
  });

  it('reads gzip, characters across chunks, and what is no UTF-8', async () => {
    const line = 'é漢 '.repeat(10);
    const text = `${line}\n`.repeat(9000);
    expect(await sentences(fileOf(gzipSync(text)))).toEqual(Array(9000).fill(line.trim()));
    expect(await sentences(fileOf(text))).toEqual(Array(9000).fill(line.trim()));
    expect(await sentences(fileOf(Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0x62])))).toEqual(['a', 'b']);
    expect(await sentences(fileOf(''))).toEqual([]);
  });

  it('cuts endless lines at white space', async () => {
    const found = await sentences(fileOf('some words '.repeat(50_000)));
    expect(found.length).toBeGreaterThan(3);
    expect(found.join(' ')).toBe('some words '.repeat(50_000).trim());
    const unbroken = await sentences(fileOf('x'.repeat(1_000_000)));
    expect(unbroken.join('')).toBe('x'.repeat(1_000_000));
  });

  it('takes iterables of texts and of sentences', async () => {
    expect(await sentences(['A b', ['C d', 'e']])).toEqual(['a b', 'C d e']);
    async function* texts(): AsyncGenerator<string> {
      yield 'A b';
      yield 'c';
    }
    expect(await sentences(texts())).toEqual(['a b', 'c']);
  });

  it('says what is wrong', async () => {
    await expect(sentences(path.join(folder, 'missing'))).rejects.toMatchObject({ code: 'ERR_FILE' });
    await expect(sentences(folder)).rejects.toMatchObject({ code: 'ERR_FILE' });
    const cut = gzipSync('some text\n'.repeat(99_999));
    await expect(sentences(fileOf(cut.subarray(0, cut.length - 99)))).rejects.toMatchObject({ code: 'ERR_FILE' });
    await expect(sentences(fileOf(Buffer.from([0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])))).rejects.toMatchObject({
      code: 'ERR_FILE',
    });
    for (const source of [42, null, [1], [['a', 2]], [null]]) {
      await expect(sentences(source as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
    await expect(sentences(['a'], { tokenize: 'letters' as never })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(sentences(fileOf('a'), { unit: 'page' as never })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  it('passes on what a source throws', async () => {
    async function* broken(): AsyncGenerator<string> {
      yield 'a';
      throw new Error('the line went dead');
    }
    await expect(sentences(broken())).rejects.toThrow('the line went dead');
  });

  it('stops at a signal', async () => {
    const reason = new Error('enough');
    const file = fileOf('some words\n'.repeat(50_000));
    await expect(sentences(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    function* endless(): Generator<string> {
      for (let n = 0; ; n++) {
        if (n === 1000) controller.abort(reason);
        yield 'a';
      }
    }
    await expect(sentences(endless(), { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('Corpus', () => {
  const read = (source: CorpusSource, options: CorpusOptions = {}) => Corpus.read(source, { minCount: 1, ...options });

  it('counts words, most frequent first', async () => {
    const corpus = await read(['b a c', 'a b', 'a']);
    expect(corpus.words).toEqual(['a', 'b', 'c']);
    expect([...corpus.counts]).toEqual([3, 2, 1]);
    expect(textOf(corpus)).toBe('b a c | a b | a |');
    expect([corpus.size, corpus.wordsRead]).toEqual([6, 6]);
  });

  it('leaves out rare words', async () => {
    const texts = ['b a c', 'c', 'd d', 'a b'];
    expect(textOf(await read(texts, { minCount: 2 }))).toBe('b a c | c | d d | a b |');
    expect(textOf(await read(texts, { maxVocabulary: 2 }))).toBe('b a | a b |');
    const corpus = await read([...texts, 'x'], { minCount: 2 });
    expect([corpus.size, corpus.wordsRead]).toEqual([8, 9]);
    await expect(read(texts, { minCount: 3 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(read([])).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  it('cuts long sentences', async () => {
    expect(textOf(await read(['a a a a a', 'a'], { maxSentence: 2 }))).toBe('a a | a a | a | a |');
  });

  it('cuts blocks at the ends of sentences', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 40 }), async (lengths) => {
        const corpus = await read(lengths.map((length) => Array(length).fill('a')));
        const { tokens, blockStarts } = corpus.encoded;
        expect(tokens.length).toBe(lengths.reduce((sum, length) => sum + length + 1, 0));
        expect(blockStarts[0]).toBe(0);
        expect(blockStarts.at(-1)).toBe(tokens.length);
        for (let block = 1; block < blockStarts.length; block++) {
          expect(tokens[blockStarts[block] - 1]).toBe(-1);
          const length = blockStarts[block] - blockStarts[block - 1];
          expect(length).toBeGreaterThan(0);
          if (block < blockStarts.length - 1) expect(length).toBeGreaterThanOrEqual(500);
        }
        corpus.dispose();
      }),
      { numRuns: 20 },
    );
  });

  it('holds texts of more than a chunk of tokens', async () => {
    function* texts(): Generator<readonly string[]> {
      for (let n = 0; n < 3000; n++) yield Array(1000).fill(n % 2 === 0 ? 'a' : 'b');
    }
    const corpus = await read(texts());
    expect(corpus.encoded.tokens.length).toBe(3000 * 1001);
    expect([...corpus.encoded.tokens.subarray(1000, 1003)]).toEqual([-1, 1, 1]);
    expect(corpus.encoded.tokens.at(-2)).toBe(1);
    expect(corpus.encoded.blockStarts.length).toBeGreaterThan(200);
  });

  it('reports progress', async () => {
    const reports: number[] = [];
    await read(['a b', 'c'], { onProgress: ({ words }) => reports.push(words) });
    expect(reports.at(-1)).toBe(3);
  });

  it('tells corpora apart', async () => {
    const a = await read(['a b', 'c']);
    expect(a.fingerprint()).toBe((await read(['a b', 'c'])).fingerprint());
    expect(a.fingerprint()).not.toBe((await read(['a b c'])).fingerprint());
    expect(a.fingerprint()).not.toBe((await read(['a b', 'd'])).fingerprint());
  });

  it('refuses use after dispose, and settings out of range', async () => {
    const corpus = await read(['a']);
    corpus.dispose();
    corpus.dispose();
    expect(() => corpus.encoded).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    for (const options of [{ minCount: 0 }, { maxVocabulary: 1.5 }, { maxSentence: -1 }, { minCount: '5' }]) {
      await expect(read(['a'], options as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
  });
});

describe('Phrases', () => {
  const texts = [
    ...Array(20).fill('we went to new york by train'),
    ...Array(20).fill('the train to boston was new'),
    ...Array(20).fill('york is old'),
  ];

  it('finds words that belong together and joins them', async () => {
    const phrases = await Phrases.find(texts, { minCount: 5, threshold: 4 });
    const found = phrases.list().map(({ words }) => words.join(' '));
    expect(found).toContain('we went');
    expect(found).not.toContain('train to');
    const corpus = await Corpus.read(texts, { phrases });
    expect(corpus.words).toContain('we_went');
    expect(textOf(corpus)).not.toContain('we went');
  });

  it('scores as word2vec does', async () => {
    const phrases = await Phrases.find(['a b', 'a b', 'a b', 'a c', 'c b'], { minCount: 1, threshold: 0 });
    // Ten words; a comes 4 times, b 4 times, together 3 times.
    expect(phrases.list()).toEqual([{ words: ['a', 'b'], count: 3, score: ((3 - 1) * 10) / (4 * 4) }]);
  });

  it('scores by mutual information', async () => {
    const phrases = await Phrases.find(['a b', 'a b', 'c d', 'e e'], { minCount: 1, scoring: 'npmi', threshold: 0.5 });
    // Each comes with no other word.
    expect(phrases.list().map(({ words }) => words.join(' '))).toEqual(['a b', 'c d']);
    const [rare] = (await Phrases.find(['a b', 'a c', 'd b'], { minCount: 1, scoring: 'npmi', threshold: -1 })).list();
    expect(rare?.score).toBeCloseTo(Math.log((1 * 6) / (2 * 1)) / -Math.log(1 / 6), 12);
  });

  it('finds longer ones in a second reading', async () => {
    const first = await Phrases.find(texts, { threshold: 4 });
    const second = await Phrases.find(texts, { threshold: 2, phrases: first });
    const corpus = await Corpus.read(texts, { phrases: [first, second], minCount: 1 });
    expect(corpus.words.some((word) => word.split('_').length > 2)).toBe(true);
  });

  it('forgets rare pairs when there are too many', async () => {
    const many = [...texts, ...Array.from({ length: 500 }, (_, n) => `x${n} y${n}`)];
    const phrases = await Phrases.find(many, { threshold: 4, maxEntries: 100 });
    expect(phrases.list().map(({ words }) => words.join(' '))).toContain('we went');
  });

  it('refuses settings out of range', async () => {
    for (const options of [
      { minCount: 0 },
      { scoring: 'other' },
      { threshold: Number.NaN },
      { delimiter: '' },
      { maxEntries: 0 },
    ]) {
      await expect(Phrases.find(texts, options as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
  });
});
