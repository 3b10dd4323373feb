import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ArgumentError, TokenizerError } from '../errors.js';
import { type AddedToken, AddedTokenFinder, readAddedToken } from './added-tokens.js';
import { AlignedText } from './aligned-text.js';
import { type Decoder, joinBySpaces, readDecoder } from './decoder.js';
import { type Encoding, TokenList } from './encoding.js';
import { Fields } from './fields.js';
import { type TokenModel, type WordTokens, withoutPauses } from './models/model.js';
import { readModel } from './models/read.js';
import type { Normalizer } from './normalizers/normalizer.js';
import { identity, readNormalizer } from './normalizers/read.js';
import { noPostProcessing, type PostProcessor, readPostProcessor, type TemplatePiece } from './post-processor.js';
import type { PreTokenizer } from './pre-tokenizers/pre-tokenizer.js';
import { readPreTokenizer, wholeText } from './pre-tokenizers/read.js';
import { noTokenizerConfig, readTokenizerConfig, type TokenizerConfig, type TokenRole } from './tokenizer-config.js';
import { inTurns } from './turns.js';

export type { Encoding } from './encoding.js';
export type { TokenRole } from './tokenizer-config.js';

const FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';

/** Words that are remembered with their tokens; when there are more, all are forgotten. */
const CACHED_WORDS = 16_384;
const LONGEST_CACHED_WORD = 64;

/** Characters that are normalised and split at once, where a text may be cut: what is cut off later costs nothing. */
const SEGMENT_CHARACTERS = 4096;
const CUT = /[^\s](?= [^\s])/g;
const CUT_OR_IDEOGRAPHS = /[^\s](?= [^\s])|[\u4e00-\u9fff](?=[\u4e00-\u9fff])/g;

const LONE_SURROGATES = /\p{Cs}/gu;

/** Words between two looks at the clock; those longer than {@link LONGEST_WORD_AT_ONCE} are tokenised with pauses. */
const WORDS_PER_STEP = 512;
const LONGEST_WORD_AT_ONCE = 4096;

/** How to encode. */
export interface EncodeOptions {
  /** Whether to add what the model wants around a text, such as `[CLS]` and `[SEP]`. Default true. */
  readonly addSpecialTokens?: boolean | undefined;
  /** The most tokens of the result, added ones included; the text's last tokens are cut off. Default: no limit. */
  readonly maxTokens?: number | undefined;
}

/** How to encode many texts. */
export interface BatchOptions extends EncodeOptions {
  /** Ends the work before it is done. */
  readonly signal?: AbortSignal | undefined;
}

/** Token ids without the rest, and whether some were cut off. */
export interface EncodedIds {
  readonly ids: Int32Array;
  readonly truncated: boolean;
}

/**
 * Text to tokens and back, as a Hugging Face `tokenizer.json` says: normaliser, pre-tokenizer, model (WordPiece, byte-pair
 * encoding, Unigram or whole words), post-processor, decoder and added tokens. Truncation and padding that the file asks for
 * are not applied: the caller says how much text there may be, and sequences are never padded.
 */
export class Tokenizer {
  /** The number of tokens, added ones included. */
  readonly vocabSize: number;
  /** The most tokens that the model was made for, by its `tokenizer_config.json`; null where that gives no limit. */
  readonly modelMaxLength: number | null;
  readonly #roles: ReadonlyMap<TokenRole, string>;
  readonly #normalizer: Normalizer;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: TokenModel;
  readonly #postProcessor: PostProcessor;
  readonly #decoder: Decoder;
  readonly #addedTokens = new Map<number, AddedToken>();
  readonly #addedIds = new Map<string, number>();
  readonly #rawFinder: AddedTokenFinder;
  readonly #normalizedFinder: AddedTokenFinder;
  /** Whether long texts may be cut at spaces and encoded part by part. */
  readonly #cutsTexts: boolean;
  readonly #cut: RegExp;
  readonly #cache = new Map<string, WordTokens>();

