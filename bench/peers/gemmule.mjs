import { pathToFileURL } from 'node:url';
import { measure } from './harness.mjs';

const [, , , packageEntry, dtype] = process.argv;

await measure(async (model) => {
  const { TextEmbedder } = await import(pathToFileURL(packageEntry).href);
  const embedder = await TextEmbedder.load(model, { dtype });
  return async (texts, read = false) => {
    const vectors = await embedder.embed(texts);
    const rows = read ? vectors.toArray() : [];
    vectors.dispose();
    return rows;
  };
});
