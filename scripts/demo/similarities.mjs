import process from 'node:process';
import { engineInfo, TextEmbedder } from 'gemmule';
import { bold, dim, hasColour } from '../lib/terminal.mjs';

/** Four things that people say, each twice and in other words. */
const SENTENCES = [
  'A cat naps in the warm afternoon sun.',
  'The kitten has fallen asleep on a bright windowsill.',
  'Shares fell after the bank warned of lower profits.',
  'Investors sold stock once the lender cut its forecast.',
  'How do I reset my password?',
  "I can't get into my account any more.",
  'Simmer the tomatoes with garlic and basil.',
  'Let the sauce cook gently with some herbs.',
];

/** From dark to bright, as the similarity rises from 0 to 1 (256-colour palette). */
const HEAT = [235, 236, 23, 29, 35, 77, 113, 149, 185, 221];

/** How long the measurement of the speed takes at least. */
const MEASURED_MILLISECONDS = 1000;

/** @param {number} value @param {boolean} itself */
function formatCell(value, itself) {
  const text = itself ? '  ·   ' : `${value.toFixed(2).padStart(5)} `;
  if (!hasColour() || itself) return itself ? dim(text) : text;
  const level = Math.max(0, Math.min(HEAT.length - 1, Math.floor(value * HEAT.length)));
  return `\x1b[48;5;${HEAT[level]};38;5;${level >= 5 ? 16 : 252}m${text}\x1b[0m`;
}

/** @param {number[][]} matrix */
function printTable(matrix) {
  const width = Math.max(...SENTENCES.map((sentence) => sentence.length)) + 4;
  const header = SENTENCES.map((_, index) =>
    String(index + 1)
      .padStart(4)
      .padEnd(6),
  ).join('');
  process.stdout.write(`\n${' '.repeat(width)}${bold(header)}\n`);
  for (const [row, sentence] of SENTENCES.entries()) {
    const cells = (matrix[row] ?? []).map((value, column) => formatCell(value, row === column)).join('');
    process.stdout.write(`${bold(String(row + 1))}  ${sentence.padEnd(width - 3)}${cells}\n`);
  }
}

/** @param {number[][]} matrix */
function printClosest(matrix) {
  process.stdout.write('\n');
  const described = new Set();
  for (const [row, similarities] of matrix.entries()) {
    const others = similarities.map((value, column) => (column === row ? Number.NEGATIVE_INFINITY : value));
    const best = others.indexOf(Math.max(...others));
    if (described.has(`${best}-${row}`)) continue;
    described.add(`${row}-${best}`);
    process.stdout.write(`${dim('closest:')} ${SENTENCES[row]} ${dim('and')} ${SENTENCES[best]}\n`);
  }
}

/** Tokens per second over as many copies of the sentences as a second takes. @param {TextEmbedder} embedder */
async function measureSpeed(embedder) {
  const texts = Array.from({ length: 40 }, () => SENTENCES).flat();
  const tokens = texts.reduce((sum, text) => sum + embedder.tokenizer.encode(text).ids.length, 0);
  const start = performance.now();
  let embedded = 0;
  while (performance.now() - start < MEASURED_MILLISECONDS) {
    (await embedder.embed(texts)).dispose();
    embedded += 1;
  }
  const seconds = (performance.now() - start) / 1000;
  return { tokens: (embedded * tokens) / seconds, texts: (embedded * texts.length) / seconds };
}

/** @param {number} count */
const round = (count) => Math.round(count).toLocaleString('en');

/** Embeds {@link SENTENCES} with the default model and prints what came out, what computed it and how fast. */
export async function showSimilarities() {
  const started = performance.now();
  const embedder = await TextEmbedder.load();
  const loaded = performance.now();
  const vectors = await embedder.embed(SENTENCES);
  const embedded = performance.now();
  const matrix = /** @type {number[][]} */ (embedder.similarity(vectors, vectors).toArray());

  printTable(matrix);
  printClosest(matrix);

  const engine = engineInfo();
  const tokens = SENTENCES.reduce((sum, text) => sum + embedder.tokenizer.encode(text).ids.length, 0);
  const speed = await measureSpeed(embedder);
  process.stdout.write(
    `\nmodel     all-MiniLM-L6-v2, loaded in ${(loaded - started).toFixed(0)} ms\n` +
      `backend   ${engine.backend}, instruction set ${engine.isa}, ${engine.threads} thread${engine.threads === 1 ? '' : 's'}\n` +
      `first     ${SENTENCES.length} sentences of ${tokens} tokens in ${(embedded - loaded).toFixed(1)} ms\n` +
      `speed     ${bold(`${round(speed.tokens)} tokens/s`)} (${round(speed.texts)} sentences/s), tokenising included\n`,
  );
  vectors.dispose();
  embedder.dispose();
}
