import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttentionMaps } from '../../src/embeddings/text-embedder.js';
import { ArgumentError, ShapeError } from '../../src/errors.js';
import { attentionPage, mapPage, mapSvg, type TextMap } from '../../src/pictures/index.js';
import { groupColours } from '../../src/pictures/palette.js';
import { fromTypedArray } from '../../src/tensor/creation.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { countColour, nextFrame, pixelsOf, TestBrowser } from './browser.js';

/** Texts that would break out of markup, attributes, scripts or JSON. */
const HOSTILE = [
  '</script><script>window.broken = 1</script>',
  '<img src=x onerror="window.broken = 1">',
  "' onmouseover='window.broken = 1",
  '" autofocus onfocus="window.broken = 1',
  '<!-- <script> ]]> &amp; &lt;',
  'line\u2028separator \u0000\u0008 null',
  'half a \ud83d pair',
  'right-to-left \u202e override',
  '',
  'x'.repeat(5000),
];

const AT_MIDDLE = 'the one in the middle, naïve as a café';

/** Three groups of points in three corners, hostile texts among them, and one alone in the middle. */
function someMap(count = 1000): TextMap {
  const points = new Float32Array(2 * (count + 1));
  const corners = [
    [0.1, 0.1],
    [0.9, 0.1],
    [0.1, 0.9],
  ];
  const groupOf = new Int32Array(count + 1);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    groupOf[i] = i % 3;
    const [x, y] = corners[i % 3] as [number, number];
    points[2 * i] = x + 0.08 * Math.sin(i);
    points[2 * i + 1] = y + 0.08 * Math.cos(i * 1.7);
    texts.push(HOSTILE[i] ?? `sentence number ${i} of this map`);
  }
  points.set([0.5, 0.5], 2 * count);
  groupOf[count] = 1;
  texts.push(AT_MIDDLE);
  const neighbours = Int32Array.from(
    { length: 2 * (count + 1) },
    (_, at) => (Math.floor(at / 2) + 1 + (at % 2)) % count,
  );
  return {
    texts,
    method: 'tsne',
    dimension: 384,
    points,
    groupOf,
    groupNames: ['first </script>', '<b>second</b>', 'third'],
    clustered: true,
    shortTexts: false,
    neighbours: { k: 2, indices: neighbours },
  };
}

/** Two layers of three heads over five tokens. */
function someMaps(): { text: string; maps: AttentionMaps } {
  const text = 'see <b>cats';
  const tokens = ['[CLS]', 'see', '<b>', '##cats', '[SEP]'];
  const offsets: [number, number][] = [
    [0, 0],
    [0, 3],
    [4, 7],
    [7, 11],
    [0, 0],
  ];
  const head = (target: (query: number) => number) => {
    const weights = new Float32Array(25).fill(0.05);
    for (let query = 0; query < 5; query++) weights[5 * query + target(query)] = 0.8;
    return weights;
  };
  const spread = new Float32Array(25).fill(0.2);
  const layer = (...heads: Float32Array[]): Tensor<'float32'> =>
    fromTypedArray<'float32'>(Float32Array.from(heads.flatMap((weights) => [...weights]))).reshape(heads.length, 5, 5);
  const layers = [
    layer(
      head((query) => Math.max(0, query - 1)),
      head((query) => Math.min(4, query + 1)),
      spread,
    ),
    layer(
      head((query) => query),
      head(() => 0),
      head(() => 4),
    ),
  ];
  return { text, maps: { tokens, offsets, layers } };
}

