import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GemmuleError } from '../../src/errors.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { tensor, zeros } from '../../src/tensor/creation.js';
import { DecimalReader } from '../../src/words/decimal.js';
import { type LoadWordsOptions, subwordBuckets, type WordFormat, WordVectors } from '../../src/words/index.js';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/words');
const fixture = (name: string): string => path.join(fixtures, name);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-words-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let written = 0;
function write(contents: string | Uint8Array, ending = '.txt'): string {
  written += 1;
  const file = path.join(folder, `${written}${ending}`);
  writeFileSync(file, contents);
  return file;
}

interface Small {
  readonly words: readonly string[];
  readonly vectors: readonly (readonly number[])[];
}
const small = JSON.parse(readFileSync(fixture('small.json'), 'utf8')) as Small;

function expectSmall(words: WordVectors): void {
  expect([...words]).toEqual(small.words);
  expect(words.vectors.toArray()).toEqual(small.vectors);
}

describe('files that gensim and fastText wrote', () => {
  it.each<[string, WordFormat]>([
    ['small.txt', 'word2vec-text'],
    ['small.bin', 'word2vec-binary'],
  ])('%s', async (name, format) => {
    const words = await WordVectors.load(fixture(name));
    expectSmall(words);
    expect(words.report).toEqual({ format, declared: 7, malformed: 0, duplicates: 0, invalidWords: 0, problems: [] });
    expectSmall(await WordVectors.load(write(gzipSync(readFileSync(fixture(name))))));
  });

  interface Model {
    readonly words: readonly string[];
    readonly counts: readonly number[];
    readonly vectors: readonly (readonly number[])[];
    readonly unseen: Readonly<Record<string, readonly number[]>>;
  }
  const model = JSON.parse(readFileSync(fixture('fasttext.json'), 'utf8')) as Model;

  /** fastText adds up to a dozen float32 vectors of numbers below 0.2 one by one; here it is one rounding. */
  const expectNear = (actual: ArrayLike<number>, expected: readonly number[]): void => {
    for (const [n, value] of expected.entries()) {
      expect(Math.abs((actual[n] as number) - value)).toBeLessThan(16 * 0.2 * 2 ** -24);
    }
  };

  it('fastText models, with vectors of unseen words', async () => {
    for (const file of [fixture('fasttext.bin'), write(gzipSync(readFileSync(fixture('fasttext.bin'))))]) {
      const words = await WordVectors.load(file);
      expect([...words]).toEqual(model.words);
      expect(model.words.map((word) => words.count(word))).toEqual(model.counts);
      for (const [n, word] of model.words.entries()) expectNear(words.vector(word), model.vectors[n] ?? []);
      for (const [word, vector] of Object.entries(model.unseen)) {
        // A word of one character has the part `<x>` all the same.
        expectNear(words.vector(word), vector);
      }
      expect(words.subwords).toMatchObject({ minLength: 2, maxLength: 4, buckets: 64 });
      expect(words.report).toMatchObject({ format: 'fasttext-bin', declared: 28 });
      expect(words.has('kitten')).toBe(false);
      expect(words.mostSimilar({ positive: ['kitten'] }, { topN: 3 })).toHaveLength(3);
    }
  });

  it('fastText models cut at a limit keep the right vectors', async () => {
    const words = await WordVectors.load(fixture('fasttext.bin'), { limit: 5 });
    expect([...words]).toEqual(model.words.slice(0, 5));
    for (const [n, word] of [...words].entries()) expectNear(words.vector(word), model.vectors[n] ?? []);
  });

  it("fastText's text, with spaces at the ends", async () => {
    const words = await WordVectors.load(fixture('fasttext.vec'));
    expect([...words]).toEqual(model.words);
    expect(words.report).toMatchObject({ format: 'fasttext-vec', malformed: 0 });
    expect(words.vector('the')[0]).toBe(Math.fround(-0.013784));
  });

  it('parts of words are characters, not bytes', () => {
    const settings = { minLength: 1, maxLength: 3, buckets: 2 ** 31 - 1 };
    // <é>: <é, <é>, é, é>; lone < and > are left out.
    expect(subwordBuckets('é', settings)).toHaveLength(4);
    expect(subwordBuckets('é', { ...settings, minLength: 3 })).toHaveLength(1);
    expect(subwordBuckets('', settings)).toHaveLength(1);
    expect(subwordBuckets('word', { ...settings, buckets: 0 })).toEqual([]);
  });
});

