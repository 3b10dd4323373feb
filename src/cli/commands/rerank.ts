import { Reranker } from '../../heads/index.js';
import { type Command, choiceOption, countOption, stringOption, UsageError } from '../command.js';
import { openSource, readAll } from '../input.js';
import { clip, formatTable } from '../table.js';
import { DTYPES, MODEL_OPTIONS, MODEL_USAGE, withDownloadProgress } from './model-options.js';

const TEXT_CELLS = 96;

export const rerankCommand: Command = {
  name: 'rerank',
  summary: 'put texts in order by how well they answer a query',
  usage: `gemmule rerank --model MODEL --query TEXT TEXT [TEXT...] [options]

Prints the texts, the best first, each with its score and its place in the input. The model is a cross-encoder, such
as cross-encoder/ms-marco-MiniLM-L6-v2 or BAAI/bge-reranker-base; none is built in.

  -q, --query TEXT       what the texts are to answer
  -f, --file FILE        one text a line ("-" for standard input)
  -n, --top N            only the best N
      --json             JSON Lines: {"index": 0, "score": 0.9, "text": "..."}
${MODEL_USAGE.replace('; the built-in all-MiniLM-L6-v2 without it', '')}`,
  options: {
    ...MODEL_OPTIONS,
    query: { type: 'string', short: 'q' },
    file: { type: 'string', short: 'f' },
    top: { type: 'string', short: 'n' },
    json: { type: 'boolean' },
  },
  async run(context) {
    const { options, signal } = context;
    const model = stringOption(options, 'model');
    const query = stringOption(options, 'query');
    if (model === undefined) throw new UsageError('rerank needs --model, since no reranker is built in');
    if (query === undefined) throw new UsageError('rerank needs --query');
    const top = countOption(options, 'top');
    const texts = await readAll(openSource(context));
    const reranker = await withDownloadProgress((onDownload) =>
      Reranker.load(model, {
        dtype: choiceOption(options, 'dtype', DTYPES),
        revision: stringOption(options, 'revision'),
        signal,
        onDownload,
      }),
    );
    try {
      const topK = top === undefined ? texts.length : Math.min(top, texts.length);
      const ranked = await reranker.rerank(query, texts, { topK, signal });
      process.stdout.write(
        options.json === true
          ? ranked.map(({ index, score, document }) => `${JSON.stringify({ index, score, text: document })}\n`).join('')
          : formatTable(
              ranked.map(({ index, score, document }) => [
                score.toFixed(4),
                String(index + 1),
                clip(document, TEXT_CELLS),
              ]),
              new Set([0, 1]),
            ),
      );
    } finally {
      reranker.dispose();
    }
  },
};
