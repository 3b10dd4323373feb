/*
 * Vectors beside the rows of a PostgreSQL database with the pgvector extension, searched together with SQL's conditions:
 *
 *   npm install gemmule pg
 *   DATABASE_URL=postgres://user@localhost/db node examples/pgvector.mjs "something warm to eat"
 */
import { TextEmbedder } from 'gemmule';
import pg from 'pg';

const RECIPES = [
  { id: 1, minutes: 180, text: 'Slow-cooked beef stew with carrots and red wine' },
  { id: 2, minutes: 10, text: 'A light salad of cucumber, mint and feta' },
  { id: 3, minutes: 40, text: 'Lentil soup with cumin for cold evenings' },
  { id: 4, minutes: 25, text: 'Pancakes with blueberries' },
];

const query = process.argv[2] ?? 'something warm for a winter evening';
const embedder = await TextEmbedder.load();
const database = new pg.Client({ connectionString: process.env.DATABASE_URL });
await database.connect();

await database.query('CREATE EXTENSION IF NOT EXISTS vector');
await database.query(
  `CREATE TABLE IF NOT EXISTS recipes
     (id integer PRIMARY KEY, minutes integer, text text, embedding vector(${embedder.dimension}))`,
);
// Vectors of length 1: the inner product is the cosine, and the cheapest of pgvector's distances.
await database.query('CREATE INDEX IF NOT EXISTS recipes_embedding ON recipes USING hnsw (embedding vector_ip_ops)');

/** @param {Float32Array} vector */
const literal = (vector) => `[${vector.join(',')}]`;

const vectors = await embedder.embed(RECIPES.map(({ text }) => text));
const numbers = vectors.toTypedArray();
for (const [index, { id, minutes, text }] of RECIPES.entries()) {
  const vector = numbers.subarray(index * embedder.dimension, (index + 1) * embedder.dimension);
  await database.query(
    `INSERT INTO recipes VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET minutes = $2, text = $3, embedding = $4`,
    [id, minutes, text, literal(vector)],
  );
}

const question = await embedder.embed([query]);
const { rows } = await database.query(
  `SELECT text, minutes, -(embedding <#> $1) AS similarity FROM recipes
     WHERE minutes <= 60 ORDER BY embedding <#> $1 LIMIT 2`,
  [literal(question.toTypedArray())],
);
console.log(query);
for (const { text, minutes, similarity } of rows) {
  console.log(`  ${Number(similarity).toFixed(3)}  ${text} (${minutes} minutes)`);
}

await database.end();
embedder.dispose();
