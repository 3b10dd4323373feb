import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { setDefaultBackend } from '../../src/backend/index.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import type { View } from '../../src/backend/view.js';
import { FileError, FormatError, type GemmuleError, ModelError } from '../../src/errors.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { loadModel } from '../../src/models/load.js';
import { relativePositionBucket } from '../../src/models/mpnet.js';
import type { DType } from '../../src/tensor/dtype.js';
import { ModelCopy } from './folder.js';
import { GOLDEN_MODELS, goldenCases, int32, worstDifference } from './golden.js';

setDefaultBackend(referenceBackend);

/** How far a model's hidden states are from the goldens of a family, over a few texts. */
async function errorOf(folder: string, golden: string): Promise<number> {
  const model = await loadModel(folder);
  let worst = 0;
  for (const { truncated_ids: ids, last_hidden_first_token } of goldenCases(golden).slice(0, 4)) {
    const cuSeqlens = Int32Array.of(0, ids.length);
    const positions = model.positions(Int32Array.from(ids), cuSeqlens);
    const inputs = { ids: int32(ids), positions: int32([...positions]), cuSeqlens: int32([...cuSeqlens]) };
    worst = Math.max(worst, worstDifference(model.forward(inputs).data as Float32Array, last_hidden_first_token));
  }
  return worst;
}

const cast = (view: View, dtype: DType): View => referenceBackend.run('cast', [view], { dtype })[0] as View;

