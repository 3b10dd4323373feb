import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  FileError,
  getBackend,
  ModelError,
  quantizeModel,
  SafetensorsFile,
  TextEmbedder,
  writeSafetensors,
  zeros,
} from '../../src/index.js';

const root = path.resolve(import.meta.dirname, '../..');
const model = (name: string) => path.join(root, 'test/fixtures/models', name);
const TEXTS = ['The king rode out at dawn.', 'a bank of the river', '', 'ÜBER naïve 日本 🙂'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-quantize-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const target = () => path.join(folder, 'small');

async function vectorsOf(...load: Parameters<typeof TextEmbedder.load>): Promise<number[]> {
  using embedder = await TextEmbedder.load(...load);
  using vectors = await embedder.embed(TEXTS);
  return [...vectors.toTypedArray()];
}

const bytesOf = (where: string) => statSync(path.join(where, 'model.safetensors')).size;

describe('quantizeModel', () => {
  it.each(['bert', 'bert-st6', 'distilbert', 'roberta', 'xlm-roberta', 'mpnet', 'modernbert', 'nomic_bert'])(
    'saves the very numbers that int8 has when %s is loaded',
    async (name) => {
      await quantizeModel(model(name), target());
      using embedder = await TextEmbedder.load(target());
      expect(embedder.describe().weights).toBe('int8');
      const saved = await vectorsOf(target());
      const loaded = await vectorsOf(model(name), { dtype: 'int8' });
      // Tables of embeddings are rounded to float16, which moves a vector by little; everything else is the same.
      expect(Math.max(...saved.map((value, index) => Math.abs(value - (loaded[index] as number))))).toBeLessThan(0.02);
    },
  );

  it('saves the default model bit for bit, in fewer bytes', async () => {
    const source = path.join(root, 'models/all-minilm-l6-v2');
    await quantizeModel(source, target());
    expect(await vectorsOf(target())).toEqual(await vectorsOf(undefined, { dtype: 'int8' }));
    // float16: 22.7 million weights, of which 10.6 million become bytes with a scale for every 64.
    expect(bytesOf(target())).toBeLessThan(0.8 * bytesOf(source));
    const own = ['package.json', 'input_scales.safetensors'];
    const expected = readdirSync(source, { recursive: true }).filter((name) => !own.includes(String(name)));
    expect(readdirSync(target(), { recursive: true })).toEqual(expect.arrayContaining(expected));
    expect(readdirSync(folder)).toEqual(['small']);
  });

  it.each(['float16', 'bfloat16'] as const)('rounds matrices to %s', async (dtype) => {
    await quantizeModel(model('bert-st6'), target(), { dtype });
    expect(bytesOf(target())).toBeLessThan(0.6 * bytesOf(model('bert-st6')));
    const [saved, original] = [await vectorsOf(target()), await vectorsOf(model('bert-st6'))];
    const worst = Math.max(...saved.map((value, index) => Math.abs(value - (original[index] as number))));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(dtype === 'float16' ? 0.005 : 0.05);
  });

  it('saves the scales of int8 with halves, and reads them', async () => {
    await quantizeModel(model('bert-st6'), target(), { dtype: 'float16' });
    const file = path.join(target(), 'input_scales.safetensors');
    const names = SafetensorsFile.open(file).names();
    expect(names).toContain('encoder.layer.0.attention.self.query.input_scale');
    const withScales = await vectorsOf(target(), { dtype: 'int8' });
    rmSync(file);
    expect(await vectorsOf(target(), { dtype: 'int8' })).toEqual(withScales);
    await writeSafetensors(file, { 'encoder.layer.0.attention.self.query.input_scale': zeros([3]) });
    await expect(TextEmbedder.load(target(), { dtype: 'int8' })).rejects.toThrow(
      /has no float32 .* of \d+ numbers; delete/,
    );
  });

  it('is read by the reference backend alike', async () => {
    await quantizeModel(model('bert-st6'), target());
    const native = await vectorsOf(target(), { backend: getBackend('native') });
    const reference = await vectorsOf(target(), { backend: getBackend('reference') });
    // A number at a border may be rounded to either side.
    expect(Math.max(...native.map((value, index) => Math.abs(value - (reference[index] as number))))).toBeLessThan(
      0.01,
    );
  });

  it('refuses what cannot be done, and leaves nothing behind', async () => {
    await quantizeModel(model('bert'), target());
    await expect(quantizeModel(model('bert'), target())).rejects.toThrow(ArgumentError);
    await expect(quantizeModel(target(), path.join(folder, 'again'))).rejects.toThrow(/quantised already/);
    await expect(quantizeModel(path.join(folder, 'none'), path.join(folder, 'again'))).rejects.toThrow(FileError);
    await expect(quantizeModel(model('bert'), path.join(folder, 'again'), { dtype: 'int4' as 'int8' })).rejects.toThrow(
      /must be one of float16, bfloat16, int8, got int4/,
    );
    await expect(TextEmbedder.load(target(), { dtype: 'float32' })).rejects.toThrow(ModelError);
    const broken = path.join(folder, 'broken');
    cpSync(model('bert'), broken, { recursive: true });
    const file = path.join(broken, 'model.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    await expect(quantizeModel(broken, path.join(folder, 'again'))).rejects.toThrow(/broken/);
    expect(readdirSync(folder).sort()).toEqual(['broken', 'small']);
  });

  it('refuses a quantised file whose scales do not fit', async () => {
    await quantizeModel(model('bert'), target());
    const file = path.join(target(), 'model.safetensors');
    const names = SafetensorsFile.open(file).names();
    expect(names.filter((name) => name.endsWith('.group_scale'))).not.toEqual([]);
    const bytes = readFileSync(file);
    const at = bytes.indexOf('"U8"');
    writeFileSync(file, Buffer.concat([bytes.subarray(0, at), Buffer.from('"I8"'), bytes.subarray(at + 4)]));
    await expect(TextEmbedder.load(target())).rejects.toThrow(
      /is I8; gemmule reads weights in U8 where they come with/,
    );
  });
});
