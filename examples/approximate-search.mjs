/*
 * For more vectors than an exact search reads in time: an approximate index (HNSW, by the usearch library), and the best of
 * what it finds put in order by gemmule's own scores.
 *
 *   npm install gemmule usearch
 *   node examples/approximate-search.mjs "something warm to eat"
 */
import { TextEmbedder } from 'gemmule';
import { Index, MetricKind, ScalarKind } from 'usearch';

const DOCUMENTS = [
  'Slow-cooked beef stew with carrots and red wine',
  'A light salad of cucumber, mint and feta',
  'How to change the chain of a bicycle',
  'Beginner exercises for a stronger back',
  'Lentil soup with cumin for cold evenings',
  'Night trains between Vienna and Venice',
];

const query = process.argv[2] ?? 'something warm to eat in winter';
const embedder = await TextEmbedder.load();
const vectors = await embedder.embed(DOCUMENTS);

const index = new Index({
  metric: MetricKind.IP,
  dimensions: embedder.dimension,
  connectivity: 16,
  quantization: ScalarKind.F16,
  expansion_add: 128,
  expansion_search: 64,
  multi: false,
});
index.add(
  BigUint64Array.from(DOCUMENTS, (_, n) => BigInt(n)),
  vectors.toTypedArray(),
);

const question = await embedder.embed([query]);
const { keys } = index.search(question.toTypedArray(), 4, 1);
const found = [...keys].map(Number);
const { values, indices } = embedder.similarity(question, vectors.take(found, 0)).topk(2);

console.log(query);
for (const [rank, n] of indices.toTypedArray().entries()) {
  console.log(`  ${values.toTypedArray()[rank]?.toFixed(3)}  ${DOCUMENTS[found[n] ?? 0]}`);
}
embedder.dispose();
