import type { AlignedText } from '../aligned-text.js';
import type { Fields } from '../fields.js';
import { readPattern, SPACES } from '../pattern.js';
import { BertNormalizer } from './bert.js';
import { lowercase } from './lowercase.js';
import type { Normalizer } from './normalizer.js';
import { PrecompiledNormalizer } from './precompiled.js';
import { UnicodeForm, type UnicodeFormName } from './unicode-form.js';

/** A normaliser given by what it does to a text. */
function normalizer(isLocal: boolean, normalize: (text: AlignedText) => AlignedText): Normalizer {
  return { isLocal, normalize };
}

/** Control characters that stay: zero, what looks like a space, and most of those above ASCII. */
const KEPT_CONTROLS = /[\0\t\n\f\r\u0080-\u008e\u0090-\u009e]/;
const SPACE_LIKE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

/** Of translation models: control characters go, what looks like a space becomes one. */
function normalizeNmt(text: AlignedText): AlignedText {
  return text
    .replace(/\p{Cc}/gu, (control) => (KEPT_CONTROLS.test(control) ? control : ''))
    .replace(SPACE_LIKE, () => ' ');
}

function readStrip(fields: Fields): Normalizer {
  const left = fields.flag('strip_left', true) ? `^[${SPACES}]+` : null;
  const right = fields.flag('strip_right', true) ? `[${SPACES}]+$` : null;
  const sides = [left, right].filter((side) => side !== null);
  if (sides.length === 0) return normalizer(true, (text) => text);
  const pattern = new RegExp(sides.join('|'), 'gu');
  return normalizer(false, (text) => text.replace(pattern, () => ''));
}

const READERS: Record<string, (fields: Fields) => Normalizer> = {
  BertNormalizer: (fields) => new BertNormalizer(fields),
  Lowercase: () => normalizer(true, lowercase),
  Nmt: () => normalizer(true, normalizeNmt),
  Precompiled: (fields) => new PrecompiledNormalizer(fields),
  Prepend: (fields) => {
    const prefix = fields.text('prepend');
    return normalizer(false, (text) => text.prepend(prefix));
  },
  Replace: (fields) => {
    const pattern = readPattern(fields, 'pattern');
    const content = fields.text('content');
    // Runs of spaces are never cut; of other patterns one cannot know what they look at.
    const isLocal = pattern.source === ' {2,}';
    return normalizer(isLocal, (text) => text.replace(pattern, () => content, 'last'));
  },
  Sequence: (fields) => {
    const parts = fields.fieldsList('normalizers').map(readNormalizer);
    const isLocal = parts.every((part) => part.isLocal);
    return normalizer(isLocal, (text) => parts.reduce((current, part) => part.normalize(current), text));
  },
  Strip: readStrip,
  StripAccents: () => normalizer(true, (text) => text.replace(/\p{M}/gu, () => '')),
};

for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] satisfies UnicodeFormName[]) {
  READERS[form] = () => new UnicodeForm(form);
}

/** The normaliser that an object of a tokenizer.json describes. */
export function readNormalizer(fields: Fields): Normalizer {
  const type = fields.text('type');
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw fields.error(`gemmule does not know the normalizer ${JSON.stringify(type)}`);
  return read(fields);
}

/** Leaves every text as it is. */
export const identity: Normalizer = normalizer(true, (text) => text);
