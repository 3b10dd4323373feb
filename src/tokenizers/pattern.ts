import type { Fields } from './fields.js';

/*
 * Patterns of a tokenizer.json: a literal string, or a regular expression in Oniguruma's dialect. What differs from
 * JavaScript's is translated; what cannot be is refused, so that no pattern silently means something else.
 */

/** White_Space of Unicode: what Rust and Oniguruma call a space. JavaScript's `\s` lacks U+0085 and has U+FEFF. */
export const SPACES = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Characters of words, as Rust's `\w` (Unicode Technical Standard 18). */
export const WORD_CHARACTERS = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

/** Oniguruma's classes. */
const CLASSES: Record<string, string> = { s: SPACES, w: '\\p{L}\\p{M}\\p{Nd}\\p{Pc}', d: '\\p{Nd}' };

/** A field `{ "String": ... }` or `{ "Regex": ... }` (or a plain string) as a global pattern. */
export function readPattern(fields: Fields, name: string): RegExp {
  const value = fields.raw(name);
  if (typeof value === 'string') return literalPattern(value);
  const pattern = fields.fields(name);
  const literal = pattern.optionalText('String');
  if (literal !== null) return literalPattern(literal);
  const source = pattern.text('Regex');
  try {
    return new RegExp(translate(source), 'gu');
  } catch (cause) {
    throw pattern.error(
      `the regular expression ${JSON.stringify(source)} uses what gemmule cannot run (${(cause as Error).message})`,
      { cause },
    );
  }
}

export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** A pattern that matches exactly this text; an empty one matches nothing. */
export function literalPattern(text: string): RegExp {
  return text === '' ? /(?!)/gu : new RegExp(escapePattern(text), 'gu');
}

/** Oniguruma's syntax in JavaScript's, with the `u` flag. */
function translate(source: string): string {
  let output = '';
  let inClass = false;
  /** For each open group, whether its letters match both cases. */
  const groups: boolean[] = [];
  let ignoreCase = false;
  /** Whether what was just read is a quantifier, after which a plus would make it possessive. */
  let quantified = false;
  for (let index = 0; index < source.length; index++) {
    const character = source[index] as string;
    const wasQuantified = quantified;
    quantified = false;
    if (character === '\\') {
      const property = /^\\[pP]\{[^}]*\}/.exec(source.slice(index))?.[0];
      output += property ?? translateEscape(source[index + 1] ?? '', inClass);
      index += (property?.length ?? 2) - 1;
    } else if (inClass) {
      if (character === '[') throw new SyntaxError('a character class inside another');
      if (character === '&' && source[index + 1] === '&') throw new SyntaxError('an intersection of classes');
      inClass = character !== ']';
      output += ignoreCase ? bothCases(character) : character;
    } else if (character === '[') {
      inClass = true;
      output += character;
      if (source[index + 1] === '^') output += source[++index];
    } else if (character === '(') {
      groups.push(ignoreCase);
      const inline = /^\(\?(i|-i|):/.exec(source.slice(index));
      if (inline === null) {
        if (/^\(\?[^:=!<]/.test(source.slice(index))) throw new SyntaxError('a group of an unknown kind');
        output += character;
      } else {
        if (inline[1] !== '') ignoreCase = inline[1] === 'i';
        output += '(?:';
        index += inline[0].length - 1;
      }
    } else if (character === ')') {
      ignoreCase = groups.pop() ?? false;
      output += character;
    } else if (/[?*+}]/.test(character)) {
      if (character === '+' && wasQuantified) throw new SyntaxError('a possessive quantifier');
      quantified = true;
      output += character;
    } else {
      output += ignoreCase && /\p{L}/u.test(character) ? `[${bothCases(character)}]` : character;
    }
  }
  return output;
}

function bothCases(character: string): string {
  const [lower, upper] = [character.toLowerCase(), character.toUpperCase()];
  return lower === upper ? character : lower + upper;
}

function translateEscape(letter: string, inClass: boolean): string {
  const characters = CLASSES[letter];
  if (characters !== undefined) return inClass ? characters : `[${characters}]`;
  const complement = CLASSES[letter.toLowerCase()];
  if (complement !== undefined) {
    if (inClass) throw new SyntaxError(`\\${letter} inside a character class`);
    return `[^${complement}]`;
  }
  if (/[AzZGhHKR]/.test(letter)) throw new SyntaxError(`\\${letter}`);
  // With the u flag only characters that mean something may be escaped; Oniguruma allows it for all.
  return /[\p{L}\p{N}\\^$.*+?()[\]{}|/-]/u.test(letter) ? `\\${letter}` : letter;
}
