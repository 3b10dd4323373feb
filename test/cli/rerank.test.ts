import { describe, expect, it } from 'vitest';
import { headFolder, headGolden } from '../heads/golden.js';
import { run } from './run.js';

const folder = headFolder('reranker-bert');
const { query, documents, scores, ranking } = headGolden<{
  query: string;
  documents: string[];
  scores: number[];
  ranking: number[];
}>('reranker-bert');

describe('gemmule rerank', () => {
  it('prints texts in the order of their scores, as JSON or as a table', async () => {
    const { code, stdout, stderr } = await run(
      ['rerank', '--model', folder, '--query', query, '--json'],
      documents.join('\n'),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; score: number; text: string });
    expect(lines.map(({ index }) => index)).toEqual(ranking);
    for (const { index, score, text } of lines) {
      expect(score).toBeCloseTo(scores[index] as number, 4);
      expect(text).toBe(documents[index]);
    }
    const table = await run(['rerank', '-m', folder, '-q', query, '-n', '2', ...documents]);
    const rows = table.stdout.toString().trimEnd().split('\n');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(new RegExp(`^${lines[0]?.score.toFixed(4)} +${(ranking[0] as number) + 1}`));
  });

  it('asks for what it needs', async () => {
    const withoutModel = await run(['rerank', '-q', query, 'a']);
    expect([withoutModel.code, withoutModel.stderr]).toEqual([2, expect.stringContaining('needs --model')]);
    const withoutQuery = await run(['rerank', '-m', folder, 'a']);
    expect([withoutQuery.code, withoutQuery.stderr]).toEqual([2, expect.stringContaining('needs --query')]);
    const encoder = await run(['rerank', '-m', 'models/all-minilm-l6-v2', '-q', query, 'a']);
    expect([encoder.code, encoder.stderr]).toEqual([
      1,
      expect.stringMatching(/this is a BertModel, which has not a head that classifies texts/),
    ]);
  });
});
