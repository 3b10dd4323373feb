import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PassageOptions, splitIntoPassages } from '../../src/search/index.js';

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

function options(changes: Partial<PassageOptions> = {}): PassageOptions {
  return { countTokens: words, maxTokens: 12, overlapTokens: 0, markdown: false, ...changes };
}

describe('splitIntoPassages', () => {
  it('ends passages where sentences end and says where they are', () => {
    const text = 'One two three four. Five six seven eight nine.\n\nTen eleven twelve thirteen. Fourteen.\n';
    const passages = splitIntoPassages(text, options());
    expect(passages.map((passage) => passage.text)).toEqual([
      'One two three four. Five six seven eight nine.',
      'Ten eleven twelve thirteen. Fourteen.',
    ]);
    expect(passages.map(({ line }) => line)).toEqual([1, 3]);
    for (const { begin, end, text: part } of passages) expect(text.slice(begin, end)).toBe(part);
  });

  it('repeats whole sentences, as many as the overlap has room for', () => {
    const text = 'A b c d. E f g. H i j k. L m n. O p q.';
    const passages = splitIntoPassages(text, options({ maxTokens: 8, overlapTokens: 4 }));
    expect(passages.map((passage) => passage.text)).toEqual([
      'A b c d. E f g.',
      'E f g. H i j k.',
      'H i j k. L m n.',
      'L m n. O p q.',
    ]);
  });

  it('keeps to Markdown sections and hands down their headings, but not inside code', () => {
    const text = [
      '# Guide',
      'Intro here.',
      '## Install ##',
      'Run it.',
      '```sh',
      '# not a heading',
      '```',
      '### Deep',
      'Down.',
      '## Use',
      'Like this.',
      '# Other',
      'End.',
    ].join('\n');
    const passages = splitIntoPassages(text, options({ markdown: true, maxTokens: 40 }));
    expect(passages.map(({ headings, line }) => [...headings, line])).toEqual([
      ['Guide', 2],
      ['Guide', 'Install', 4],
      ['Guide', 'Install', 'Deep', 9],
      ['Guide', 'Use', 11],
      ['Other', 13],
    ]);
    expect(passages[1]?.text).toContain('# not a heading');
    expect(splitIntoPassages(text, options({ maxTokens: 40 })).every(({ headings }) => headings.length === 0)).toBe(
      true,
    );
  });

  it('cuts a sentence that is too long between words, and a word that is too long anywhere', () => {
    const long = Array.from({ length: 50 }, (_, n) => `word${n}`).join(' ');
    const passages = splitIntoPassages(long, options());
    expect(passages.map(({ text }) => text).join(' ')).toBe(long);
    const letters = splitIntoPassages('x'.repeat(100), options({ countTokens: (text) => text.length }));
    expect(letters.map(({ text }) => text).join('')).toBe('x'.repeat(100));
    const emoji = splitIntoPassages('😀'.repeat(30), options({ countTokens: (text) => text.length, maxTokens: 7 }));
    for (const { text } of emoji) expect(text).not.toMatch(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/);
  });

  it('loses no word and passes no limit, whatever the text', () => {
    const part = fc.constantFrom(
      '# head',
      '```',
      '~~~',
      '',
      ' ',
      'Word.',
      'two words',
      'e.g. this! Yes?',
      '\r',
      '名前。次。',
      '😀',
      'x'.repeat(40),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 40 }).map((parts) => parts.join('\n')),
        fc.integer({ min: 4, max: 20 }),
        fc.boolean(),
        (text, maxTokens, markdown) => {
          const passages = splitIntoPassages(text, options({ maxTokens, overlapTokens: 3, markdown }));
          for (const passage of passages) {
            expect(text.slice(passage.begin, passage.end)).toBe(passage.text);
            expect(passage.text.trim()).toBe(passage.text);
            const headings = words(passage.headings.join('\n'));
            expect(words(passage.text)).toBeLessThanOrEqual(Math.max(maxTokens - headings, Math.ceil(maxTokens / 4)));
            expect(passage.line).toBe(text.slice(0, passage.begin).split('\n').length);
          }
          if (markdown) return;
          const covered = new Set(
            passages.flatMap(({ begin, end }) => Array.from({ length: end - begin }, (_, n) => begin + n)),
          );
          for (const [at, character] of [...text].entries()) {
            if (text.length === [...text].length && character.trim() !== '') expect(covered.has(at)).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives nothing for nothing', () => {
    expect(splitIntoPassages('', options())).toEqual([]);
    expect(splitIntoPassages(' \n\n\t\n', options({ markdown: true }))).toEqual([]);
    expect(splitIntoPassages('# only a heading\n', options({ markdown: true }))).toEqual([]);
  });

  it('cuts a real document within its limit', () => {
    const text = readFileSync('README.md', 'utf8');
    const passages = splitIntoPassages(text, options({ maxTokens: 60, overlapTokens: 12, markdown: true }));
    expect(passages.length).toBeGreaterThan(5);
  });
});
