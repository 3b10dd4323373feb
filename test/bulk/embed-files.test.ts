import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BulkOptions, embedFiles, embedPart, type PartTask, planParts } from '../../src/bulk/index.js';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { ArgumentError, FormatError } from '../../src/errors.js';
import { readNpy } from '../../src/io/npy.js';
import { outcomeOf, run, start } from '../cli/run.js';
import { modelFolder } from '../models/golden.js';

interface Output {
  readonly row?: bigint;
  readonly id?: string;
  readonly text?: string;
  readonly embedding: number[];
}

let embedder: TextEmbedder;
let folder: string;
let output: string;
beforeAll(async () => {
  embedder = await TextEmbedder.load(modelFolder('bert'));
});
afterAll(() => embedder.dispose());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-bulk-'));
  output = path.join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true }));

const words = ['river', 'bank', 'loan', 'water', 'money', 'data', 'vector'];
const textOf = (index: number) => `${words[index % 7]} ${words[(index * 3) % 5]} ${index}`;

function jsonLines(from: number, to: number, name = `${from}.jsonl`): string {
  const file = path.join(folder, name);
  const line = (index: number) => JSON.stringify({ id: `id-${index}`, text: textOf(index) });
  writeFileSync(file, `${Array.from({ length: to - from }, (_, index) => line(from + index)).join('\n')}\n`);
  return file;
}

/** Bytes of a file that may have been renamed since it was listed. */
const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const parts = () =>
  readdirSync(output)
    .filter((name) => name.startsWith('part-'))
    .sort();

async function readParquet(name: string): Promise<Output[]> {
  const file = await asyncBufferFromFile(path.join(output, name));
  return (await parquetReadObjects({ file, compressors })) as unknown as Output[];
}

async function readAll(): Promise<Output[]> {
  return (await Promise.all(parts().map(readParquet))).flat();
}

async function plan(options: BulkOptions): Promise<PartTask[]> {
  const tasks: PartTask[] = [];
  for await (const task of planParts(options)) tasks.push(task);
  return tasks;
}

async function vectorsOf(texts: string[]): Promise<number[][]> {
  using vectors = await embedder.embed(texts);
  return vectors.toArray() as number[][];
}

describe('parts', () => {
  it('hold every row once, in order, with its number and its vector', async () => {
    const inputs = [jsonLines(0, 25), jsonLines(25, 30), jsonLines(30, 50)];
    const result = await embedFiles({ inputs, output, rowsPerPart: 10 }, embedder);
    expect(result).toEqual({ parts: 6, rows: 50, skipped: 0 });
    expect(parts()).toEqual([0, 1, 2, 3, 4, 5].map((part) => `part-00000${part}.parquet`));
    const rows = await readAll();
    expect(rows.map(({ row }) => Number(row))).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(Object.keys(rows[0] as Output)).toEqual(['row', 'embedding']);
    const expected = await vectorsOf(Array.from({ length: 50 }, (_, index) => textOf(index)));
    expect(rows.map(({ embedding }) => [...embedding])).toEqual(expected);
  });

  it('hold ids and texts where that is wanted', async () => {
    const options = { inputs: [jsonLines(0, 7)], output, idColumn: 'id', withText: true, dimensions: 8 };
    await embedFiles(options, embedder);
    const rows = await readAll();
    expect(rows.map(({ id, text }) => [id, text])).toEqual(
      Array.from({ length: 7 }, (_, index) => [`id-${index}`, textOf(index)]),
    );
    for (const { embedding } of rows) expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(rows[0]?.embedding).toHaveLength(8);
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path.join(output, 'part-000000.parquet')));
    const [{ key, value }] = metadata.key_value_metadata as [{ key: string; value: string }];
    expect(key).toBe('gemmule');
    expect(JSON.parse(value)).toMatchObject({ model: { name: 'bert' }, embed: { dimensions: 8 } });
  });

  it('may be NumPy matrices', async () => {
    await embedFiles({ inputs: [jsonLines(0, 25)], output, rowsPerPart: 20, format: 'npy' }, embedder);
    expect(parts()).toEqual(['part-000000.npy', 'part-000001.npy']);
    const [first, second] = parts().map((name) => readNpy(path.join(output, name)));
    expect([first?.shape, second?.shape]).toEqual([
      [20, embedder.dimension],
      [5, embedder.dimension],
    ]);
    expect(second?.toArray()).toEqual(await vectorsOf([20, 21, 22, 23, 24].map(textOf)));
  });

  it('fill several row groups where vectors are many', async () => {
    const inputs = [jsonLines(0, 600)];
    await embedFiles({ inputs, output, idColumn: 'id' }, embedder);
    // A row group holds 8 MiB: with vectors of 384 numbers that is 5,461 rows, too many to embed here.
    const rows = await readAll();
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 600 }, (_, index) => `id-${index}`));
  });

  it('are none for an empty input', async () => {
    const file = path.join(folder, 'empty.jsonl');
    writeFileSync(file, '\n \n');
    expect(await embedFiles({ inputs: [file], output }, embedder)).toEqual({ parts: 0, rows: 0, skipped: 0 });
    expect(parts()).toEqual([]);
  });

  it('tell how far the work is', async () => {
    const seen: number[] = [];
    const onProgress = ({ fraction }: { fraction: number }) => seen.push(fraction);
    await embedFiles({ inputs: [jsonLines(0, 20), jsonLines(20, 40)], output, rowsPerPart: 8 }, embedder, {
      onProgress,
    });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });
});

