import { VERSION } from '../index.js';
import type { ComputeRoute, Dialect } from './route.js';
import { healthAnswer, infoAnswer, modelsAnswer, openaiError, type Schema, teiError } from './schemas.js';

/** What errors mean, by status. */
const ERRORS: Readonly<Record<string, string>> = {
  400: 'The body is not JSON, or (OpenAI) not what the route takes',
  401: 'No API key, or one that is not known',
  404: 'No such model',
  413: 'Too large a body, too many texts, or too long a text',
  415: 'The body is not sent as application/json',
  422: 'The body is not what the route takes',
  424: 'The model cannot do this',
  429: 'The queue is full; Retry-After says when to try again',
  503: 'Not ready, stopping, or out of time',
};

const json = (schema: Schema) => ({ 'application/json': { schema } });

function computeOperation({ summary, dialect, body, answer }: ComputeRoute<never>): object {
  const schema = { $ref: `#/components/schemas/${dialect === 'openai' ? 'OpenAIError' : 'Error'}` };
  const omitted: ReadonlySet<string> = new Set(dialect === 'openai' ? ['413', '422', '424'] : []);
  const errors = Object.entries(ERRORS).filter(([status]) => !omitted.has(status));
  return {
    summary,
    requestBody: { required: true, content: json(body) },
    responses: {
      200: { description: 'The answer', content: json(answer) },
      ...Object.fromEntries(
        [...errors, ...(dialect === 'openai' ? [['413', 'Too large a body']] : [])].map(([status, description]) => [
          status,
          { description, content: json(schema) },
        ]),
      ),
    },
  };
}

const read = (summary: string, answer: Schema, type = 'application/json') => ({
  get: { summary, responses: { 200: { description: 'The answer', content: { [type]: { schema: answer } } } } },
});

/** The server's interface as an OpenAPI 3.1 document. */
export function openapiDocument(routes: readonly ComputeRoute<never>[], needsKey: boolean): object {
  const tags: Record<Dialect, string> = { openai: 'OpenAI', tei: 'Text Embeddings Inference' };
  return {
    openapi: '3.1.0',
    info: {
      title: 'gemmule',
      version: VERSION,
      description: 'Text embeddings and what belongs to them.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    paths: {
      ...Object.fromEntries(
        routes.map((route) => [route.path, { post: { ...computeOperation(route), tags: [tags[route.dialect]] } }]),
      ),
      '/v1/models': read('The models (OpenAI)', modelsAnswer),
      '/info': read('The models and limits', infoAnswer),
      '/health': {
        get: {
          summary: 'Whether requests are being answered',
          security: [],
          responses: {
            200: { description: 'Ready', content: json(healthAnswer) },
            503: { description: 'Still loading, or stopping', content: json(healthAnswer) },
          },
        },
      },
      '/metrics': read('Metrics for Prometheus', { type: 'string' }, 'text/plain'),
    },
    components: {
      schemas: { Error: teiError, OpenAIError: openaiError },
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
    security: needsKey ? [{ key: [] }] : [],
  };
}
