import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './run.js';

let folder: string;
const at = (name: string): string => path.join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-pictures-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a page's script reads. */
function dataOf(file: string): Record<string, unknown> {
  const [, json = ''] =
    /<script id="data" type="application\/json">(.*)<\/script>/.exec(readFileSync(file, 'utf8')) ?? [];
  return JSON.parse(json) as Record<string, unknown>;
}

const SENTENCES = [
  'The cat sleeps on the mat.',
  'A kitten plays with wool.',
  '',
  'Stocks fell sharply on Monday.',
  'The central bank raised interest rates.',
  'Markets closed lower <b>again</b>.',
  'Two dogs run in the park.',
];

describe('gemmule map', () => {
  it('draws the lines of a file that are not blank', async () => {
    writeFileSync(at('some & texts.txt'), `${SENTENCES.join('\n')}\n`);
    const out = at('map.html');
    const outcome = await run(['map', at('some & texts.txt'), '-o', out, '--clusters', '2', '--iterations', '50']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(out, 'utf8')).toContain('<h1>some &amp; texts.txt</h1>');
    const { texts, group, groups } = dataOf(out) as { texts: string[]; group: number[]; groups: { name: string }[] };
    expect(texts).toEqual(SENTENCES.filter((text) => text !== ''));
    expect(groups).toHaveLength(2);
    expect(new Set(group)).toEqual(new Set([0, 1]));
  });

  it('takes groups, standard input, and makes a picture', async () => {
    writeFileSync(at('groups.txt'), 'a\nb\nc\na\n');
    const out = at('map.svg');
    const input = 'one\n\ntwo\nthree\n';
    const outcome = await run(['map', '-', '--out', out, '--method', 'pca', '--groups', at('groups.txt')], input);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const svg = readFileSync(out, 'utf8');
    expect(svg.match(/<circle/g)).toHaveLength(3);
    // The group of the blank line is gone with it.
    expect([...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, name]) => name)).toContain('a');
    expect(svg).not.toContain('>b<');
  });

  it('takes vectors from a file', async () => {
    writeFileSync(at('two.txt'), 'left\nright\n');
    const vectors = at('two.npy');
    await run(['embed', '--file', at('two.txt'), '--out', vectors]);
    expect(await run(['map', at('two.txt'), '--vectors', vectors, '-o', at('two.html')])).toMatchObject({ code: 0 });
    expect(dataOf(at('two.html'))).toMatchObject({ texts: ['left', 'right'], neighbours: [1, 0], perPoint: 1 });
    writeFileSync(at('three.txt'), 'a\nb\nc\n');
    const wrong = await run(['map', at('three.txt'), '--vectors', vectors, '-o', at('no.html')]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/must have a row for each of the 3 texts, got \[2,384\]/);
    expect(existsSync(at('no.html'))).toBe(false);
  });

  it('takes word vectors of any format, of the words of a file or of the first', async () => {
    const vectors = at('words.vec');
    writeFileSync(vectors, '4 2\nking 1 0\nqueen 0.9 0.1\napple 0 1\npear 0.1 0.9\n');
    writeFileSync(at('asked.txt'), 'pear\nplum\n\nking\napple\n');
    writeFileSync(at('kinds.txt'), 'fruit\nfruit\nnone\nruler\nfruit\n');
    const asked = ['map', at('asked.txt'), '--vectors', vectors, '--groups', at('kinds.txt'), '--out'];
    const some = await run([...asked, at('some.html')]);
    expect(some).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/left out 1 of 4 words without a vector: plum/),
    });
    expect(dataOf(at('some.html'))).toMatchObject({
      texts: ['pear', 'king', 'apple'],
      groups: [{ name: 'fruit' }, {}],
    });
    expect(await run(['map', '--vectors', vectors, '--limit', '3', '-o', at('first.html')])).toMatchObject({ code: 0 });
    expect(dataOf(at('first.html')).texts).toEqual(['king', 'queen', 'apple']);
    expect(readFileSync(at('first.html'), 'utf8')).toContain('<h1>words.vec</h1>');
    writeFileSync(at('strange.txt'), 'plum\n');
    const none = await run(['map', at('strange.txt'), '--vectors', vectors, '-o', at('none.html')]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/strange\.txt has no word of .*words\.vec/) });
    expect(existsSync(at('none.html'))).toBe(false);
  });

  it('explains what is missing or wrong', async () => {
    writeFileSync(at('words.txt'), 'a\n');
    writeFileSync(at('blank.txt'), '\n  \n');
    const cases: [string[], number, RegExp][] = [
      [['map'], 2, /map takes one file of texts/],
      [['map', 'x.txt'], 2, /map needs --out FILE/],
      [['map', at('words.txt'), '--limit', '3', '-o', at('x.html')], 2, /--limit is of word vectors/],
      [['map', '--vectors', at('nothing.vec'), '-o', at('x.html')], 1, /cannot read .*nothing\.vec/],
      [['map', at('nothing.txt'), '-o', at('x.html')], 1, /cannot read .*nothing\.txt/],
      [['map', at('blank.txt'), '-o', at('x.html')], 2, /blank\.txt has no texts/],
      [['map', at('blank.txt'), '-o', at('x.html'), '--method', 'mds'], 2, /--method must be one of tsne, umap, pca/],
      [['attention', 'a text'], 2, /attention needs --out FILE/],
      [['attention', 'a', 'b', '-o', at('x.html')], 2, /attention takes one text, got 2/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await run(args);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).toBe(code);
    }
  });
});

describe('gemmule attention', () => {
  it('writes every head of the model', async () => {
    const out = at('attention.html');
    const outcome = await run(['attention', 'write a story about <dragons>', '-o', out]);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(out, 'utf8')).toContain('all-MiniLM-L6-v2&nbsp;· 6 layers of 12 heads&nbsp;· 9 tokens');
    const data = dataOf(out) as { tokens: string[]; layers: number; heads: number; weights: string };
    expect(data.tokens).toEqual(['[CLS]', 'write', 'a', 'story', 'about', '<', 'dragons', '>', '[SEP]']);
    const bytes = Buffer.from(data.weights, 'base64');
    expect(bytes.length).toBe(2 * 6 * 12 * 9 * 9);
    // Every token gives away all of its attention.
    for (let row = 0; row < 6 * 12 * 9; row++) {
      let sum = 0;
      for (let column = 0; column < 9; column++) sum += bytes.readUInt16LE(2 * (9 * row + column));
      expect(Math.abs(sum - 65535)).toBeLessThanOrEqual(9 / 2);
    }
  });
});
