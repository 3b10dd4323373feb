import { type AlignedText, AlignmentBuilder } from '../aligned-text.js';
import type { Fields } from '../fields.js';
import type { Normalizer } from './normalizer.js';

/** Longer graphemes are looked up character by character, as in SentencePiece's port by Hugging Face. */
const LONGEST_GRAPHEME_BYTES = 5;

/** Characters that are graphemes of their own, whatever stands beside them. */
const ASCII = /^[ -~]*$/;

const encoder = new TextEncoder();

/**
 * The character map of a SentencePiece model (Kudo and Richardson, arXiv:1808.06226): a double-array trie from UTF-8 bytes to
 * replacements. Its bytes: the trie's size (uint32), the trie's units (uint32 each, in Darts' encoding), then the replacements,
 * each ended by a zero.
 */
export class PrecompiledNormalizer implements Normalizer {
  readonly isLocal = true;
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  readonly #graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
  /** Whether printable ASCII stays as it is. */
  readonly #keepsAscii: boolean;
  readonly #found = new Map<string, string | null>();

  constructor(fields: Fields) {
    const bytes = Buffer.from(fields.text('precompiled_charsmap', ''), 'base64');
    if (bytes.length === 0) {
      this.#units = new Uint32Array(0);
      this.#replacements = new Uint8Array(0);
      this.#keepsAscii = true;
      return;
    }
    const size = bytes.length < 4 ? -1 : bytes.readUInt32LE(0);
    if (size < 4 || size % 4 !== 0 || 4 + size > bytes.length) {
      throw fields.error('precompiled_charsmap is damaged: its trie does not fit its length; get the file again');
    }
    this.#units = Uint32Array.from({ length: size / 4 }, (_, index) => bytes.readUInt32LE(4 + 4 * index));
    this.#replacements = bytes.subarray(4 + size);
    const ascii = Array.from({ length: 0x5f }, (_, index) => String.fromCharCode(0x20 + index));
    this.#keepsAscii = ascii.every((character) => (this.#lookUp(character) ?? character) === character);
  }

  normalize(text: AlignedText): AlignedText {
    if (this.#units.length === 0 || (this.#keepsAscii && ASCII.test(text.text))) return text;
    if (!text.tracked) return text.replace(/[\s\S]+/gu, (all) => this.#rewrite(all));
    const builder = new AlignmentBuilder(text);
    this.#forEachPart(text.text, (part, start, replacement) => {
      if (replacement === null || replacement === part) return;
      builder.copyTo(start);
      this.#align(part, replacement, start, builder);
      builder.skipTo(start + part.length);
    });
    return builder.finish();
  }

  #rewrite(text: string): string {
    let result = '';
    this.#forEachPart(text, (part, _, replacement) => {
      result += replacement ?? part;
    });
    return result;
  }

  /** Calls `visit` with all parts of the text that are looked up as a whole, and what replaces them. */
  #forEachPart(text: string, visit: (part: string, start: number, replacement: string | null) => void): void {
    for (const { segment, index } of this.#graphemes.segment(text)) {
      const whole = this.#lookUp(segment);
      if (whole !== null) {
        visit(segment, index, whole);
        continue;
      }
      let start = index;
      for (const character of segment) {
        visit(character, start, this.#lookUp(character));
        start += character.length;
      }
    }
  }

  /** Characters are replaced one by one; what there is more belongs to the last. */
  #align(part: string, replacement: string, start: number, builder: AlignmentBuilder): void {
    const sources = [...part];
    let position = start;
    for (const character of replacement) {
      const source = sources.shift();
      if (source !== undefined && (sources.length > 0 || position === start)) {
        builder.insert(character, position, position + source.length);
        if (sources.length > 0) position += source.length;
      } else {
        builder.insert(character, position, start + part.length);
      }
    }
    if (replacement === '') builder.insert('', start, start + part.length);
  }

  #lookUp(part: string): string | null {
    const known = this.#found.get(part);
    if (known !== undefined) return known;
    const bytes = encoder.encode(part);
    const single = part.length === 1 || (part.length === 2 && bytes.length === 4);
    const result = single || bytes.length <= LONGEST_GRAPHEME_BYTES ? this.#search(bytes) : null;
    if (this.#found.size < 10_000) this.#found.set(part, result);
    return result;
  }

  /** The replacement of the shortest prefix that has one. */
  #search(bytes: Uint8Array): string | null {
    const units = this.#units;
    let node = offsetOf(units[0]);
    for (const byte of bytes) {
      node ^= byte;
      const unit = units[node];
      // The low byte and the top bit of a unit are its label; only a leaf has the top bit.
      if (byte === 0 || unit === undefined || (unit & 0x8000_00ff) !== byte) return null;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) return this.#replacementAt((units[node] ?? 0) & 0x7fff_ffff);
    }
    return null;
  }

  #replacementAt(start: number): string | null {
    if (start >= this.#replacements.length) return null;
    const end = this.#replacements.indexOf(0, start);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      this.#replacements.subarray(start, end < 0 ? undefined : end),
    );
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
