/*
 * The page of `gemmule attention`: every head of every layer as a small heat map, one of them large, and the text, in which a
 * token that is pointed at shows what it attends to.
 */

/**
 * @typedef {object} AttentionData
 * @property {readonly string[]} tokens as they are shown
 * @property {readonly boolean[]} special whether a token is not part of the text
 * @property {readonly boolean[]} joined whether a token goes on where the one before ends
 * @property {number} layers
 * @property {number} heads
 * @property {readonly string[]} descriptions of every head, layer by layer
 * @property {string} weights base64 of little-endian 16-bit numbers `[layers, heads, tokens, tokens]`, 65535 for 1
 */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const data = /** @type {AttentionData} */ (JSON.parse(/** @type {string} */ (byId('data').textContent)));
const { tokens, layers, heads } = data;
const count = tokens.length;
const NOTHING = -1;
/** Beside the heads of a layer, their mean. */
const MEAN = heads;
const MOST_LINKS = 8;
const MOST_ARCS = 5;

const weights = decode(data.weights);

/** @param {string} base64 */
function decode(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const numbers = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, at) => numbers.getUint16(2 * at, true) / 65535);
}

/** The weights `[tokens, tokens]` of a head, or the mean of a layer's. @param {number} layer @param {number} head */
function matrixOf(layer, head) {
  const size = count * count;
  if (head !== MEAN) return weights.subarray((layer * heads + head) * size, (layer * heads + head + 1) * size);
  const mean = new Float32Array(size);
  for (let each = 0; each < heads; each++) {
    const start = (layer * heads + each) * size;
    for (let at = 0; at < size; at++) mean[at] += weights[start + at] / heads;
  }
  return mean;
}

// ---- Colours ----

const darkPreferred = matchMedia('(prefers-color-scheme: dark)');
let dark = darkPreferred.matches;
const RAMPS = {
  light: ['#fbfaf7', '#d3dcf6', '#93a8ea', '#4d5fcb', '#1f2270'],
  dark: ['#191c21', '#29346a', '#4a63c9', '#8fb0ff', '#f1f6ff'],
};
/** 256 steps of red, green and blue. */
const ramp = new Uint8Array(768);
const look = { paper: '', ink: '', soft: '', faint: '', accent: '', sans: '' };

function readTheme() {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  const styles = getComputedStyle(document.documentElement);
  for (const name of /** @type {(keyof typeof look)[]} */ (Object.keys(look))) {
    look[name] = styles.getPropertyValue(`--${name}`).trim();
  }
  const stops = RAMPS[dark ? 'dark' : 'light'].map((hex) =>
    [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)),
  );
  for (let step = 0; step < 256; step++) {
    const place = (step / 255) * (stops.length - 1);
    const from = Math.min(stops.length - 2, Math.floor(place));
    for (let channel = 0; channel < 3; channel++) {
      ramp[3 * step + channel] =
        stops[from][channel] + (stops[from + 1][channel] - stops[from][channel]) * (place - from);
    }
  }
}

/** The step of a weight: by its root, so that small ones are seen. @param {number} weight */
const stepOf = (weight) => Math.min(255, Math.round(255 * Math.sqrt(weight)));
/** @param {number} weight */
function colourOf(weight) {
  const at = 3 * stepOf(weight);
  return `rgb(${ramp[at]}, ${ramp[at + 1]}, ${ramp[at + 2]})`;
}
/** Whether letters on this weight's colour must be those of the other theme. @param {number} weight */
const isStrong = (weight) => weight > 0.3;

// ---- State ----

let layer = 0;
let head = 0;
let matrix = matrixOf(0, 0);
let pointed = NOTHING;
let pinned = NOTHING;
/** The column of the heat map under the pointer. */
let column = NOTHING;

/** @param {number} weight */
const percent = (weight) => `${(100 * weight).toFixed(weight < 0.0995 ? 1 : 0)}%`;

/** @param {string} tag @param {string} className @param {string} text */
function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// ---- The small heat maps ----

/** @type {{ layer: number, head: number, canvas: HTMLCanvasElement, button: HTMLButtonElement }[]} */
const thumbnails = [];

