import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArgumentError, FileError, FormatError, GemmuleError, ModelError } from '../../src/errors.js';
import { convertGguf, TextEmbedder } from '../../src/index.js';
import { GgufFile } from '../../src/io/gguf.js';
import { SafetensorsFile } from '../../src/io/safetensors.js';
import { modelFolder } from '../models/golden.js';

/* Files of llama.cpp's own package (test/fixtures/gguf/make.py), made of models whose vectors Hugging Face's code gave. */

const FIXTURES = path.resolve('test/fixtures/gguf');
const fileOf = (name: string): string => path.join(FIXTURES, `${name}.gguf`);
const GOLDEN = JSON.parse(readFileSync(path.join(FIXTURES, 'golden.json'), 'utf8')) as Record<
  string,
  Record<string, { readonly type: string; readonly sum: number; readonly first: readonly number[] }>
>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-gguf-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const target = (): string => path.join(folder, 'model');

function write(bytes: Uint8Array): string {
  const file = path.join(folder, 'changed.gguf');
  writeFileSync(file, bytes);
  return file;
}

describe('a GGUF file as a folder', () => {
  it.each(['bert', 'nomic_bert'])('has the tensors that its own package reads: %s', async (name) => {
    await convertGguf(fileOf(name), target());
    const weights = SafetensorsFile.open(path.join(target(), 'model.safetensors'));
    const golden = Object.entries(GOLDEN[name] ?? {});
    expect(weights.names().sort()).toEqual(golden.map(([tensor]) => tensor).sort());
    const stored = { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'F32' };
    for (const [tensor, { type, sum, first }] of golden) {
      expect(weights.entry(tensor).storedDType, tensor).toBe(stored[type as keyof typeof stored]);
      using numbers = weights.tensor(tensor).to('float32');
      const values = numbers.toTypedArray();
      expect([...values.subarray(0, 3)], tensor).toEqual(first);
      expect(
        values.reduce((total, value) => total + value, 0),
        tensor,
      ).toBeCloseTo(sum, 2);
    }
  });

  it.each(['bert', 'nomic_bert'])(
    'gives the tokens and the vectors of the model that it was made from: %s',
    async (name) => {
      await convertGguf(fileOf(name), target());
      using original = await TextEmbedder.load(modelFolder(name));
      using converted = await TextEmbedder.load(target(), { maxTokens: original.maxTokens });
      const { cases } = JSON.parse(readFileSync(path.join(modelFolder(name), 'golden.json'), 'utf8')) as {
        cases: { text: string; ids: number[] }[];
      };
      const texts = cases.map(({ text }) => text);
      for (const { text, ids } of cases) {
        expect([...converted.tokenizer.encode(text).ids], text).toEqual(ids);
      }
      using expected = await original.embed(texts, { normalize: true });
      using vectors = await converted.embed(texts);
      for (const [index, text] of texts.entries()) {
        using a = vectors.select(0, index);
        using b = expected.select(0, index);
        // Weights in 8 and 16 bits.
        expect(original.similarity(a, b).at(0, 0), text).toBeGreaterThan(0.999);
      }
      expect(converted.describe()).toMatchObject({ pooling: 'mean', normalized: true });
    },
  );

  it('is cut where its own length ends, and pools as it is told', async () => {
    await convertGguf(fileOf('bert'), target(), { pooling: 'cls' });
    using converted = await TextEmbedder.load(target());
    expect(converted.maxTokens).toBe(128);
    expect(converted.describe().pooling).toBe('cls');
  });

  it('is not written over another, and never half', async () => {
    await convertGguf(fileOf('bert'), target());
    await expect(convertGguf(fileOf('bert'), target())).rejects.toThrow(ArgumentError);
    await expect(convertGguf(path.join(folder, 'none.gguf'), path.join(folder, 'b'))).rejects.toThrow(FileError);
    await expect(convertGguf(fileOf('bert'), path.join(folder, 'b'), { pooling: 'max' as 'cls' })).rejects.toThrow(
      /pooling must be one of mean, cls, lasttoken, got max/,
    );
    expect(readdirSync(folder)).toEqual(['model']);
  });

  it('is what loading the file itself asks for', async () => {
    const loading = TextEmbedder.load(path.relative('.', fileOf('bert')));
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(/gemmule convert MODEL\.gguf FOLDER/);
  });
});

