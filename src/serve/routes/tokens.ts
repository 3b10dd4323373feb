import type { Encoding } from '../../index.js';
import { CharacterCounter } from '../characters.js';
import { invalidField, tooMuch } from '../errors.js';
import { admit } from '../inputs.js';
import type { ComputeRoute } from '../route.js';
import * as schemas from '../schemas.js';

/** Tokens that are written in one go: some tenths of a millisecond. */
const TOKENS_AT_ONCE = 256;

/** Ids of a text that is put together in one go. */
const MOST_IDS = 65_536;

interface TokenizeBody {
  readonly inputs: string | readonly string[];
  readonly model?: string | null;
  readonly add_special_tokens?: boolean | null;
}

export const teiTokenize: ComputeRoute<TokenizeBody> = {
  path: '/tokenize',
  dialect: 'tei',
  summary: 'Texts as tokens',
  input: 'inputs',
  body: schemas.tokenizeBody,
  answer: schemas.tokenizeAnswer,
  async run(call) {
    const { inputs, model, add_special_tokens } = call.body;
    const { runner: tokenizer } = call.models.find(model, 'tokenize');
    const texts = typeof inputs === 'string' ? [inputs] : inputs;
    const { leave } = admit(call, 'inputs', { kind: 'texts', texts }, Number.POSITIVE_INFINITY);
    try {
      const encodings = await tokenizer.encodeBatch(texts, {
        addSpecialTokens: add_special_tokens ?? true,
        signal: call.signal,
      });
      const parts: string[] = [];
      for (const [index, encoding] of encodings.entries()) {
        const characters = new CharacterCounter(texts[index] as string);
        const tokens: string[] = [];
        while (tokens.length < encoding.ids.length) {
          const end = Math.min(encoding.ids.length, tokens.length + TOKENS_AT_ONCE);
          await call.pacer.run(() => {
            while (tokens.length < end) tokens.push(describeToken(encoding, tokens.length, characters));
          });
        }
        parts.push(`[${tokens.join(',')}]`);
      }
      return `[${parts.join(',')}]`;
    } finally {
      leave();
    }
  },
};

/** A token as Text Embeddings Inference describes it: places count Unicode characters, not UTF-16 units. */
function describeToken(encoding: Encoding, index: number, characters: CharacterCounter): string {
  const id = encoding.ids[index];
  if (encoding.specialTokensMask[index] === 1) {
    return JSON.stringify({ id, text: encoding.tokens[index], special: true, start: null, stop: null });
  }
  const [begin, end] = encoding.offsets[index] as readonly [number, number];
  const [start, stop] = [characters.before(begin), characters.before(end)];
  return JSON.stringify({ id, text: characters.text.slice(begin, end), special: false, start, stop });
}

interface DecodeBody {
  readonly ids: readonly number[] | readonly (readonly number[])[];
  readonly model?: string | null;
  readonly skip_special_tokens?: boolean | null;
}

export const teiDecode: ComputeRoute<DecodeBody> = {
  path: '/decode',
  dialect: 'tei',
  summary: 'Tokens as texts',
  input: 'ids',
  body: schemas.decodeBody,
  answer: schemas.decodeAnswer,
  async run(call) {
    const { ids, model, skip_special_tokens } = call.body;
    const { runner: tokenizer } = call.models.find(model, 'tokenize');
    const sequences = (typeof ids[0] === 'number' ? [ids] : ids) as readonly (readonly number[])[];
    const { leave } = admit(call, 'ids', { kind: 'tokens', sequences }, Number.POSITIVE_INFINITY);
    try {
      const parts: string[] = [];
      for (const [index, sequence] of sequences.entries()) {
        call.signal.throwIfAborted();
        if (sequence.length > MOST_IDS) {
          throw tooMuch('ids', `ids may be at most ${MOST_IDS} a text, but list ${index} has ${sequence.length}`);
        }
        const unknown = sequence.find((id) => tokenizer.idToToken(id) === undefined);
        if (unknown !== undefined) {
          throw invalidField('ids', `ids must be those of tokens, but ${unknown} (in list ${index}) is not`);
        }
        const text = await call.pacer.run(() =>
          tokenizer.decode(sequence, { skipSpecialTokens: skip_special_tokens ?? true }),
        );
        parts.push(JSON.stringify(text));
      }
      return `[${parts.join(',')}]`;
    } finally {
      leave();
    }
  },
};
