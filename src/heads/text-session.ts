import { requireCount } from '../arguments.js';
import type { Program } from '../backend/recorder/recorder.js';
import type { CallOptions, LoadOptions } from '../embeddings/options.js';
import { type ItemOutput, type Route, Scheduler, type TokenSequence } from '../embeddings/scheduler.js';
import { ArgumentError, DisposedError, TruncatedTextError } from '../errors.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

/** A text, or a pair of texts that the model reads together. */
export type TextInput = string | readonly [text: string, textPair: string];

/** A text's tokens, and whether some were cut off. */
export interface EncodedInput extends TokenSequence {
  readonly truncated: boolean;
}

/** What is done with a call's texts. */
export interface SessionWork {
  readonly route: Route;
  /** The tokens of the text with this number; by default the tokenizer's. */
  readonly encode?: ((index: number, maxTokens: number) => EncodedInput) | undefined;
  /** Takes the result of a text; the numbers are only valid during the call. */
  readonly accept: (index: number, output: ItemOutput) => void;
}

/** A tokenizer, and Programs that texts are put through: in runs of bounded size that all calls share. */
export class TextSession {
  readonly tokenizer: Tokenizer;
  /** Texts are cut after so many tokens, special ones included. */
  readonly maxTokens: number;
  /** The most that a call may ask for. */
  readonly mostTokens: number;
  readonly #scheduler: Scheduler;
  readonly #programs: Program[] = [];
  #disposed = false;

  /** @param onRun - called after each run that was computed. */
  constructor(tokenizer: Tokenizer, maxTokens: number, mostTokens: number, onRun: LoadOptions['onRun']) {
    this.#scheduler = new Scheduler(onRun);
    this.tokenizer = tokenizer;
    this.maxTokens = maxTokens;
    this.mostTokens = mostTokens;
  }

  /** Frees a Program with the session. */
  protected own(program: Program): void {
    this.#programs.push(program);
  }

  /**
   * Puts texts through a route, in no particular order.
   *
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  async run(operation: string, inputs: readonly TextInput[], options: CallOptions, work: SessionWork): Promise<void> {
    if (this.#disposed) throw new DisposedError('the model was disposed; load it again');
    const { signal, onProgress, truncate = true, maxTokens = this.maxTokens } = options;
    requireCount(operation, 'maxTokens', maxTokens, 1, this.mostTokens);
    const counts = { truncated: 0, tokens: 0 };
    await this.#scheduler.submit({
      route: work.route,
      size: inputs.length,
      signal,
      encode: (index) => {
        const sequence = work.encode?.(index, maxTokens) ?? this.encodeInput(inputs[index] as TextInput, maxTokens);
        if (sequence.truncated && !truncate) {
          throw new TruncatedTextError(
            `${operation}: text ${index} has more than ${maxTokens} tokens; shorten it, or leave out truncate: false to have it cut`,
          );
        }
        if (sequence.truncated) counts.truncated += 1;
        counts.tokens += sequence.ids.length;
        return sequence;
      },
      accept: work.accept,
      onProgress: onProgress && ((done) => onProgress({ done, total: inputs.length, ...counts })),
    });
  }

  /** A text's tokens as the model wants them. */
  protected encodeInput(input: TextInput, maxTokens: number): EncodedInput {
    const [text, textPair] = typeof input === 'string' ? [input, undefined] : input;
    return this.tokenizer.encode(text, { textPair, maxTokens });
  }

  /** Rejects what is still being computed and frees the Programs. Disposing twice does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#scheduler.dispose(() => {
      for (const program of this.#programs) program.dispose();
    });
  }
}

/** The texts and pairs of a call, as `copyTexts`. Refuses what is not an array of such. */
export function copyInputs(operation: string, inputs: unknown): readonly TextInput[] {
  if (!Array.isArray(inputs)) {
    const came = typeof inputs === 'string' ? `a string; put it in an array: ${operation}([text])` : typeof inputs;
    throw new ArgumentError(`${operation}: texts must be an array of strings or pairs of strings, got ${came}`);
  }
  return Array.from(inputs, (input: unknown, index) => {
    if (typeof input === 'string') return input;
    if (isPair(input)) return [input[0], input[1]];
    throw new ArgumentError(
      `${operation}: texts must be an array of strings or pairs [text, text], but texts[${index}] is ${Array.isArray(input) ? 'an array of something else' : typeof input}`,
    );
  });
}

/** The pairs of a call, as {@link copyInputs}. */
export function copyPairs(operation: string, pairs: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(pairs)) throw new ArgumentError(`${operation}: pairs must be an array, got ${typeof pairs}`);
  return Array.from(pairs, (pair: unknown, index) => {
    if (isPair(pair)) return [pair[0], pair[1]];
    throw new ArgumentError(`${operation}: pairs[${index}] must be [text, text], got ${typeof pair}`);
  });
}

function isPair(input: unknown): input is readonly [string, string] {
  return Array.isArray(input) && input.length === 2 && input.every((text) => typeof text === 'string');
}
