/*
 * GPT-2's alphabet of bytes (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019): every byte has a
 * printable character, itself where it is printable, else one from U+0100 on.
 */

const BYTE_CHARACTERS: readonly string[] = (() => {
  const characters: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    characters.push(String.fromCharCode(printable ? byte : next++));
  }
  return characters;
})();

const CHARACTER_BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** The character of the byte 0x20. */
export const BYTE_SPACE = BYTE_CHARACTERS[0x20] as string;

/** The UTF-8 bytes of a text as characters of the alphabet. */
export function toByteCharacters(text: string): string {
  let result = '';
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      result += BYTE_CHARACTERS[unit];
      continue;
    }
    const point = text.codePointAt(index) as number;
    if (point < 0x800) {
      result += BYTE_CHARACTERS[0xc0 | (point >> 6)];
    } else {
      if (point < 0x10000) {
        result += BYTE_CHARACTERS[0xe0 | (point >> 12)];
      } else {
        result += BYTE_CHARACTERS[0xf0 | (point >> 18)];
        result += BYTE_CHARACTERS[0x80 | ((point >> 12) & 0x3f)];
        index += 1;
      }
      result += BYTE_CHARACTERS[0x80 | ((point >> 6) & 0x3f)];
    }
    result += BYTE_CHARACTERS[0x80 | (point & 0x3f)];
  }
  return result;
}

/** The bytes that a token's characters stand for, or null if one of them is not of the alphabet. */
export function fromByteCharacters(token: string): number[] | null {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = CHARACTER_BYTES.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}