  private constructor(fields: Fields, config: TokenizerConfig) {
    this.modelMaxLength = config.modelMaxLength;
    this.#roles = config.roles;
    const part = <T>(name: string, read: (fields: Fields) => T, fallback: T): T => {
      const description = fields.optionalFields(name);
      return description === null ? fallback : read(description);
    };
    if (!fields.has('model'))
      throw fields.error('there is no model in it; is this the whole file of a fast tokenizer?');
    this.#normalizer = part('normalizer', readNormalizer, identity);
    this.#preTokenizer = part('pre_tokenizer', readPreTokenizer, wholeText);
    this.#model = readModel(fields.fields('model'));
    this.#postProcessor = part('post_processor', readPostProcessor, noPostProcessing);
    this.#decoder = part('decoder', readDecoder, joinBySpaces);
    const added = fields.fieldsList('added_tokens', []).map(readAddedToken);
    for (const token of added) {
      this.#addedTokens.set(token.id, token);
      this.#addedIds.set(token.content, token.id);
    }
    const normalized = added.filter((token) => token.normalized);
    this.#rawFinder = new AddedTokenFinder(
      added.filter((token) => !token.normalized),
      null,
    );
    this.#normalizedFinder = new AddedTokenFinder(normalized, this.#normalizer);
    this.#cut = this.#normalizer.isolatesIdeographs && this.#preTokenizer.dropsSpaces ? CUT_OR_IDEOGRAPHS : CUT;
    this.#cutsTexts =
      this.#normalizer.isLocal && this.#preTokenizer.splitsAtSpaces && this.#normalizedFinder.survivesCuts;
    const { vocabulary } = this.#model;
    // By contents first: what finds tokens by ids is made when somebody decodes.
    const isNew = ({ id, content }: AddedToken): boolean =>
      vocabulary.idOf(content) !== id && vocabulary.tokenOf(id) === undefined;
    this.vocabSize = vocabulary.size + added.filter(isNew).length;
  }

  /**
   * The tokenizer of a model folder.
   *
   * @param folder - has a `tokenizer.json`; a `tokenizer_config.json` beside it is read too.
   * @throws TokenizerError when there is no `tokenizer.json`, or a file is not what it should be.
   */
  static fromFolder(folder: string): Tokenizer {
    const file = path.join(folder, FILE);
    const configFile = path.join(folder, CONFIG_FILE);
    const config = existsSync(configFile)
      ? readTokenizerConfig(configFile, parseJson(readText(configFile), configFile))
      : noTokenizerConfig;
    return new Tokenizer(new Fields(file, parseJson(readText(file), file)), config);
  }

  /**
   * A tokenizer from the contents of its files.
   *
   * @param json - the text of a `tokenizer.json`, or what was parsed from it.
   * @param config - the same of a `tokenizer_config.json`.
   * @throws TokenizerError when one is not what it should be.
   */
  static fromJson(json: unknown, config?: unknown): Tokenizer {
    const parsed = (value: unknown, where: string) => (typeof value === 'string' ? parseJson(value, where) : value);
    return new Tokenizer(
      new Fields(FILE, parsed(json, FILE)),
      config === undefined ? noTokenizerConfig : readTokenizerConfig(CONFIG_FILE, parsed(config, CONFIG_FILE)),
    );
  }

  /** A text, or a pair of texts, as tokens with their places in the text. */
  encode(text: string, options: EncodeOptions & { readonly textPair?: string | undefined } = {}): Encoding {
    const { textPair } = options;
    if (textPair !== undefined) return this.#encodePair(requireText(text), requireText(textPair), options);
    return withoutPauses(this.#encodeInSteps(requireText(text), options));
  }

  /** The ids of a text's tokens: the same as those of {@link encode}, sooner. */
  encodeIds(text: string, options: EncodeOptions = {}): EncodedIds {
    return withoutPauses(this.#encodeIdsInSteps(requireText(text), options));
  }

  /**
   * Many texts as tokens with their places, without holding up the event loop: other work gets a turn every few
   * milliseconds, within a long text too.
   *
   * @throws the signal's reason when it aborts.
   */
  encodeBatch(texts: readonly string[], options: BatchOptions = {}): Promise<Encoding[]> {
    return inTurns(texts, options.signal, (text) => this.#encodeInSteps(requireText(text), options));
  }

  /**
   * The ids of many texts, without holding up the event loop: see {@link encodeBatch}.
   *
   * @throws the signal's reason when it aborts.
   */
  encodeAll(texts: readonly string[], options: BatchOptions = {}): Promise<EncodedIds[]> {
    return inTurns(texts, options.signal, (text) => this.#encodeIdsInSteps(requireText(text), options));
  }

  *#encodeInSteps(text: string, options: EncodeOptions): Generator<void, Encoding> {
    const { pieces, limit } = this.#plan(this.#postProcessor.single, options);
    const list = new TokenList(true, limit);
    yield* this.#collect(text, list);
    return this.#assemble(pieces, list, null);
  }

  *#encodeIdsInSteps(text: string, options: EncodeOptions): Generator<void, EncodedIds> {
    const { pieces, limit } = this.#plan(this.#postProcessor.single, options);
    const list = new TokenList(false, limit);
    yield* this.#collect(text, list);
    const ids: number[] = [];
    for (const piece of pieces) {
      if ('id' in piece) ids.push(piece.id);
      else for (const id of list.ids) ids.push(id);
    }
    return { ids: Int32Array.from(ids), truncated: list.truncated };
  }

  /**
   * The text of tokens.
   *
   * @param options.skipSpecialTokens - leaves out tokens such as `[CLS]`. Default true.
   * @throws ArgumentError for an id that is not in the vocabulary.
   */
  decode(ids: Iterable<number>, options: { readonly skipSpecialTokens?: boolean | undefined } = {}): string {
    const { skipSpecialTokens = true } = options;
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.idToToken(id);
      if (token === undefined) {
        throw new ArgumentError(`decode: ids must be those of tokens, below ${this.vocabSize} or so; got ${id}`);
      }
      if (!skipSpecialTokens || !this.#addedTokens.get(id)?.special) tokens.push(token);
    }
    return this.#decoder(tokens).join('');
  }

  /** The id of a token, or undefined when there is no such token. */
  tokenToId(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#model.vocabulary.idOf(token);
  }

  /** The token of an id, or undefined when there is none. */
  idToToken(id: number): string | undefined {
    return this.#addedTokens.get(id)?.content ?? this.#model.vocabulary.tokenOf(id);
  }

  /** The id of the token with a role, such as `pad`, or undefined where `tokenizer_config.json` names none. */
  specialTokenId(role: TokenRole): number | undefined {
    const token = this.#roles.get(role);
    return token === undefined ? undefined : this.tokenToId(token);
  }

  /** What tokens within a word begin with, such as `##` of WordPiece; null where tokens do not tell. */
  get continuingPrefix(): string | null {
    return this.#model.continuingPrefix ?? null;
  }

  /** The id of the token that stands for what has no token; null where there is none. */
  get unknownId(): number | null {
    return this.#model.unknownId;
  }

  /** What goes around the tokens of a text, and how many of them there may be. */
  #plan(
    template: readonly TemplatePiece[],
    options: EncodeOptions,
  ): { pieces: readonly TemplatePiece[]; limit: number } {
    const { addSpecialTokens = true, maxTokens = Number.POSITIVE_INFINITY } = options;
    const pieces = addSpecialTokens ? template : template.filter((piece) => 'sequence' in piece);
    const added = pieces.filter((piece) => 'id' in piece).length;
    if (maxTokens !== Number.POSITIVE_INFINITY && (!Number.isInteger(maxTokens) || maxTokens < Math.max(added, 1))) {
      throw new ArgumentError(
        `encode: maxTokens must be a whole number from ${Math.max(added, 1)} up, ${added} of them for special tokens; got ${maxTokens}`,
      );
    }
    return { pieces, limit: maxTokens - added };
  }

  /** Of two texts that are too long together, the longer loses tokens first, then both, as Hugging Face does it. */
  #encodePair(text: string, textPair: string, options: EncodeOptions): Encoding {
    const { pieces, limit } = this.#plan(this.#postProcessor.pair, options);
    const collect = (one: string, most: number): TokenList => {
      const list = new TokenList(true, most);
      withoutPauses(this.#collect(one, list));
      return list;
    };
    let [first, second] = [collect(text, limit), collect(textPair, limit)];
    const isCut = first.truncated || second.truncated;
    if (isCut && first.ids.length === second.ids.length && limit % 2 === 1) {
      // The odd token goes to the longer one, so that their whole lengths matter.
      [first, second] = [collect(text, Number.POSITIVE_INFINITY), collect(textPair, Number.POSITIVE_INFINITY)];
    }
    if (first.ids.length + second.ids.length > limit) {
      const [shorter, longer] = first.ids.length > second.ids.length ? [second, first] : [first, second];
      const kept = Math.min(shorter.ids.length, Math.floor(limit / 2));
      shorter.cut(kept);
      longer.cut(limit - kept);
    }
    return this.#assemble(pieces, first, second);
  }

  #assemble(pieces: readonly TemplatePiece[], first: TokenList, second: TokenList | null): Encoding {
    const ids: number[] = [];
    const offsets: [number, number][] = [];
    const typeIds: number[] = [];
    const mask: number[] = [];
    for (const piece of pieces) {
      const list = 'id' in piece ? null : piece.sequence === 'A' ? first : second;
      if ('id' in piece) {
        ids.push(piece.id);
        offsets.push([0, 0]);
      } else if (list !== null) {
        for (const id of list.ids) ids.push(id);
        for (const offset of list.offsets) offsets.push(offset);
      }
      while (typeIds.length < ids.length) {
        typeIds.push(piece.typeId);
        mask.push('id' in piece ? 1 : 0);
      }
    }
    return {
      ids: Int32Array.from(ids),
      tokens: ids.map((id) => this.idToToken(id) ?? ''),
      offsets,
      typeIds: Int32Array.from(typeIds),
      specialTokensMask: Uint8Array.from(mask),
      truncated: first.truncated || (second?.truncated ?? false),
    };
  }

  /** Adds the tokens of a text to a list, until it is full. */
  *#collect(text: string, list: TokenList): Generator<void, void> {
    yield;
    // Half a surrogate pair is no character; it counts as one that could not be read.
    const whole = AlignedText.of(text.replace(LONE_SURROGATES, '\ufffd'), 0, list.tracked);
    for (const { text: piece, token } of this.#rawFinder.split(whole)) {
      const goesOn = token === null ? yield* this.#collectText(piece, list) : this.#collectAdded(token, piece, list);
      if (!goesOn) break;
    }
    const trim = this.#postProcessor.trimOffsets;
    if (trim === null) return;
    for (const [index, offset] of list.offsets.entries()) {
      trim(this.idToToken(list.ids[index] as number) ?? '', offset, index === 0);
    }
  }

  *#collectText(text: AlignedText, list: TokenList): Generator<void, boolean> {
    for (const segment of this.#segmentsOf(text)) {
      yield;
      const normalized = this.#normalizer.normalize(segment);
      for (const { text: piece, token } of this.#normalizedFinder.split(normalized)) {
        const goesOn = token === null ? yield* this.#collectWords(piece, list) : this.#collectAdded(token, piece, list);
        if (!goesOn) return false;
      }
    }
    return true;
  }

  *#segmentsOf(text: AlignedText): Generator<AlignedText> {
    const { length } = text.text;
    let start = 0;
    while (this.#cutsTexts && length - start > SEGMENT_CHARACTERS) {
      this.#cut.lastIndex = start + SEGMENT_CHARACTERS;
      const match = this.#cut.exec(text.text);
      if (match === null) break;
      // Before the space, which belongs to the next word, or between two ideographs.
      const end = match.index + match[0].length;
      yield text.slice(start, end);
      start = end;
    }
    yield start === 0 ? text : text.slice(start, length);
  }

  *#collectWords(text: AlignedText, list: TokenList): Generator<void, boolean> {
    let words = 0;
    for (const word of this.#preTokenizer.split(text)) {
      if (++words % WORDS_PER_STEP === 0) yield;
      const { ids, starts, ends } =
        word.text.length > LONGEST_WORD_AT_ONCE && this.#model.tokenizeInSteps !== undefined
          ? yield* this.#model.tokenizeInSteps(word.text)
          : this.#tokenize(word.text);
      for (let index = 0; index < ids.length; index++) {
        const start = list.tracked ? word.startOf(starts[index] as number) : 0;
        const end = list.tracked ? word.endOf((ends[index] as number) - 1) : 0;
        if (!list.push(ids[index] as number, start, end)) return false;
      }
    }
    return true;
  }

  #collectAdded(token: AddedToken, text: AlignedText, list: TokenList): boolean {
    return list.push(token.id, text.startOf(0), text.endOf(text.text.length - 1));
  }

  #tokenize(word: string): WordTokens {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const tokens = this.#model.tokenize(word);
    if (word.length <= LONGEST_CACHED_WORD) {
      if (this.#cache.size >= CACHED_WORDS) this.#cache.clear();
      this.#cache.set(word, tokens);
    }
    return tokens;
  }
}

function requireText(text: unknown): string {
  if (typeof text === 'string') return text;
  const kind = text === null ? 'null' : Array.isArray(text) ? 'an array' : typeof text;
  throw new ArgumentError(`encode: a text must be a string, got ${kind}`);
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    throw new TokenizerError(
      `cannot read ${file}: ${(cause as Error).message}; a folder of a fast tokenizer has one, ` +
        'and others can be converted by loading them with transformers and saving them again',
      { cause },
    );
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TokenizerError(`${where} is not valid JSON (${(cause as Error).message}); get it again`, { cause });
  }
}
