import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium } from '../setup/chromium.js';

/** A page that is open, and whatever it should not have done. */
export interface OpenPage {
  readonly page: Page;
  /** Messages on the console, errors of scripts, and requests for anything but the file itself. */
  readonly complaints: string[];
}

/** A real browser, driven headless, that opens pages from files of its own folder. */
export class TestBrowser {
  readonly #browser: Browser;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'gemmule-pages-'));
  #pages = 0;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await launchChromium());
  }

  async open(html: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    const file = path.join(this.#folder, `${this.#pages++}.html`);
    writeFileSync(file, html);
    const address = pathToFileURL(file).href;
    const context = await this.#browser.newContext({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      colorScheme: 'light',
      ...options,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (request.url() !== address && !request.url().startsWith('data:')) complaints.push(`request: ${request.url()}`);
    });
    await page.goto(address);
    await nextFrame(page);
    return { page, complaints };
  }

  async close(): Promise<void> {
    await this.#browser.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Waits until what has been asked for is drawn. */
export async function nextFrame(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

/** Red, green, blue and alpha of every pixel of a canvas. */
export async function pixelsOf(page: Page, selector: string): Promise<{ width: number; bytes: Uint8Array }> {
  await nextFrame(page);
  const { width, text } = (await page.evaluate(`(() => {
    const canvas = document.querySelector(${JSON.stringify(selector)});
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
    return { width: canvas.width, text: btoa(text) };
  })()`)) as { width: number; text: string };
  return { width, bytes: new Uint8Array(Buffer.from(text, 'base64')) };
}

/** How many pixels have exactly a colour, given as #rrggbb. */
export function countColour({ bytes }: { readonly bytes: Uint8Array }, hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    if (bytes[at] === red && bytes[at + 1] === green && bytes[at + 2] === blue) count += 1;
  }
  return count;
}
