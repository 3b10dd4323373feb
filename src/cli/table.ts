/** How many terminal cells a string takes, near enough for alignment: wide East Asian characters and emoji take two. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\u200d|\ufe0f/u.test(character)) continue;
    const wide = /\p{Extended_Pictographic}|\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}|\p{sc=Hangul}|[\uff01-\uff60]/u;
    width += wide.test(character) && character > '\u00ff' ? 2 : 1;
  }
  return width;
}

/** Cuts a text to so many cells, control characters replaced, with an ellipsis where something is missing. */
export function clip(text: string, cells: number): string {
  const printable = text.replace(/\p{Cc}/gu, ' ');
  if (displayWidth(printable) <= cells) return printable;
  let clipped = '';
  for (const character of printable) {
    if (displayWidth(clipped + character) > cells - 1) break;
    clipped += character;
  }
  return `${clipped}…`;
}

/** Rows as aligned columns; columns named in `right` are aligned to the right. */
export function formatTable(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat((widths[column] ?? 0) - displayWidth(cell));
        return right.has(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