function makeThumbnails() {
  const grid = byId('heads');
  const side = Math.max(15, Math.min(44, Math.floor(430 / (heads + 1)), Math.floor(560 / layers)));
  grid.style.gridTemplateColumns = `auto repeat(${heads}, auto) auto`;
  grid.append(make('span', ''));
  for (let each = 0; each < heads; each++) grid.append(make('span', '', String(each + 1)));
  grid.append(make('span', 'mean', 'mean'));
  for (let row = 0; row < layers; row++) {
    grid.append(make('span', 'layer', `Layer ${row + 1}`));
    for (let each = 0; each <= heads; each++) {
      const button = document.createElement('button');
      const canvas = document.createElement('canvas');
      canvas.width = count;
      canvas.height = count;
      canvas.style.width = `${side}px`;
      canvas.style.height = `${side}px`;
      if (each === MEAN) button.className = 'mean';
      const name = nameOf(row, each);
      button.title = name;
      button.setAttribute('aria-label', name);
      button.append(canvas);
      button.addEventListener('click', () => choose(row, each));
      grid.append(button);
      thumbnails.push({ layer: row, head: each, canvas, button });
    }
  }
  grid.addEventListener('keydown', (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const move = /** @type {Record<string, number[]>} */ (moves)[event.key];
    if (move === undefined) return;
    event.preventDefault();
    choose((layer + move[0] + layers) % layers, (head + move[1] + heads + 1) % (heads + 1));
    thumbnails[layer * (heads + 1) + head].button.focus();
  });
}

/** @param {number} row @param {number} each */
function nameOf(row, each) {
  if (each === MEAN) return `Layer ${row + 1}, mean of all heads`;
  return `Layer ${row + 1}, head ${each + 1}: ${data.descriptions[row * heads + each]}`;
}

function drawThumbnails() {
  for (const thumbnail of thumbnails) {
    const pen = /** @type {CanvasRenderingContext2D} */ (thumbnail.canvas.getContext('2d'));
    const image = pen.createImageData(count, count);
    const numbers = matrixOf(thumbnail.layer, thumbnail.head);
    for (let at = 0; at < numbers.length; at++) {
      const step = 3 * stepOf(numbers[at]);
      image.data.set([ramp[step], ramp[step + 1], ramp[step + 2], 255], 4 * at);
    }
    pen.putImageData(image, 0, 0);
  }
}

/** @param {number} row @param {number} each */
function choose(row, each) {
  layer = row;
  head = each;
  matrix = matrixOf(row, each);
  for (const thumbnail of thumbnails) {
    thumbnail.button.setAttribute('aria-pressed', String(thumbnail.layer === row && thumbnail.head === each));
  }
  const [title, ...rest] = nameOf(row, each).split(': ');
  byId('head-name').textContent = title;
  byId('head-kind').textContent = rest.join(': ') || 'what the heads of this layer do on average';
  show();
}

// ---- The large heat map ----

const map = /** @type {HTMLCanvasElement} */ (byId('map'));
const mapPen = /** @type {CanvasRenderingContext2D} */ (map.getContext('2d'));
/** Beside the small maps, and on wide screens the links; the style sheet has the same border. */
const beside = window.innerWidth > 1320 ? 973 : window.innerWidth > 820 ? 790 : 130;
const most = Math.min(560, Math.max(330, window.innerHeight - 400), Math.max(320, window.innerWidth - beside));
const cell = Math.max(3, Math.min(60, Math.floor(most / count)));
const LABEL_SIZE = 12;
const labelled = cell >= 9;
/** Whether shares stand in the cells. */
const numbered = cell >= 36;
/** @param {string} token */
const clipped = (token) => (token.length > 14 ? `${token.slice(0, 13)}…` : token);
/** Room for names at the left and above. */
let margin = 8;

function layOutMap() {
  mapPen.font = `${LABEL_SIZE}px ${look.sans}`;
  margin = labelled ? Math.ceil(Math.max(...tokens.map((token) => mapPen.measureText(clipped(token)).width))) + 10 : 8;
  const side = margin + count * cell + 2;
  const density = window.devicePixelRatio || 1;
  map.width = side * density;
  map.height = side * density;
  map.style.width = `${side}px`;
  map.style.height = `${side}px`;
  mapPen.setTransform(density, 0, 0, density, 0, 0);
}

