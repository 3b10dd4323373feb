/**
 * A text on its way through normalisation and splitting, that knows where in the original each of its characters comes from.
 *
 * Positions are UTF-16 units, as JavaScript counts. Character `i` comes from `[startOf(i), endOf(i))` of the original; one
 * that was inserted shares the place of the character that it was inserted for. Where offsets are not wanted, nothing is
 * tracked, and rewriting is plain string replacement.
 */
export class AlignedText {
  readonly text: string;
  readonly tracked: boolean;
  /** Where in the original the stretch begins that this text is made of. */
  readonly origin: number;
  /** Start and end of every character's origin, or null as long as nothing was rewritten. */
  readonly #origins: Int32Array | null;

  private constructor(text: string, tracked: boolean, origin: number, origins: Int32Array | null) {
    this.text = text;
    this.tracked = tracked;
    this.origin = origin;
    this.#origins = origins;
  }

  /** @param origin - where the text begins in the original. */
  static of(text: string, origin: number, tracked: boolean): AlignedText {
    return new AlignedText(text, tracked, origin, null);
  }

  /** The text from `start` to `end`. */
  slice(start: number, end: number): AlignedText {
    const origins = this.#origins === null ? null : this.#origins.subarray(2 * start, 2 * end);
    const origin = start === 0 ? this.origin : this.startOf(start);
    return new AlignedText(this.text.slice(start, end), this.tracked, origin, origins);
  }

  startOf(index: number): number {
    return this.#origins === null ? this.origin + index : this.#origins[2 * index];
  }

  endOf(index: number): number {
    return this.#origins === null ? this.origin + index + 1 : this.#origins[2 * index + 1];
  }

  /**
   * Replaces every match of a global pattern.
   *
   * @param anchor - what the new characters come from: the `whole` match, or its `last` character.
   */
  replace(pattern: RegExp, replacement: (match: string) => string, anchor: 'whole' | 'last' = 'whole'): AlignedText {
    if (!this.tracked) {
      const text = this.text.replace(pattern, (match) => replacement(match));
      return text === this.text ? this : new AlignedText(text, false, this.origin, null);
    }
    const builder = new AlignmentBuilder(this);
    for (const match of this.text.matchAll(pattern)) {
      const [found] = match;
      const content = replacement(found);
      if (content === found) continue;
      const end = match.index + found.length;
      builder.copyTo(match.index);
      builder.insert(content, anchor === 'whole' ? match.index : lastCharacter(this.text, match.index, end), end);
      builder.skipTo(end);
    }
    return builder.finish();
  }

  /** Puts a text in front; it shares the place of the first character. An empty text stays empty. */
  prepend(prefix: string): AlignedText {
    if (this.text === '') return this;
    if (!this.tracked) return new AlignedText(prefix + this.text, false, this.origin, null);
    const builder = new AlignmentBuilder(this);
    builder.insert(prefix, 0, firstCharacterEnd(this.text));
    return builder.finish();
  }

  /** Puts a text behind; it shares the place of the last character. An empty text stays empty. */
  append(suffix: string): AlignedText {
    const { length } = this.text;
    if (length === 0) return this;
    if (!this.tracked) return new AlignedText(this.text + suffix, false, this.origin, null);
    const builder = new AlignmentBuilder(this);
    builder.copyTo(length);
    builder.insert(suffix, lastCharacter(this.text, 0, length), length);
    return builder.finish();
  }

  /** A text with origins of its own, made by {@link AlignmentBuilder}. */
  static withOrigins(text: string, origin: number, origins: Int32Array): AlignedText {
    return new AlignedText(text, true, origin, origins);
  }
}

/** Where the last character (code point) of `[start, end)` begins. */
function lastCharacter(text: string, start: number, end: number): number {
  if (end <= start) return start;
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xdc00 && unit <= 0xdfff && end - 2 >= start ? end - 2 : end - 1;
}

function firstCharacterEnd(text: string): number {
  const unit = text.charCodeAt(0);
  return unit >= 0xd800 && unit <= 0xdbff && text.length > 1 ? 2 : 1;
}

/** Rewrites an {@link AlignedText} from front to back. */
export class AlignmentBuilder {
  readonly #source: AlignedText;
  #position = 0;
  #text = '';
  #origins: Int32Array;
  #length = 0;
  #changed = false;

  constructor(source: AlignedText) {
    this.#source = source;
    this.#origins = new Int32Array(2 * source.text.length + 16);
  }

  /** Takes over what lies between the current position and `end`. */
  copyTo(end: number): void {
    if (end <= this.#position) return;
    this.#reserve(end - this.#position);
    for (let index = this.#position; index < end; index++) {
      this.#origins[2 * this.#length] = this.#source.startOf(index);
      this.#origins[2 * this.#length + 1] = this.#source.endOf(index);
      this.#length += 1;
    }
    this.#text += this.#source.text.slice(this.#position, end);
    this.#position = end;
  }

  /** Adds characters that come from `[start, end)` of the source. */
  insert(content: string, start: number, end: number): void {
    this.#changed = true;
    if (content === '') return;
    this.#reserve(content.length);
    const [first, last] = [this.#source.startOf(start), this.#source.endOf(end - 1)];
    for (let index = 0; index < content.length; index++) {
      this.#origins[2 * this.#length] = first;
      this.#origins[2 * this.#length + 1] = last;
      this.#length += 1;
    }
    this.#text += content;
  }

  /** Leaves out what lies between the current position and `end`. */
  skipTo(end: number): void {
    if (end <= this.#position) return;
    this.#changed = true;
    this.#position = end;
  }

  /** The rest is taken over. */
  finish(): AlignedText {
    if (!this.#changed) return this.#source;
    this.copyTo(this.#source.text.length);
    return AlignedText.withOrigins(this.#text, this.#source.origin, this.#origins.subarray(0, 2 * this.#length));
  }

  #reserve(more: number): void {
    const needed = 2 * (this.#length + more);
    if (needed <= this.#origins.length) return;
    const larger = new Int32Array(Math.max(needed, 2 * this.#origins.length));
    larger.set(this.#origins);
    this.#origins = larger;
  }
}