describe('saving', () => {
  it.each<[string, WordFormat | undefined]>([
    ['a.txt', 'glove'],
    ['b.txt', undefined],
    ['c.txt.gz', 'word2vec-text'],
    ['d.bin', undefined],
    ['e.bin.gz', 'word2vec-binary'],
    ['f.vec', undefined],
    ['g.vec.gz', undefined],
    ['h.bin', 'fasttext-bin'],
    ['i.bin.gz', 'fasttext-bin'],
    ['j.gemmule', undefined],
  ])('%s as %s is read back number for number', async (name, format) => {
    const words = await WordVectors.load(fixture('small.txt'));
    const file = path.join(folder, name);
    await words.save(file, { ...(format === undefined ? {} : { format }) });
    expectSmall(await WordVectors.load(file));
    expect(readFileSync(file).subarray(0, 2).toString('hex') === '1f8b').toBe(name.endsWith('.gz'));
  });

  it('fastText models keep their parts', async () => {
    const words = await WordVectors.load(fixture('fasttext.bin'));
    for (const name of ['parts.bin', 'parts.gemmule']) {
      const file = path.join(folder, name);
      await words.save(file, { format: name.endsWith('.bin') ? 'fasttext-bin' : 'gemmule' });
      const again = await WordVectors.load(file);
      expect([...again]).toEqual([...words]);
      expect(again.count('cat')).toBe(words.count('cat'));
      for (const word of ['the', 'café', 'kitten', '</s>']) {
        for (const [n, value] of words.vector(word).entries()) {
          expect(Math.abs((again.vector(word)[n] as number) - value)).toBeLessThan(1e-7);
        }
      }
    }
  });

  it('float16 halves the file and widens exactly', async () => {
    const words = await WordVectors.load();
    const [half, full] = [path.join(folder, 'half.gemmule'), path.join(folder, 'full.gemmule')];
    await words.save(half, { dtype: 'float16' });
    await words.save(full);
    // The bundled words are float16 already.
    const again = await WordVectors.load(half);
    expect(again.vectors.equal(words.vectors).all().item()).toBe(true);
    expect(statSync(full).size - statSync(half).size).toBeGreaterThan(8000 * 50 * 2);
  });

  it.each<[string, string, WordFormat, RegExp]>([
    ['a space', 'New York', 'word2vec-text', /no spaces, tabs and line ends.*word 1 is "New York"/],
    ['a line end', 'a\nb', 'glove', /no tabs and line ends/],
    ['an edge', ' a', 'glove', /no spaces around it/],
    ['a null', 'a\0b', 'fasttext-bin', /no null characters/],
    ['nothing', '', 'word2vec-binary', /at least one character/],
  ])('refuses words that a format cannot hold: %s', async (_, word, format, message) => {
    const words = WordVectors.from(['ok', word], tensor([[1], [2]]));
    const file = path.join(folder, 'refused');
    await expect(words.save(file, { format })).rejects.toThrow(message);
    expect(() => statSync(file)).toThrow();
    // gemmule's own holds any.
    await words.save(path.join(folder, 'any.gemmule'));
    expect([...(await WordVectors.load(path.join(folder, 'any.gemmule')))]).toEqual(['ok', word]);
  });

  it('refuses what does not go together', async () => {
    const words = WordVectors.from(['a'], tensor([[1]]));
    const save = (name: string, options: object) => words.save(path.join(folder, name), options);
    await expect(save('x.gemmule.gz', {})).rejects.toThrow(/cannot be packed/);
    await expect(save('x.txt', { dtype: 'float16' })).rejects.toThrow(/dtype must be float32/);
    await expect(save('x.txt', { format: 'json' })).rejects.toThrow(/format must be one of word2vec-text/);
    await expect(save('no/such/folder.txt', {})).rejects.toMatchObject({ code: 'ERR_FILE' });
  });
});