describe('a run again', () => {
  it('does what is missing, and nothing twice', async () => {
    const options = { inputs: [jsonLines(0, 40)], output, rowsPerPart: 10, idColumn: 'id' };
    await embedFiles(options, embedder);
    const before = parts().map((name) => readFileSync(path.join(output, name)));
    rmSync(path.join(output, 'part-000001.parquet'));
    rmSync(path.join(output, 'manifest/part-000002.json'));
    writeFileSync(path.join(output, 'part-000003.parquet'), 'cut off');
    writeFileSync(path.join(output, 'part-000002.parquet.1-ab.partial'), 'left behind');
    expect(await embedFiles(options, embedder)).toEqual({ parts: 4, rows: 40, skipped: 1 });
    expect(readdirSync(output).sort()).toEqual([
      'manifest',
      ...[0, 1, 2, 3].map((part) => `part-00000${part}.parquet`),
    ]);
    expect(parts().map((name) => readFileSync(path.join(output, name)))).toEqual(before);
    expect(await embedFiles(options, embedder)).toEqual({ parts: 4, rows: 40, skipped: 4 });
  });

  it('with other options, or another model, or another input is refused', async () => {
    const options = { inputs: [jsonLines(0, 10, 'a.jsonl')], output };
    await embedFiles(options, embedder);
    const again = (more: object) => embedFiles({ ...options, ...more }, embedder);
    await expect(again({ rowsPerPart: 5 })).rejects.toThrow(ArgumentError);
    await expect(again({ rowsPerPart: 5 })).rejects.toThrow(/made otherwise: rowsPerPart differ .*job\.json/);
    await expect(again({ dimensions: 4 })).rejects.toThrow(/embed differ .*model\.json/);
    await expect(again({ inputs: [jsonLines(0, 11, 'a.jsonl')] })).rejects.toThrow(/inputs differ/);
    jsonLines(0, 10, 'a.jsonl');
    using other = await TextEmbedder.load(modelFolder('mpnet'));
    await expect(embedFiles(options, other)).rejects.toThrow(/model differ/);
    expect(await again({})).toMatchObject({ skipped: 1 });
  });

  it('stops at a row that is wrong, and goes on once it is mended', async () => {
    const file = jsonLines(0, 30);
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, lines.with(15, '{"text": 1}').join('\n'));
    const options = { inputs: [file], output, rowsPerPart: 10 };
    await expect(embedFiles(options, embedder)).rejects.toThrow(FormatError);
    await expect(embedFiles(options, embedder)).rejects.toThrow(/row 16: "text" must be a text, got 1/);
    expect(parts()).toEqual(['part-000000.parquet']);
  });

  it('stops at an abort', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ rows }: { rows: number }) => rows >= 10 && controller.abort(reason);
    const options = { inputs: [jsonLines(0, 30)], output, rowsPerPart: 10 };
    await expect(embedFiles(options, embedder, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(parts().length).toBeLessThan(3);
    await embedFiles(options, embedder);
    expect(await readAll()).toHaveLength(30);
  });
});

describe('shards', () => {
  it('of any number make the same folder', async () => {
    const inputs = [jsonLines(0, 35), jsonLines(35, 60)];
    const whole = path.join(folder, 'whole');
    await embedFiles({ inputs, output: whole, rowsPerPart: 10 }, embedder);
    const shards = await Promise.all(
      [1, 2, 3].map((index) =>
        embedFiles({ inputs, output, rowsPerPart: 10 }, embedder, { shard: { index, count: 3 } }),
      ),
    );
    expect(shards.map(({ rows }) => rows).reduce((a, b) => a + b)).toBe(60);
    expect(parts()).toHaveLength(7);
    for (const name of parts()) {
      expect(readFileSync(path.join(output, name))).toEqual(readFileSync(path.join(whole, name)));
    }
    // What others have done is known, whoever did it.
    expect(await embedFiles({ inputs, output, rowsPerPart: 10 }, embedder)).toMatchObject({ skipped: 7 });
  });

  it.each([
    { index: 0, count: 2 },
    { index: 3, count: 2 },
    { index: 1.5, count: 2 },
  ])('cannot be %j', async (shard) => {
    await expect(embedFiles({ inputs: ['x'], output }, embedder, { shard })).rejects.toThrow(ArgumentError);
  });
});

