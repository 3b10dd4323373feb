/* Two texts in, one number out. Run after `npm run setup`: node examples/compare.mjs "one text" "another" */
import { TextEmbedder } from 'gemmule';

const texts = process.argv.length > 3 ? process.argv.slice(2, 4) : ['How do I reset my password?', "I can't log in."];
const embedder = await TextEmbedder.load();
const vectors = await embedder.embed(texts);
const similarity = embedder.similarity(vectors, vectors);
console.log(`${similarity.toTypedArray()[1]?.toFixed(3)}  ${texts.join('  |  ')}`);