describe('text with mistakes', () => {
  it('counts them, names their lines, and reads the rest', async () => {
    const file = write(
      [
        'cat 1 2 3',
        'dog 4 5',
        'cat 7 8 9',
        '',
        'ok 0 0 0',
        'fine 0 0 0',
        'good 0 0 0',
        'at name@example.org 1 2 3',
        'bad 1 x 3',
        'many 1 2 3 4',
        'bird nan 0 0',
        'fish 1e39 0 0',
        ' 1 2 3',
        '\u2028 -0 +.5 1.5E-2',
        'end\t1\t2  3 ',
      ].join('\r\n'),
    );
    const words = await WordVectors.load(file);
    expect([...words]).toEqual(['cat', 'ok', 'fine', 'good', 'at name@example.org', '\u2028', 'end']);
    expect(words.vectorsOf(['cat', 'at name@example.org', '\u2028', 'end']).toArray()).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [-0, 0.5, Math.fround(0.015)],
      [1, 2, 3],
    ]);
    expect(words.report).toEqual({
      format: 'glove',
      declared: null,
      malformed: 6,
      duplicates: 1,
      invalidWords: 0,
      problems: [
        { line: 2, problem: 'it has 2 numbers, expected 3' },
        { line: 3, problem: '"cat" came before' },
        { line: 9, problem: '"x" is no number that float32 can hold' },
        { line: 10, problem: 'it has 4 numbers, expected 3' },
        { line: 11, problem: '"nan" is no number that float32 can hold' },
        { line: 12, problem: '"1e39" is no number that float32 can hold' },
        { line: 13, problem: 'it begins with a space, where a word should be' },
      ],
    });
    await expect(WordVectors.load(file, { strict: true })).rejects.toThrow(
      /6 malformed lines and 1 duplicates: line 2: /,
    );
  });

  it('replaces what is no UTF-8, and drops a byte order mark', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\uFEFF'),
      Buffer.from('a 1\nb'),
      Buffer.from([0xff]),
      Buffer.from(' 2\n'),
    ]);
    const words = await WordVectors.load(write(bytes));
    expect([...words]).toEqual(['a', 'b\uFFFD']);
    expect(words.vector('b\uFFFD')[0]).toBe(2);
    expect(words.report?.invalidWords).toBe(1);
  });

  it.each<[string, string, RegExp, LoadWordsOptions?]>([
    ['nothing', '', /is empty; expected a line/],
    ['words only', 'cat\ndog\n', /the first line has no numbers: "cat"/],
    ['prose', 'This is a text.\nIt has lines.\n', /2 of 2 lines cannot be read as a word and 3 numbers/],
    ['mostly rubbish', 'a 1\nb x\nc x\n', /2 of 3 lines .* first line 2: "x" is no number/],
    ['a header of nonsense', '3 99999999\na 1\n', /the header promises 3 vectors of 99999999 numbers/],
    ['a header of no numbers', '3 0\na\n', /of 0 numbers/],
    ['a header that is missing', 'a 1\n', /must be two whole numbers, got "a 1"/, { format: 'word2vec-text' }],
    ['fewer words than promised', '3 1\na 1\nb 2\n', /promises 3 words, and there are 2; the file was cut off/],
  ])('is an error where it is %s', async (_, text, message, options) => {
    await expect(WordVectors.load(write(text), options)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_FORMAT', message: expect.stringMatching(message) }),
    );
  });

  it('a header that promises too few words, or too many on purpose, is a warning, and nothing is cut', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      expect([...(await WordVectors.load(write('1 1\na 1\nb 2\n')))]).toEqual(['a', 'b']);
      expect([...(await WordVectors.load(write('9000000000 1\na 1\nb 2\n'), { ignoreCount: true }))]).toEqual([
        'a',
        'b',
      ]);
      expect(warn.mock.calls.map(([message]) => message)).toEqual([
        expect.stringMatching(/the header promises 1 words, and there are 2; all were read/),
        expect.stringMatching(/promises 9000000000 words, and there are 2/),
      ]);
      const calls = warn.mock.calls.length;
      // Malformed lines and duplicates count as words that were promised; a limit is no lie.
      await WordVectors.load(write('4 1\na 1\na 2\nb\nc 3'));
      await WordVectors.load(write('4 1\na 1\nb 2\nc 3\nd 4\n'), { limit: 2 });
      expect(warn).toHaveBeenCalledTimes(calls);
    } finally {
      warn.mockRestore();
    }
  });

  it('stops at a limit, and takes the dimension from where it is told', async () => {
    const file = write('a b 1 2\nc 1 2\nd 3 4\n');
    const words = await WordVectors.load(file, { dimension: 2, limit: 2, format: 'glove' });
    expect([...words]).toEqual(['a b', 'c']);
    await expect(WordVectors.load(file, { limit: 0 })).rejects.toThrow(/limit must be a whole number from 1 up/);
    await expect(WordVectors.load(file, { dimension: 1.5 })).rejects.toThrow(/dimension must be/);
    await expect(WordVectors.load(file, { format: 'csv' as never })).rejects.toThrow(/format must be one of/);
  });

  it('a line without end is refused before it fills the memory', async () => {
    const endless = gzipSync(Buffer.alloc(70 << 20, 'x'), { level: 1 });
    await expect(WordVectors.load(write(endless))).rejects.toThrow(/a line or word of more than \d+ bytes/);
  });
});