describe('a page', () => {
  const pages = {
    map: mapPage(someMap(), { title: HOSTILE[0], description: HOSTILE[1] }),
    attention: attentionPage(someMaps().text, someMaps().maps, { title: HOSTILE[0] }),
  };

  it.each(Object.entries(pages))('of a %s allows its own style sheet and script, and nothing else', (_, html) => {
    const hashOf = (tag: string): string => {
      const [, contents = ''] = new RegExp(`<${tag}>([^]*?)</${tag.split(' ')[0]}>`).exec(html) ?? [];
      expect(contents.length).toBeGreaterThan(1000);
      return `'sha256-${createHash('sha256').update(contents).digest('base64')}'`;
    };
    expect(html).toContain(
      `content="default-src 'none'; style-src ${hashOf('style')}; script-src ${hashOf('script type="module"')}; img-src data:"`,
    );
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script/g)).toHaveLength(2);
    expect(html).not.toMatch(/https?:|<img/);
  });
});

describe('in a browser', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.launch();
  });
  afterAll(() => browser.close());

  it('draws the points of a map in the colours of their groups, light and dark', async () => {
    const map = someMap();
    const { page, complaints } = await browser.open(mapPage(map, { title: 'A map of <corners>' }));
    expect(await page.title()).toBe('A map of <corners>');
    expect(await page.locator('h1').textContent()).toBe('A map of <corners>');
    expect(await page.locator('.meta').textContent()).toBe(
      '1,001 texts\u00a0· 384 dimensions\u00a0· t-SNE\u00a0· 3 clusters',
    );
    // Points overlap and their edges are mixed, so that the exact colours are not everywhere; dots of the legend are exact.
    const plain = await pixelsOf(page, '#points');
    expect(countColour(plain, '#faf9f6')).toBeGreaterThan(plain.bytes.length / 4 / 2);
    expect(plain.bytes.length / 4 - countColour(plain, '#faf9f6')).toBeGreaterThan(5000);
    const colours = groupColours(3);
    for (const [group, { light }] of colours.entries()) {
      expect(
        await page.evaluate(`document.querySelector('#groups .dot[data-group="${group}"]').style.background`),
      ).toBe(`rgb(${[1, 3, 5].map((at) => Number.parseInt(light.slice(at, at + 2), 16)).join(', ')})`);
    }
    await page.click('#theme');
    const dark = await pixelsOf(page, '#points');
    expect(countColour(dark, '#121417')).toBeGreaterThan(dark.bytes.length / 4 / 2);
    expect(complaints).toEqual([]);
  });

  it('begins dark where the reader prefers that', async () => {
    const { page } = await browser.open(mapPage(someMap()), { colorScheme: 'dark' });
    expect(countColour(await pixelsOf(page, '#points'), '#121417')).toBeGreaterThan(1e5);
  });

  it('finds texts, shows the chosen one and its neighbours, and names what is pointed at', async () => {
    const { page, complaints } = await browser.open(mapPage(someMap()));
    await page.keyboard.press('/');
    await page.keyboard.type('NAIVE AS A CAFÉ');
    expect(await page.locator('#found').textContent()).toBe('1 found');
    expect(await page.locator('#results button').count()).toBe(1);
    await page.keyboard.press('Enter');
    await nextFrame(page);
    expect(await page.locator('#selected p').textContent()).toBe(AT_MIDDLE);
    const nearest = await page.locator('#selected .name').allTextContents();
    // Those of the fixture: indices 1 and 2 after it, going round.
    expect(nearest).toHaveLength(2);
    expect(nearest[0]).toContain('onerror=');

    // The chosen point now lies in the middle of what the panel leaves free.
    const panel = await page.locator('#panel').boundingBox();
    const middle = { x: ((panel?.x ?? 0) + (panel?.width ?? 0) + 1280) / 2, y: 400 };
    await page.mouse.move(middle.x + 2, middle.y + 1);
    expect(await page.locator('#tip').isVisible()).toBe(true);
    expect(await page.locator('#tip').textContent()).toBe(`${AT_MIDDLE}<b>second</b>`);
    await page.mouse.move(middle.x, middle.y + 120);
    expect(await page.locator('#tip').isVisible()).toBe(false);

    await page.fill('#search', 'sentence number 99');
    expect(await page.locator('#found').textContent()).toBe('11 found');
    expect(await page.locator('#results mark').first().textContent()).toBe('sentence number 99');
    await page.fill('#search', 'nothing like this');
    expect(await page.locator('#found').textContent()).toBe('0 found');
    await page.keyboard.press('Escape');
    expect(await page.locator('#found').textContent()).toBe('');
    expect(await page.locator('#groups').isVisible()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('zooms at the pointer, moves, comes back, and keeps to one group', async () => {
    const { page, complaints } = await browser.open(mapPage(someMap()));
    const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
    const home = (await pixelsOf(page, '#points')).bytes;
    await page.mouse.move(900, 300);
    await page.mouse.wheel(0, -400);
    const near = (await pixelsOf(page, '#points')).bytes;
    expect(same(home, near)).toBe(false);
    await page.mouse.down();
    await page.mouse.move(960, 340, { steps: 4 });
    await page.mouse.up();
    expect(same(near, (await pixelsOf(page, '#points')).bytes)).toBe(false);
    await page.click('#fit');
    await page.mouse.move(900, 790);
    expect(same(home, (await pixelsOf(page, '#points')).bytes)).toBe(true);

    // With 30 / 255 of their colour, the points of other groups nearly vanish.
    await page.locator('#groups button').first().click();
    await page.mouse.move(900, 790);
    expect(await page.locator('#groups button[aria-pressed="false"]').count()).toBe(2);
    const bright = (bytes: Uint8Array): number => {
      let count = 0;
      for (let at = 0; at < bytes.length; at += 4) {
        const [red, green, blue] = bytes.subarray(at, at + 3) as unknown as [number, number, number];
        if (Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count += 1;
      }
      return count;
    };
    const whole = bright(home);
    const part = bright((await pixelsOf(page, '#points')).bytes);
    expect(part).toBeGreaterThan(0.2 * whole);
    expect(part).toBeLessThan(0.5 * whole);
    expect(complaints).toEqual([]);
  });

  it('holds tens of thousands of points', async () => {
    const { page, complaints } = await browser.open(mapPage(someMap(40_000)));
    await page.fill('#search', 'number 39999 of');
    await page.keyboard.press('Enter');
    expect(await page.locator('#selected p').textContent()).toBe('sentence number 39999 of this map');
    expect(complaints).toEqual([]);
  });

  it('fits a telephone', async () => {
    const viewport = { width: 390, height: 800 };
    const { page, complaints } = await browser.open(mapPage(someMap()), { viewport, hasTouch: true, isMobile: true });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(await page.locator('#search').isVisible()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('runs no text of a map as markup', async () => {
    const { page, complaints } = await browser.open(mapPage(someMap(), { title: HOSTILE[0], description: HOSTILE[1] }));
    for (const part of ['</script>', '<img', 'onmouseover', 'autofocus', '<!--', 'separator', 'half a', 'override']) {
      await page.fill('#search', part);
      await page.locator('#results button').first().click();
    }
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows every head of every layer, and what a token attends to', async () => {
    const { text, maps } = someMaps();
    const { page, complaints } = await browser.open(attentionPage(text, maps));
    expect(await page.locator('.meta').first().textContent()).toBe('2 layers of 3 heads\u00a0· 5 tokens');
    expect(await page.locator('#tokens button').allTextContents()).toEqual(['[CLS]', 'see', '<b>', 'cats', '[SEP]']);
    expect(await page.locator('#tokens .joined').allTextContents()).toEqual(['cats']);
    expect(await page.locator('#tokens .special').allTextContents()).toEqual(['[CLS]', '[SEP]']);
    // Three heads and their mean, two layers.
    expect(await page.locator('#heads canvas').count()).toBe(8);
    const strong = await pixelsOf(page, '#heads button:nth-of-type(1) canvas');
    expect(strong.width).toBe(5);

    expect(await page.locator('#head-name').textContent()).toBe('Layer 1, head 1');
    // The strongest links between words, before any is pointed at; and the lists beside the large map, not below it.
    const arcs = await pixelsOf(page, '#arcs');
    expect(arcs.bytes.some((byte) => byte !== 0)).toBe(true);
    const [large, beside] = await Promise.all(['#large', '#links'].map((name) => page.locator(name).boundingBox()));
    expect(beside?.x).toBeLessThan(large?.x as number);
    expect(beside?.y).toBeLessThan((large?.y as number) + (large?.height as number));
    expect(await page.locator('#head-kind').textContent()).toBe('mostly the token before (80%)');
    await page.locator('#tokens button').nth(3).hover();
    await nextFrame(page);
    const links = await page.locator('#links').innerText();
    expect(links).toMatch(/“cats”/);
    expect(await page.locator('#links .link').first().innerText()).toMatch(/^<b>\s+80%$/);

    await page.getByRole('button', { name: 'Layer 2, head 3: mostly [SEP] (80%)' }).click();
    await page.locator('#tokens button').nth(1).hover();
    await nextFrame(page);
    expect(await page.locator('#links .link').first().innerText()).toMatch(/^\[SEP\]\s+80%$/);

    // The last row of the large heat map belongs to the last token.
    const box = await page.locator('#map').boundingBox();
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) - 8, (box?.y ?? 0) + (box?.height ?? 0) - 8);
    await nextFrame(page);
    expect(await page.locator('#links h2').textContent()).toBe('“[SEP]”');
    await page.click('#theme');
    expect(complaints).toEqual([]);
  });

  it('draws a map as SVG that a browser reads', async () => {
    const svg = mapSvg(someMap(), { title: HOSTILE[0] });
    const { page, complaints } = await browser.open('<!doctype html><title>SVG</title>');
    const parsed = await page.evaluate(`(() => {
      const picture = new DOMParser().parseFromString(${JSON.stringify(svg)}, 'image/svg+xml');
      const titles = [...picture.querySelectorAll('circle title')].map((title) => title.textContent);
      return { root: picture.documentElement.nodeName, circles: titles.length, first: titles[0], scripts: picture.querySelectorAll('script').length };
    })()`);
    expect(parsed).toEqual({ root: 'svg', circles: 1001, first: HOSTILE[0], scripts: 0 });
    expect(complaints).toEqual([]);
  });
});

describe('mapSvg', () => {
  it('keeps all points inside the picture', () => {
    const svg = mapSvg(someMap(), { width: 600 });
    const [, width = 0, height = 0] = (/width="(\d+)" height="([\d.]+)"/.exec(svg) ?? []).map(Number);
    expect(width).toBe(600);
    const places = [...svg.matchAll(/cx="([\d.-]+)" cy="([\d.-]+)"/g)];
    expect(places).toHaveLength(1001);
    for (const [, x, y] of places) {
      expect(Number(x)).toBeGreaterThan(0);
      expect(Number(x)).toBeLessThan(width);
      expect(Number(y)).toBeGreaterThan(0);
      expect(Number(y)).toBeLessThan(height);
    }
  });

  it('refuses a width that is none', () => {
    expect(() => mapSvg(someMap(), { width: Number.NaN })).toThrow(ArgumentError);
  });
});

describe('attentionPage', () => {
  it('refuses maps that do not fit together', () => {
    const { text, maps } = someMaps();
    expect(() => attentionPage(text, { ...maps, layers: [] })).toThrow(ArgumentError);
    const [layer] = maps.layers as [Tensor<'float32'>];
    const wrong = { ...maps, layers: [layer, layer.slice([0, 2])] };
    expect(() => attentionPage(text, wrong)).toThrow(ShapeError);
    expect(() => attentionPage(text, wrong)).toThrow(/layers\[1\] must be \[3, 5, 5\]/);
  });
});
