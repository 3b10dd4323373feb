import type { AlignedText } from '../aligned-text.js';

/** Changes a text before it is split into words: case, accents, forms of the same character. */
export interface Normalizer {
  normalize(text: AlignedText): AlignedText;
  /**
   * Whether a text may be cut before a single space between two other characters, and its parts normalised one by one, with
   * the same result.
   */
  readonly isLocal: boolean;
  /** Whether it puts spaces around every Chinese character. */
  readonly isolatesIdeographs?: boolean;
}