describe('binary with mistakes', () => {
  const record = (word: string, ...numbers: number[]): Buffer =>
    Buffer.concat([Buffer.from(`${word} `), Buffer.from(new Float32Array(numbers).buffer)]);

  it('counts what is not finite, and duplicates, by record', async () => {
    const file = write(
      Buffer.concat([
        Buffer.from('5 2\n'),
        record('a', 1, 2),
        record('\nb', Number.NaN, 2),
        record('\na', 3, 4),
        record('', 3, 4),
        record('c', 0.1, Infinity),
      ]),
      '.bin',
    );
    const words = await WordVectors.load(file);
    expect([...words]).toEqual(['a']);
    expect(words.report).toMatchObject({
      malformed: 3,
      duplicates: 1,
      problems: [
        { line: 2, problem: 'number 1 is NaN' },
        { line: 3, problem: '"a" came before' },
        { line: 4, problem: 'it has no word' },
        { line: 5, problem: 'number 2 is Infinity' },
      ],
    });
  });

  it('a file that was cut off anywhere is an error', async () => {
    for (const name of ['small.bin', 'fasttext.bin']) {
      const whole = readFileSync(fixture(name));
      // What follows the input matrix of a fastText model is not read.
      const read = name === 'small.bin' ? whole.length : whole.length - (28 * 6 * 4 + 17);
      for (let length = 30; length < read; length += 23) {
        const file = write(whole.subarray(0, length), '.bin');
        const format = name === 'small.bin' ? 'word2vec-binary' : 'fasttext-bin';
        await expect(WordVectors.load(file, { format }), `${name} of ${length} bytes`).rejects.toThrow(
          expect.objectContaining({ code: 'ERR_FORMAT', message: expect.stringMatching(/cut off|damaged/) }),
        );
        if (length % 3 === 0)
          await expect(WordVectors.load(write(gzipSync(whole.subarray(0, length))), { format })).rejects.toThrow(
            GemmuleError,
          );
      }
    }
    const packed = gzipSync(readFileSync(fixture('small.txt')));
    await expect(WordVectors.load(write(packed.subarray(0, -20)))).rejects.toThrow(/cannot be unpacked/);
  });

  it('quantised and foreign models are refused', async () => {
    const model = readFileSync(fixture('fasttext.bin'));
    const old = Buffer.from(model);
    old.writeInt32LE(11, 4);
    await expect(WordVectors.load(write(old))).rejects.toThrow(/no fastText model of version 12/);
    const pruned = Buffer.from(model);
    pruned.writeBigInt64LE(5n, 64 + 20);
    await expect(WordVectors.load(write(pruned))).rejects.toThrow(/quantised fastText model/);
    const negative = Buffer.from(model);
    negative.writeInt32LE(-6, 8);
    await expect(WordVectors.load(write(negative))).rejects.toThrow(/makes no sense/);
    const large = Buffer.from(model);
    large.writeInt32LE(2 ** 31 - 1, 40);
    await expect(WordVectors.load(write(large))).rejects.toThrow(/do not fit into a file/);
  });

  it('whatever bytes come, the error is one of ours', async () => {
    const seeds = ['small.txt', 'small.bin', 'fasttext.bin', 'fasttext.vec'].map((name) => readFileSync(fixture(name)));
    seeds.push(readFileSync(fixture('small.txt')).subarray(4));
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...seeds),
          fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 255 })), {
            minLength: 1,
            maxLength: 6,
          }),
          async (seed, changes) => {
            const damaged = Buffer.from(seed);
            for (const [place, value] of changes) damaged[Math.floor(place * (damaged.length - 1))] = value;
            try {
              const words = await WordVectors.load(write(damaged, '.damaged'));
              expect(words.vectors.shape).toEqual([words.size, words.dimension]);
              expect([...words].map((word) => words.indexOf(word))).toEqual([...Array(words.size).keys()]);
            } catch (error) {
              expect(error).toBeInstanceOf(GemmuleError);
            }
          },
        ),
        { numRuns: 150 },
      );
    } finally {
      warn.mockRestore();
    }
  });
});

