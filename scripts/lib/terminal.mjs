import process from 'node:process';

/** Whether escape codes make sense on this stream; NO_COLOR and FORCE_COLOR have the last word. */
export function hasColour(stream = process.stdout) {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR) return process.env.FORCE_COLOR !== '0';
  return Boolean(stream.isTTY);
}

/** @param {string} text */
export const bold = (text) => (hasColour() ? `\x1b[1m${text}\x1b[22m` : text);
/** @param {string} text */
export const dim = (text) => (hasColour() ? `\x1b[2m${text}\x1b[22m` : text);
/** @param {string} text */
export const red = (text) => (hasColour() ? `\x1b[31m${text}\x1b[39m` : text);
/** @param {string} text */
export const green = (text) => (hasColour() ? `\x1b[32m${text}\x1b[39m` : text);

/** Announces what happens next. @param {string} title */
export function heading(title) {
  process.stdout.write(`${bold(`> ${title}`)}\n`);
}

/** @param {number} milliseconds */
export function formatDuration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
