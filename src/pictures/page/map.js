/*
 * The page of `gemmule map`: a scatter of texts that one can move, search and point at. Points are drawn pixel by pixel into an
 * image, which takes a few milliseconds for tens of thousands on any machine, with or without a graphics card; names and lines
 * go on a canvas above it. Everything that came from outside enters the page as text, never as markup.
 */

/**
 * @typedef {object} MapData
 * @property {readonly string[]} texts
 * @property {readonly number[]} x from 0 to 65535
 * @property {readonly number[]} y from 0 to 65535, downwards
 * @property {readonly number[]} group of every point
 * @property {readonly { name: string, light: string, dark: string }[]} groups
 * @property {readonly number[]} neighbours indices, `perPoint` for every point, nearest first
 * @property {number} perPoint
 * @property {boolean} words whether texts are short enough to stand on the map from the start
 */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const data = /** @type {MapData} */ (JSON.parse(/** @type {string} */ (byId('data').textContent)));
const count = data.texts.length;
const X = Float32Array.from(data.x, (value) => value / 65535);
const Y = Float32Array.from(data.y, (value) => value / 65535);
const groupOf = Uint16Array.from(data.group);

const canvas = /** @type {HTMLCanvasElement} */ (byId('points'));
const overlay = /** @type {HTMLCanvasElement} */ (byId('labels'));
const paint = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
const pen = /** @type {CanvasRenderingContext2D} */ (overlay.getContext('2d'));
const tip = byId('tip');
const search = /** @type {HTMLInputElement} */ (byId('search'));

const MOST_ZOOM = 400;
const PICK_RADIUS = 14;
const MOST_RESULTS = 60;
const LABEL_FONT = 11.5;
const NOTHING = -1;

// ---- Colours ----

const darkPreferred = matchMedia('(prefers-color-scheme: dark)');
let dark = darkPreferred.matches;
/** Red, green and blue of every group, then of the background. */
let colours = new Uint8Array(0);

/** @param {string} hex */
const channels = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
/** @param {number} group */
const colourOf = (group) => data.groups[group][dark ? 'dark' : 'light'];
/** Of the style sheet, for what is drawn. */
const look = { paper: '', ink: '', soft: '', sans: '' };

function applyTheme() {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  const styles = getComputedStyle(document.documentElement);
  for (const name of /** @type {(keyof typeof look)[]} */ (Object.keys(look))) {
    look[name] = styles.getPropertyValue(`--${name}`).trim();
  }
  colours = Uint8Array.from([...data.groups.keys()].map(colourOf).concat(look.paper).flatMap(channels));
  for (const dot of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.dot'))) {
    dot.style.background = colourOf(Number(dot.dataset.group));
  }
  redraw();
}

// ---- What is looked at: the point of the map in the middle, and pixels a unit ----

const view = { x: 0.5, y: 0.5, scale: 1 };
const home = { x: 0.5, y: 0.5, scale: 1 };
let width = 0;
let height = 0;
let density = 1;

/** Where the middle of the view lies: that of the space that the panel leaves free. */
function middle() {
  const panel = byId('panel').getBoundingClientRect();
  const beside = panel.width < width * 0.6;
  return { x: beside ? (panel.right + width) / 2 : width / 2, y: beside ? height / 2 : (panel.bottom + height) / 2 };
}

let centre = { x: 0, y: 0 };

/** @param {number} index */
const screenX = (index) => (X[index] - view.x) * view.scale + centre.x;
/** @param {number} index */
const screenY = (index) => (Y[index] - view.y) * view.scale + centre.y;

function resize() {
  density = Math.min(window.devicePixelRatio || 1, 2);
  const atHome = view.scale === home.scale && view.x === home.x && view.y === home.y;
  width = window.innerWidth;
  height = window.innerHeight;
  for (const each of [canvas, overlay]) {
    each.width = Math.round(width * density);
    each.height = Math.round(height * density);
  }
  centre = middle();
  home.scale = 1.84 * Math.max(60, Math.min(width - centre.x, height - centre.y));
  if (atHome) Object.assign(view, home);
  redraw();
}

/**
 * Scales around a place of the screen, which stays where it is.
 *
 * @param {number} factor @param {number} [x] @param {number} [y]
 */
