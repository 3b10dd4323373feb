import type { AlignedText } from '../aligned-text.js';

const CAPITALS = /[A-Z]|[^\0-\x7f]/gu;

/**
 * Lower case, character by character. `toLowerCase` of a whole text would write a sigma at the end of a word in its final
 * form; tokenizers do not.
 */
export function lowercase(text: AlignedText): AlignedText {
  if (text.text.toLowerCase() === text.text) return text;
  if (!text.tracked && !text.text.includes('Σ')) return text.replace(/[\s\S]+/g, (all) => all.toLowerCase());
  return text.replace(CAPITALS, (character) => (character === 'Σ' ? 'σ' : character.toLowerCase()));
}