describe('loadModel reads weights as Hugging Face does', () => {
  it.each([
    ['bert', 'bert.'],
    ['bert', '0.auto_model.'],
    ['roberta', 'roberta.'],
    ['distilbert', 'distilbert.'],
    ['mpnet', 'mpnet.'],
  ])('%s under the prefix %s, beside a head', async (name, prefix) => {
    using copy = new ModelCopy(name);
    await copy.rewrite((key, view) => [prefix + key, view]);
    const head = { 'classifier.weight': Object.values(copy.weights())[0] };
    await writeSafetensors(copy.file('model.safetensors'), { ...copy.weights(), ...head });
    expect(await errorOf(copy.folder, name)).toBeLessThan(2e-5);
  });

  it('without a pooler, and with the old names of normalisations', async () => {
    using copy = new ModelCopy('bert');
    await copy.rewrite((key, view) => {
      if (key.startsWith('pooler.')) return null;
      return [key.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'), view];
    });
    expect(await errorOf(copy.folder, 'bert')).toBeLessThan(2e-5);
  });

  it.each<[DType, number]>([
    ['float64', 2e-5],
    // Weights off by 2^-12 and 2^-9 of themselves, over three layers.
    ['float16', 2e-2],
    ['bfloat16', 2e-1],
  ])('in %s', async (dtype, limit) => {
    using copy = new ModelCopy('bert');
    await copy.rewrite((key, view) => [key, cast(view, dtype)]);
    const error = await errorOf(copy.folder, 'bert');
    expect(error).toBeLessThan(limit);
    if (dtype !== 'float64') expect(error).toBeGreaterThan(2e-5);
  });

  it.each(GOLDEN_MODELS)('%s from several files with an index', async (name) => {
    using copy = new ModelCopy(name);
    const weights = Object.entries(copy.weights());
    const half = Math.floor(weights.length / 2);
    const shards = {
      'model-1-of-2.safetensors': weights.slice(0, half),
      'model-2-of-2.safetensors': weights.slice(half),
    };
    const map: Record<string, string> = {};
    for (const [file, entries] of Object.entries(shards)) {
      await writeSafetensors(copy.file(file), Object.fromEntries(entries));
      for (const [key] of entries) map[key] = file;
    }
    copy.write('model.safetensors.index.json', { metadata: { total_size: 0 }, weight_map: map });
    copy.remove('model.safetensors');
    expect(await errorOf(copy.folder, name)).toBeLessThan(2e-5);
  });

  it('distilbert with sinusoidal positions that are not stored', async () => {
    using copy = new ModelCopy('distilbert');
    copy.edit('config.json', { sinusoidal_pos_embds: true });
    await copy.rewrite((key, view) => (key.endsWith('position_embeddings.weight') ? null : [key, view]));
    const error = await errorOf(copy.folder, 'distilbert');
    // Another model now, but one that runs.
    expect(error).toBeGreaterThan(1e-3);
    expect(error).toBeLessThan(10);
  });
});

describe('newer families', () => {
  it('read a ModernBERT config of transformers 4', async () => {
    using copy = new ModelCopy('modernbert');
    copy.edit('config.json', {
      layer_types: undefined,
      rope_parameters: undefined,
      global_attn_every_n_layers: 2,
      global_rope_theta: 160_000,
      local_rope_theta: 10_000,
    });
    expect(await errorOf(copy.folder, 'modernbert')).toBeLessThan(2e-5);
    copy.edit('config.json', { local_rope_theta: 500 });
    expect(await errorOf(copy.folder, 'modernbert')).toBeGreaterThan(1e-4);
  });

  it('read the config of NomicBERT’s authors, under a prefix too', async () => {
    using copy = new ModelCopy('nomic_bert');
    copy.write('config.json', {
      model_type: 'nomic_bert',
      activation_function: 'swiglu',
      n_embd: 48,
      n_head: 4,
      n_inner: 96,
      n_layer: 3,
      n_positions: 256,
      layer_norm_epsilon: 1e-12,
      rotary_emb_base: 1000,
      rotary_emb_fraction: 1,
      rotary_emb_interleaved: false,
      rotary_emb_scale_base: null,
      rotary_scaling_factor: null,
      prenorm: false,
      type_vocab_size: 2,
      vocab_size: 508,
    });
    await copy.rewrite((key, view) => [`nomic_bert.${key}`, view]);
    expect(await errorOf(copy.folder, 'nomic_bert')).toBeLessThan(2e-5);
    copy.edit('config.json', { rotary_scaling_factor: 2, max_trained_positions: 100 });
    expect((await loadModel(copy.folder)).config.maxTokens).toBe(100);
  });

  it.each<[string, string, object, RegExp]>([
    [
      'modernbert',
      'kinds of attention',
      { layer_types: ['full_attention', 'linear', 'linear'] },
      /"linear"; gemmule knows/,
    ],
    ['modernbert', 'kinds for other layers', { layer_types: ['full_attention'] }, /1 entries for 3 layers/],
    [
      'modernbert',
      'scaled positions',
      { rope_parameters: { full_attention: { rope_type: 'yarn' } } },
      /rope_type is "yarn"/,
    ],
    [
      'modernbert',
      'a base that is none',
      { rope_parameters: { full_attention: { rope_theta: -1 } } },
      /must be positive/,
    ],
    ['modernbert', 'biases that are not there', { attention_bias: true }, /no tensor layers\.0\.attn\.Wqkv\.bias/],
    ['nomic_bert', 'heads of another width', { head_dim: 10 }, /4 heads of head_dim 10/],
    ['nomic_bert', 'prenorm', { n_embd: 48, n_head: 4, n_layer: 3, n_positions: 9, prenorm: true }, /prenorm/],
    ['nomic_bert', 'experts', { n_embd: 48, n_head: 4, n_layer: 3, n_positions: 9, num_experts: 8 }, /num_experts/],
    [
      'nomic_bert',
      'an ungated activation',
      { n_embd: 48, n_head: 4, n_layer: 3, n_positions: 9, activation_function: 'gelu' },
      /knows swiglu, geglu here, got "gelu"/,
    ],
    [
      'nomic_bert',
      'a fraction of nothing',
      { n_embd: 48, n_head: 4, n_layer: 3, n_positions: 9, rotary_emb_fraction: 0.1 },
      /rotary_emb_fraction/,
    ],
  ])('refuse, in %s: %s', async (name, _, fields, message) => {
    using copy = new ModelCopy(name);
    copy.edit('config.json', fields as Record<string, unknown>);
    const loading = loadModel(copy.folder);
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(message);
  });
});

describe('positions', () => {
  it('count from zero, or from behind the padding index without counting padding', async () => {
    using bert = new ModelCopy('bert');
    using roberta = new ModelCopy('roberta');
    const ids = Int32Array.of(0, 5, 1, 6, 7, 0, 2);
    const cuSeqlens = Int32Array.of(0, 5, 5, 7);
    expect([...(await loadModel(bert.folder)).positions(ids, cuSeqlens)]).toEqual([0, 1, 2, 3, 4, 0, 1]);
    expect([...(await loadModel(roberta.folder)).positions(ids, cuSeqlens)]).toEqual([2, 3, 1, 4, 5, 2, 3]);
  });

  it('run out where the model says', async () => {
    using roberta = new ModelCopy('roberta');
    const model = await loadModel(roberta.folder);
    expect(model.config.maxTokens).toBe(128);
    expect(model.positions(new Int32Array(128), Int32Array.of(0, 128)).at(-1)).toBe(129);
    expect(() => model.positions(new Int32Array(129), Int32Array.of(0, 129))).toThrow(/129 tokens.*at most 128/);
  });

  it('fall into the buckets of T5', () => {
    const buckets = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, index) => relativePositionBucket(from + index));
    // By transformers' relative_position_bucket (num_buckets 32, max_distance 128).
    expect(buckets(-16, 0)).toEqual([10, 9, 9, 9, 9, 8, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(buckets(1, 8)).toEqual([17, 18, 19, 20, 21, 22, 23, 24]);
    expect([-31, -32, -63, -64, -127, -128, -1000].map(relativePositionBucket)).toEqual([11, 12, 13, 14, 15, 15, 15]);
    expect([31, 32, 63, 64, 127, 128, 1000].map(relativePositionBucket)).toEqual([27, 28, 29, 30, 31, 31, 31]);
  });
});

describe('loadModel refuses', () => {
  it.each<[string, (copy: ModelCopy) => unknown, new (...args: never[]) => GemmuleError, RegExp]>([
    ['a folder without config.json', (copy) => copy.remove('config.json'), FileError, /config\.json/],
    [
      'a config that is no JSON',
      (copy) => copy.write('config.json', '{"model_type":'),
      FormatError,
      /config\.json is not valid JSON/,
    ],
    [
      'a config that is no object',
      (copy) => copy.write('config.json', '[]'),
      FormatError,
      /must hold a JSON object, got \[\]/,
    ],
    [
      'another family',
      (copy) => copy.edit('config.json', { model_type: 't5' }),
      ModelError,
      /type "t5"; it runs bert, /,
    ],
    [
      'no family',
      (copy) => copy.edit('config.json', { model_type: undefined }),
      FormatError,
      /model_type must be a string, got nothing/,
    ],
    [
      'a size that is none',
      (copy) => copy.edit('config.json', { hidden_size: '48' }),
      FormatError,
      /hidden_size must be a whole number from 1 up, got "48"/,
    ],
    [
      'a size of half',
      (copy) => copy.edit('config.json', { hidden_size: 1.5 }),
      FormatError,
      /hidden_size .* got 1\.5/,
    ],
    [
      'a NaN',
      (copy) => copy.write('config.json', '{"model_type": "bert", "hidden_size": NaN}'),
      FormatError,
      /not valid JSON/,
    ],
    [
      'heads that do not divide',
      (copy) => copy.edit('config.json', { num_attention_heads: 5 }),
      ModelError,
      /48 cannot be divided between 5/,
    ],
    [
      'an unknown activation',
      (copy) => copy.edit('config.json', { hidden_act: 'mish' }),
      ModelError,
      /hidden_act is "mish"; gemmule knows gelu/,
    ],
    ['a decoder', (copy) => copy.edit('config.json', { is_decoder: true }), ModelError, /is_decoder/],
    [
      'relative positions',
      (copy) => copy.edit('config.json', { position_embedding_type: 'relative_key' }),
      ModelError,
      /relative_key/,
    ],
    [
      'another width',
      (copy) => copy.edit('config.json', { hidden_size: 96 }),
      ModelError,
      /has shape \[.*48.*\], config\.json calls for \[.*96/,
    ],
    [
      'another vocabulary',
      (copy) => copy.edit('config.json', { vocab_size: 505 }),
      ModelError,
      /word_embeddings\.weight has shape \[504, 48\], config\.json calls for \[505, 48\]/,
    ],
    [
      'more layers than there are',
      (copy) => copy.edit('config.json', { num_hidden_layers: 4 }),
      ModelError,
      /no tensor encoder\.layer\.3\./,
    ],
    ['no weights', (copy) => copy.remove('model.safetensors'), ModelError, /neither model\.safetensors nor/],
    [
      'weights of Python',
      (copy) => renameSync(copy.file('model.safetensors'), copy.file('pytorch_model.bin')),
      ModelError,
      /has pytorch_model\.bin.*convert/,
    ],
    [
      'integer weights',
      (copy) => copy.rewrite((name, view) => [name, name.endsWith('query.weight') ? cast(view, 'int32') : view]),
      ModelError,
      /is I32; gemmule reads weights in F32/,
    ],
    [
      'weights of another model',
      (copy) => copy.rewrite((name, view) => [`x${name}`, view]),
      ModelError,
      /no tensor embeddings\.word_embeddings\.weight/,
    ],
    [
      'truncated weights',
      (copy) =>
        writeFileSync(copy.file('model.safetensors'), readFileSync(copy.file('model.safetensors')).subarray(0, 9000)),
      FormatError,
      /outside the .* bytes of data/,
    ],
  ])('%s', async (_, damage, kind, message) => {
    using copy = new ModelCopy('bert');
    await damage(copy);
    const loading = loadModel(copy.folder);
    await expect(loading).rejects.toThrow(kind);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(copy.folder);
  });

  it('weights that were exported, and names the model that they were made from', async () => {
    using copy = new ModelCopy('bert');
    copy.remove('model.safetensors');
    mkdirSync(copy.file('onnx'));
    copy.write('onnx/model.onnx', 'not a model');
    await expect(loadModel(copy.folder)).rejects.toThrow(
      /has onnx\/model\.onnx, which.*take the model that it was made/,
    );
    copy.edit('config.json', { _name_or_path: 'sentence-transformers/all-MiniLM-L6-v2' });
    await expect(loadModel(copy.folder)).rejects.toThrow(
      /made from sentence-transformers\/all-MiniLM-L6-v2; load that/,
    );
    copy.write('README.md', '---\nlicense: mit\ntags:\n- a\nbase_model:\n- BAAI/bge-small-en-v1.5\n---\ntext');
    await expect(loadModel(copy.folder)).rejects.toThrow(/made from BAAI\/bge-small-en-v1\.5/);
    copy.write('README.md', '---\nbase_model: nomic-ai/nomic-embed-text-v1.5\n---\n');
    await expect(loadModel(copy.folder)).rejects.toThrow(/made from nomic-ai\/nomic-embed-text-v1\.5/);
    copy.write('README.md', '---\nbase_model: ../../etc\n---\n');
    copy.write('config.json', '{');
    copy.remove('onnx');
    renameSync(copy.file('config.json'), copy.file('model-Q4_0.gguf'));
    await expect(loadModel(copy.folder)).rejects.toThrow(ModelError);
    await expect(loadModel(copy.folder)).rejects.toThrow(/has only model-Q4_0\.gguf, which gemmule does not read/);
    await expect(loadModel(copy.folder)).rejects.toThrow(/make a folder of it: gemmule convert MODEL\.gguf FOLDER/);
  });

  it('a folder that is not there', async () => {
    expect(existsSync('/no/such/folder')).toBe(false);
    await expect(loadModel('/no/such/folder')).rejects.toThrow(FileError);
    await expect(loadModel('/no/such/folder')).rejects.toThrow(/no model folder \/no\/such\/folder.*config\.json/);
  });
});
