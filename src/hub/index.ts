export { type DownloadOptions, type DownloadProgress, downloadModel } from './download.js';
export type { HubOptions } from './settings.js';