function drawMap() {
  const side = margin + count * cell + 2;
  mapPen.clearRect(0, 0, side, side);
  const gap = cell >= 8 ? 1 : 0;
  const row = focus();
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      mapPen.fillStyle = colourOf(matrix[i * count + j]);
      mapPen.fillRect(margin + j * cell, margin + i * cell, cell - gap, cell - gap);
    }
  }
  if (numbered) drawShares();
  if (row !== NOTHING) {
    mapPen.strokeStyle = look.accent;
    mapPen.lineWidth = 2;
    mapPen.strokeRect(margin - 1, margin + row * cell - 1, count * cell + 1, cell + 1);
    if (column !== NOTHING) mapPen.strokeRect(margin + column * cell - 1, margin + row * cell - 1, cell + 1, cell + 1);
  }
  if (!labelled) return;
  mapPen.font = `${Math.min(LABEL_SIZE, cell - 1)}px ${look.sans}`;
  mapPen.textBaseline = 'middle';
  for (const [index, token] of tokens.entries()) {
    const place = margin + (index + 0.5) * cell - 0.5;
    const strong = index === row;
    mapPen.fillStyle = strong ? look.ink : look.soft;
    mapPen.textAlign = 'right';
    mapPen.fillText(clipped(token), margin - 6, place);
    mapPen.fillStyle = index === column ? look.ink : look.soft;
    mapPen.save();
    mapPen.translate(place, margin - 6);
    mapPen.rotate(-Math.PI / 2);
    mapPen.textAlign = 'left';
    mapPen.fillText(clipped(token), 0, 0);
    mapPen.restore();
  }
}

function drawShares() {
  mapPen.font = `11px ${look.sans}`;
  mapPen.textAlign = 'center';
  mapPen.textBaseline = 'middle';
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      const weight = matrix[i * count + j];
      if (weight < 0.005) continue;
      mapPen.fillStyle = isStrong(weight) ? look.paper : look.soft;
      mapPen.fillText(`${Math.round(100 * weight)}`, margin + (j + 0.5) * cell, margin + (i + 0.5) * cell);
    }
  }
}

/** The index of a row or column at a place of the heat map, or NOTHING. @param {number} place */
function cellAt(place) {
  const index = Math.floor((place - margin) / cell);
  return index >= 0 && index < count ? index : NOTHING;
}

map.addEventListener('pointermove', (event) => {
  const row = cellAt(event.offsetY);
  column = cellAt(event.offsetX);
  // The names above the map stand for the tokens, too.
  pointed = row === NOTHING ? column : row;
  if (row === NOTHING) column = NOTHING;
  show();
});
map.addEventListener('pointerleave', () => {
  pointed = NOTHING;
  column = NOTHING;
  show();
});
map.addEventListener('click', () => pin(pointed));

// ---- The text ----

const focus = () => (pointed === NOTHING ? pinned : pointed);

/** @param {number} index */
function pin(index) {
  pinned = pinned === index ? NOTHING : index;
  show();
}

const chips = tokens.map((token, index) => {
  const chip = /** @type {HTMLButtonElement} */ (make('button', '', token));
  chip.classList.toggle('special', data.special[index]);
  chip.classList.toggle('joined', data.joined[index]);
  chip.addEventListener('pointerenter', () => {
    pointed = index;
    show();
  });
  chip.addEventListener('pointerleave', () => {
    pointed = NOTHING;
    show();
  });
  chip.addEventListener('click', () => pin(index));
  byId('tokens').append(chip);
  return chip;
});

const arcs = /** @type {HTMLCanvasElement} */ (byId('arcs'));

