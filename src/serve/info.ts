import { VERSION } from '../index.js';
import type { ModelRegistry, ServedModel } from './models.js';
import type { ServerSettings } from './options.js';

/** The models as OpenAI lists them. */
export function describeModels(models: ModelRegistry): object {
  return {
    object: 'list',
    data: models.all.map(({ name, created }) => ({ id: name, object: 'model', created, owned_by: 'gemmule' })),
  };
}

/** The first model and the limits as Text Embeddings Inference tells them, and all models. */
export function describeServer(models: ModelRegistry, settings: ServerSettings): object {
  const [first] = models.all;
  return {
    ...(first === undefined ? {} : describeModel(first)),
    max_concurrent_requests: settings.maxConcurrentRequests,
    max_batch_tokens: settings.maxQueuedTokens,
    max_client_batch_size: settings.maxTexts,
    auto_truncate: settings.truncate,
    version: VERSION,
    models: models.all.map(describeModel),
  };
}

function describeModel({ name, dtype, type, maxTokens, runners }: ServedModel): object {
  return {
    model_id: name,
    ...(dtype === undefined ? {} : { model_dtype: dtype }),
    model_type: type,
    max_input_length: maxTokens,
    capabilities: Object.keys(runners),
  };
}
