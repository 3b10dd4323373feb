import type { Tensor } from '../../index.js';
import { invalidField, tooMuch } from '../errors.js';
import { admit, type Inputs, promptOption, readInputs } from '../inputs.js';
import { vectorBase64, vectorJson } from '../numbers.js';
import type { Call, ComputeRoute } from '../route.js';
import type { VectorRunner } from '../runners.js';
import * as schemas from '../schemas.js';

/** Vectors that are written in one go: some tenths of a millisecond. */
const VECTORS_AT_ONCE = 8;

/** Numbers of an answer with a vector for every token; as JSON, each takes some twenty bytes. */
const MOST_NUMBERS = 2 ** 22;

interface EmbedSettings {
  readonly truncate?: boolean | null | undefined;
  readonly normalize?: boolean | undefined;
  readonly dimensions?: number | null | undefined;
  readonly prompt_name?: string | null | undefined;
}

/** Embeds what a request sends, and has its answer written while the request still counts as waiting. */
async function embed(
  call: Call<unknown>,
  embedder: VectorRunner,
  input: string,
  inputs: Inputs,
  { truncate, normalize, dimensions, prompt_name }: EmbedSettings,
  write: (vectors: Tensor<'float32'>, tokens: number) => Promise<string>,
): Promise<string> {
  const batch = readInputs(inputs);
  const { leave } = admit(call, input, batch, embedder.maxTokens);
  try {
    let tokens = 0;
    const options = {
      signal: call.signal,
      truncate: truncate ?? call.settings.truncate,
      dimensions: dimensions ?? undefined,
      normalize,
      onProgress: (progress: { readonly tokens: number }) => {
        tokens = progress.tokens;
      },
    };
    const prompt = promptOption(embedder, prompt_name);
    if (batch.kind === 'tokens' && 'prompt' in prompt) {
      throw invalidField(
        'prompt_name',
        `prompt_name must not be given where ${input} is token ids; put its ids in front`,
      );
    }
    using vectors =
      batch.kind === 'texts'
        ? await embedder.embed(batch.texts, { ...options, ...prompt })
        : await embedder.embedIds(batch.sequences, options);
    return await write(vectors, tokens);
  } finally {
    leave();
  }
}

/** Every row of a matrix, written by `format`, without holding up the event loop. */
async function writeRows(
  { pacer, signal }: Call<unknown>,
  vectors: Tensor<'float32'>,
  format: (row: Float32Array, index: number) => string,
): Promise<string> {
  const [rows = 0, columns = 0] = vectors.shape;
  const numbers = vectors.toTypedArray();
  const parts: string[] = [];
  while (parts.length < rows) {
    signal.throwIfAborted();
    const end = Math.min(rows, parts.length + VECTORS_AT_ONCE);
    await pacer.run(() => {
      for (let row = parts.length; row < end; row++) {
        parts.push(format(numbers.subarray(row * columns, (row + 1) * columns), row));
      }
    });
  }
  return parts.join(',');
}

interface OpenaiEmbeddingsBody {
  readonly input: Inputs;
  readonly model?: string | null;
  readonly encoding_format?: 'float' | 'base64' | null;
  readonly dimensions?: number | null;
  readonly truncate?: boolean | null;
}

export const openaiEmbeddings: ComputeRoute<OpenaiEmbeddingsBody> = {
  path: '/v1/embeddings',
  dialect: 'openai',
  summary: 'One vector a text (OpenAI)',
  input: 'input',
  body: schemas.openaiEmbeddingsBody,
  answer: schemas.openaiEmbeddingsAnswer,
  run(call) {
    const { input, model: name, encoding_format, dimensions, truncate } = call.body;
    const { model, runner } = call.models.find(name, 'embed');
    const format = encoding_format === 'base64' ? (row: Float32Array) => `"${vectorBase64(row)}"` : vectorJson;
    return embed(call, runner, 'input', input, { dimensions, truncate }, async (vectors, tokens) => {
      const data = await writeRows(call, vectors, (row, index) => {
        return `{"object":"embedding","index":${index},"embedding":${format(row)}}`;
      });
      const usage = `{"prompt_tokens":${tokens},"total_tokens":${tokens}}`;
      return `{"object":"list","data":[${data}],"model":${JSON.stringify(model.name)},"usage":${usage}}`;
    });
  },
};

interface EmbedBody extends Omit<EmbedSettings, 'normalize'> {
  readonly inputs: Inputs;
  readonly model?: string | null;
  readonly normalize?: boolean | null;
}

export const teiEmbed: ComputeRoute<EmbedBody> = {
  path: '/embed',
  dialect: 'tei',
  summary: 'One vector a text',
  input: 'inputs',
  body: schemas.embedBody,
  answer: schemas.embedAnswer,
  run(call) {
    const { inputs, model: name, normalize, ...settings } = call.body;
    const { runner } = call.models.find(name, 'embed');
    return embed(call, runner, 'inputs', inputs, { ...settings, normalize: normalize ?? true }, async (vectors) => {
      return `[${await writeRows(call, vectors, vectorJson)}]`;
    });
  },
};

interface EmbedAllBody {
  readonly inputs: string | readonly string[];
  readonly model?: string | null;
  readonly truncate?: boolean | null;
  readonly prompt_name?: string | null;
}

export const teiEmbedAll: ComputeRoute<EmbedAllBody> = {
  path: '/embed_all',
  dialect: 'tei',
  summary: 'One vector a token',
  input: 'inputs',
  body: schemas.embedAllBody,
  answer: schemas.embedAllAnswer,
  async run(call) {
    const { inputs, model: name, truncate, prompt_name } = call.body;
    const { runner } = call.models.find(name, 'embed_all');
    const { prompt } = promptOption(runner, prompt_name);
    const texts = typeof inputs === 'string' ? [inputs] : inputs;
    const { leave, tokens } = admit(call, 'inputs', { kind: 'texts', texts }, runner.maxTokens);
    try {
      if (Math.max(tokens, texts.length * runner.leastTokens(prompt)) * runner.width > MOST_NUMBERS) {
        throw tooMuch('inputs', 'inputs have too many tokens for an answer with a vector for each; send fewer texts');
      }
      const results = await runner.embedTokens(texts, {
        signal: call.signal,
        truncate: truncate ?? call.settings.truncate,
        prompt,
      });
      try {
        const parts: string[] = [];
        for (const vectors of results) parts.push(`[${await writeRows(call, vectors, vectorJson)}]`);
        return `[${parts.join(',')}]`;
      } finally {
        for (const vectors of results) vectors.dispose();
      }
    } finally {
      leave();
    }
  },
};

interface SimilarityBody {
  readonly inputs: { readonly source_sentence: string; readonly sentences: readonly string[] };
  readonly parameters?: { readonly truncate?: boolean | null; readonly prompt_name?: string | null } | null;
  readonly model?: string | null;
}

export const teiSimilarity: ComputeRoute<SimilarityBody> = {
  path: '/similarity',
  dialect: 'tei',
  summary: 'How alike a sentence and others are',
  input: 'inputs',
  body: schemas.similarityBody,
  answer: schemas.similarityAnswer,
  run(call) {
    const { inputs, parameters, model: name } = call.body;
    const { runner } = call.models.find(name, 'embed');
    const texts = [inputs.source_sentence, ...inputs.sentences];
    return embed(call, runner, 'inputs', texts, parameters ?? {}, (vectors) =>
      call.pacer.run(() => {
        using source = vectors.slice([0, 1]);
        using others = vectors.slice([1]);
        using similarity = runner.similarity(source, others);
        return vectorJson(similarity.toTypedArray());
      }),
    );
  },
};
