import { escapeDescription, escapeHtml, htmlPage, iconButton } from './html.js';
import mapStyle from './page/map.css?raw';
import mapScript from './page/map.js?raw';
import { groupColours } from './palette.js';
import type { TextMap } from './text-map.js';

export interface MapPageOptions {
  /** Default "Map of texts". */
  readonly title?: string | undefined;
  /** A line below it; by default how many texts there are and how the map was made. */
  readonly description?: string | undefined;
}

const METHOD_NAMES = { tsne: 't-SNE', umap: 'UMAP', pca: 'principal components' } as const;
/** Steps along the longer side that coordinates are rounded to. */
const STEPS = 65535;

/** How many there are and how the map was made, in a line. */
function describeMap({ texts, method, dimension, groupNames, clustered }: TextMap): string {
  const kind = clustered ? 'cluster' : 'group';
  const groups = `${groupNames.length} ${kind}${groupNames.length === 1 ? '' : 's'}`;
  const things = texts.length === 1 ? 'text' : 'texts';
  return `${texts.length.toLocaleString('en')} ${things} · ${dimension} dimensions · ${METHOD_NAMES[method]} · ${groups}`;
}

/**
 * A map as one HTML file that works offline: a scatter that one can move and zoom, with names, a search, the text under the
 * pointer, and on a click the nearest texts of the full space. Tens of thousands of points stay smooth.
 */
export function mapPage(map: TextMap, options: MapPageOptions = {}): string {
  const { title = 'Map of texts', description = describeMap(map) } = options;
  const colours = groupColours(map.groupNames.length);
  const coordinates = (axis: 0 | 1): number[] =>
    map.texts.map((_, index) => Math.round(map.points[2 * index + axis] * STEPS));
  const data = {
    texts: map.texts,
    x: coordinates(0),
    y: coordinates(1),
    group: [...map.groupOf],
    groups: map.groupNames.map((name, group) => ({ name, ...colours[group] })),
    neighbours: [...map.neighbours.indices],
    perPoint: map.neighbours.k,
    words: map.shortTexts,
  };
  const body = `<canvas id="points" tabindex="0" role="img" aria-label="${escapeHtml(`Scatter of ${map.texts.length} texts; use the search to reach them`)}"></canvas>
<canvas id="labels" aria-hidden="true"></canvas>
<aside id="panel">
<header id="head">
<h1>${escapeHtml(title)}</h1>
<p class="meta">${escapeDescription(description)}</p>
<input id="search" type="search" placeholder="Search" aria-label="Search the texts" autocomplete="off" spellcheck="false">
<p id="found" role="status"></p>
</header>
<div id="selected" class="list" hidden></div>
<div id="results" class="list" hidden></div>
<div id="groups" class="list"></div>
</aside>
<nav id="tools" aria-label="View">
${iconButton('theme', 'Light or dark', 'theme')}
${iconButton('in', 'Zoom in', 'plus')}
${iconButton('out', 'Zoom out', 'minus')}
${iconButton('fit', 'Show everything', 'fit')}
</nav>
<div id="tip" role="tooltip" hidden></div>`;
  return htmlPage({ title, style: mapStyle, body, data, script: mapScript });
}