function zoom(factor, x = centre.x, y = centre.y) {
  const scale = Math.min(Math.max(view.scale * factor, home.scale / 3), home.scale * MOST_ZOOM);
  view.x += (x - centre.x) * (1 / view.scale - 1 / scale);
  view.y += (y - centre.y) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  redraw();
}

let flight = 0;

/** @param {{ x: number, y: number, scale: number }} target */
function flyTo(target) {
  cancelAnimationFrame(flight);
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
    Object.assign(view, target);
    redraw();
    return;
  }
  const from = { ...view };
  const start = performance.now();
  const step = () => {
    const time = Math.min(1, (performance.now() - start) / 420);
    const share = 1 - (1 - time) ** 3;
    view.scale = from.scale * (target.scale / from.scale) ** share;
    // The place moves as the scale does, so that the target does not run away from the middle.
    const moved =
      target.scale === from.scale ? share : (1 / from.scale - 1 / view.scale) / (1 / from.scale - 1 / target.scale);
    view.x = from.x + (target.x - from.x) * moved;
    view.y = from.y + (target.y - from.y) * moved;
    redraw();
    if (time < 1) flight = requestAnimationFrame(step);
  };
  step();
}

// ---- State ----

/** Whether a point matches the search; null without one. @type {Uint8Array | null} */
let matches = null;
/** The only group shown, or NOTHING. */
let onlyGroup = NOTHING;
let pointedGroup = NOTHING;
let pointed = NOTHING;
let selected = NOTHING;

/** @param {number} index */
function isShown(index) {
  const group = pointedGroup === NOTHING ? onlyGroup : pointedGroup;
  return (matches === null || matches[index] === 1) && (group === NOTHING || groupOf[index] === group);
}

let scheduled = false;
function redraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    drawPoints();
    drawOverlay();
  });
}

// ---- Points ----

/** How much of each pixel a disc covers, from 0 to 255, at 4 x 4 places within a pixel. */
let discs = { radius: 0, side: 0, masks: /** @type {Uint8Array[]} */ ([]) };

/** @param {number} radius in pixels of the image */
function discsOf(radius) {
  if (discs.radius === radius) return discs;
  const side = Math.ceil(radius * 2) + 2;
  const masks = [];
  for (let place = 0; place < 16; place++) {
    const [cx, cy] = [side / 2 + (place % 4) / 4 - 0.375, side / 2 + Math.floor(place / 4) / 4 - 0.375];
    const mask = new Uint8Array(side * side);
    for (let at = 0; at < mask.length; at++) {
      const distance = Math.hypot((at % side) + 0.5 - cx, Math.floor(at / side) + 0.5 - cy);
      mask[at] = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - distance)));
    }
    masks.push(mask);
  }
  discs = { radius, side, masks };
  return discs;
}

function pointRadius() {
  const few = count < 250 ? 5.5 : count < 1500 ? 3.8 : count < 6000 ? 2.7 : count < 20000 ? 2.1 : 1.7;
  return Math.min(9, few * Math.max(1, view.scale / home.scale) ** 0.33);
}

/** @type {ImageData} */
let image = new ImageData(1, 1);

function drawPoints() {
  if (image.width !== canvas.width || image.height !== canvas.height)
    image = paint.createImageData(canvas.width, canvas.height);
  const bytes = image.data;
  const [red, green, blue] = colours.subarray(3 * data.groups.length);
  new Uint32Array(bytes.buffer).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
  const some = matches !== null || onlyGroup !== NOTHING || pointedGroup !== NOTHING;
  const crowd = count > 3000 ? 190 : 225;
  const featured = featuredPoints();
  /** @param {number} index */
  const isClear = (index) => isShown(index) || featured.includes(index);
  if (some) drawWhere((index) => !isClear(index), 30);
  drawWhere(some ? isClear : null, some ? 240 : crowd);
  paint.putImageData(image, 0, 0);
}

/** The selected point and those nearest to it, which are seen whatever else is looked for. */
function featuredPoints() {
  if (selected === NOTHING) return [];
  return [selected, ...data.neighbours.slice(selected * data.perPoint, (selected + 1) * data.perPoint)];
}

