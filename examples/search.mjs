/* Semantic search in memory: node examples/search.mjs "something to eat in winter" */
import { TextEmbedder } from 'gemmule';

const DOCUMENTS = [
  'Slow-cooked beef stew with carrots and red wine',
  'A light salad of cucumber, mint and feta',
  'How to change the chain of a bicycle',
  'Beginner exercises for a stronger back',
  'Lentil soup with cumin for cold evenings',
  'Night trains between Vienna and Venice',
  'A packing list for a week in the mountains',
  'Filing your first tax return as a freelancer',
];

const query = process.argv[2] ?? 'something warm to eat in winter';
const embedder = await TextEmbedder.load();
const documents = await embedder.embed(DOCUMENTS);
const question = await embedder.embed([query]);
const { values, indices } = embedder.similarity(question, documents).topk(3);

console.log(query);
for (const [rank, index] of indices.toTypedArray().entries()) {
  console.log(`  ${values.toTypedArray()[rank]?.toFixed(3)}  ${DOCUMENTS[index]}`);
}
