import type { Fields } from '../fields.js';
import { BpeModel } from './bpe.js';
import type { TokenModel } from './model.js';
import { UnigramModel } from './unigram.js';
import { WordLevelModel, WordPieceModel } from './wordpiece.js';

const MODELS: Record<string, new (fields: Fields) => TokenModel> = {
  BPE: BpeModel,
  Unigram: UnigramModel,
  WordLevel: WordLevelModel,
  WordPiece: WordPieceModel,
};

/** The model that an object of a tokenizer.json describes; old files do not name its type. */
export function readModel(fields: Fields): TokenModel {
  const guess = fields.has('merges') ? 'BPE' : fields.has('unk_id') ? 'Unigram' : 'WordPiece';
  const type = fields.text('type', guess);
  const Model = Object.hasOwn(MODELS, type) ? MODELS[type] : undefined;
  if (Model === undefined) {
    throw fields.error(
      `gemmule does not know the model ${JSON.stringify(type)}; it reads ${Object.keys(MODELS).join(', ')}`,
    );
  }
  return new Model(fields);
}