/** @param {((index: number) => boolean) | null} chosen @param {number} alpha from 0 to 255 */
function drawWhere(chosen, alpha) {
  const { side, masks } = discsOf(pointRadius() * density);
  // Mixtures of bytes are bytes: nothing needs to be clamped.
  const bytes = new Uint8Array(image.data.buffer);
  const [columns, rows] = [image.width, image.height];
  const scale = view.scale * density;
  const left = centre.x * density - view.x * scale - side / 2;
  const top = centre.y * density - view.y * scale - side / 2;
  for (let index = 0; index < count; index++) {
    const x = X[index] * scale + left;
    const y = Y[index] * scale + top;
    if (x < -side || y < -side || x >= columns || y >= rows) continue;
    if (chosen !== null && !chosen(index)) continue;
    const column = Math.floor(x);
    const row = Math.floor(y);
    const mask = masks[Math.floor((x - column) * 4) + 4 * Math.floor((y - row) * 4)];
    const colour = 3 * groupOf[index];
    const red = colours[colour];
    const green = colours[colour + 1];
    const blue = colours[colour + 2];
    const firstColumn = Math.max(0, -column);
    const endColumn = Math.min(side, columns - column);
    const endRow = Math.min(side, rows - row);
    for (let v = Math.max(0, -row); v < endRow; v++) {
      let at = 4 * ((row + v) * columns + column + firstColumn);
      for (let u = firstColumn; u < endColumn; u++, at += 4) {
        const weight = (mask[v * side + u] * alpha) >> 8;
        if (weight === 0) continue;
        bytes[at] += ((red - bytes[at]) * weight) >> 8;
        bytes[at + 1] += ((green - bytes[at + 1]) * weight) >> 8;
        bytes[at + 2] += ((blue - bytes[at + 2]) * weight) >> 8;
      }
    }
  }
}

// ---- Names and lines above the points ----

/** A place for the name of every group: the middle one of its points in both directions. */
const groupPlaces = data.groups.map((_, group) => {
  const members = [...groupOf.keys()].filter((index) => groupOf[index] === group);
  /** @param {Float32Array} values */
  const median = (values) => members.map((index) => values[index]).sort((a, b) => a - b)[members.length >> 1] ?? 0.5;
  return { x: median(X), y: median(Y), size: members.length };
});

/** @param {string} text @param {number} length */
function shortened(text, length) {
  const characters = [...text.slice(0, 2 * length + 2)];
  return characters.length > length
    ? `${characters
        .slice(0, length - 1)
        .join('')
        .trimEnd()}…`
    : text;
}

/** Boxes of names that are drawn, on a coarse grid, so that no two overlap. */
class Room {
  #taken = new Set();