/** The greatest of a token's weights, or of all, with their places. @param {(at: number) => number} weightAt @param {number} length @param {number} most */
function greatest(weightAt, length, most) {
  return Array.from({ length }, (_, at) => ({ at, weight: weightAt(at) }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, most);
}

/** How strongly a word attends to another; as long as no token is pointed at, these links are drawn. @param {number} place */
function wordLink(place) {
  const [from, to] = [Math.floor(place / count), place % count];
  return from === to || data.special[from] || data.special[to] ? 0 : matrix[place];
}

function drawText() {
  const row = focus();
  for (const [index, chip] of chips.entries()) {
    const weight = row === NOTHING ? 0 : matrix[row * count + index];
    chip.classList.toggle('focused', index === row);
    chip.setAttribute('aria-pressed', String(index === pinned));
    chip.style.background = row === NOTHING ? '' : colourOf(weight);
    chip.style.color = row !== NOTHING && isStrong(weight) ? look.paper : '';
  }
  const sentence = byId('sentence');
  const density = window.devicePixelRatio || 1;
  const [width, height] = [sentence.clientWidth, sentence.scrollHeight];
  arcs.style.width = `${width}px`;
  arcs.style.height = `${height}px`;
  arcs.width = width * density;
  arcs.height = height * density;
  const pen = /** @type {CanvasRenderingContext2D} */ (arcs.getContext('2d'));
  pen.scale(density, density);
  pen.lineCap = 'round';
  pen.strokeStyle = look.accent;
  /** @param {number} index */
  const topOf = (index) => ({
    x: chips[index].offsetLeft + chips[index].offsetWidth / 2,
    y: chips[index].offsetTop - 2,
  });
  const links =
    row === NOTHING
      ? greatest(wordLink, count * count, MOST_ARCS)
      : greatest((index) => matrix[row * count + index], count, MOST_ARCS).map(({ at, weight }) => ({
          at: row * count + at,
          weight,
        }));
  for (const { at: place, weight } of links) {
    const [start, at] = [Math.floor(place / count), place % count];
    if (at === start || weight < 0.01) continue;
    const [from, to] = [topOf(start), topOf(at)];
    const rise = Math.min(34, 12 + Math.abs(to.x - from.x) / 9);
    pen.lineWidth = 0.8 + 5 * weight;
    pen.globalAlpha = (row === NOTHING ? 0.2 : 0.35) + 0.6 * Math.sqrt(weight);
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.bezierCurveTo(from.x, from.y - rise, to.x, to.y - rise, to.x, to.y);
    pen.stroke();
  }
}

// ---- The strongest links ----

/** @param {string} name @param {number} weight */
function makeLink(name, weight) {
  const link = make('div', 'link');
  const track = make('div', 'track');
  const fill = make('div', 'fill');
  fill.style.width = `${100 * weight}%`;
  track.append(fill);
  link.append(make('span', 'name', name), make('span', 'share', percent(weight)), track);
  return link;
}

function drawLinks() {
  const row = focus();
  const list = byId('links');
  if (row === NOTHING) {
    const pairs = greatest((at) => matrix[at], count * count, MOST_LINKS + 4);
    const links = pairs.map(({ at, weight }) =>
      makeLink(`${tokens[Math.floor(at / count)]} → ${tokens[at % count]}`, weight),
    );
    list.replaceChildren(
      make('h2', '', 'Strongest links'),
      make('p', 'meta', 'Point at a token to see its own; click to keep it.'),
      make('h3', '', 'of this head'),
      ...links,
    );
    return;
  }
  const targets = greatest((at) => matrix[row * count + at], count, MOST_LINKS);
  const sources = greatest((at) => matrix[at * count + row], count, MOST_LINKS - 3);
  list.replaceChildren(
    make('h2', '', `“${tokens[row].trim()}”`),
    make('p', 'meta', `Token ${row + 1} of ${count}`),
    make('h3', '', 'attends to'),
    ...targets.map(({ at, weight }) => makeLink(tokens[at], weight)),
    make('h3', '', 'is attended to by'),
    ...sources.map(({ at, weight }) => makeLink(tokens[at], weight)),
  );
}

let scheduled = false;
function show() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    drawMap();
    drawText();
    drawLinks();
  });
}

function drawScale() {
  const canvas = /** @type {HTMLCanvasElement} */ (byId('ramp'));
  canvas.width = 256;
  canvas.height = 1;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  for (let step = 0; step < 256; step++) {
    pen.fillStyle = `rgb(${ramp[3 * step]}, ${ramp[3 * step + 1]}, ${ramp[3 * step + 2]})`;
    pen.fillRect(step, 0, 1, 1);
  }
}

function applyTheme() {
  readTheme();
  drawThumbnails();
  drawScale();
  layOutMap();
  show();
}

byId('theme').addEventListener('click', () => {
  dark = !dark;
  applyTheme();
});
darkPreferred.addEventListener('change', ({ matches }) => {
  dark = matches;
  applyTheme();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') pin(pinned);
});
window.addEventListener('resize', show);
makeThumbnails();
applyTheme();
choose(0, 0);

export {};
