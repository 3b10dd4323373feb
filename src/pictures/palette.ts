/** Colours of one group: on a light background and on a dark one, as #rrggbb. */
export interface GroupColours {
  readonly light: string;
  readonly dark: string;
}

/** Turns between the hues of one group and the next: the golden angle, so that any few are far apart. */
const HUE_STEP = 137.508;
const FIRST_HUE = 255;

/** Colours that are told apart: hues a golden angle apart in OKLCH, lighter and darker by turns, all equally strong. */
export function groupColours(count: number): GroupColours[] {
  return Array.from({ length: count }, (_, index) => {
    const hue = (FIRST_HUE + index * HUE_STEP) % 360;
    const shift = index % 2 === 0 ? -0.035 : 0.045;
    return { light: oklchToHex(0.62 + shift, 0.155, hue), dark: oklchToHex(0.75 + shift, 0.135, hue) };
  });
}

/** sRGB of a colour in OKLCH (Ottosson 2020), less strong where sRGB has none so strong. */
export function oklchToHex(lightness: number, chroma: number, hue: number): string {
  for (let strength = chroma; ; strength -= 0.005) {
    const linear = oklchToLinear(lightness, Math.max(0, strength), hue);
    if (strength > 0 && linear.some((channel) => channel < 0 || channel > 1)) continue;
    const bytes = linear.map((channel) => Math.round(255 * gammaEncoded(Math.min(1, Math.max(0, channel)))));
    return `#${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
}

function gammaEncoded(linear: number): number {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
}

function oklchToLinear(lightness: number, chroma: number, hue: number): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}