describe("gemmule's own format", () => {
  it('is a cache that is opened where it fits, and made again where it does not', async () => {
    const file = write('a 1 2\nb 3 4\na 5 6\nc 1\n');
    const cache = `${file}.gemmule`;
    const first = await WordVectors.load(file, { cache: true });
    const made = statSync(cache).mtimeMs;
    const second = await WordVectors.load(file, { cache: true });
    expect(statSync(cache).mtimeMs).toBe(made);
    expect([...second]).toEqual(['a', 'b']);
    expect(second.report).toEqual(first.report);
    expect(second.inverseLengths).toEqual(first.inverseLengths);
    expect(second.vector('b')).toEqual(Float32Array.of(3, 4));
    // Another limit, and another file, are not what the cache was made from.
    expect([...(await WordVectors.load(file, { cache: true, limit: 1 }))]).toEqual(['a']);
    expect([...(await WordVectors.load(file, { cache: true }))]).toEqual(['a', 'b']);
    writeFileSync(file, 'z 1 2 3\n');
    expect([...(await WordVectors.load(file, { cache }))]).toEqual(['z']);
  });

  it('never overwrites what is no cache', async () => {
    const file = write('a 1 2\n');
    await expect(WordVectors.load(file, { cache: file })).rejects.toMatchObject({ code: 'ERR_FORMAT' });
    const other = path.join(folder, 'other.safetensors');
    await writeSafetensors(other, { x: zeros([2]) });
    await expect(WordVectors.load(file, { cache: other })).rejects.toThrow(/is there, and is none; give another name/);
    await expect(WordVectors.load(other)).rejects.toThrow(/not one of word vectors/);
  });

  it.each<[string, Record<string, ReturnType<typeof tensor>>, RegExp]>([
    ['no words', { word_bytes: tensor([]) }, /word_bytes must be uint8/],
    ['ends that fall', { word_ends: tensor([2, 1], { dtype: 'int32' }) }, /words overlap/],
    ['ends beyond the bytes', { word_ends: tensor([1, 9], { dtype: 'int32' }) }, /have 9 bytes of 2/],
    ['a table of no power of two', { word_table: tensor([0, 1, 2], { dtype: 'int32' }) }, /a table of 3 places/],
    ['a table too small', { word_table: tensor([1, 2], { dtype: 'int32' }) }, /a table of 2 places/],
    ['vectors of another size', { vectors: zeros([3, 1]) }, /word_ends must be int32 \[3\]/],
    ['lengths of another size', { inverse_lengths: zeros([1]) }, /inverse_lengths must be float32 \[2\]/],
  ])('is checked: %s', async (_, changed, message) => {
    const file = path.join(folder, 'damaged.gemmule');
    const sound = {
      vectors: zeros([2, 1]),
      word_bytes: tensor([97, 98], { dtype: 'uint8' }),
      word_ends: tensor([1, 2], { dtype: 'int32' }),
      word_table: tensor([1, 2, 0, 0], { dtype: 'int32' }),
    };
    await writeSafetensors(file, { ...sound, ...changed }, { format: 'gemmule-word-vectors', version: '1' });
    await expect(WordVectors.load(file)).rejects.toThrow(message);
  });

  it('a table that points nowhere is found out when it is read', async () => {
    const file = path.join(folder, 'table.gemmule');
    const table = tensor([9, 9, 9, 9], { dtype: 'int32' });
    await writeSafetensors(
      file,
      {
        vectors: zeros([2, 1]),
        word_bytes: tensor([97, 98], { dtype: 'uint8' }),
        word_ends: tensor([1, 2], { dtype: 'int32' }),
        word_table: table,
      },
      { format: 'gemmule-word-vectors', version: '1' },
    );
    const words = await WordVectors.load(file);
    expect(() => words.indexOf('a')).toThrow(expect.objectContaining({ code: 'ERR_FORMAT' }));
  });
});

