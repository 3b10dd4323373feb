export { type Backend, type BackendName, defaultBackend, getBackend, setDefaultBackend } from './backend/index.js';
export { type EngineSummary, engineInfo, type MemoryUsage, memory, setThreads } from './engine.js';
export * from './errors.js';
export { VERSION } from './version.js';
