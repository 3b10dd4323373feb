import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultBackend } from '../../src/backend/index.js';
import type { View } from '../../src/backend/view.js';
import { memory } from '../../src/engine.js';
import { ArgumentError, DTypeError, FileError, FormatError, GemmuleError } from '../../src/errors.js';
import { SafetensorsFile } from '../../src/io/safetensors.js';
import { parseSafetensorsHeader } from '../../src/io/safetensors-header.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { ShardedSafetensors } from '../../src/io/sharded-safetensors.js';
import { full } from '../../src/tensor/creation.js';
import { contiguousStrides } from '../../src/tensor/dim.js';
import { arrayConstructor, DTYPES, type DType, type StorageArray } from '../../src/tensor/dtype.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-safetensors-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string) => path.join(folder, name);

/** A file made by hand: the length, the header's text, the data. `length` overrides the first. */
function bytesOf(header: string | Uint8Array, dataBytes = 0, length?: bigint): Buffer {
  const json = typeof header === 'string' ? Buffer.from(header) : header;
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([start, json, Buffer.alloc(dataBytes)]);
}

const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });

function view<D extends DType>(dtype: D, dims: readonly number[], values: readonly number[]): View<D> {
  const data = arrayConstructor(dtype).from(values) as StorageArray;
  return { dtype, dims, strides: contiguousStrides(dims), offset: 0, data };
}

const numbersOf = (read: View) => Array.from(read.data as StorageArray);

