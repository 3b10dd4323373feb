/** A part of a document, short enough to be embedded whole. */
export interface Passage {
  /** Where it begins and ends in the document, in UTF-16 code units. */
  readonly begin: number;
  readonly end: number;
  /** The line of the document that it begins in, from 1. */
  readonly line: number;
  /** Headings that it stands under, outermost first; empty in plain text. */
  readonly headings: readonly string[];
  readonly text: string;
}

/** Settings of {@link splitIntoPassages}. */
export interface PassageOptions {
  /** How many tokens a text has, special ones left out. */
  readonly countTokens: (text: string) => number;
  /** The most tokens of a passage with its headings. */
  readonly maxTokens: number;
  /** How many tokens of a passage's last sentences the next one repeats at most. */
  readonly overlapTokens: number;
  /** Whether `#` headings and code fences mean what they mean in Markdown. */
  readonly markdown: boolean;
}

interface Span {
  readonly begin: number;
  readonly end: number;
}

interface Sentence extends Span {
  readonly tokens: number;
}

/** A part of a document that no passage crosses. */
interface Section {
  readonly headings: readonly string[];
  /** Paragraphs; no sentence crosses one. */
  readonly paragraphs: readonly Span[];
}

const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The lines of a text with their ends. */
function* linesOf(text: string): Generator<Span> {
  let begin = 0;
  while (begin < text.length) {
    const next = text.indexOf('\n', begin);
    const end = next < 0 ? text.length : next + 1;
    yield { begin, end };
    begin = end;
  }
}

function sectionsOf(text: string, markdown: boolean): Section[] {
  const sections: Section[] = [];
  let headings: { level: number; text: string }[] = [];
  let paragraphs: Span[] = [];
  let paragraph: Span | null = null;
  let fence: string | null = null;
  const endParagraph = (): void => {
    if (paragraph !== null) paragraphs.push(paragraph);
    paragraph = null;
  };
  const endSection = (): void => {
    endParagraph();
    if (paragraphs.length > 0) sections.push({ headings: headings.map((heading) => heading.text), paragraphs });
    paragraphs = [];
  };
  for (const line of linesOf(text)) {
    const content = text.slice(line.begin, line.end).replace(/\r?\n$/, '');
    const mark = markdown ? FENCE.exec(content)?.[1] : undefined;
    if (mark !== undefined && fence === null) fence = mark;
    else if (mark !== undefined && fence !== null && mark.startsWith(fence)) fence = null;
    const heading = markdown && fence === null ? HEADING.exec(content) : null;
    if (heading !== null) {
      endSection();
      const level = (heading[1] as string).length;
      headings = [...headings.filter((outer) => outer.level < level), { level, text: heading[2] as string }];
    } else if (content.trim() === '' && fence === null) {
      endParagraph();
    } else {
      const open: Span | null = paragraph;
      paragraph = { begin: open === null ? line.begin : (open as Span).begin, end: line.end };
    }
  }
  endSection();
  return sections;
}

function trimmed(text: string, { begin, end }: Span): Span {
  const part = text.slice(begin, end);
  const front = part.length - part.trimStart().length;
  return { begin: begin + front, end: Math.max(begin + front, begin + part.trimEnd().length) };
}

/** Pieces of at most `most` tokens, cut between words; a longer word is cut in half until it fits. */
function cutSentence(text: string, span: Span, most: number, countTokens: PassageOptions['countTokens']): Sentence[] {
  const whole = text.slice(span.begin, span.end);
  const tokens = countTokens(whole);
  if (tokens <= most || whole.length <= 1) return [{ ...span, tokens }];
  const middle = span.begin + Math.ceil(whole.length / 2);
  const space = text.lastIndexOf(' ', middle);
  let cut = space > span.begin ? space : middle;
  // Not between the halves of a surrogate pair.
  if (/[\uDC00-\uDFFF]/.test(text[cut] ?? '')) cut += cut + 1 < span.end ? 1 : -1;
  return [
    { begin: span.begin, end: cut },
    { begin: cut, end: span.end },
  ]
    .map((part) => trimmed(text, part))
    .filter((part) => part.end > part.begin)
    .flatMap((part) => cutSentence(text, part, most, countTokens));
}

/**
 * Cuts a document into passages that end where sentences do, overlap by whole sentences, and never cross a Markdown heading.
 * Sentences are Unicode's (UAX 29), and one that is longer than a passage is cut between words.
 */
export function splitIntoPassages(text: string, options: PassageOptions): Passage[] {
  const { countTokens, maxTokens, overlapTokens, markdown } = options;
  const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
  const passages: Passage[] = [];
  let line = 1;
  let counted = 0;
  const lineAt = (position: number): number => {
    if (position < counted) [line, counted] = [1, 0];
    for (let n = counted; n < position; n++) if (text.charCodeAt(n) === 10) line += 1;
    counted = position;
    return line;
  };
  for (const { headings, paragraphs } of sectionsOf(text, markdown)) {
    const room = Math.max(maxTokens - countTokens(headings.join('\n')), Math.ceil(maxTokens / 4));
    const sentences = paragraphs.flatMap((paragraph) =>
      [...segmenter.segment(text.slice(paragraph.begin, paragraph.end))]
        .map(({ index, segment }) => ({
          begin: paragraph.begin + index,
          end: paragraph.begin + index + segment.length,
        }))
        .map((span) => trimmed(text, span))
        .filter((span) => span.end > span.begin)
        .flatMap((span) => cutSentence(text, span, room, countTokens)),
    );
    let first = 0;
    while (first < sentences.length) {
      let last = first;
      let tokens = sentences[first]?.tokens ?? 0;
      while (last + 1 < sentences.length && tokens + (sentences[last + 1] as Sentence).tokens <= room) {
        last += 1;
        tokens += (sentences[last] as Sentence).tokens;
      }
      const [begin, end] = [(sentences[first] as Sentence).begin, (sentences[last] as Sentence).end];
      passages.push({ begin, end, line: lineAt(begin), headings, text: text.slice(begin, end) });
      if (last + 1 >= sentences.length) break;
      const start = first;
      first = last + 1;
      let repeated = 0;
      // At least one sentence is new, and the next one must fit beside what is repeated.
      const limit = Math.min(overlapTokens, room - (sentences[last + 1] as Sentence).tokens);
      while (first - 1 > start && repeated + (sentences[first - 1] as Sentence).tokens <= limit) {
        first -= 1;
        repeated += (sentences[first] as Sentence).tokens;
      }
    }
  }
  return passages;
}
