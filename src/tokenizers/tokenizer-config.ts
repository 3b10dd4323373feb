import { Fields } from './fields.js';

/** Larger limits stand for none: files without one say 10^30. */
const LARGEST_LIMIT = 2 ** 31;

/** What a special token is for. */
const TOKEN_ROLES = ['bos', 'cls', 'eos', 'mask', 'pad', 'sep', 'unk'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

/** What a `tokenizer_config.json` says beside the `tokenizer.json`. */
export interface TokenizerConfig {
  /** The most tokens that the model was made for, or null where the file gives no limit. */
  readonly modelMaxLength: number | null;
  /** The special tokens that the file names, by what they are for. */
  readonly roles: ReadonlyMap<TokenRole, string>;
}

/**
 * Reads the fields that are of use here from a parsed `tokenizer_config.json`.
 *
 * @throws TokenizerError for a field of the wrong type.
 */
export function readTokenizerConfig(where: string, value: unknown): TokenizerConfig {
  const fields = new Fields(where, value);
  const roles = new Map<TokenRole, string>();
  for (const role of TOKEN_ROLES) {
    const name = `${role}_token`;
    if (!fields.has(name)) continue;
    // Written as a text, or as an object that also says how the token is found.
    const content = typeof fields.raw(name) === 'string' ? fields.text(name) : fields.fields(name).text('content');
    roles.set(role, content);
  }
  const limit = fields.number('model_max_length', Number.POSITIVE_INFINITY);
  return { modelMaxLength: limit >= 1 && limit < LARGEST_LIMIT ? Math.floor(limit) : null, roles };
}

/** Where there is no such file. */
export const noTokenizerConfig: TokenizerConfig = { modelMaxLength: null, roles: new Map() };