describe('writeSafetensors and SafetensorsFile', () => {
  it('bring back every dtype, with scalars, empty tensors and metadata', async () => {
    const tensors: Record<string, View> = {
      scalar: view('float64', [], [Math.PI]),
      empty: view('float32', [0, 3], []),
      'name with "quotes" and ünïcödé': view('uint8', [3], [1, 2, 255]),
      __proto__x: view('bool', [2], [1, 0]),
      '1': view('int32', [2, 2], [-1, 2, -3, 2 ** 31 - 1]),
      half: view('float16', [1, 3], [0x3c00, 0x7bff, 0x8001]),
      brain: view('bfloat16', [3], [0x3f80, 0x7f7f, 0x8001]),
      real: view('float32', [2, 3], [0, -0, 1e-45, Number.POSITIVE_INFINITY, Number.NaN, 1.5]),
    };
    await writeSafetensors(file('all.safetensors'), tensors, { format: 'pt', note: 'ü' });
    const read = SafetensorsFile.open(file('all.safetensors'));
    expect(read.names().sort()).toEqual(Object.keys(tensors).sort());
    expect([...read.metadata]).toEqual([
      ['format', 'pt'],
      ['note', 'ü'],
    ]);
    for (const [name, written] of Object.entries(tensors)) {
      const { dtype, dims } = read.view(name);
      expect({ dtype, dims }, name).toEqual({ dtype: written.dtype, dims: written.dims });
      expect(numbersOf(read.view(name)), name).toEqual(numbersOf(written));
    }
    expect(readdirSync(folder)).toEqual(['all.safetensors']);
  });

  it('write what they were given, although it is disposed of at once', async () => {
    defaultBackend();
    const before = memory().tensors;
    const [whole, other] = [full([500, 400], 3), full([300, 400], 4, { dtype: 'float64' })];
    const turned = whole.T;
    const written = writeSafetensors(file('gone.safetensors'), { whole, turned, other });
    whole.dispose();
    turned.dispose();
    setImmediate(() => other.dispose());
    await written;
    other.dispose();
    const read = SafetensorsFile.open(file('gone.safetensors'));
    for (const [name, value] of Object.entries({ whole: 3, turned: 3, other: 4 })) {
      expect(new Set(numbersOf(read.view(name))), name).toEqual(new Set([value]));
    }
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });

  it('write views as they look: transposed, with steps, broadcast', async () => {
    const whole = view('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
    const transposed: View = { ...whole, dims: [3, 2], strides: [1, 3] };
    const reversed: View = { ...whole, dims: [2], strides: [-3], offset: 5 };
    const repeated: View = { ...whole, dims: [3], strides: [0], offset: 1 };
    await writeSafetensors(file('views.safetensors'), { transposed, reversed, repeated });
    const read = SafetensorsFile.open(file('views.safetensors'));
    expect(numbersOf(read.view('transposed'))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(numbersOf(read.view('reversed'))).toEqual([6, 3]);
    expect(numbersOf(read.view('repeated'))).toEqual([2, 2, 2]);
  });

  it('lay tensors out as other readers expect: aligned, without gaps, the header a multiple of eight', async () => {
    await writeSafetensors(file('a.safetensors'), {
      bytes: view('uint8', [3], [1, 2, 3]),
      doubles: view('float64', [1], [1]),
      floats: view('float32', [1], [1]),
    });
    const bytes = readFileSync(file('a.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      doubles: entry('F64', [1], [0, 8]),
      floats: entry('F32', [1], [8, 12]),
      bytes: entry('U8', [3], [12, 15]),
    });
    expect(bytes.length).toBe(8 + length + 15);
  });

  it('read a file whose tensors are not aligned', () => {
    const header = JSON.stringify({ a: entry('U8', [1], [0, 1]), b: entry('F32', [2], [1, 9]) });
    const bytes = bytesOf(header, 9);
    bytes.writeFloatLE(2.5, bytes.length - 8);
    bytes.writeFloatLE(-1, bytes.length - 4);
    writeFileSync(file('odd.safetensors'), bytes);
    expect(numbersOf(SafetensorsFile.open(file('odd.safetensors')).view('b'))).toEqual([2.5, -1]);
  });

  it('read truth values as 0 and 1 whatever bytes the file holds', () => {
    const bytes = bytesOf(JSON.stringify({ a: entry('BOOL', [3], [0, 3]) }), 3);
    bytes.set([0, 7, 255], bytes.length - 3);
    writeFileSync(file('bool.safetensors'), bytes);
    expect(numbersOf(SafetensorsFile.open(file('bool.safetensors')).view('a'))).toEqual([0, 1, 1]);
  });

  it('list what gemmule cannot compute with, and refuse to read it', () => {
    const header = JSON.stringify({ ids: entry('I64', [2], [0, 16]), w: entry('F8_E4M3', [2], [16, 18]) });
    writeFileSync(file('other.safetensors'), bytesOf(header, 18));
    const read = SafetensorsFile.open(file('other.safetensors'));
    expect(read.entry('ids')).toMatchObject({ storedDType: 'I64', dtype: null, shape: [2] });
    expect(() => read.view('ids')).toThrow(DTypeError);
    expect(() => read.view('ids')).toThrow(/other\.safetensors: tensor "ids" is I64.*convert/);
    expect(() => read.view('nothing')).toThrow(ArgumentError);
  });

  it('leave the old file when writing fails, and nothing else', async () => {
    writeFileSync(file('kept.safetensors'), 'from before');
    const symbolic = { ...view('float32', [1], [1]), data: null } as unknown as View;
    await expect(writeSafetensors(file('kept.safetensors'), { symbolic })).rejects.toThrow();
    expect(readFileSync(file('kept.safetensors'), 'utf8')).toBe('from before');
    await expect(writeSafetensors(file('none/x.safetensors'), {})).rejects.toThrow(FileError);
    const reserved = { __metadata__: view('uint8', [1], [1]) };
    await expect(writeSafetensors(file('x.safetensors'), reserved)).rejects.toThrow(ArgumentError);
    expect(readdirSync(folder)).toEqual(['kept.safetensors']);
  });
});

describe('a damaged safetensors file', () => {
  const f32 = entry('F32', [2], [0, 8]);
  const huge = Number.MAX_SAFE_INTEGER;
  it.each<[string, Buffer, RegExp]>([
    ['is empty', Buffer.alloc(0), /has 0 bytes.*get it again/],
    ['is too short for a length', Buffer.alloc(7), /has 7 bytes/],
    ['ends inside the header', bytesOf('{}', 0, 100n), /header should have 100 bytes, but the file ends after 2/],
    ['claims 2^64 - 1 bytes of header', bytesOf('{}', 0, 2n ** 64n - 1n), /18446744073709551615 bytes is more/],
    ['has no header', bytesOf(''), /not valid JSON/],
    ['has a header that is no JSON', bytesOf('{"a":'), /not valid JSON/],
    ['has a header that is no UTF-8', bytesOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not valid UTF-8/],
    ['has a byte order mark', bytesOf('\uFEFF{}'), /not valid JSON/],
    ['has an array for a header', bytesOf('[]'), /must be a JSON object, got \[\]/],
    ['has metadata that is no object', bytesOf('{"__metadata__": "x"}'), /__metadata__ must be an object/],
    ['has metadata that is no text', bytesOf('{"__metadata__": {"x": 1}}'), /strings only, got 1 for "x"/],
    ['has an entry that is no object', bytesOf('{"w": 3}'), /tensor "w" must be described by an object, got 3/],
    ['has an unknown dtype', bytesOf(JSON.stringify({ w: entry('F31', [2], [0, 8]) }), 8), /"w" has dtype "F31"/],
    ['has no dtype', bytesOf(JSON.stringify({ w: { shape: [], data_offsets: [0, 0] } })), /has dtype nothing/],
    ['has a negative size', bytesOf(JSON.stringify({ w: entry('F32', [-2], [0, 8]) }), 8), /"w" has shape \[-2\]/],
    ['has half a size', bytesOf(JSON.stringify({ w: entry('F32', [0.5], [0, 2]) }), 2), /"w" has shape \[0\.5\]/],
    ['has a shape that is no array', bytesOf(JSON.stringify({ w: entry('F32', 2, [0, 8]) }), 8), /has shape 2/],
    ['has one offset', bytesOf(JSON.stringify({ w: entry('F32', [2], [0]) }), 8), /data_offsets \[0\]/],
    ['has a negative offset', bytesOf(JSON.stringify({ w: entry('F32', [2], [-8, 0]) }), 8), /data_offsets \[-8,0\]/],
    ['has offsets backwards', bytesOf(JSON.stringify({ w: entry('F32', [0], [8, 0]) }), 8), /bytes 8 to 0, outside/],
    ['has offsets beyond its end', bytesOf(JSON.stringify({ w: f32 }), 7), /bytes 0 to 8, outside the 7 bytes/],
    [
      'has a shape that does not fit',
      bytesOf(JSON.stringify({ w: entry('F32', [3], [0, 8]) }), 8),
      /needs 12 bytes, but has 8/,
    ],
    [
      'has a shape beyond all numbers',
      bytesOf(JSON.stringify({ w: entry('F32', [huge, huge], [0, 8]) }), 8),
      /needs .* bytes, but has 8/,
    ],
    [
      'has overlapping tensors',
      bytesOf(JSON.stringify({ v: f32, w: entry('F32', [2], [4, 12]) }), 12),
      /"w" overlaps tensor "v"/,
    ],
    ['has two tensors in one place', bytesOf(JSON.stringify({ v: f32, w: f32 }), 8), /"w" overlaps tensor "v"/],
    [
      'has a gap at the beginning',
      bytesOf(JSON.stringify({ w: entry('F32', [1], [4, 8]) }), 8),
      /gap of 4 bytes after the header/,
    ],
    [
      'has a gap',
      bytesOf(JSON.stringify({ v: f32, w: entry('F32', [1], [12, 16]) }), 16),
      /gap of 4 bytes after tensor "v"/,
    ],
    ['has bytes left over', bytesOf(JSON.stringify({ w: f32 }), 9), /1 bytes at the end belong to no tensor/],
    [
      'names a tensor twice',
      bytesOf(`{"w": ${JSON.stringify(f32)}, "\\u0077": ${JSON.stringify(f32)}}`, 8),
      /names "w" twice/,
    ],
    [
      'names a field twice',
      bytesOf('{"w": {"dtype": "U8", "dtype": "F32", "shape": [], "data_offsets": [0, 4]}}', 4),
      /names "dtype" twice/,
    ],
  ])('%s: an error that names it', (_, bytes, message) => {
    const name = file('damaged.safetensors');
    writeFileSync(name, bytes);
    expect(() => SafetensorsFile.open(name)).toThrow(FormatError);
    expect(() => SafetensorsFile.open(name)).toThrow(message);
    expect(() => SafetensorsFile.open(name)).toThrow(name);
  });

  it('is a FileError when it is missing, or a folder', () => {
    expect(() => SafetensorsFile.open(file('missing.safetensors'))).toThrow(FileError);
    expect(() => SafetensorsFile.open(folder)).toThrow(FileError);
  });

  it('accepts trailing spaces in the header and tensors of no elements anywhere', () => {
    const header = JSON.stringify({
      a: entry('F32', [0], [4, 4]),
      b: entry('U8', [4], [0, 4]),
      c: entry('U8', [0, 9], [0, 0]),
    });
    const { entries } = parseSafetensorsHeader(bytesOf(`${header}   `, 4), 'x');
    expect([...entries.keys()]).toEqual(['a', 'b', 'c']);
  });
});

/** Tensors that a fuzzed header describes: right most of the time, so that all checks are reached. */
const anyEntry = fc.record({
  dtype: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('F32', 'F16', 'U8', 'BOOL', 'I64') }, fc.string()),
  shape: fc.oneof({ weight: 5, arbitrary: fc.array(fc.nat(4), { maxLength: 3 }) }, fc.jsonValue()),
  data_offsets: fc.oneof({ weight: 5, arbitrary: fc.tuple(fc.nat(64), fc.nat(64)) }, fc.jsonValue()),
});

