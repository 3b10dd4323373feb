import { describe, expect, it } from 'vitest';
import type { EmbedProgress, RunReport } from '../../src/embeddings/options.js';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { ArgumentError, DisposedError, TruncatedTextError } from '../../src/errors.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { BACKENDS, goldenCases, modelFolder } from '../models/golden.js';

const rowsOf = (vectors: Tensor<'float32'>): Float32Array[] => {
  const [rows, width] = vectors.shape as [number, number];
  const numbers = vectors.toTypedArray();
  return Array.from({ length: rows }, (_, row) => numbers.slice(row * width, (row + 1) * width));
};
const lengthOf = (vector: ArrayLike<number>) => Math.hypot(...Array.from(vector));

/** Texts from none to about 90 tokens, in a mixed order. */
function mixedTexts(count: number): string[] {
  const words = 'the king rode out at dawn and money was lent by a bank of river stones'.split(' ');
  return Array.from({ length: count }, (_, n) => {
    const length = (n * 7919) % (n % 50 === 0 ? 60 : 13);
    return Array.from({ length }, (__, k) => words[(n * 31 + k * 17) % words.length]).join(' ');
  });
}

describe.each(BACKENDS)('TextEmbedder on the %s backend', (name, backend) => {
  const load = (model = 'bert') => TextEmbedder.load(modelFolder(model), { backend });

  it('gives 1,000 texts of mixed length the vectors that each has alone', async () => {
    using embedder = await load();
    const texts = mixedTexts(name === 'native' ? 1000 : 150);
    const together = rowsOf(await embedder.embed(texts));
    for (const [index, text] of texts.entries()) {
      const [alone] = rowsOf(await embedder.embed([text]));
      // The same bits: no sum depends on what else is in a batch.
      expect(together[index], `text ${index}`).toEqual(alone);
    }
  });

  it('embeds tokens as it embeds their text, cut alike', async () => {
    using embedder = await load();
    const texts = mixedTexts(20);
    const ids = texts.map((text) => embedder.tokenizer.encodeIds(text).ids);
    const expected = rowsOf(await embedder.embed(texts));
    expect(rowsOf(await embedder.embedIds(ids))).toEqual(expected);
    expect(rowsOf(await embedder.embedIds(ids.map((list) => [...list])))).toEqual(expected);
    const [cut] = rowsOf(await embedder.embedIds([ids[1]], { maxTokens: 3, dimensions: 8, normalize: false }));
    const [short] = rowsOf(await embedder.embedIds([ids[1].subarray(0, 3)], { dimensions: 8, normalize: false }));
    expect(cut).toEqual(short);
    await expect(embedder.embedIds([ids[1]], { maxTokens: 3, truncate: false })).rejects.toThrow(TruncatedTextError);
    expect((await embedder.embedIds([])).shape).toEqual([0, 48]);
  });

  it('embeds what it was called with, whatever becomes of the arrays', async () => {
    using embedder = await load();
    const texts = ['the bank', 'a river', 'the bank of a river'];
    const ids = texts.map((text) => embedder.tokenizer.encodeIds(text).ids);
    const expected = rowsOf(await embedder.embed(texts));
    const overwrite = () => {
      texts.splice(0, 2, 'something else');
      for (const list of ids) list.fill(1);
    };
    const running = [embedder.embed(texts), embedder.embedIds(ids), embedder.embedTokens(texts)] as const;
    overwrite();
    expect(rowsOf(await running[0])).toEqual(expected);
    expect(rowsOf(await running[1])).toEqual(expected);
    expect((await running[2]).map(({ tokens }) => tokens.length)).toEqual([4, 4, 7]);
  });

  it.each([
    ['no array', 'text', /sequences must be an array of arrays of ids, got a string/],
    ['a text', ['text'], /sequences\[0\] must be an array of at least one id, got a string/],
    ['no ids', [[1], []], /sequences\[1\] must be an array of at least one id, got no ids/],
    ['an id that is none', [[1, 2 ** 20]], /sequences\[0\]\[1\] must be a token's id from 0 to \d+, got 1048576/],
    ['a negative id', [[-1]], /sequences\[0\]\[0\] must be a token's id/],
    ['a fraction', [[1.5]], /got 1\.5/],
    ['something else', [[null]], /got null/],
  ])('refuses %s for tokens', async (_, sequences, message) => {
    using embedder = await load();
    await expect(embedder.embedIds(sequences as never)).rejects.toThrow(message);
  });

  it('reports every batch to whom it was asked to', async () => {
    const reports: RunReport[] = [];
    using embedder = await TextEmbedder.load(modelFolder('bert'), { backend, onRun: (report) => reports.push(report) });
    const texts = mixedTexts(300);
    let tokens = 0;
    const onProgress = (progress: EmbedProgress) => {
      tokens = progress.tokens;
    };
    await Promise.all([embedder.embed(texts, { onProgress }), embedder.embed([])]);
    const lengths = reports.flatMap((report) => report.lengths);
    expect(lengths).toHaveLength(300);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(tokens);
    expect(reports.flatMap(({ waits }) => waits)).toHaveLength(1);
    for (const { milliseconds, waits } of reports) {
      expect(milliseconds).toBeGreaterThan(0);
      for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(0);
    }
  });

  it('embeds an empty list, an empty text, and the same text twice', async () => {
    using embedder = await load();
    expect((await embedder.embed([])).shape).toEqual([0, 48]);
    const [empty, first, second] = rowsOf(await embedder.embed(['', 'the bank', 'the bank']));
    expect(lengthOf(empty)).toBeCloseTo(1, 5);
    expect(first).toEqual(second);
    expect(await embedder.embedTokens([])).toEqual([]);
  });

  it('gives concurrent calls their own texts, whatever runs they share', async () => {
    using embedder = await load();
    const texts = mixedTexts(60);
    const expected = rowsOf(await embedder.embed(texts));
    const calls = await Promise.all([
      embedder.embed(texts),
      ...texts.map((text) => embedder.embed([text])),
      embedder.embed([...texts].reverse()),
      embedder.embed(texts, { normalize: false }),
    ]);
    expect(rowsOf(calls[0])).toEqual(expected);
    for (const [index, vector] of expected.entries()) {
      expect(rowsOf(calls[index + 1])[0], `call ${index}`).toEqual(vector);
    }
    expect(rowsOf(calls[61])).toEqual([...expected].reverse());
    for (const [index, vector] of rowsOf(calls[62]).entries()) {
      const length = lengthOf(vector);
      expect(vector[0] / length).toBeCloseTo(expected[index][0], 5);
    }
  });

  it('cuts vectors to their first numbers and normalises them again', async () => {
    using embedder = await load();
    const [whole] = rowsOf(await embedder.embed(['the bank lent money']));
    const [cut] = rowsOf(await embedder.embed(['the bank lent money'], { dimensions: 10 }));
    const length = lengthOf(whole.subarray(0, 10));
    expect(cut).toHaveLength(10);
    for (const [index, value] of cut.entries()) expect(value).toBeCloseTo(whole[index] / length, 6);
    const [raw] = rowsOf(await embedder.embed(['the bank lent money'], { dimensions: 10, normalize: false }));
    expect(Math.abs(lengthOf(raw) - 1)).toBeGreaterThan(0.01);
  });

  it('says how many texts were cut, or refuses them', async () => {
    using embedder = await load();
    const [long] = goldenCases('bert').filter(({ ids }) => ids.length > 60);
    const texts = ['short', `${long.text} ${long.text}`, 'short again'];
    const seen: { done: number; total: number; truncated: number; tokens: number }[] = [];
    const vectors = await embedder.embed(texts, { onProgress: (progress) => seen.push({ ...progress }) });
    expect(vectors.shape).toEqual([3, 48]);
    const tokens = texts.reduce((sum, text) => {
      return sum + embedder.tokenizer.encodeIds(text, { maxTokens: embedder.maxTokens }).ids.length;
    }, 0);
    expect(seen.at(-1)).toEqual({ done: 3, total: 3, truncated: 1, tokens });
    await expect(embedder.embed(texts, { truncate: false })).rejects.toThrow(TruncatedTextError);
    await expect(embedder.embed(texts, { truncate: false })).rejects.toThrow(/texts\[1\] has more than 96 tokens/);
    expect((await embedder.embed(['short'], { truncate: false })).shape).toEqual([1, 48]);
    const [cut] = await embedder.embedTokens([long.text], { maxTokens: 5 });
    expect(cut.ids).toHaveLength(5);
    expect(cut.vectors.shape).toEqual([5, 48]);
    expect(cut.tokens.at(-1)).toBe('[SEP]');
  });

  it('tells one bank from the other, with offsets into the text', async () => {
    using embedder = await load();
    const texts = ['the river bank', 'the money bank'];
    const results = await embedder.embedTokens(texts);
    const banks = results.map(({ tokens, offsets, vectors }, index) => {
      const at = offsets.findIndex(([start, end]) => end > start && texts[index].slice(start, end) === 'bank');
      expect(tokens[at]).toBe('bank');
      return rowsOf(vectors)[at];
    });
    const [x, y] = banks;
    expect(Math.max(...x.map((value, k) => Math.abs(value - y[k])))).toBeGreaterThan(0.01);
  });

  it('gives the vectors of every layer, the last of which are those of embedTokens', async () => {
    using embedder = await load();
    const text = 'the river bank';
    const { ids, tokens, offsets, layers } = await embedder.hiddenStates(text);
    const [expected] = await embedder.embedTokens([text]);
    expect({ ids, tokens, offsets }).toEqual({ ids: expected.ids, tokens: expected.tokens, offsets: expected.offsets });
    expect(layers.length).toBe(embedder.describe().layers + 1);
    for (const layer of layers) expect(layer.shape).toEqual([tokens.length, embedder.describe().hiddenSize]);
    expect(layers.at(-1)?.toTypedArray()).toEqual(expected.vectors.toTypedArray());
    // Embeddings do not know what stands around them; layers do.
    const other = await embedder.hiddenStates('the money bank');
    const at = tokens.lastIndexOf('bank');
    expect(rowsOf(other.layers[0])[at]).toEqual(rowsOf(layers[0])[at]);
    expect(rowsOf(other.layers[1])[at]).not.toEqual(rowsOf(layers[1])[at]);
    await expect(embedder.hiddenStates(text, { maxTokens: 3, truncate: false })).rejects.toThrow(TruncatedTextError);
    await expect(embedder.hiddenStates(text, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  });

  it('shows what tokens attend to', async () => {
    using embedder = await load('mpnet');
    const { tokens, layers } = await embedder.attention('the king rode out');
    expect(layers).toHaveLength(3);
    for (const layer of layers) {
      expect(layer.shape).toEqual([4, tokens.length, tokens.length]);
      for (const sum of layer.sum([2]).toTypedArray()) expect(sum).toBeCloseTo(1, 5);
    }
  });

  it('rejects with the reason of a signal, at once and later, and goes on with other calls', async () => {
    using embedder = await load();
    const reason = new Error('nobody waits any more');
    await expect(embedder.embed(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const large = embedder.embed(mixedTexts(3000), { signal: controller.signal });
    const small = embedder.embed(['the bank']);
    setImmediate(() => controller.abort(reason));
    await expect(large).rejects.toBe(reason);
    expect(rowsOf(await small)).toEqual(rowsOf(await embedder.embed(['the bank'])));
  });

  it('may be disposed while it works, and twice, and not used afterwards', async () => {
    const embedder = await load();
    const pending = embedder.embed(mixedTexts(500));
    setImmediate(() => embedder.dispose());
    await expect(pending).rejects.toThrow(DisposedError);
    embedder.dispose();
    await expect(embedder.embed(['a'])).rejects.toThrow(DisposedError);
    await expect(embedder.embedTokens(['a'])).rejects.toThrow(DisposedError);
    await expect(embedder.attention('a')).rejects.toThrow(DisposedError);
    await expect(embedder.hiddenStates('a')).rejects.toThrow(DisposedError);
  });

  it('passes on what a progress callback throws, to its own call alone', async () => {
    using embedder = await load();
    const failure = new Error('no room to draw');
    const failing = embedder.embed(['a', 'b'], {
      onProgress: () => {
        throw failure;
      },
    });
    const other = embedder.embed(['a', 'b']);
    await expect(failing).rejects.toBe(failure);
    expect((await other).shape).toEqual([2, 48]);
  });

  it('does not let a large call hold up a small one', async () => {
    using embedder = await load();
    const order: string[] = [];
    const large = embedder.embed(mixedTexts(2500)).then(() => order.push('large'));
    await new Promise((resolve) => setImmediate(resolve));
    const small = embedder.embed(['the bank']).then(() => order.push('small'));
    await Promise.all([large, small]);
    expect(order).toEqual(['small', 'large']);
  });
});

describe('TextEmbedder.similarity', () => {
  it('is the cosine of every pair', async () => {
    using embedder = await TextEmbedder.load(modelFolder('bert'));
    const vectors = await embedder.embed(['the bank', 'a river', 'the bank'], { normalize: false });
    const rows = rowsOf(vectors);
    const similarity = embedder.similarity(vectors, vectors);
    expect(similarity.shape).toEqual([3, 3]);
    for (const [i, x] of rows.entries()) {
      for (const [j, y] of rows.entries()) {
        const cosine = x.reduce((sum, value, k) => sum + value * y[k], 0) / (lengthOf(x) * lengthOf(y));
        expect(similarity.at(i, j)).toBeCloseTo(cosine, 5);
      }
    }
  });
});

describe('what TextEmbedder refuses', () => {
  const load = () => TextEmbedder.load(modelFolder('bert'));

  it.each<[string, unknown, RegExp]>([
    ['a text instead of a list', 'the bank', /texts must be an array of strings, got a string; put it in an array/],
    ['nothing', undefined, /got undefined/],
    ['a number among the texts', ['a', 3], /texts\[1\] is the number 3/],
    ['null among the texts', [null], /texts\[0\] is null/],
    // biome-ignore lint/suspicious/noSparseArray: that is the mistake
    ['a hole among the texts', ['a', , 'b'], /texts\[1\] is undefined/],
    ['an array among the texts', [['a']], /texts\[0\] is an array/],
  ])('%s', async (_, texts, message) => {
    using embedder = await load();
    await expect(embedder.embed(texts as string[])).rejects.toThrow(ArgumentError);
    await expect(embedder.embed(texts as string[])).rejects.toThrow(message);
    await expect(embedder.embedTokens(texts as string[])).rejects.toThrow(message);
  });

  it('a dtype that there is not, by its names', async () => {
    const loading = TextEmbedder.load(modelFolder('bert'), { dtype: 'fp16' as 'int8' });
    await expect(loading).rejects.toThrow(ArgumentError);
    await expect(loading).rejects.toThrow(/dtype of an embedder\) must be one of float32, bfloat16.* got fp16/);
  });

  it.each<[object, RegExp]>([
    [{ dimensions: Number.NaN }, /dimensions must be a whole number from 1 to 48, got NaN/],
    [{ dimensions: 49 }, /dimensions .* got 49/],
    [{ dimensions: 0 }, /dimensions .* got 0/],
    [{ maxTokens: Number.NaN }, /maxTokens must be a whole number.* got NaN/],
    [{ maxTokens: 129 }, /maxTokens .* got 129/],
    [{ prompt: 'query' }, /no prompt "query"; it has none/],
  ])('options %j', async (options, message) => {
    using embedder = await load();
    await expect(embedder.embed(['a'], options)).rejects.toThrow(message);
    await expect(embedder.embed(['a'], options)).rejects.toThrow(ArgumentError);
  });
});
