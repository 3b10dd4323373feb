export { type AttentionPageOptions, attentionPage } from './attention-page.js';
export { type MapPageOptions, mapPage } from './map-page.js';
export { type MapSvgOptions, mapSvg } from './map-svg.js';
export type { ProjectionMethod } from './projection.js';
export { type MapOptions, type MapProgress, mapTexts, type TextMap } from './text-map.js';