describe('reading', () => {
  it('tells how far it is, and stops when it is told to', async () => {
    const lines = Array.from({ length: 60_000 }, (_, n) => `word${n} ${n} ${-n / 7} ${n * 1e-6}`);
    const file = write(lines.join('\n'));
    const seen: number[] = [];
    const words = await WordVectors.load(file, {
      onProgress: ({ bytes, totalBytes, words: read }) => {
        expect(bytes).toBeLessThanOrEqual(totalBytes);
        seen.push(read);
      },
    });
    expect(seen.at(-1)).toBeGreaterThan(50_000);
    expect(seen.length).toBeGreaterThan(1);
    expect(words.size).toBe(60_000);
    for (const n of [1, 2, 12_345, 59_999]) {
      expect([...words.vector(`word${n}`)]).toEqual([n, -n / 7, n * 1e-6].map(Math.fround));
      expect(words.word(n)).toBe(`word${n}`);
    }
    const controller = new AbortController();
    const stopped = WordVectors.load(file, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('reads decimal numbers as JavaScript does', () => {
    const reader = new DecimalReader();
    const read = (text: string): number => reader.read(Buffer.from(text), 0, text.length);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 3 }), (value, form) => {
        const text = [String(value), value.toExponential(), value.toFixed(8), `+${Math.abs(value)}`][form] as string;
        expect(read(text)).toBe(Number(text));
      }),
      { numRuns: 2000 },
    );
    for (const text of [
      '',
      '.',
      '-',
      '+-1',
      '1e',
      '1e+',
      '0x10',
      '1_0',
      'Infinity',
      'NaN',
      '1,5',
      '--1',
      '1.2.3',
      'e5',
    ]) {
      expect(read(text), text).toBeNaN();
    }
    expect([read('.5'), read('5.'), read('-0'), read('1 2'), read('007'), read('1e-400')]).toEqual([
      0.5, 5, -0, 1, 7, 0,
    ]);
  });

  it('says what it cannot read', async () => {
    await expect(WordVectors.load(path.join(folder, 'missing'))).rejects.toMatchObject({ code: 'ERR_FILE' });
    await expect(WordVectors.load(folder)).rejects.toThrow(/it is not a file/);
    await expect(WordVectors.load(path.join(folder, 'missing'), { cache: true })).rejects.toMatchObject({
      code: 'ERR_FILE',
    });
  });
});

/* GEMMULE_GLOVE names the first 100,000 lines of glove.6B.50d.txt, packed or not, and GEMMULE_WORD_TESTS a folder with
 * questions-words.txt, wordsim353.tsv and simlex999.txt: then the figures that gensim 4.4 gives must come out. */
const { GEMMULE_GLOVE: glove, GEMMULE_WORD_TESTS: tests } = process.env;
if (glove !== undefined && tests !== undefined) {
  describe('100,000 words of GloVe, beside gensim', () => {
    it('give the same figures to the digit', async () => {
      const words = await WordVectors.load(glove, { format: 'glove' });
      expect([words.size, words.dimension]).toEqual([100_000, 50]);
      const shown = words
        .analogy('king', 'man', 'woman', { topN: 3 })
        .map(({ word, score }) => [word, score.toFixed(4)]);
      expect(shown).toEqual([
        ['queen', '0.8524'],
        ['throne', '0.7664'],
        ['prince', '0.7592'],
      ]);
      const [capital] = words.analogy('berlin', 'germany', 'france');
      expect([capital?.word, capital?.score.toFixed(4)]).toEqual(['paris', '0.9169']);
      expect(words.doesntMatch(['breakfast', 'cereal', 'dinner', 'lunch'])).toBe('cereal');
      const { sections, total } = await words.evaluateAnalogies(path.join(tests, 'questions-words.txt'));
      expect([total.correct, total.total, total.accuracy.toFixed(5)]).toEqual([9038, 19230, '0.46999']);
      const of = (name: string) => sections.filter((section) => section.name === name).map((s) => [s.correct, s.total]);
      expect(of('capital-common-countries')).toEqual([[401, 506]]);
      expect(of('family')).toEqual([[349, 506]]);
      expect(of('gram3-comparative')).toEqual([[690, 1332]]);
      expect(words.evaluateSimilarity(path.join(tests, 'wordsim353.tsv')).spearman.toFixed(4)).toBe('0.5033');
      expect(words.evaluateSimilarity(path.join(tests, 'simlex999.txt')).spearman.toFixed(4)).toBe('0.2631');
      words.dispose();
    }, 120_000);
  });
}
