import type { TextEmbedder } from 'gemmule';

/** Tokens of each text, as many as the model reads. */
export function tokenCounts(embedder: TextEmbedder, texts: readonly string[]): number[] {
  return texts.map((text) => Math.min(embedder.tokenizer.encode(text).ids.length, embedder.maxTokens));
}

/** Milliseconds that one plain call takes, tokenising included. */
export async function embedMilliseconds(embedder: TextEmbedder, texts: readonly string[]): Promise<number> {
  const start = performance.now();
  (await embedder.embed(texts)).dispose();
  return performance.now() - start;
}
