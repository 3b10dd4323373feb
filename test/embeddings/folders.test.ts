import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { FileError, FormatError, GemmuleError, ModelError, TokenizerError } from '../../src/errors.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { tensor } from '../../src/tensor/creation.js';
import { ModelCopy } from '../models/folder.js';
import { modelFolder } from '../models/golden.js';

const TEXT = 'the bank lent money';

/** The vector of a text, by a changed copy of the model `bert`. */
async function vectorOf(change: (copy: ModelCopy) => unknown, text = TEXT, options = {}): Promise<number[]> {
  using copy = new ModelCopy('bert');
  await change(copy);
  using embedder = await TextEmbedder.load(copy.folder);
  const vectors = await embedder.embed([text], options);
  expect(vectors.shape).toEqual([1, embedder.dimension]);
  return [...vectors.toTypedArray()];
}

/** The hidden states of a text's tokens, before pooling. */
async function tokensOf(text = TEXT): Promise<number[][]> {
  using embedder = await TextEmbedder.load(modelFolder('bert'));
  const [{ vectors }] = await embedder.embedTokens([text]);
  return vectors.toArray() as number[][];
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 5);
}

const sum = (rows: readonly number[][], weight: (row: number) => number = () => 1): number[] =>
  rows[0].map((_, column) => rows.reduce((total, row, index) => total + row[column] * weight(index), 0));
const unit = (vector: readonly number[]): number[] => vector.map((value) => value / Math.hypot(...vector));

const POOLING = '1_Pooling/config.json';
const onlyFlag = (flag: string) => ({
  pooling_mode_mean_tokens: false,
  [`pooling_mode_${flag}`]: true,
});

describe('pooling, as the folder asks for it', () => {
  const modes: [string, string, (rows: number[][]) => number[]][] = [
    ['cls_token', 'cls', (rows) => rows[0]],
    ['max_tokens', 'max', (rows) => rows[0].map((_, column) => Math.max(...rows.map((row) => row[column])))],
    ['mean_tokens', 'mean', (rows) => sum(rows, () => 1 / rows.length)],
    ['mean_sqrt_len_tokens', 'mean_sqrt_len_tokens', (rows) => sum(rows, () => 1 / Math.sqrt(rows.length))],
    [
      'weightedmean_tokens',
      'weightedmean',
      (rows) => sum(rows, (row) => (2 * (row + 1)) / (rows.length * (rows.length + 1))),
    ],
    ['lasttoken', 'lasttoken', (rows) => rows[rows.length - 1]],
  ];

  it.each(modes)('%s, in files of both generations', async (flag, name, pool) => {
    const expected = pool(await tokensOf());
    const raw = { normalize: false };
    expectClose(await vectorOf((copy) => copy.edit(POOLING, { ...onlyFlag(flag) }), TEXT, raw), expected);
    const renamed = { embedding_dimension: 48, pooling_mode: name };
    expectClose(await vectorOf((copy) => copy.write(POOLING, renamed), TEXT, raw), expected);
    expectClose(await vectorOf((copy) => copy.write(POOLING, renamed)), unit(expected));
  });

  it('several at once, side by side and normalised together', async () => {
    const rows = await tokensOf();
    const expected = unit([...rows[0], ...sum(rows, () => 1 / rows.length)]);
    expectClose(await vectorOf((copy) => copy.edit(POOLING, { pooling_mode_cls_token: true })), expected);
    for (const pooling_mode of ['cls+mean', ['mean', 'cls']]) {
      expectClose(await vectorOf((copy) => copy.write(POOLING, { pooling_mode })), expected);
    }
  });

  it('the mean, not normalised, without sentence-transformers files', async () => {
    const rows = await tokensOf();
    expectClose(
      await vectorOf((copy) => copy.remove('modules.json')),
      sum(rows, () => 1 / rows.length),
    );
  });

  it('through a dense layer', async () => {
    const weight = tensor([[...new Float32Array(48).fill(0.5)], [...new Float32Array(48).map((_, n) => n / 100)]]);
    const mean = await vectorOf(() => undefined, TEXT, { normalize: false });
    const expected = (weight.toArray() as number[][]).map((row, out) =>
      Math.tanh(row.reduce((total, value, n) => total + value * mean[n], 0) + [0.25, -1][out]),
    );
    const addDense = async (copy: ModelCopy): Promise<void> => {
      mkdirSync(copy.file('2_Dense'));
      copy.write('2_Dense/config.json', {
        in_features: 48,
        out_features: 2,
        bias: true,
        activation_function: 'torch.nn.modules.activation.Tanh',
      });
      const bias = tensor([0.25, -1]);
      await writeSafetensors(copy.file('2_Dense/model.safetensors'), {
        'linear.weight': weight.to('float32'),
        'linear.bias': bias.to('float32'),
      });
      const type = (kind: string) => `sentence_transformers.models.${kind}`;
      copy.write('modules.json', [
        { idx: 0, name: '0', path: '', type: type('Transformer') },
        { idx: 1, name: '1', path: '1_Pooling', type: type('Pooling') },
        { idx: 2, name: '2', path: '2_Dense', type: type('Dense') },
        { idx: 3, name: '3', path: '3_Normalize', type: type('Normalize') },
      ]);
    };
    expectClose(await vectorOf(addDense, TEXT, { normalize: false }), expected);
    expectClose(await vectorOf(addDense), unit(expected));
  });
});

