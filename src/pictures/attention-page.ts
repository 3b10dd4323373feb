import type { AttentionMaps } from '../embeddings/text-embedder.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { describeHead, headKind } from './head-kinds.js';
import { escapeDescription, escapeHtml, htmlPage, iconButton } from './html.js';
import attentionStyle from './page/attention.css?raw';
import attentionScript from './page/attention.js?raw';

export interface AttentionPageOptions {
  /** Default "What attends to what". */
  readonly title?: string | undefined;
  /** A line below it; by default how many layers, heads and tokens there are. */
  readonly description?: string | undefined;
}

/** Weights are written as whole numbers up to this. */
const ONE = 65535;

/** Weights a page can hold: more make a file that no browser opens gladly. */
const MOST_WEIGHTS = 96_000_000;

/** How a token is shown: as it stands in the text, special ones by name. */
function shownTokens(text: string, { tokens, offsets }: AttentionMaps): string[] {
  return tokens.map((token, index) => {
    const [start, end] = offsets[index] as readonly [number, number];
    return end > start ? text.slice(start, end) : token;
  });
}

/** All weights as base64 of little-endian 16-bit numbers, and a description of every head. */
function packed(maps: AttentionMaps, tokens: readonly string[]): { weights: string; descriptions: string[] } {
  const count = tokens.length;
  const heads = maps.layers[0]?.shape[0] ?? 0;
  const numbers = new Uint16Array(maps.layers.length * heads * count * count);
  const descriptions: string[] = [];
  let to = 0;
  for (const layer of maps.layers) {
    const weights = layer.toTypedArray();
    for (let at = 0; at < weights.length; at++) numbers[to++] = Math.round(Math.min(1, Math.max(0, weights[at])) * ONE);
    for (let head = 0; head < heads; head++) {
      const matrix = weights.subarray(head * count * count, (head + 1) * count * count);
      descriptions.push(describeHead(headKind(matrix, count), tokens));
    }
  }
  return { weights: Buffer.from(numbers.buffer).toString('base64'), descriptions };
}

/**
 * Attention maps as one HTML file that works offline: every head of every layer as a heat map over the tokens, one of them
 * large; a token that is pointed at, in the text or in the map, shows its strongest links.
 *
 *     const maps = await embedder.attention(text);
 *     writeFileSync('attention.html', attentionPage(text, maps));
 *
 * @param text - what the maps were made of.
 * @throws ShapeError, ArgumentError for maps without layers or with more than 96 million weights.
 */
export function attentionPage(text: string, maps: AttentionMaps, options: AttentionPageOptions = {}): string {
  const count = maps.tokens.length;
  const heads = maps.layers[0]?.shape[0] ?? 0;
  if (heads === 0 || count === 0) throw new ArgumentError('attentionPage: maps has no layers, heads or tokens to show');
  for (const [index, layer] of maps.layers.entries()) {
    if (layer.rank !== 3 || layer.shape[0] !== heads || layer.shape[1] !== count || layer.shape[2] !== count) {
      throw new ShapeError(
        `attentionPage: maps.layers[${index}] must be [${heads}, ${count}, ${count}], got ${formatShape(layer.dims)}`,
      );
    }
  }
  const total = maps.layers.length * heads * count * count;
  if (total > MOST_WEIGHTS) {
    throw new ArgumentError(
      `attentionPage: ${count} tokens make ${total} weights, more than ${MOST_WEIGHTS}; pass a lower maxTokens to attention()`,
    );
  }
  const {
    title = 'What attends to what',
    description = `${maps.layers.length} layers of ${heads} heads · ${count} tokens`,
  } = options;
  const tokens = shownTokens(text, maps);
  const isSpecial = (index: number): boolean => {
    const [start, end] = maps.offsets[index] as readonly [number, number];
    return start === end;
  };
  const isJoined = (index: number): boolean =>
    index > 0 && !isSpecial(index) && !isSpecial(index - 1) && maps.offsets[index][0] === maps.offsets[index - 1][1];
  const indices = [...tokens.keys()];
  const data = {
    tokens,
    special: indices.map(isSpecial),
    joined: indices.map(isJoined),
    layers: maps.layers.length,
    heads,
    ...packed(maps, tokens),
  };
  const body = `<header class="bar">
<div>
<h1>${escapeHtml(title)}</h1>
<p class="meta">${escapeDescription(description)}</p>
</div>
${iconButton('theme', 'Light or dark', 'theme')}
</header>
<section id="sentence" class="card" aria-label="Tokens">
<canvas id="arcs" aria-hidden="true"></canvas>
<div id="tokens"></div>
</section>
<main>
<section class="card">
<h2>Every head</h2>
<p class="meta">Rows attend to columns. Choose one to see it large.</p>
<div id="heads"></div>
</section>
<section id="large" class="card">
<h2 id="head-name"></h2>
<p id="head-kind" class="meta" role="status"></p>
<canvas id="map" role="img" aria-label="Heat map of the chosen head"></canvas>
<div id="scale"><span>0%</span><canvas id="ramp" aria-hidden="true"></canvas><span>100%</span></div>
</section>
<section id="links" class="card" aria-label="Strongest links"></section>
</main>`;
  return htmlPage({ title, style: attentionStyle, body, data, script: attentionScript });
}
