import type { AlignedText } from '../aligned-text.js';

/** Splits a normalised text into the words that a model looks at one by one. */
export interface PreTokenizer {
  /** @returns the words, in order, found as they are asked for; none is empty. */
  split(text: AlignedText): Iterable<AlignedText>;
  /**
   * Whether it always splits before a single space between two other characters, so that the parts of a text that is cut
   * there give the tokens of the whole.
   */
  readonly splitsAtSpaces: boolean;
  /** Whether spaces are in no word, and any number of them does the same as one. */
  readonly dropsSpaces?: boolean;
}

/** What becomes of the matches that a text is split at. */
export const SPLIT_BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

/** A stretch of a text, matched or between matches. */
interface Span {
  readonly start: number;
  end: number;
  readonly matched: boolean;
}

function spansOf(text: string, pattern: RegExp, invert: boolean): Span[] {
  const spans: Span[] = [];
  let position = 0;
  for (const match of text.matchAll(pattern)) {
    const end = match.index + match[0].length;
    if (match.index > position) spans.push({ start: position, end: match.index, matched: invert });
    if (end > match.index) spans.push({ start: match.index, end, matched: !invert });
    position = end;
  }
  if (position < text.length) spans.push({ start: position, end: text.length, matched: invert });
  return spans;
}

function mergeWithPrevious(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  let previousMatched = false;
  for (const span of spans) {
    const last = merged.at(-1);
    if (span.matched && !previousMatched && last !== undefined) last.end = span.end;
    else merged.push({ ...span });
    previousMatched = span.matched;
  }
  return merged;
}

function mergeWithNext(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last?.matched && !span.matched) merged[merged.length - 1] = { ...span, start: last.start };
    else merged.push({ ...span });
  }
  return merged;
}

function joinNeighbours(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last?.matched === span.matched) last.end = span.end;
    else joined.push({ ...span });
  }
  return joined;
}

/**
 * Splits at the matches of a global pattern.
 *
 * @param invert - takes what lies between the matches for the matches.
 */
export function splitByPattern(
  text: AlignedText,
  pattern: RegExp,
  behavior: SplitBehavior,
  invert = false,
): AlignedText[] {
  let spans = spansOf(text.text, pattern, invert);
  switch (behavior) {
    case 'Removed':
      spans = spans.filter((span) => !span.matched);
      break;
    case 'MergedWithPrevious':
      spans = mergeWithPrevious(spans);
      break;
    case 'MergedWithNext':
      spans = mergeWithNext(spans);
      break;
    case 'Contiguous':
      spans = joinNeighbours(spans);
      break;
    case 'Isolated':
      break;
  }
  return spans.map(({ start, end }) => text.slice(start, end));
}

/** All matches of a global pattern, which must not match the empty text; what lies between is dropped. */
export function* matchesOf(text: AlignedText, pattern: RegExp): Generator<AlignedText, void> {
  for (const match of text.text.matchAll(pattern)) yield text.slice(match.index, match.index + match[0].length);
}
