export { RequestError } from './errors.js';
export {
  LOG_LEVELS,
  type LogLevel,
  MODEL_TASKS,
  type ModelSpec,
  type ModelTask,
  type ServeOptions,
} from './options.js';
export { type GemmuleServer, serve } from './server.js';
