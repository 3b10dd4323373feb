/*
 * What requests and answers look like, as JSON Schema: fastify checks bodies by it, and the OpenAPI document shows it. The
 * description of a field ends the sentence "NAME must be ...", with which a wrong one is refused.
 */

import { AGGREGATIONS } from '../heads/index.js';

/** A JSON Schema, as far as it is used here. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | false;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly $ref?: string;
}

const string: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const integer: Schema = { type: 'integer' };
const tokenId: Schema = { type: 'integer', minimum: 0, maximum: 2 ** 31 - 1 };
const list = (items: Schema, minItems = 0): Schema => ({ type: 'array', items, ...(minItems > 0 ? { minItems } : {}) });
const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
});
const flag: Schema = { type: ['boolean', 'null'], description: 'true or false' };
const model: Schema = { type: ['string', 'null'], description: 'the name of a model' };
const promptName: Schema = {
  type: ['string', 'null'],
  description: 'the name of a prompt of the model, which is put in front of each text',
};

const tokenLists: readonly Schema[] = [list(tokenId, 1), list(list(tokenId, 1), 1)];
const textOrTexts: Schema = {
  anyOf: [string, list(string, 1)],
  description: 'a string or an array of at least one string',
};
const textsOrTokens: Schema = {
  anyOf: [string, list(string, 1), ...tokenLists],
  description:
    'a string, an array of strings, an array of token ids, or an array of such arrays; arrays must not be empty',
};

export const openaiEmbeddingsBody = object(
  {
    input: textsOrTokens,
    model,
    encoding_format: { type: ['string', 'null'], enum: ['float', 'base64', null], description: '"float" or "base64"' },
    dimensions: {
      type: ['integer', 'null'],
      minimum: 1,
      description: 'how many numbers of each vector to keep, 1 or more',
    },
    user: { type: ['string', 'null'], description: 'a string; it is not used' },
    truncate: flag,
  },
  ['input'],
);

export const openaiEmbeddingsAnswer = object(
  {
    object: { type: 'string', enum: ['list'] },
    data: list(
      object({
        object: { type: 'string', enum: ['embedding'] },
        index: integer,
        embedding: { anyOf: [list(number), string], description: 'numbers, or their float32 bytes in Base64' },
      }),
    ),
    model: string,
    usage: object({ prompt_tokens: integer, total_tokens: integer }),
  },
  ['object', 'data', 'model', 'usage'],
);

export const modelsAnswer = object({
  object: { type: 'string', enum: ['list'] },
  data: list(object({ id: string, object: string, created: integer, owned_by: string })),
});

const embedFields = { inputs: textsOrTokens, model, truncate: flag, prompt_name: promptName };

export const embedBody = object(
  {
    ...embedFields,
    normalize: flag,
    dimensions: {
      type: ['integer', 'null'],
      minimum: 1,
      description: 'how many numbers of each vector to keep, 1 or more',
    },
  },
  ['inputs'],
);
export const embedAnswer: Schema = { ...list(list(number)), description: 'one vector a text' };

export const embedAllBody = object({ ...embedFields, inputs: textOrTexts }, ['inputs']);
export const embedAllAnswer: Schema = { ...list(list(list(number))), description: 'one vector a token, text by text' };

export const embedSparseBody = object({ ...embedFields, inputs: textOrTexts }, ['inputs']);
export const embedSparseAnswer = list(list(object({ index: integer, value: number })));

export const similarityBody = object(
  {
    inputs: {
      ...object({ source_sentence: string, sentences: list(string, 1) }, ['source_sentence', 'sentences']),
      description: '{ "source_sentence": a string, "sentences": an array of at least one string }',
    },
    parameters: {
      type: ['object', 'null'],
      properties: { truncate: flag, prompt_name: promptName },
      description: '{ "truncate": true or false, "prompt_name": a string }',
    },
    model,
  },
  ['inputs'],
);
export const similarityAnswer: Schema = { ...list(number), description: 'one number a sentence' };

export const rerankBody = object(
  {
    query: { ...string, description: 'a string' },
    texts: { ...list(string, 1), description: 'an array of at least one string' },
    model,
    truncate: flag,
    raw_scores: flag,
    return_text: flag,
  },
  ['query', 'texts'],
);
export const rerankAnswer: Schema = {
  ...list(object({ index: integer, score: number, text: string }, ['index', 'score'])),
  description: 'the best text first',
};

export const predictBody = object(
  {
    inputs: {
      anyOf: [string, { ...list(string, 1), maxItems: 2 }, list({ ...list(string, 1), maxItems: 2 }, 1)],
      description: 'a string, a pair of strings, or an array of arrays of one or two strings',
    },
    model,
    truncate: flag,
    raw_scores: flag,
    parameters: {
      type: ['object', 'null'],
      properties: {
        aggregation_strategy: { type: ['string', 'null'], enum: [...AGGREGATIONS, null] },
        ignore_labels: { type: ['array', 'null'], items: string },
      },
      description: `{ "aggregation_strategy": ${AGGREGATIONS.map((name) => JSON.stringify(name)).join(' or ')}, "ignore_labels": an array of strings }`,
    },
  },
  ['inputs'],
);
const predictions = list(object({ label: string, score: number }, ['label', 'score']));
const entities: Schema = {
  ...list(
    object(
      {
        entity_group: {
          ...string,
          description: 'the label; of single tokens (aggregation_strategy "none") it is entity',
        },
        entity: string,
        score: number,
        word: { ...string, description: 'what stands there in the text' },
        start: { ...integer, description: 'where in the text it begins, in Unicode characters' },
        end: integer,
      },
      ['score', 'word', 'start', 'end'],
    ),
  ),
  description: 'from token classifiers: the parts of a text that have a label',
};
export const predictAnswer: Schema = { anyOf: [predictions, entities, list({ anyOf: [predictions, entities] })] };

export const tokenizeBody = object({ inputs: textOrTexts, model, add_special_tokens: flag }, ['inputs']);
const token = object({
  id: integer,
  text: string,
  special: { type: 'boolean' },
  start: { type: ['integer', 'null'], description: 'where in the text it begins, in Unicode characters' },
  stop: { type: ['integer', 'null'] },
});
export const tokenizeAnswer = list(list(token));

export const decodeBody = object(
  {
    ids: { anyOf: tokenLists, description: 'an array of token ids, or an array of such arrays; none may be empty' },
    model,
    skip_special_tokens: flag,
  },
  ['ids'],
);
export const decodeAnswer: Schema = { ...list(string), description: 'one text a list of ids' };

export const infoAnswer = object({
  model_id: string,
  model_dtype: string,
  model_type: object({}),
  max_concurrent_requests: integer,
  max_input_length: integer,
  max_batch_tokens: integer,
  max_client_batch_size: integer,
  auto_truncate: { type: 'boolean' },
  version: string,
  models: list(object({})),
});

export const healthAnswer = object({ status: { type: 'string', enum: ['ready', 'loading', 'stopping'] } });

export const teiError = object({ error: string, error_type: string }, ['error', 'error_type']);
export const openaiError = object(
  {
    error: object({
      message: string,
      type: string,
      param: { type: ['string', 'null'] },
      code: { type: ['string', 'null'] },
    }),
  },
  ['error'],
);

/** What ajv says about a body that does not fit. */
export interface SchemaViolation {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The field that a violation is about, and what is wrong with it. */
export function explainViolation(
  schema: Schema,
  violations: readonly SchemaViolation[],
  body: unknown,
): { param: string | null; message: string } {
  const missing = violations.find(({ keyword, instancePath }) => keyword === 'required' && instancePath === '');
  if (missing !== undefined) {
    const param = String(missing.params.missingProperty);
    return { param, message: `${param} is missing; it must be ${schema.properties?.[param]?.description ?? 'given'}` };
  }
  const [, param] = (violations[0]?.instancePath ?? '').split('/');
  if (param === undefined || param === '')
    return { param: null, message: `the body must be an object, got ${kindOf(body)}` };
  const field = (body as Record<string, unknown> | null)?.[param];
  return {
    param,
    message: `${param} must be ${schema.properties?.[param]?.description ?? 'something else'}; got ${describe(field)}`,
  };
}

/** A value in a few words, without writing it out: it may be large, deep, or secret. */
function describe(value: unknown): string {
  if (!Array.isArray(value)) return kindOf(value);
  if (value.length === 0) return 'an empty array';
  const kinds = new Set<string>();
  for (const item of value)
    kinds.add(Array.isArray(item) ? (item.length === 0 ? 'an empty array' : 'an array') : kindOf(item));
  return `an array with ${[...kinds].slice(0, 3).join(' and ')} in it`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? `the number ${value}` : 'a number with a fraction';
  return typeof value === 'string' ? (value === '' ? 'an empty string' : 'a string') : `${value}`;
}
