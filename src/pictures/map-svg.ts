import { ArgumentError } from '../errors.js';
import { escapeHtml } from './html.js';
import { groupColours } from './palette.js';
import type { TextMap } from './text-map.js';

export interface MapSvgOptions {
  /** Above the picture; none by default. */
  readonly title?: string | undefined;
  /** In pixels; default 900. The height follows from the map. */
  readonly width?: number | undefined;
}

const MARGIN = 28;
const TITLE_HEIGHT = 40;
const NAME_SIZE = 13;
const LABEL_SIZE = 9.5;
const MOST_LABELS = 160;
/** Of the width of a letter to its size, on average: there is nothing here to measure text with. */
const LETTER = 0.56;
const LONGEST_NAME = 44;

/** A number with at most one digit after the point. */
const short = (value: number): string => String(Math.round(value * 10) / 10);

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Boxes of names, no two of which overlap. */
class Room {
  readonly #boxes: { x: number; y: number; width: number; height: number }[] = [];

  take(x: number, y: number, width: number, height: number): boolean {
    const hit = this.#boxes.some(
      (box) => x < box.x + box.width && box.x < x + width && y < box.y + box.height && box.y < y + height,
    );
    if (!hit) this.#boxes.push({ x, y, width, height });
    return !hit;
  }
}

const clipped = (text: string): string => {
  const characters = [...text];
  return characters.length > LONGEST_NAME ? `${characters.slice(0, LONGEST_NAME - 1).join('')}…` : text;
};

/** A map as a picture for papers: SVG on white, groups coloured and named; texts appear on pointing at them. */
export function mapSvg(map: TextMap, options: MapSvgOptions = {}): string {
  const { title, width = 900 } = options;
  if (!(width >= 100 && width <= 20_000)) {
    throw new ArgumentError(`mapSvg: width must be a number from 100 to 20000, got ${String(width)}`);
  }
  const count = map.texts.length;
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT);
  const side = width - 2 * MARGIN;
  const lowest = count === 0 ? 0.5 : map.points.filter((_, at) => at % 2 === 1).reduce((a, b) => Math.min(a, b), 1);
  // The map is centred in the unit square, so that as much is free above as below.
  const height = Math.max(80, side * (1 - 2 * lowest));
  const places = map.texts.map(
    (_, index): Place => ({
      x: MARGIN + map.points[2 * index] * side,
      y: top + map.points[2 * index + 1] * side - side / 2 + height / 2,
    }),
  );
  const radius = count < 250 ? 4 : count < 2000 ? 2.6 : count < 10_000 ? 1.8 : 1.2;
  const colours = groupColours(map.groupNames.length);
  const circles = map.groupNames.map((_, group) => {
    const members = [...places.keys()].filter((index) => map.groupOf[index] === group);
    const drawn = members.map((index) => {
      const { x, y } = places[index];
      return `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}"><title>${escapeHtml(map.texts[index])}</title></circle>`;
    });
    return `<g fill="${colours[group].light}" fill-opacity="0.8">\n${drawn.join('\n')}\n</g>`;
  });
  const room = new Room();
  const names = groupNameElements(map, places, room);
  const labels = map.shortTexts ? labelElements(map.texts, places, radius, room) : [];
  const heading =
    title === undefined
      ? ''
      : `<text x="${MARGIN}" y="${MARGIN + 16}" font-size="20" font-weight="600" fill="#1d1f23">${escapeHtml(title)}</text>\n`;
  const total = short(top + height + MARGIN);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${total}" viewBox="0 0 ${width} ${total}" font-family="Inter, Helvetica Neue, Arial, DejaVu Sans, sans-serif">
<rect width="100%" height="100%" fill="#fff"/>
${heading}${circles.join('\n')}
<g font-size="${LABEL_SIZE}" fill="#5d626b">
${labels.join('\n')}
</g>
<g font-size="${NAME_SIZE}" font-weight="600" fill="#1d1f23" text-anchor="middle" stroke="#fff" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke">
${names.join('\n')}
</g>
</svg>
`;
}

function groupNameElements(map: TextMap, places: readonly Place[], room: Room): string[] {
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];
  return map.groupNames.flatMap((name, group) => {
    const members = places.filter((_, index) => map.groupOf[index] === group);
    if (members.length === 0) return [];
    const [x, y] = [median(members.map((place) => place.x)), median(members.map((place) => place.y))];
    const text = clipped(name);
    const half = ([...text].length * NAME_SIZE * LETTER) / 2;
    if (!room.take(x - half, y - NAME_SIZE, 2 * half, NAME_SIZE * 1.5)) return [];
    return [`<text x="${short(x)}" y="${short(y + NAME_SIZE / 3)}">${escapeHtml(text)}</text>`];
  });
}

function labelElements(texts: readonly string[], places: readonly Place[], radius: number, room: Room): string[] {
  const elements: string[] = [];
  for (const [index, { x, y }] of places.entries()) {
    if (elements.length === MOST_LABELS) break;
    const text = clipped(texts[index]);
    const left = x + radius + 2;
    if (!room.take(left, y - LABEL_SIZE / 2, [...text].length * LABEL_SIZE * LETTER, LABEL_SIZE * 1.1)) continue;
    elements.push(`<text x="${short(left)}" y="${short(y + LABEL_SIZE / 3)}">${escapeHtml(text)}</text>`);
  }
  return elements;
}