  /** Takes a box if nothing is there. @param {number} x @param {number} y @param {number} w @param {number} h */
  take(x, y, w, h) {
    const cells = [];
    for (let row = Math.floor(y / 8); row <= Math.floor((y + h) / 8); row++) {
      for (let column = Math.floor(x / 8); column <= Math.floor((x + w) / 8); column++) {
        const cell = row * 100003 + column;
        if (this.#taken.has(cell)) return false;
        cells.push(cell);
      }
    }
    for (const cell of cells) this.#taken.add(cell);
    return true;
  }
}

const labelWidths = new Float32Array(count);

/** @param {string} text @param {number} x @param {number} y @param {string} colour */
function write(text, x, y, colour) {
  pen.lineWidth = 3.5;
  pen.lineJoin = 'round';
  pen.strokeStyle = look.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

function drawOverlay() {
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.textBaseline = 'middle';
  const room = new Room();
  const near = view.scale / home.scale;
  if (selected !== NOTHING) drawNeighbours();
  if (near < 5) drawGroupNames(room);
  drawPointNames(room);
  for (const index of [selected, pointed]) if (index !== NOTHING) drawRing(index);
}

function drawNeighbours() {
  const places = data.neighbours.slice(selected * data.perPoint, (selected + 1) * data.perPoint);
  pen.strokeStyle = look.soft;
  pen.lineWidth = 1;
  for (const place of places) {
    pen.beginPath();
    pen.moveTo(screenX(selected), screenY(selected));
    pen.lineTo(screenX(place), screenY(place));
    pen.stroke();
  }
  for (const place of places) drawRing(place, 1.2);
}

/** @param {number} index @param {number} [thickness] */
function drawRing(index, thickness = 2) {
  pen.beginPath();
  pen.arc(screenX(index), screenY(index), pointRadius() + 2.5, 0, 2 * Math.PI);
  pen.lineWidth = thickness;
  pen.strokeStyle = look.ink;
  pen.stroke();
}

/** @param {Room} room */
function drawGroupNames(room) {
  pen.font = `650 13.5px ${look.sans}`;
  pen.textAlign = 'center';
  const order = [...data.groups.keys()].sort((a, b) => groupPlaces[b].size - groupPlaces[a].size);
  for (const group of order) {
    const place = groupPlaces[group];
    if (place.size === 0 || (onlyGroup !== NOTHING && onlyGroup !== group)) continue;
    const name = shortened(data.groups[group].name, 42);
    const [x, y] = [(place.x - view.x) * view.scale + centre.x, (place.y - view.y) * view.scale + centre.y];
    const half = pen.measureText(name).width / 2;
    if (room.take(x - half - 3, y - 9, 2 * half + 6, 18)) write(name, x, y, look.ink);
  }
}

/** As many names of points as there is room for; those of whole sentences only when few are in sight. @param {Room} room */
function drawPointNames(room) {
  const visible = [];
  for (let index = 0; index < count && visible.length < 6000; index++) {
    const [x, y] = [screenX(index), screenY(index)];
    if (x > 0 && y > 0 && x < width && y < height && isShown(index)) visible.push(index);
  }
  const featured = data.words ? featuredPoints() : [];
  const most = data.words ? 220 : visible.length <= 90 ? 90 : 0;
  pen.font = `${LABEL_FONT}px ${look.sans}`;
  pen.textAlign = 'left';
  const colour = look.soft;
  const gap = pointRadius() + 3;
  let written = 0;
  for (const index of new Set([...featured, ...visible])) {
    if (written >= most) return;
    const name = shortened(data.texts[index], 36);
    labelWidths[index] ||= pen.measureText(name).width;
    const [x, y] = [screenX(index) + gap, screenY(index)];
    if (!room.take(x - 2, y - 6, labelWidths[index] + 4, 12)) continue;
    write(name, x, y, featured.includes(index) ? look.ink : colour);
    written += 1;
  }
}

// ---- Pointing ----

/** Points by cells of a grid over the map: those of cell c are `members[starts[c]] ... members[starts[c + 1] - 1]`. */
const SIDE = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(count / 2))));
/** @param {number} value */
const cellOf = (value) => Math.min(SIDE - 1, Math.max(0, Math.floor(value * SIDE)));
const starts = new Int32Array(SIDE * SIDE + 1);
const members = new Int32Array(count);
for (let index = 0; index < count; index++) starts[cellOf(Y[index]) * SIDE + cellOf(X[index]) + 1] += 1;
for (let cell = 0; cell < SIDE * SIDE; cell++) starts[cell + 1] += starts[cell];
const ends = starts.slice(0, -1);
for (let index = 0; index < count; index++) members[ends[cellOf(Y[index]) * SIDE + cellOf(X[index])]++] = index;

/** The shown point nearest to a place of the screen, or NOTHING. @param {number} x @param {number} y */
function pick(x, y) {
  const reach = PICK_RADIUS / view.scale;
  const [mapX, mapY] = [(x - centre.x) / view.scale + view.x, (y - centre.y) / view.scale + view.y];
  let best = NOTHING;
  let least = reach * reach;
  for (let row = cellOf(mapY - reach); row <= cellOf(mapY + reach); row++) {
    for (let column = cellOf(mapX - reach); column <= cellOf(mapX + reach); column++) {
      const cell = row * SIDE + column;
      for (let at = starts[cell]; at < starts[cell + 1]; at++) {
        const index = members[at];
        const square = (X[index] - mapX) ** 2 + (Y[index] - mapY) ** 2;
        if (square >= least || !isShown(index)) continue;
        best = index;
        least = square;
      }
    }
  }
  return best;
}

/** @param {number} group */
function makeDot(group) {
  const dot = document.createElement('span');
  dot.className = 'dot';
  dot.dataset.group = String(group);
  dot.style.background = colourOf(group);
  return dot;
}