/** A copy of a file with the first place of some bytes changed into as many others. */
function replaced(name: string, from: string, to: string, behind = ''): Uint8Array {
  const bytes = readFileSync(fileOf(name));
  const at = bytes.indexOf(from, behind === '' ? 0 : bytes.indexOf(behind), 'latin1');
  expect(at).toBeGreaterThan(0);
  expect(to.length).toBe(from.length);
  bytes.write(to, at, 'latin1');
  return bytes;
}

describe('what is no such file', () => {
  it.each<[what: string, bytes: () => Uint8Array, kind: typeof FormatError | typeof ModelError, message: RegExp]>([
    ['another family', () => replaced('bert', 'bert', 'gpt2', 'general.architecture'), ModelError, /family "gpt2"/],
    [
      'another vocabulary',
      () => replaced('bert', 'bert', 't5sp', 'tokenizer.ggml.model'),
      ModelError,
      /vocabulary is of the kind "t5sp"/,
    ],
    [
      'a tensor that no such model has',
      () => replaced('bert', 'blk.0.attn_output.weight', 'blk.0.attn_mystery.wei.e'),
      ModelError,
      /tensor "blk\.0\.attn_mystery\.wei\.e" is not of a bert that gemmule knows/,
    ],
    [
      'no field of the family',
      () => replaced('bert', 'bert.block_count', 'bert.block_kount'),
      FormatError,
      /block_count/,
    ],
    [
      'no way of pooling',
      () => replaced('bert', 'bert.pooling_type', 'bert.pooling_typo'),
      ModelError,
      /does not say how/,
    ],
    [
      'another beginning',
      () => replaced('bert', '\x03\x00\x00\x00', '\x09\x00\x00\x00'),
      FormatError,
      /its version is 9/,
    ],
    ['nothing', () => new Uint8Array(0), FormatError, /does not begin with GGUF/],
    ['half of it', () => readFileSync(fileOf('bert')).subarray(0, 90_000), FormatError, /outside|is it whole/],
    ['only the beginning', () => readFileSync(fileOf('bert')).subarray(0, 3000), FormatError, /too short|ends within/],
  ])('is refused: %s', async (_, bytes, kind, message) => {
    const converting = convertGguf(write(bytes()), target());
    await expect(converting).rejects.toThrow(kind);
    await expect(converting).rejects.toThrow(message);
    expect(readdirSync(folder)).toEqual(['changed.gguf']);
  });

  it('is refused by the name of its element type', () => {
    const bytes = readFileSync(fileOf('bert'));
    // A tensor is described by its name, its number of axes, the axes, and its type.
    const name = 'blk.0.ffn_down.weight';
    const at = bytes.indexOf(name) + name.length + 4 + 16;
    expect(bytes.readUInt32LE(at)).toBe(8);
    bytes.writeUInt32LE(12, at);
    const file = GgufFile.open(write(bytes));
    expect(() => file.view(name)).toThrow(ModelError);
    expect(() => file.view(name)).toThrow(/is Q4_K; gemmule reads F32, F16, BF16, Q8_0/);
    expect(() => file.view('none')).toThrow(FormatError);
  });

  it('does not take memory for what it only announces', () => {
    const header = Buffer.alloc(64);
    header.write('GGUF', 0);
    header.writeUInt32LE(3, 4);
    for (const [at, value] of [
      [8, 2n ** 63n],
      [8, 2n ** 40n],
      [16, 2n ** 50n],
    ] as const) {
      const changed = Buffer.from(header);
      changed.writeBigUInt64LE(value, at);
      expect(() => GgufFile.open(write(changed))).toThrow(FormatError);
    }
  });

  it('never crashes, whatever byte is wrong', async () => {
    const whole = readFileSync(fileOf('bert'));
    // What describes the tensors ends before their numbers begin.
    const header = whole.lastIndexOf('.weight') + 40;
    await fc.assert(
      fc.asyncProperty(fc.nat(header), fc.nat(255), async (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        const file = write(changed);
        await convertGguf(file, target()).catch((error) => expect(error).toBeInstanceOf(GemmuleError));
        rmSync(target(), { recursive: true, force: true });
      }),
      { numRuns: 150 },
    );
  });
});