describe('a task for a queue', () => {
  it('survives JSON, and may be done twice, at once or in turn', async () => {
    const tasks = JSON.parse(
      JSON.stringify(await plan({ inputs: [jsonLines(0, 25)], output, rowsPerPart: 10 })),
    ) as PartTask[];
    const results = await Promise.all([...tasks, ...tasks.toReversed()].map((task) => embedPart(task, embedder)));
    expect(results.map(({ rows }) => rows).sort()).toEqual([10, 10, 10, 10, 5, 5]);
    expect((await readAll()).map(({ row }) => Number(row))).toEqual(Array.from({ length: 25 }, (_, index) => index));
    expect(await embedPart(tasks[0] as PartTask, embedder)).toMatchObject({ part: 0, rows: 10, skipped: true });
  });

  it.each([
    null,
    {},
    { options: null, range: {} },
    { range: { part: -1 } },
    {
      options: {},
      range: { part: 0, input: 0, firstRow: 0, begin: { row: 0, offset: 0 }, end: { row: 1, offset: 9 } },
    },
    {
      options: { inputs: ['x'], output: 5 },
      range: { part: 0, input: 0, firstRow: 0, begin: { row: 0, offset: 0 }, end: { row: 1, offset: 9 } },
    },
  ])('that is none is refused: %j', async (task) => {
    await expect(embedPart(task as unknown as PartTask, embedder)).rejects.toThrow(ArgumentError);
  });

  it.each([
    { inputs: [] },
    { inputs: 'x' },
    { output: '' },
    { format: 'csv' },
    { inputFormat: 'xml' },
    { rowsPerPart: 0 },
    { column: '' },
    { format: 'npy', idColumn: 'id' },
    { normalize: 1 },
  ])('is not made of %j', async (more) => {
    const options = { inputs: ['x.jsonl'], output, ...more } as unknown as BulkOptions;
    await expect(plan(options)).rejects.toThrow(ArgumentError);
    expect(existsSync(output)).toBe(false);
  });
});

describe('gemmule embed --input', () => {
  const model = modelFolder('bert');
  const bulk = (input: string, ...more: string[]) => [
    ...['embed', '--model', model, '--input', input, '--out', output, '--id', 'id'],
    ...['--rows-per-part', '500', ...more],
  ];

  it('killed again and again loses nothing and doubles nothing', async () => {
    const rows = 6000;
    const input = jsonLines(0, rows);
    let kills = 0;
    for (;;) {
      const done = existsSync(output) ? parts().filter((name) => name.endsWith('.parquet')).length : 0;
      const child = start(bulk(input));
      const outcome = outcomeOf(child);
      let ended = false;
      outcome.then(() => {
        ended = true;
      });
      // Killed in the middle of a part: once a new one is complete and the next is being written.
      const busy = () =>
        existsSync(output) &&
        parts().filter((name) => name.endsWith('.parquet')).length > done &&
        parts().some((name) => name.endsWith('.partial') && sizeOf(path.join(output, name)) > 0);
      while (!ended && !(kills < 3 && busy())) await new Promise((resolve) => setTimeout(resolve, 3));
      if (ended) {
        expect(await outcome).toMatchObject({ code: 0, stderr: '' });
        break;
      }
      child.kill('SIGKILL');
      kills += (await outcome).signal === 'SIGKILL' ? 1 : 0;
    }
    expect(kills).toBeGreaterThan(0);
    expect(parts()).toHaveLength(12);
    const ids = (await readAll()).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: rows }, (_, index) => `id-${index}`));
    const { stdout } = await run(bulk(input));
    expect(stdout.toString()).toBe(`6000 rows in 12 parts, of which 12 were there already: ${output}\n`);
  });

  it('divides the work into shards', async () => {
    const input = jsonLines(0, 1200);
    const outcomes = await Promise.all(['1/2', '2/2'].map((shard) => run(bulk(input, '--shard', shard))));
    expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect((await readAll()).map(({ id }) => id)).toEqual(Array.from({ length: 1200 }, (_, index) => `id-${index}`));
  });

  it.each([
    [['--input', 'x.jsonl'], /--input needs --out FOLDER/, 2],
    [['--input', 'x.jsonl', '--out', 'y', 'text'], /give --input, or --file, or texts/, 2],
    [['--shard', '1/2', 'text'], /--shard belongs to --input FILE and --out FOLDER/, 2],
    [['--input', 'x', '--out', 'y', '--shard', '3/2'], /--shard must be I\/N with I from 1 to N, got "3\/2"/, 2],
    [['--input', 'x', '--out', 'y', '--output', 'jsonl'], /--output must be one of parquet, npy/, 2],
    [['--input', '/no/such/file', '--out', 'OUT'], /cannot read \/no\/such\/file/, 1],
  ])('says in one line what is wrong with %j', async (args, message, exitCode) => {
    const { code, stderr } = await run(['embed', ...args.map((arg) => (arg === 'OUT' ? output : arg))]);
    expect(stderr).toMatch(/^gemmule: .*\n$/);
    expect(stderr).toMatch(message);
    expect(code).toBe(exitCode);
  });
});
