import { type AlignedText, AlignmentBuilder } from '../aligned-text.js';
import type { Normalizer } from './normalizer.js';

export type UnicodeFormName = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** A character with what may combine with it: all that normalisation looks at together. Jamo compose without marks. */
const CLUSTERS = /(?:[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3]+|\P{ASCII}|\p{ASCII}(?=\p{M}))\p{M}*/gu;

/** One of Unicode's normalisation forms (Unicode Standard Annex 15). */
export class UnicodeForm implements Normalizer {
  readonly isLocal = true;

  constructor(readonly form: UnicodeFormName) {}

  normalize(text: AlignedText): AlignedText {
    if (text.text.normalize(this.form) === text.text) return text;
    if (!text.tracked) return text.replace(/[\s\S]+/gu, (all) => all.normalize(this.form));
    const builder = new AlignmentBuilder(text);
    for (const match of text.text.matchAll(CLUSTERS)) {
      const [cluster] = match;
      const normalized = cluster.normalize(this.form);
      if (normalized === cluster) continue;
      builder.copyTo(match.index);
      this.#align(cluster, normalized, match.index, builder);
      builder.skipTo(match.index + cluster.length);
    }
    return builder.finish();
  }

  /** Each new character comes from the first of those that it is made of. */
  #align(cluster: string, normalized: string, start: number, builder: AlignmentBuilder): void {
    const decomposition = this.form.endsWith('KC') || this.form.endsWith('KD') ? 'NFKD' : 'NFD';
    /** For every character of the decomposition, the place of the one that it is part of. */
    const sources: [number, number][] = [];
    let position = start;
    for (const character of cluster) {
      const place: [number, number] = [position, position + character.length];
      for (const _ of character.normalize(decomposition)) sources.push(place);
      position += character.length;
    }
    let used = 0;
    for (const character of normalized) {
      const [from, to] = sources[Math.min(used, sources.length - 1)] as [number, number];
      builder.insert(character, from, to);
      used += [...character.normalize(decomposition)].length;
    }
  }
}