/** @param {number} index @param {number} [x] @param {number} [y] */
function point(index, x = 0, y = 0) {
  if (index !== pointed) {
    pointed = index;
    canvas.classList.toggle('pointing', index !== NOTHING);
    tip.hidden = index === NOTHING;
    if (index !== NOTHING) {
      const group = document.createElement('small');
      group.append(makeDot(groupOf[index]), data.groups[groupOf[index]].name);
      tip.replaceChildren(shortened(data.texts[index], 400), group);
    }
    redraw();
  }
  if (index === NOTHING) return;
  const box = tip.getBoundingClientRect();
  const left = x + 16 + box.width > width - 8 ? x - 16 - box.width : x + 16;
  const top = Math.min(Math.max(8, y - box.height / 2), height - box.height - 8);
  tip.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
}

/** @type {Map<number, PointerEvent>} */
const fingers = new Map();
let travelled = 0;

canvas.addEventListener('pointerdown', (event) => {
  cancelAnimationFrame(flight);
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  travelled = 0;
  canvas.classList.add('moving');
});

canvas.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (before === undefined) {
    point(pick(event.clientX, event.clientY), event.clientX, event.clientY);
    return;
  }
  const others = [...fingers.values()].filter((finger) => finger !== before);
  fingers.set(event.pointerId, event);
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  travelled += Math.abs(dx) + Math.abs(dy);
  const share = 1 / (others.length + 1);
  view.x -= (dx * share) / view.scale;
  view.y -= (dy * share) / view.scale;
  const [other] = others;
  if (other !== undefined) {
    /** @param {PointerEvent} finger */
    const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
    zoom(
      apart(event) / Math.max(1, apart(before)),
      (event.clientX + other.clientX) / 2,
      (event.clientY + other.clientY) / 2,
    );
  }
  point(NOTHING);
  redraw();
});

/** @param {PointerEvent} event */
function lift(event) {
  if (!fingers.delete(event.pointerId)) return;
  canvas.classList.toggle('moving', fingers.size > 0);
  if (event.type === 'pointerup' && travelled < 5) select(pick(event.clientX, event.clientY));
}
canvas.addEventListener('pointerup', lift);
canvas.addEventListener('pointercancel', lift);
canvas.addEventListener('pointerleave', () => point(NOTHING));
canvas.addEventListener('dblclick', (event) => zoom(2.5, event.clientX, event.clientY));
canvas.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    cancelAnimationFrame(flight);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1;
    zoom(
      Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0022)),
      event.clientX,
      event.clientY,
    );
    point(pick(event.clientX, event.clientY), event.clientX, event.clientY);
  },
  { passive: false },
);

canvas.addEventListener('keydown', (event) => {
  const step = 80 / view.scale;
  if (event.key === 'ArrowLeft') view.x -= step;
  else if (event.key === 'ArrowRight') view.x += step;
  else if (event.key === 'ArrowUp') view.y -= step;
  else if (event.key === 'ArrowDown') view.y += step;
  else if (event.key === '+' || event.key === '=') zoom(1.5);
  else if (event.key === '-') zoom(1 / 1.5);
  else if (event.key === '0') flyTo(home);
  else return;
  event.preventDefault();
  redraw();
});

// ---- Lists ----

/** A button for a point. @param {number} index @param {Node[]} name */
function makePointButton(index, name) {
  const button = document.createElement('button');
  const label = document.createElement('span');
  label.className = 'name';
  label.append(...name);
  button.append(makeDot(groupOf[index]), label);
  button.title = shortened(data.texts[index], 400);
  button.addEventListener('click', () => show(index));
  button.addEventListener('pointerenter', () => {
    pointed = index;
    redraw();
  });
  button.addEventListener('pointerleave', () => point(NOTHING));
  return button;
}

/** @param {string} text */
function makeHeading(text) {
  const heading = document.createElement('h2');
  heading.textContent = text;
  return heading;
}

