import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, program, run, start } from './run.js';

const DIMENSION = 384;

interface JsonLine {
  readonly index: number;
  readonly text: string;
  readonly embedding: number[];
}

const parseLines = (stdout: Buffer): JsonLine[] =>
  stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonLine);

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

/** Reads a float32 matrix as NumPy would: magic, version, header length, header, numbers. */
function readNpy(bytes: Buffer): { rows: number; columns: number; numbers: Float32Array } {
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
  const headerEnd = 10 + bytes.readUInt16LE(8);
  expect(headerEnd % 64).toBe(0);
  const header = bytes.toString('latin1', 10, headerEnd);
  const match = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$/.exec(header);
  const [rows, columns] = (match?.slice(1) ?? []).map(Number) as [number, number];
  return { rows, columns, numbers: new Float32Array(Uint8Array.from(bytes.subarray(headerEnd)).buffer) };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gemmule-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('gemmule embed', () => {
  it('embeds its arguments as JSON Lines, in order, with unit vectors that mean something', async () => {
    const texts = ['a cat sleeps', 'a kitten naps', 'interest rates rose'];
    const { code, stdout, stderr } = await run(['embed', ...texts]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = parseLines(stdout);
    expect(lines.map(({ index, text }) => ({ index, text }))).toEqual(texts.map((text, index) => ({ index, text })));
    const [cat, kitten, rates] = lines.map((line) => line.embedding) as [number[], number[], number[]];
    expect(cat).toHaveLength(DIMENSION);
    expect(dot(cat, cat)).toBeCloseTo(1, 5);
    expect(dot(cat, kitten)).toBeGreaterThan(dot(cat, rates) + 0.3);
  });

  it('refuses what is no UTF-8, naming the line', async () => {
    const file = path.join(folder, 'latin.txt');
    writeFileSync(file, Buffer.from('one\ntwo caf\xe9s\nthree\n', 'latin1'));
    const { code, stderr } = await run(['embed', '--file', file]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `gemmule: ${file}: line 2 is not valid UTF-8; if this is a text in another encoding, convert it first, such as with: iconv -f WINDOWS-1252 -t UTF-8\n`,
    });
  });

  it('reads lines however long, and characters however the pipe cuts them', async () => {
    const long = 'ä'.repeat(200_000);
    const { stdout } = await run(['embed', '--max-tokens', '4'], `${long}\nü\n`);
    expect(parseLines(stdout).map(({ text }) => text)).toEqual([long, 'ü']);
  });

  it('says that a text is also the name of a file, and what -o is', async () => {
    const file = path.join(folder, 'reviews.txt');
    writeFileSync(file, 'good\n');
    const { code, stderr } = await run(['embed', file]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `gemmule: warning: "${file}" is taken as a text, though there is a file of that name; --file ${file} reads its lines\n`,
    );
    const slip = await run(['embed', 'x', '-o', 'out.npy']);
    expect(slip.code).toBe(2);
    expect(slip.stderr).toContain('got "out.npy"; to write a file: --out out.npy\n');
  });

  it('refuses an output that cannot be written before it computes anything', async () => {
    for (const [args, message] of [
      [['embed', 'x', '--out', folder], `cannot write ${folder}: it is a folder; name a file in it`],
      [['attention', 'x', '--out', folder], `cannot write ${folder}: it is a folder; name a file in it`],
      [['map', 'none.txt', '--out', `${folder}/none/map.html`], `cannot write in ${folder}/none: ENOENT`],
      [['train-words', 'none.txt', '--out', folder], `cannot write ${folder}: it is a folder; name a file in it`],
    ] as const) {
      const { code, stderr } = await run(args);
      expect(stderr).toContain(`gemmule: ${message}`);
      expect(code).toBe(1);
    }
  });

  it('reads standard input line by line: CRLF, empty lines, a byte order mark, no end of line at the end', async () => {
    const { stdout } = await run(['embed'], '\uFEFFfirst\r\n\r\nthird');
    expect(parseLines(stdout).map((line) => line.text)).toEqual(['first', '', 'third']);
  });

  it('gives the same numbers in every format and by every way in and out', async () => {
    const texts = ['plain', 'with "quotes", and a comma', 'ünïcödé 漢字'];
    const file = path.join(folder, 'texts.txt');
    writeFileSync(file, `${texts.join('\n')}\n`);
    const jsonl = parseLines((await run(['embed', '--file', file])).stdout);
    const expected = jsonl.flatMap((line) => line.embedding);

    const csv = (await run(['embed', '--output', 'csv'], texts.join('\n'))).stdout.toString();
    const [header, ...rows] = csv.trimEnd().split('\n') as [string, ...string[]];
    expect(header.split(',').slice(0, 3)).toEqual(['text', 'd0', 'd1']);
    expect(rows[1]?.startsWith('"with ""quotes"", and a comma",')).toBe(true);
    expect(rows.flatMap((row) => row.split(',').slice(-DIMENSION).map(Number))).toEqual(expected);

    const piped = readNpy((await run(['embed', '--output', 'npy', '-f', file])).stdout);
    expect(piped).toMatchObject({ rows: 3, columns: DIMENSION });
    expect(piped.numbers).toEqual(Float32Array.from(expected));

    const out = path.join(folder, 'vectors.npy');
    expect((await run(['embed', '-f', file, '--out', out])).stdout).toHaveLength(0);
    expect(readNpy(readFileSync(out)).numbers).toEqual(piped.numbers);
    expect(readdirSync(folder).sort()).toEqual(['texts.txt', 'vectors.npy']);
  });

  it('makes an empty matrix of no text', async () => {
    const { code, stdout } = await run(['embed', '--output', 'npy'], '');
    expect(code).toBe(0);
    expect(readNpy(stdout)).toMatchObject({ rows: 0, columns: DIMENSION });
  });

  it('gives the same vectors on the reference backend, and truncates them on request', async () => {
    const native = parseLines((await run(['embed', 'one text', '--dimensions', '64'])).stdout)[0]?.embedding ?? [];
    const { stdout } = await run(['embed', 'one text'], '', { GEMMULE_BACKEND: 'reference' });
    const reference = (parseLines(stdout)[0]?.embedding ?? []).slice(0, 64);
    const norm = Math.sqrt(dot(reference, reference));
    expect(native).toHaveLength(64);
    for (const [i, value] of native.entries())
      expect(Math.abs(value - (reference[i] as number) / norm)).toBeLessThan(1e-5);
  });

  it.each([
    [['embed', '--file', '/no/such/file'], /^gemmule: cannot read \/no\/such\/file: .*\n$/, 1],
    [['embed', 'x', '--model', '/no/such/folder'], /^gemmule: .*\/no\/such\/folder.*\n$/, 1],
    [['embed', 'x', '--out', '/no/such/folder/x.npy'], /^gemmule: cannot write in \/no\/such\/folder: .*\n$/, 1],
    [['embed', 'x', '--output', 'xml'], /^gemmule: --output must be one of jsonl, csv, npy, got "xml"\n$/, 2],
    [
      ['embed', 'x', '--dimensions', 'many'],
      /^gemmule: --dimensions must be a whole number from 1 up, got "many"\n$/,
      2,
    ],
    [['embed', 'x', '--dimensions', '4000'], /^gemmule: .*dimensions.*4000.*\n$/, 1],
    [['embed', 'x', '--frobnicate'], /^gemmule: Unknown option '--frobnicate'.*\n$/, 2],
    [['embed', 'x', '--file', 'y'], /^gemmule: give texts as arguments or --file, not both\n$/, 2],
    [['embody'], /^gemmule: no command "embody"; there are embed, .*\n$/, 2],
  ])('says in one line what is wrong with %j', async (args, message, exitCode) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(message);
    expect(stdout).toHaveLength(0);
    expect(code).toBe(exitCode);
  });

  it('stops quietly when its reader does', async () => {
    const child = start(['embed', '--file', '/dev/stdin']);
    child.stdin?.on('error', () => undefined);
    const feed = setInterval(() => child.stdin?.write('some text to embed\n'.repeat(200)), 5);
    const outcome = outcomeOf(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.stdout?.destroy();
    const { code, stderr } = await outcome;
    clearInterval(feed);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is cut off by head without complaint', () => {
    const texts = 'a text\n'.repeat(600);
    const command = `"${process.execPath}" "${program}" embed | head -n 1; exit "\${PIPESTATUS[0]}"`;
    const line = execFileSync('bash', ['-c', command], { input: texts, encoding: 'utf8' });
    expect((JSON.parse(line) as JsonLine).index).toBe(0);
  });

  it('ends with 130 at Ctrl-C and leaves neither a half-written file nor the old one changed', async () => {
    const out = path.join(folder, 'vectors.csv');
    writeFileSync(out, 'from before');
    const child = start(['embed', '--out', out]);
    child.stdin?.on('error', () => undefined);
    const feed = setInterval(() => child.stdin?.write('some text to embed\n'.repeat(100)), 5);
    const outcome = outcomeOf(child);
    while (!readdirSync(folder).some((name) => name.endsWith('.partial'))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    clearInterval(feed);
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(readdirSync(folder)).toEqual(['vectors.csv']);
    expect(readFileSync(out, 'utf8')).toBe('from before');
  });

  it('shows progress on a terminal and none in a pipe', async () => {
    const file = path.join(folder, 'texts.txt');
    writeFileSync(file, 'a line of text\n'.repeat(3000));
    const out = path.join(folder, 'out.npy');
    // util-linux's script gives the program a terminal of its own.
    const line = `"${process.execPath}" "${program}" embed -f "${file}" --out "${out}"`;
    const terminal = execFileSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8' });
    expect(terminal).toMatch(/%\s+[\d,]+ texts, [\d,]+\/s/);
    expect(terminal.endsWith('\r\x1b[K')).toBe(true);
    expect((await run(['embed', '-f', file, '--out', out])).stderr).toBe('');
  });
});
