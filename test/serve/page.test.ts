import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../setup/chromium.js';
import { HEADS, startReady, TINY } from './start.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser?.close());

/** The page of a server, and everything that it complained about or asked others for. */
async function visit(url: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  await page.goto(url);
  return { page, complaints };
}

const numbersOf = async (page: Page): Promise<number[][]> => {
  const rows = await page.locator('#matrix tr').all();
  const cells = await Promise.all(rows.map((row) => row.locator('td').allTextContents()));
  return cells.slice(1).map((row) => row.map(Number));
};

describe('the page', () => {
  it('shows how alike texts are, and asks nobody but its server', async () => {
    const { url } = await startReady({ models: ['all-MiniLM-L6-v2'] });
    const { page, complaints } = await visit(url);
    await page.fill('#texts', 'a dog in the park\n\n  a puppy on the grass \n<b>quarterly</b> earnings');
    await page.click('button');
    await page.waitForSelector('#matrix td');
    expect(await page.locator('#model option').allTextContents()).toEqual(['all-MiniLM-L6-v2']);
    const matrix = await numbersOf(page);
    expect(matrix.map((row) => row.length)).toEqual([3, 3, 3]);
    expect(matrix.map((row, index) => row[index])).toEqual([1, 1, 1]);
    expect(matrix[0]?.[1]).toBeGreaterThan((matrix[0]?.[2] ?? 1) + 0.3);
    // What people write is text, not markup.
    expect(await page.locator('#matrix th.text').last().textContent()).toBe('<b>quarterly</b> earnings');
    expect(await page.textContent('#status')).toMatch(/^3 texts, \d+ tokens, \d+ ms$/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('offers only models that make one vector a text', async () => {
    const [reranker = ''] = HEADS;
    const { url } = await startReady({ models: [reranker, TINY] });
    const { page } = await visit(url);
    await page.waitForSelector('#model option', { state: 'attached' });
    expect(await page.locator('#model option').allTextContents()).toEqual(['bert-st6']);
    await page.close();
    const other = await startReady({ models: [reranker] });
    const without = await visit(other.url);
    await without.page.waitForSelector('#status.error');
    expect(await without.page.textContent('#status')).toBe('No model here makes one vector a text.');
    await without.page.close();
  });

  it('says what is wrong, and takes an API key', async () => {
    const apiKey = 'a-key-for-tests-0123';
    const { url } = await startReady({ apiKeys: [apiKey] });
    const { page, complaints } = await visit(url);
    await page.waitForSelector('#status.error');
    expect(await page.textContent('#status')).toMatch(/wants an API key/);
    await page.fill('#key', apiKey);
    await page.press('#key', 'Tab');
    await page.waitForSelector('#model option', { state: 'attached' });
    await page.click('button');
    await page.waitForSelector('#matrix td');
    expect(await numbersOf(page)).toHaveLength(4);
    await page.fill('#texts', '');
    await page.fill('#texts', '\n');
    await page.click('button');
    await page.waitForSelector('#status.error');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