/** @param {number} index */
function select(index) {
  selected = index;
  const card = byId('selected');
  card.hidden = index === NOTHING;
  if (index !== NOTHING) {
    const whole = document.createElement('p');
    whole.textContent = shortened(data.texts[index], 2000);
    const places = data.neighbours.slice(index * data.perPoint, (index + 1) * data.perPoint);
    const nearest = places.map((place) => makePointButton(place, [new Text(shortened(data.texts[place], 120))]));
    const headings = places.length > 0 ? [makeHeading('Nearest in the full space')] : [];
    card.replaceChildren(makeHeading(data.groups[groupOf[index]].name), whole, ...headings, ...nearest);
    card.scrollTop = 0;
  }
  redraw();
}

/** Flies to a point and selects it. @param {number} index */
function show(index) {
  select(index);
  flyTo({ x: X[index], y: Y[index], scale: Math.max(view.scale, home.scale * 6) });
}

/** Without case and accents. @param {string} text */
const folded = (text) => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
/** @type {string[] | null} */
let foldedTexts = null;

/** The text with what was searched for marked, where case folding has not moved it. @param {string} text @param {string} query */
function marked(text, query) {
  const short = shortened(text, 120);
  const plain = folded(short);
  const at = plain.length === short.length ? plain.indexOf(query) : -1;
  if (at < 0) return [new Text(short)];
  const mark = document.createElement('mark');
  mark.textContent = short.slice(at, at + query.length);
  return [new Text(short.slice(0, at)), mark, new Text(short.slice(at + query.length))];
}

function runSearch() {
  const query = folded(search.value.trim());
  const results = byId('results');
  const found = [];
  if (query === '') {
    matches = null;
  } else {
    foldedTexts ??= data.texts.map(folded);
    matches = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      if (!foldedTexts[index].includes(query)) continue;
      matches[index] = 1;
      found.push(index);
    }
    // Texts that begin with it first, short ones before long ones.
    const texts = foldedTexts;
    /** @param {number} index */
    const rank = (index) => (texts[index].startsWith(query) ? 0 : 1e6) + texts[index].length;
    found.sort((a, b) => rank(a) - rank(b));
  }
  byId('found').textContent = query === '' ? '' : `${found.length.toLocaleString('en')} found`;
  results.hidden = found.length === 0;
  byId('groups').hidden = found.length > 0;
  results.replaceChildren(
    ...found.slice(0, MOST_RESULTS).map((index) => makePointButton(index, marked(data.texts[index], query))),
  );
  results.scrollTop = 0;
  redraw();
}

search.addEventListener('input', runSearch);
search.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') /** @type {HTMLElement | null} */ (byId('results').firstElementChild)?.click();
  if (event.key !== 'Escape') return;
  search.value = '';
  runSearch();
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === 'Escape') select(NOTHING);
});

const legend = byId('groups');
const order = [...data.groups.keys()].sort((a, b) => groupPlaces[b].size - groupPlaces[a].size);
for (const group of order) {
  const button = document.createElement('button');
  const name = document.createElement('span');
  name.className = 'name';
  name.textContent = data.groups[group].name;
  const size = document.createElement('span');
  size.className = 'count';
  size.textContent = groupPlaces[group].size.toLocaleString('en');
  button.title = data.groups[group].name;
  button.append(makeDot(group), name, size);
  button.addEventListener('click', () => {
    onlyGroup = onlyGroup === group ? NOTHING : group;
    for (const [at, each] of [...legend.querySelectorAll('button')].entries()) {
      each.setAttribute('aria-pressed', String(onlyGroup === NOTHING || order[at] === onlyGroup));
    }
    redraw();
  });
  button.addEventListener('pointerenter', () => {
    pointedGroup = group;
    redraw();
  });
  button.addEventListener('pointerleave', () => {
    pointedGroup = NOTHING;
    redraw();
  });
  legend.append(button);
}

byId('in').addEventListener('click', () => zoom(1.6));
byId('out').addEventListener('click', () => zoom(1 / 1.6));
byId('fit').addEventListener('click', () => flyTo({ ...home }));
byId('theme').addEventListener('click', () => {
  dark = !dark;
  applyTheme();
});
darkPreferred.addEventListener('change', ({ matches: prefers }) => {
  dark = prefers;
  applyTheme();
});
window.addEventListener('resize', resize);
Object.assign(view, home);
applyTheme();
resize();

export {};
