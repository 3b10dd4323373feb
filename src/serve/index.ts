export { RequestError } from './errors.js';
export { LOG_LEVELS, type LogLevel, type ModelSpec, type ServeOptions } from './options.js';
export { type GemmuleServer, serve } from './server.js';