describe('the safetensors reader, fuzzed', () => {
  /** Opening either works, and then every tensor can be read inside the file, or is an error of gemmule's own. */
  const survives = (bytes: Uint8Array): boolean => {
    try {
      const { entries } = parseSafetensorsHeader(bytes, 'fuzzed');
      let total = 0;
      for (const { begin, end } of entries.values()) {
        expect(begin).toBeLessThanOrEqual(end);
        expect(end).toBeLessThanOrEqual(bytes.length);
        total += end - begin;
      }
      expect(total).toBe(bytes.length - 8 - Number(Buffer.from(bytes).readBigUInt64LE()));
      return true;
    } catch (error) {
      if (!(error instanceof GemmuleError)) throw error;
      expect(error.message).toContain('fuzzed');
      return false;
    }
  };

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void survives(bytes)),
      { numRuns: 2000 },
    );
  });

  it('survives any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(16), (json, dataBytes) => void survives(bytesOf(json, dataBytes))),
      { numRuns: 2000 },
    );
  });

  it('survives any header', () => {
    const header = fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(anyEntry, fc.jsonValue()), { maxKeys: 4 });
    fc.assert(
      fc.property(header, fc.nat(64), (json, dataBytes) => void survives(bytesOf(JSON.stringify(json), dataBytes))),
      { numRuns: 4000 },
    );
  });

  it('survives a good file with one byte changed or cut off, and reads what the writer wrote', async () => {
    const tensors = { a: view('float32', [2, 2], [1, 2, 3, 4]), b: view('uint8', [3], [5, 6, 7]) };
    await writeSafetensors(file('good.safetensors'), tensors, { format: 'pt' });
    const good = readFileSync(file('good.safetensors'));
    expect(survives(good)).toBe(true);
    for (let length = 0; length < good.length; length++) expect(survives(good.subarray(0, length))).toBe(false);
    for (let position = 0; position < good.length; position++) {
      for (const flip of [0x01, 0x20, 0x80, 0xff]) {
        const changed = Uint8Array.from(good);
        changed[position] ^= flip;
        survives(changed);
      }
    }
  });

  it('brings back random tensors', async () => {
    const dims = fc.array(fc.nat(4), { maxLength: 4 });
    const tensor = fc.tuple(fc.constantFrom(...DTYPES), dims).chain(([dtype, shape]) =>
      fc
        .array(fc.nat(dtype === 'bool' ? 1 : 255), {
          minLength: shape.reduce((a, b) => a * b, 1),
          maxLength: shape.reduce((a, b) => a * b, 1),
        })
        .map((values) => view(dtype, shape, values)),
    );
    const tensors = fc.dictionary(
      fc.string().filter((name) => name !== '__metadata__'),
      tensor,
      { maxKeys: 5 },
    );
    await fc.assert(
      fc.asyncProperty(tensors, async (written) => {
        await writeSafetensors(file('random.safetensors'), written);
        const read = SafetensorsFile.open(file('random.safetensors'));
        expect(read.names().sort()).toEqual(Object.keys(written).sort());
        for (const [name, { dtype, dims: shape, data }] of Object.entries(written)) {
          expect(read.view(name)).toMatchObject({ dtype, dims: shape });
          expect(numbersOf(read.view(name))).toEqual(Array.from(data as StorageArray));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('ShardedSafetensors', () => {
  const index = (map: unknown) => {
    writeFileSync(file('model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
    return file('model.safetensors.index.json');
  };

  beforeEach(async () => {
    await writeSafetensors(file('one.safetensors'), { a: view('float32', [1], [1]), b: view('float32', [1], [2]) });
    await writeSafetensors(file('two.safetensors'), { c: view('float32', [1], [3]) });
  });

  it('reads each tensor from its file', () => {
    const sharded = ShardedSafetensors.open(
      index({ a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' }),
    );
    expect(sharded.names()).toEqual(['a', 'b', 'c']);
    expect(['a', 'b', 'c'].map((name) => numbersOf(sharded.view(name))[0])).toEqual([1, 2, 3]);
    expect(sharded.has('d')).toBe(false);
    expect(() => sharded.entry('d')).toThrow(ArgumentError);
  });

  it.each<[string, unknown, new (message: string) => GemmuleError, RegExp]>([
    [
      'a tensor that is not there',
      { c: 'one.safetensors' },
      FormatError,
      /"c" lies in one\.safetensors, but it does not/,
    ],
    ['a file that is not there', { a: 'three.safetensors' }, FileError, /three\.safetensors/],
    ['a path', { a: '../one.safetensors' }, FormatError, /plain name/],
    ['an absolute path', { a: '/tmp/one.safetensors' }, FormatError, /plain name/],
    ['another kind of file', { a: 'one.bin' }, FormatError, /plain name/],
    ['a number', { a: 1 }, FormatError, /plain name.*got 1/],
    ['no map', undefined, FormatError, /weight_map must be an object, got nothing/],
    ['an array', [], FormatError, /weight_map must be an object/],
  ])('refuses an index with %s', (_, map, kind, message) => {
    const indexPath = index(map);
    expect(() => ShardedSafetensors.open(indexPath)).toThrow(kind);
    expect(() => ShardedSafetensors.open(indexPath)).toThrow(message);
  });
});
