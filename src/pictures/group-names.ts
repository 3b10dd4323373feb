/** Texts with at most so many words, most of them, are named by members; longer ones by what sets their words apart. */
const WORDS_OF_A_NAME = 3;
const NAMES_OF_A_GROUP = 3;
const WORD = /\p{L}[\p{L}\p{M}\p{N}'’-]+/gu;

/** Whether most texts are words or short names rather than sentences. */
export function areShort(texts: readonly string[]): boolean {
  const short = texts.filter((text) => text.length <= 40 && text.trim().split(/\s+/).length <= WORDS_OF_A_NAME);
  return short.length * 2 > texts.length;
}

/**
 * A name for every group of texts: of words and short names, those nearest to the middle; of sentences, the words that tell
 * the group from the rest, by the share of its texts that have them, times the logarithm of how much greater that is than
 * elsewhere, times how few groups use them.
 *
 * @param groupOf - the group of every text.
 * @param distances - of every text to the middle of its group.
 */
export function nameGroups(
  texts: readonly string[],
  groupOf: Int32Array,
  distances: ArrayLike<number>,
  count: number,
): string[] {
  const members = Array.from({ length: count }, (): number[] => []);
  for (const [index, group] of groupOf.entries()) members[group].push(index);
  const parts = areShort(texts) ? namesNearMiddle(texts, members, distances) : tellingWords(texts, members);
  return parts.map((names, group) => names.join(' · ') || `group ${group + 1}`);
}

function namesNearMiddle(
  texts: readonly string[],
  members: readonly number[][],
  distances: ArrayLike<number>,
): string[][] {
  return members.map((indices) => {
    const nearest = indices.toSorted((a, b) => distances[a] - distances[b]).map((index) => texts[index].trim());
    return [...new Set(nearest)].filter((name) => name !== '').slice(0, NAMES_OF_A_GROUP);
  });
}

/** In how many texts each word appears. */
function textsWithWord(wordsOfTexts: readonly ReadonlySet<string>[], indices: Iterable<number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const index of indices) for (const word of wordsOfTexts[index]) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function tellingWords(texts: readonly string[], members: readonly number[][]): string[][] {
  const wordsOfTexts = texts.map((text) => new Set(text.toLowerCase().match(WORD) ?? []));
  const counts = members.map((indices) => textsWithWord(wordsOfTexts, indices));
  const everywhere = textsWithWord(wordsOfTexts, texts.keys());
  const shareOf = (word: string, group: number): number =>
    (counts[group].get(word) ?? 0) / Math.max(1, members[group].length);
  const focus = new Map(
    [...everywhere.keys()].map((word) => [word, focusOf(members.map((_, at) => shareOf(word, at)))]),
  );
  return members.map((indices, group) => {
    const rest = texts.length - indices.length;
    const scored = [...counts[group]].map(([word, inside]) => {
      const share = inside / indices.length;
      const elsewhere = ((everywhere.get(word) as number) - inside + 1) / (rest + 1);
      return { word, score: share * Math.log(share / elsewhere) * (focus.get(word) as number) };
    });
    scored.sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1));
    return scored.slice(0, NAMES_OF_A_GROUP).map(({ word }) => word);
  });
}

/** 1 for a word of one group alone, 0 for one that all groups use alike, as they do "the": 1 minus its relative entropy. */
function focusOf(shares: readonly number[]): number {
  if (shares.length === 1) return 1;
  const total = shares.reduce((a, b) => a + b, 0);
  const entropy = shares.reduce((sum, share) => (share > 0 ? sum - (share / total) * Math.log(share / total) : sum), 0);
  return 1 - entropy / Math.log(shares.length);
}