describe('prompts', () => {
  const prompts = (fields: object) => (copy: ModelCopy) =>
    copy.write('config_sentence_transformers.json', { prompts: { query: 'money: ', passage: '' }, ...fields });

  it('stand before the text, by name, as given, or by default', async () => {
    const plain = await vectorOf(() => undefined);
    const prefixed = await vectorOf(() => undefined, `money: ${TEXT}`);
    expect(prefixed).not.toEqual(plain);
    expect(await vectorOf(prompts({}), TEXT)).toEqual(plain);
    expect(await vectorOf(prompts({}), TEXT, { prompt: 'query' })).toEqual(prefixed);
    expect(await vectorOf(prompts({}), TEXT, { prompt: 'passage' })).toEqual(plain);
    expect(await vectorOf(prompts({}), TEXT, { prompt: { text: 'money: ' } })).toEqual(prefixed);
    expect(await vectorOf(prompts({ default_prompt_name: 'query' }), TEXT)).toEqual(prefixed);
    expect(await vectorOf(prompts({ default_prompt_name: 'query' }), TEXT, { prompt: null })).toEqual(plain);
    await expect(vectorOf(prompts({}), TEXT, { prompt: 'Query' })).rejects.toThrow(
      /no prompt "Query"; it has query, passage/,
    );
  });

  it('do not count in the mean where the folder says so, but are seen by the other tokens', async () => {
    const rows = await tokensOf(`money: ${TEXT}`);
    using embedder = await TextEmbedder.load(modelFolder('bert'));
    const promptTokens = embedder.tokenizer.encode('money: ').ids.length - 1;
    const expected = unit(sum(rows.slice(promptTokens), () => 1));
    const change = (copy: ModelCopy): void => {
      prompts({})(copy);
      copy.edit(POOLING, { include_prompt: false });
    };
    expectClose(await vectorOf(change, TEXT, { prompt: 'query' }), expected);
    expectClose(await vectorOf(change, TEXT), await vectorOf(() => undefined));
  });
});

describe('how long texts may be', () => {
  it.each<[string, (copy: ModelCopy) => void, number]>([
    ['what sentence_bert_config.json says', () => undefined, 96],
    ['what the tokenizer says, where that is silent', (copy) => copy.write('sentence_bert_config.json', {}), 128],
    [
      'no more than the model has positions',
      (copy) => copy.write('sentence_bert_config.json', { max_seq_length: 512 }),
      128,
    ],
    [
      'as much as the model has positions, where nobody says anything',
      (copy) => {
        copy.remove('sentence_bert_config.json');
        copy.edit('tokenizer_config.json', { model_max_length: 1e30 });
      },
      128,
    ],
  ])('%s', async (_, change, maxTokens) => {
    using copy = new ModelCopy('bert');
    change(copy);
    using embedder = await TextEmbedder.load(copy.folder);
    expect(embedder.maxTokens).toBe(maxTokens);
  });

  it('what the caller says', async () => {
    using embedder = await TextEmbedder.load(modelFolder('bert'), { maxTokens: 10 });
    expect(embedder.maxTokens).toBe(10);
    const [{ ids }] = await embedder.embedTokens(['the bank '.repeat(20)]);
    expect(ids).toHaveLength(10);
    await expect(TextEmbedder.load(modelFolder('bert'), { maxTokens: 129 })).rejects.toThrow(/from 1 to 128, got 129/);
  });
});

