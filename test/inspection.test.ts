import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Linear, Random, TextEmbedder, tensor, zeros } from '../src/index.js';
import { SparseMatrix } from '../src/linalg/index.js';
import { VectorIndex } from '../src/search/index.js';
import { Corpus, Word2Vec, WordVectors } from '../src/words/index.js';

/** What a console may print of one object. */
const MOST_CHARACTERS = 1200;

describe('what consoles print', () => {
  it('says what an embedder is', async () => {
    const embedder = await TextEmbedder.load();
    const text = inspect(embedder);
    expect(text).toMatch(/^TextEmbedder \{/);
    expect(text).toContain("name: 'all-MiniLM-L6-v2'");
    expect(text).toContain('dimension: 384');
    expect(text).toContain('disposed: false');
    expect(text.length).toBeLessThan(MOST_CHARACTERS);
    expect(inspect(embedder.tokenizer).length).toBeLessThan(MOST_CHARACTERS);
    const [tokens] = await embedder.embedTokens(['A dog in the park.']);
    expect(inspect(tokens)).toContain('vectors: Tensor([8, 384], float32) [[');
    expect(inspect(tokens).length).toBeLessThan(MOST_CHARACTERS);
    expect(inspect(await embedder.embed(['a', 'b'])).length).toBeLessThan(MOST_CHARACTERS);
    expect(inspect([[[embedder]]])).toBe('[ [ [ [TextEmbedder] ] ] ]');
    embedder.dispose();
    expect(inspect(embedder)).toContain('disposed: true');
  });

  it('says how many words there are, and how they were read', async () => {
    const words = await WordVectors.load();
    expect(inspect(words)).toMatch(/^WordVectors \{\n {2}size: 8000,\n {2}dimension: 50,\n/);
    expect(inspect(words)).toContain("format: 'glove'");
    expect(inspect(words).length).toBeLessThan(MOST_CHARACTERS);
    words.dispose();
    expect(inspect(words)).toContain('disposed: true');
  });

  it('says how many vectors an index has', () => {
    const index = new VectorIndex({ dimension: 3 });
    index.add([{ id: 'a' }], [[1, 2, 3]]);
    expect(inspect(index, { breakLength: Infinity })).toBe(
      "VectorIndex { size: 1, dimension: 3, storage: 'float32', metric: 'cosine', disposed: false }",
    );
  });

  it('stays small for whatever else holds numbers', async () => {
    const corpus = await Corpus.read([Array.from({ length: 5000 }, (_, n) => `word${n}`).join(' ')], { minCount: 1 });
    for (const object of [
      new Linear({ weight: zeros([100, 200]) }),
      new Random(1).normal([300, 300]),
      SparseMatrix.fromDense(
        tensor([
          [1, 0],
          [0, 2],
        ]),
      ),
      new Word2Vec(corpus, { dimensions: 8 }),
    ]) {
      expect(inspect(object).length).toBeLessThan(MOST_CHARACTERS);
    }
    expect(inspect(corpus).length).toBeLessThan(8000);
  });
});
