import { BYTE_SPACE } from './byte-alphabet.js';
import { describe, type Fields, isId } from './fields.js';
import { SPACES } from './pattern.js';

/** A place in the result: a special token, or the tokens of the first or second text. */
export type TemplatePiece =
  | { readonly id: number; readonly typeId: number }
  | { readonly sequence: 'A' | 'B'; readonly typeId: number };

/** Narrows the offsets `[start, end)` of a token in place. */
export type OffsetTrimmer = (token: string, offset: [number, number], isFirst: boolean) => void;

/** What is done to the tokens of a text, or of a pair, at the end. */
export interface PostProcessor {
  readonly single: readonly TemplatePiece[];
  readonly pair: readonly TemplatePiece[];
  readonly trimOffsets: OffsetTrimmer | null;
}

const SEQUENCE_A: TemplatePiece = { sequence: 'A', typeId: 0 };

/** Adds nothing. */
export const noPostProcessing: PostProcessor = {
  single: [SEQUENCE_A],
  pair: [SEQUENCE_A, { sequence: 'B', typeId: 1 }],
  trimOffsets: null,
};

const SPACE = new RegExp(`[${SPACES}${BYTE_SPACE}]`, 'u');

function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACE.test(character);
}

/** Takes the spaces that a byte-level token begins and ends with out of its offsets. */
function trimSpaces(addPrefixSpace: boolean): OffsetTrimmer {
  return (token, offset, isFirst) => {
    let leading = 0;
    while (isSpace(token[leading])) leading += 1;
    let trailing = 0;
    while (isSpace(token[token.length - 1 - trailing])) trailing += 1;
    // The space in front of the first token was put there, and is not in the text.
    if (leading > 0 && addPrefixSpace && (isFirst || offset[0] === 0)) leading -= 1;
    offset[0] = Math.min(offset[0] + leading, offset[1]);
    if (trailing > 0 && offset[1] >= trailing) offset[1] = Math.max(offset[1] - trailing, offset[0]);
  };
}

function readTrimmer(fields: Fields): OffsetTrimmer | null {
  return fields.flag('trim_offsets', true) ? trimSpaces(fields.flag('add_prefix_space', true)) : null;
}

/** A field `[token, id]`. */
function specialToken(fields: Fields, name: string): TemplatePiece {
  const value = fields.list(name);
  if (value.length !== 2 || typeof value[0] !== 'string' || !isId(value[1])) {
    throw fields.error(`${name} must be a token and its id, got ${describe(value)}`);
  }
  return { id: value[1], typeId: 0 };
}

function withTypeId(piece: TemplatePiece, typeId: number): TemplatePiece {
  return { ...piece, typeId };
}

function readBert(fields: Fields): PostProcessor {
  const [cls, sep] = [specialToken(fields, 'cls'), specialToken(fields, 'sep')];
  return {
    single: [cls, SEQUENCE_A, sep],
    pair: [cls, SEQUENCE_A, sep, { sequence: 'B', typeId: 1 }, withTypeId(sep, 1)],
    trimOffsets: null,
  };
}

function readRoberta(fields: Fields): PostProcessor {
  const [cls, sep] = [specialToken(fields, 'cls'), specialToken(fields, 'sep')];
  return {
    single: [cls, SEQUENCE_A, sep],
    pair: [cls, SEQUENCE_A, sep, sep, { sequence: 'B', typeId: 0 }, sep],
    trimOffsets: readTrimmer(fields),
  };
}

function readTemplate(fields: Fields): PostProcessor {
  const specialTokens = fields.optionalFields('special_tokens');
  const idsOf = (name: string): number[] => {
    const ids = specialTokens?.has(name) ? specialTokens.fields(name).list('ids') : null;
    if (ids === null || !ids.every(isId)) throw fields.error(`special_tokens has no ids of ${JSON.stringify(name)}`);
    return ids as number[];
  };
  const readPieces = (name: string): TemplatePiece[] =>
    fields.fieldsList(name, []).flatMap((piece): TemplatePiece[] => {
      const special = piece.optionalFields('SpecialToken');
      if (special !== null) {
        const typeId = special.integer('type_id', 0);
        return idsOf(special.text('id')).map((id) => ({ id, typeId }));
      }
      const sequence = piece.fields('Sequence');
      return [{ sequence: sequence.choice('id', ['A', 'B']), typeId: sequence.integer('type_id', 0) }];
    });
  return { single: readPieces('single'), pair: readPieces('pair'), trimOffsets: null };
}

/** Templates and trimming of all parts; of several templates the last. */
function readSequence(fields: Fields): PostProcessor {
  return fields
    .fieldsList('processors')
    .map(readPostProcessor)
    .reduce((all, part) => {
      const template = part.single === noPostProcessing.single ? all : part;
      return { single: template.single, pair: template.pair, trimOffsets: part.trimOffsets ?? all.trimOffsets };
    }, noPostProcessing);
}

const READERS: Record<string, (fields: Fields) => PostProcessor> = {
  BertProcessing: readBert,
  ByteLevel: (fields) => ({ ...noPostProcessing, trimOffsets: readTrimmer(fields) }),
  RobertaProcessing: readRoberta,
  Sequence: readSequence,
  TemplateProcessing: readTemplate,
};

/** The post-processor that an object of a tokenizer.json describes. */
export function readPostProcessor(fields: Fields): PostProcessor {
  const type = fields.text('type');
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw fields.error(`gemmule does not know the post-processor ${JSON.stringify(type)}`);
  return read(fields);
}
