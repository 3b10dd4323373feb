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

  /**
   * @param fraction - from 0 to 1, or null where the end is not in sight.
   * @param what - what is counted.
   */
  update(count: number, fraction: number | null, what = 'texts'): void {
    this.#draw(fraction, (seconds) => {
      return `${count.toLocaleString('en')} ${what}, ${Math.round(count / seconds).toLocaleString('en')}/s`;
    });
  }

  /** Shows how far a download is. */
  updateBytes(bytes: number, total: number | null): void {
    const megabytes = (count: number) => (count / 1e6).toFixed(1);
    this.#draw(total === null || total === 0 ? null : Math.min(bytes / total, 1), (seconds) => {
      const whole = total === null ? '' : ` of ${megabytes(total)}`;
      return `${megabytes(bytes)}${whole} MB, ${megabytes(bytes / seconds)} MB/s`;
    });
  }

  /** What is being done, and from 0 to 1 how much of that is. */
  showStage(name: string, fraction: number): void {
    this.#draw(fraction, () => name);
  }

  #draw(fraction: number | null, describe: (seconds: number) => string): void {
    const now = performance.now();
    if (!this.#visible || now - this.#lastDrawn < REDRAW_MILLISECONDS) return;
    this.#lastDrawn = now;
    const count = describe(Math.max(now - this.#start, 1) / 1000);
    process.stderr.write(`\r\x1b[K${fraction === null ? '' : `${formatBar(fraction)}  `}${count}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#visible && this.#lastDrawn > 0) process.stderr.write('\r\x1b[K');
  }
}