describe('TextEmbedder.load refuses', () => {
  const modules = (...types: string[]) =>
    types.map((type, idx) => ({ idx, name: `${idx}`, path: idx === 1 ? '1_Pooling' : '', type }));
  it.each<[string, (copy: ModelCopy) => unknown, new (...args: never[]) => GemmuleError, RegExp]>([
    [
      'a module that gemmule lacks',
      (copy) => copy.write('modules.json', modules('a.Transformer', 'b.Pooling', 'c.CNN')),
      ModelError,
      /asks for a module CNN/,
    ],
    [
      'modules out of order',
      (copy) => copy.write('modules.json', modules('a.Pooling', 'a.Pooling')),
      ModelError,
      /lists Pooling, Pooling/,
    ],
    ['no modules', (copy) => copy.write('modules.json', []), ModelError, /lists nothing/],
    [
      'modules that are no list',
      (copy) => copy.write('modules.json', {}),
      FormatError,
      /must hold an array of modules, got \{\}/,
    ],
    [
      'a module outside',
      (copy) => copy.write('modules.json', [{ type: 'Transformer', path: '../elsewhere' }]),
      FormatError,
      /must lie in the model's folder/,
    ],
    ['a module without its folder', (copy) => copy.remove('1_Pooling'), FileError, /1_Pooling/],
    [
      'pooling by another name',
      (copy) => copy.write(POOLING, { pooling_mode: 'median' }),
      ModelError,
      /pooling_mode is "median"/,
    ],
    [
      'no pooling',
      (copy) => copy.edit(POOLING, { pooling_mode_mean_tokens: false }),
      ModelError,
      /turns on no way of pooling/,
    ],
    [
      'a flag that is none',
      (copy) => copy.edit(POOLING, { pooling_mode_mean_tokens: 'yes' }),
      FormatError,
      /must be true or false, got "yes"/,
    ],
    [
      'no length',
      (copy) => copy.write('sentence_bert_config.json', { max_seq_length: 0 }),
      FormatError,
      /max_seq_length must be a whole number from 1 up, got 0/,
    ],
    [
      'an unknown measure',
      (copy) => copy.write('config_sentence_transformers.json', { similarity_fn_name: 'x' }),
      ModelError,
      /similarity_fn_name is "x"/,
    ],
    [
      'a default prompt that is not there',
      (copy) => copy.write('config_sentence_transformers.json', { default_prompt_name: 'q' }),
      ModelError,
      /default_prompt_name is "q"/,
    ],
    ['no tokenizer', (copy) => copy.remove('tokenizer.json'), TokenizerError, /tokenizer\.json/],
    [
      'a tokenizer without a model',
      (copy) => copy.write('tokenizer.json', { version: '1.0' }),
      TokenizerError,
      /no model in it/,
    ],
    [
      'the tokenizer of a larger model',
      (copy) => copy.edit('config.json', { vocab_size: 503 }),
      GemmuleError as never,
      /503/,
    ],
  ])('%s', async (_, damage, kind, message) => {
    using copy = new ModelCopy('bert');
    await damage(copy);
    const loading = TextEmbedder.load(copy.folder);
    await expect(loading).rejects.toThrow(kind);
    await expect(loading).rejects.toThrow(message);
  });

  it('a folder that is not there, and what is no path', async () => {
    await expect(TextEmbedder.load('no/such/model')).rejects.toThrow(/no model folder no\/such\/model/);
    await expect(TextEmbedder.load('')).rejects.toThrow(GemmuleError);
    await expect(TextEmbedder.load(3 as never)).rejects.toThrow(/got 3/);
  });

  it('no name of the default model', async () => {
    using embedder = await TextEmbedder.load('sentence-transformers/all-MiniLM-L6-v2');
    expect(embedder.describe()).toMatchObject({
      name: 'all-MiniLM-L6-v2',
      type: 'bert',
      dimension: 384,
      maxTokens: 256,
    });
  });
});
