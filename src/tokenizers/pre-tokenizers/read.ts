import type { AlignedText } from '../aligned-text.js';
import type { Fields } from '../fields.js';
import { literalPattern, readPattern, SPACES, WORD_CHARACTERS } from '../pattern.js';
import { ByteLevelPreTokenizer } from './byte-level.js';
import { MetaspacePreTokenizer } from './metaspace.js';
import { matchesOf, type PreTokenizer, SPLIT_BEHAVIORS, splitByPattern } from './pre-tokenizer.js';

/** What Rust's standard library counts as punctuation of ASCII, which has some symbols more than Unicode. */
const PUNCTUATION = '!-/:-@\\[-`{-~\\p{P}';

const BERT_WORDS = new RegExp(`[${PUNCTUATION}]|[^${SPACES}${PUNCTUATION}]+`, 'gu');
const WORDS = new RegExp(`[${WORD_CHARACTERS}]+|[^${WORD_CHARACTERS}${SPACES}]+`, 'gu');
const NOT_SPACES = new RegExp(`[^${SPACES}]+`, 'gu');

function preTokenizer(splitsAtSpaces: boolean, split: (text: AlignedText) => Iterable<AlignedText>): PreTokenizer {
  return { splitsAtSpaces, split };
}

function readSplit(fields: Fields): PreTokenizer {
  const pattern = readPattern(fields, 'pattern');
  const behavior = fields.choice('behavior', SPLIT_BEHAVIORS);
  const invert = fields.flag('invert', false);
  return preTokenizer(false, (text) => splitByPattern(text, pattern, behavior, invert));
}

function readDigits(fields: Fields): PreTokenizer {
  const pattern = fields.flag('individual_digits', false) ? /\p{N}/gu : /\p{N}+/gu;
  return preTokenizer(false, (text) => splitByPattern(text, pattern, 'Isolated'));
}

function readSequence(fields: Fields): PreTokenizer {
  const parts = fields.fieldsList('pretokenizers').map(readPreTokenizer);
  return preTokenizer(parts[0]?.splitsAtSpaces ?? false, (text) =>
    parts.reduce<Iterable<AlignedText>>((words, part) => splitEach(words, part), [text]),
  );
}

function* splitEach(words: Iterable<AlignedText>, part: PreTokenizer): Generator<AlignedText, void> {
  for (const word of words) yield* part.split(word);
}

const READERS: Record<string, (fields: Fields) => PreTokenizer> = {
  BertPreTokenizer: () => ({ splitsAtSpaces: true, dropsSpaces: true, split: (text) => matchesOf(text, BERT_WORDS) }),
  ByteLevel: (fields) => new ByteLevelPreTokenizer(fields),
  CharDelimiterSplit: (fields) => {
    const pattern = literalPattern(fields.text('delimiter'));
    return preTokenizer(false, (text) => splitByPattern(text, pattern, 'Removed'));
  },
  Digits: readDigits,
  Metaspace: (fields) => new MetaspacePreTokenizer(fields),
  Punctuation: (fields) => {
    const behavior = fields.choice('behavior', SPLIT_BEHAVIORS, 'Isolated');
    const pattern = new RegExp(`[${PUNCTUATION}]`, 'gu');
    return preTokenizer(false, (text) => splitByPattern(text, pattern, behavior));
  },
  Sequence: readSequence,
  Split: readSplit,
  Whitespace: () => preTokenizer(true, (text) => matchesOf(text, WORDS)),
  WhitespaceSplit: () => preTokenizer(true, (text) => matchesOf(text, NOT_SPACES)),
};

/** The pre-tokenizer that an object of a tokenizer.json describes. */
export function readPreTokenizer(fields: Fields): PreTokenizer {
  const type = fields.text('type');
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw fields.error(`gemmule does not know the pre-tokenizer ${JSON.stringify(type)}`);
  return read(fields);
}

/** Takes every text for one word. */
export const wholeText: PreTokenizer = preTokenizer(false, (text) => (text.text === '' ? [] : [text]));
