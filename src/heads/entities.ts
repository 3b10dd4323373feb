/** How the tokens of a word and the words of a name become one entity; as in Hugging Face's pipelines. */
export const AGGREGATIONS = ['none', 'simple', 'first', 'average', 'max'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** A token, or a word, with a probability for every label. */
export interface ScoredPiece {
  readonly scores: Float64Array;
  readonly start: number;
  readonly end: number;
  /** Whether it goes on with the word of the piece before. */
  readonly isContinuation: boolean;
}

/** A part of a text with a label. */
export interface Entity {
  readonly label: string;
  readonly score: number;
  /** Where in the text it stands: `text.slice(start, end)`, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** What stands there. */
  readonly text: string;
}

type Labelled = Omit<Entity, 'text'>;

/** The label of a piece with the greatest score; the first of several. */
function labelled({ scores, start, end }: Omit<ScoredPiece, 'isContinuation'>, labels: readonly string[]): Labelled {
  let best = 0;
  for (let index = 1; index < scores.length; index++) if (scores[index] > scores[best]) best = index;
  return { label: labels[best] as string, score: scores[best] as number, start, end };
}

/** Pieces with labels, joined as the strategy says. Labels such as `B-PER` and `I-PER` lose their prefix when joined. */
export function entitiesOf(
  text: string,
  pieces: readonly ScoredPiece[],
  labels: readonly string[],
  aggregation: Aggregation,
): Entity[] {
  const withText = (entity: Labelled): Entity => ({ ...entity, text: text.slice(entity.start, entity.end) });
  if (aggregation === 'none') return pieces.map((piece) => withText(labelled(piece, labels)));
  const words = aggregation === 'simple' ? pieces : wordsOf(pieces, aggregation);
  return joined(words.map((word) => labelled(word, labels))).map(withText);
}

/** One piece a word. */
function wordsOf(pieces: readonly ScoredPiece[], aggregation: 'first' | 'average' | 'max'): ScoredPiece[] {
  const groups: ScoredPiece[][] = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last !== undefined && piece.isContinuation) last.push(piece);
    else groups.push([piece]);
  }
  return groups.map((group) => {
    const [first] = group as [ScoredPiece, ...ScoredPiece[]];
    return { ...first, scores: wordScores(group, aggregation), end: (group.at(-1) as ScoredPiece).end };
  });
}

function wordScores(group: readonly ScoredPiece[], aggregation: 'first' | 'average' | 'max'): Float64Array {
  const [first, ...others] = group as [ScoredPiece, ...ScoredPiece[]];
  if (aggregation === 'first') return first.scores;
  if (aggregation === 'max') {
    const greatest = ({ scores }: ScoredPiece): number => Math.max(...scores);
    return others.reduce((best, piece) => (greatest(piece) > greatest(best) ? piece : best), first).scores;
  }
  return first.scores.map((_, label) => {
    return group.reduce((sum, { scores }) => sum + (scores[label] as number), 0) / group.length;
  });
}

/** Whether a label begins an entity, and what it is without that. Labels without a prefix go on. */
function tagOf(label: string): { readonly begins: boolean; readonly tag: string } {
  if (label.startsWith('B-')) return { begins: true, tag: label.slice(2) };
  return { begins: false, tag: label.startsWith('I-') ? label.slice(2) : label };
}

/** Neighbours with the same tag as one, unless a label says that another begins. */
function joined(words: readonly Labelled[]): Labelled[] {
  const groups: Labelled[][] = [];
  for (const word of words) {
    const last = groups.at(-1)?.at(-1);
    const { begins, tag } = tagOf(word.label);
    if (last !== undefined && !begins && tag === tagOf(last.label).tag) groups.at(-1)?.push(word);
    else groups.push([word]);
  }
  return groups.map((group) => {
    const [first] = group as [Labelled, ...Labelled[]];
    const dash = first.label.indexOf('-');
    return {
      label: dash < 0 ? first.label : first.label.slice(dash + 1),
      score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
      start: first.start,
      end: (group.at(-1) as Labelled).end,
    };
  });
}
