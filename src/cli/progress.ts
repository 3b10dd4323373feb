const REDRAW_MILLISECONDS = 100;
const BAR_CELLS = 24;

function formatBar(fraction: number): string {
  const filled = Math.round(fraction * BAR_CELLS);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${String(Math.floor(fraction * 100)).padStart(3)}%`;
}

/** One line on standard error that shows how far the work is; silent unless that is a terminal. */
export class ProgressLine {
  readonly #start = performance.now();
  readonly #visible = process.stderr.isTTY === true;
  #lastDrawn = 0;

  /** @param fraction - from 0 to 1, or null where the end is not in sight. */
  update(texts: number, fraction: number | null): void {
    const now = performance.now();
    if (!this.#visible || now - this.#lastDrawn < REDRAW_MILLISECONDS) return;
    this.#lastDrawn = now;
    const rate = Math.round((texts * 1000) / Math.max(now - this.#start, 1));
    const count = `${texts.toLocaleString('en')} texts, ${rate.toLocaleString('en')}/s`;
    process.stderr.write(`\r\x1b[K${fraction === null ? '' : `${formatBar(fraction)}  `}${count}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#visible && this.#lastDrawn > 0) process.stderr.write('\r\x1b[K');
  }
}
