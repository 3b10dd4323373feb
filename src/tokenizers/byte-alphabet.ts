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

const encoder = new TextEncoder();

/** The UTF-8 bytes of a text as characters of the alphabet. */
export function toByteCharacters(text: string): string {
  let result = '';
  for (const byte of encoder.encode(text)) result += BYTE_CHARACTERS[byte];
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
