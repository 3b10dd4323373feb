import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  arange,
  type DType,
  DTypeError,
  defaultBackend,
  FileError,
  FormatError,
  fromTypedArray,
  full,
  GemmuleError,
  memory,
  readNpy,
  type Tensor,
  tensor,
  writeNpy,
  zeros,
} from '../../src/index.js';
import { npyHeader, parseNpyHeader } from '../../src/io/npy-header.js';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/npy');
const fixture = (name: string) => path.join(fixtures, `${name}.npy`);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-npy-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const file = (name = 'a.npy') => path.join(folder, name);

/** A file of version 1.0 with a header's text as it stands. */
function written(header: string, dataBytes = 24): string {
  const text = Buffer.from(header, 'latin1');
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(text.length, 8);
  writeFileSync(file(), Buffer.concat([start, text, Buffer.alloc(dataBytes)]));
  return file();
}

const COUNTING = [
  [0, 1, 2],
  [3, 4, 5],
];
const COUNTING_FROM_MINUS_3 = [
  [-3, -2, -1],
  [0, 1, 2],
];

describe('readNpy', () => {
  it.each<[name: string, dtype: DType, shape: number[], values: unknown]>([
    [
      'float32',
      'float32',
      [2, 3],
      [
        [0, -0, 2 ** -149],
        [Number.POSITIVE_INFINITY, Number.NaN, 1.5],
      ],
    ],
    [
      'float64',
      'float64',
      [2, 3],
      [
        [0, -0, 1e-45],
        [Number.POSITIVE_INFINITY, Number.NaN, 1.5],
      ],
    ],
    [
      'float16',
      'float16',
      [2, 3],
      [
        [0, -0, 2 ** -24],
        [Number.POSITIVE_INFINITY, Number.NaN, 1.5],
      ],
    ],
    ['int32', 'int32', [3], [-(2 ** 31), 0, 2 ** 31 - 1]],
    ['uint8', 'uint8', [3], [0, 1, 255]],
    ['bool', 'bool', [2, 1], [[true], [false]]],
    ['scalar', 'float32', [], 2.5],
    ['empty', 'float32', [0, 3], []],
    ['fortran', 'float32', [2, 3], COUNTING],
    ['big-endian-float64', 'float64', [2, 3], COUNTING],
    ['big-endian-float16', 'float16', [2, 3], COUNTING],
    ['int64', 'int32', [2, 3], COUNTING_FROM_MINUS_3],
    ['big-endian-int64', 'int32', [2, 3], COUNTING_FROM_MINUS_3],
    ['uint64', 'int32', [2, 3], COUNTING],
    ['int16', 'int32', [2, 3], COUNTING_FROM_MINUS_3],
    [
      'uint16',
      'int32',
      [2, 3],
      [
        [65530, 65531, 65532],
        [65533, 65534, 65535],
      ],
    ],
    ['uint32', 'int32', [2, 3], COUNTING],
    ['int8', 'int32', [2, 3], COUNTING_FROM_MINUS_3],
    ['version-2', 'float32', [2, 3], COUNTING],
    ['version-3', 'float32', [2, 3], COUNTING],
  ])('reads what NumPy wrote: %s', (name, dtype, shape, values) => {
    const read = readNpy(fixture(name));
    expect({ dtype: read.dtype, shape: read.shape }).toEqual({ dtype, shape });
    expect(read.toArray()).toEqual(values);
  });

  it('keeps the axes of any number of dimensions', () => {
    expect(readNpy(fixture('many-axes')).toArray()).toEqual(arange(24).reshape(1, 2, 3, 4, 1).toArray());
  });

  it('does not write to the file', () => {
    const before = readFileSync(fixture('float32'));
    readNpy(fixture('float32')).toTypedArray().fill(7);
    expect(readFileSync(fixture('float32'))).toEqual(before);
  });

  it('takes truth values of any byte as true', () => {
    const bytes = readFileSync(fixture('bool'));
    bytes[bytes.length - 1] = 7;
    writeFileSync(file(), bytes);
    expect(readNpy(file()).toTypedArray()).toEqual(Uint8Array.of(1, 1));
  });

  it('reads headers as other writers lay them out', () => {
    for (const header of [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
      `{"shape":(2,3),"fortran_order":False,"descr":"<f4"}`,
      "  {'fortran_order': False, 'shape': (2L, 3L), 'descr': '=f4'}  ",
    ]) {
      expect(readNpy(written(header)).shape, header).toEqual([2, 3]);
    }
  });

  it.each(['complex64', 'text', 'record'])('refuses elements that it has no dtype for: %s', (name) => {
    expect(() => readNpy(fixture(name))).toThrow(DTypeError);
    expect(() => readNpy(fixture(name))).toThrow(/which gemmule cannot read; convert it first/);
  });

  it('refuses integers that int32 cannot hold', () => {
    expect(() => readNpy(fixture('int64-too-large'))).toThrow(/the integer 2147483648, which int32 cannot hold/);
  });

  it('refuses files that are not there, or not files', () => {
    expect(() => readNpy(file('missing.npy'))).toThrow(FileError);
    expect(() => readNpy(folder)).toThrow(FileError);
  });

  it.each([
    ['{', /not a dictionary/],
    ['{}', /exactly descr, fortran_order and shape/],
    ["{'descr': '<f4', 'fortran_order': False, }", /exactly/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}", /exactly/],
    ["{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", /names descr twice/],
    ["{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", /neither True nor False/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", /not a tuple/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", /not a tuple/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1e9,)}", /not a tuple/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': 6}", /not a tuple/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", /beyond all bounds/],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (${'1, '.repeat(65)})}`, /beyond all bounds/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", /needs 28 bytes, the file has 24; it is cut off/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740991, 9007199254740991)}", /cut off/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} import os", /not a dictionary|cannot be read/],
  ])('refuses a wrong header: %s', (header, message) => {
    expect(() => readNpy(written(header))).toThrow(FormatError);
    expect(() => readNpy(written(header))).toThrow(message);
  });

  it('refuses a file cut off anywhere', () => {
    const whole = readFileSync(fixture('int64'));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(file(), whole.subarray(0, length));
      expect(() => readNpy(file()), `${length} bytes`).toThrow(GemmuleError);
    }
  });

  it('survives any damage', () => {
    const originals = ['float32', 'int64', 'fortran', 'version-2'].map((name) => readFileSync(fixture(name)));
    const damage = fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...originals), damage, (original, changes) => {
        const bytes = Buffer.from(original);
        for (const [position, value] of changes) if (position < bytes.length) bytes[position] = value;
        writeFileSync(file(), bytes);
        try {
          const read = readNpy(file());
          expect(read.toTypedArray().length).toBe(read.size);
        } catch (error) {
          expect(error).toBeInstanceOf(GemmuleError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('writeNpy', () => {
  it.each(['float32', 'float64', 'float16', 'int32', 'uint8', 'bool', 'scalar', 'empty', 'many-axes'])(
    "writes NumPy's own bytes: %s",
    async (name) => {
      await writeNpy(file(), readNpy(fixture(name)));
      expect(readFileSync(file())).toEqual(readFileSync(fixture(name)));
      expect(readdirSync(folder)).toEqual(['a.npy']);
    },
  );

  it('writes views as they look', async () => {
    const whole: Tensor = arange(24).reshape(2, 3, 4);
    for (const view of [whole.permute(), whole.flip(), whole.slice(1, [0, 3, 2]), whole.select(2, 1).expand(5, 2, 3)]) {
      await writeNpy(file(), view);
      expect(readNpy(file()).shape).toEqual(view.shape);
      expect(readNpy(file()).toArray()).toEqual(view.toArray());
    }
  });

  it('writes what it was given, although it is disposed of at once', async () => {
    defaultBackend();
    for (const later of [(act: () => void) => act(), setImmediate, (act: () => void) => setTimeout(act, 1)]) {
      const before = memory().tensors;
      const given = full([1000, 1000], 3);
      const written = writeNpy(file(), given);
      later(() => given.dispose());
      await written;
      const read = readNpy(file());
      expect([read.min().item(), read.max().item()]).toEqual([3, 3]);
      given.dispose();
      expect(memory().tensors).toBeLessThanOrEqual(before);
    }
  });

  it('refuses bfloat16 and says what to do, and leaves the old file alone', async () => {
    await writeNpy(file(), tensor([1, 2]));
    await expect(writeNpy(file(), zeros([2], { dtype: 'bfloat16' }))).rejects.toThrow(/to\('float32'\)/);
    expect(readNpy(file()).toArray()).toEqual([1, 2]);
    await expect(writeNpy(tensor([1]) as never, 'a.npy' as never)).rejects.toThrow(
      /writeNpy: path must be a path, got object/,
    );
    await expect(writeNpy(file(), [[1]] as never)).rejects.toThrow(/argument tensor must be a Tensor, got an array/);
    await expect(writeNpy(folder, tensor([1]))).rejects.toThrow(
      `cannot write ${folder}: it is a folder; name a file in it`,
    );
    await expect(writeNpy(path.join(folder, 'no/such/a.npy'), tensor([1]))).rejects.toThrow(FileError);
  });

  it('reserves room for any number of rows, so that it can be filled in at the end', () => {
    for (const dimension of [1, 384, 4096]) {
      const lengths = [0, 7, 12_345, Number.MAX_SAFE_INTEGER].map(
        (rows) => npyHeader('float32', [rows, dimension]).length,
      );
      expect(new Set(lengths).size).toBe(1);
    }
    const rows = fromTypedArray(new Float32Array(6), [2, 3]);
    const header = npyHeader(rows.dtype, rows.shape);
    expect(parseNpyHeader(Buffer.concat([header, Buffer.alloc(24)]), 'a').shape).toEqual([2, 3]);
  });
});
