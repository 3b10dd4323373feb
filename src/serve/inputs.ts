import { estimateTokens } from './admission.js';
import { invalidField, tooMuch } from './errors.js';
import type { Services } from './route.js';
import type { VectorRunner } from './runners.js';

/** What requests may send to be embedded. */
export type Inputs = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

/** Texts, or texts that are tokens already. */
export type Batch =
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'tokens'; readonly sequences: readonly (readonly number[])[] };

/** Tells apart what schemas have let through. */
export function readInputs(inputs: Inputs): Batch {
  if (typeof inputs === 'string') return { kind: 'texts', texts: [inputs] };
  const [first] = inputs;
  if (typeof first === 'string') return { kind: 'texts', texts: inputs as readonly string[] };
  if (typeof first === 'number') return { kind: 'tokens', sequences: [inputs as readonly number[]] };
  return { kind: 'tokens', sequences: inputs as readonly (readonly number[])[] };
}

/** How many texts a batch has. */
export function sizeOf(batch: Batch): number {
  return batch.kind === 'texts' ? batch.texts.length : batch.sequences.length;
}

/**
 * Lets a batch in, if it is not too large and the queue has room.
 *
 * @param input - the field that it came in, for errors.
 * @param readings - what the model reads, where that is more than the texts.
 * @returns what to call when it has been answered.
 * @throws RequestError 413 or 429
 */
export function admit(
  { settings, admission }: Services,
  input: string,
  batch: Batch,
  maxTokens: number,
  readings?: readonly string[],
): { readonly leave: () => void; readonly tokens: number } {
  const size = sizeOf(batch);
  if (size > settings.maxTexts) {
    throw tooMuch(input, `${input} may have at most ${settings.maxTexts} texts, got ${size}; send several requests`);
  }
  const tokens =
    batch.kind === 'texts'
      ? (readings ?? batch.texts).reduce((sum, text) => sum + estimateTokens(text.length, maxTokens), 0)
      : batch.sequences.reduce((sum, ids) => sum + Math.min(ids.length, maxTokens), 0);
  return { leave: admission.enter(size, tokens), tokens };
}

/** The prompt that a request names. @throws RequestError 422 */
export function promptOption(
  { prompts }: Pick<VectorRunner, 'prompts'>,
  name: string | null | undefined,
): { readonly prompt?: string } {
  if (name === null || name === undefined) return {};
  if (!prompts.has(name)) {
    const known = [...prompts.keys()].map((prompt) => JSON.stringify(prompt));
    throw invalidField(
      'prompt_name',
      `prompt_name must be one of the model's prompts, ${known.join(', ') || 'of which it has none'}; got another`,
    );
  }
  return { prompt: name };
}
