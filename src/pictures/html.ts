import { createHash } from 'node:crypto';
import baseStyle from './page/base.css?raw';

/** The parts of a page that works alone and offline. */
export interface PageParts {
  readonly title: string;
  /** A style sheet, after the one that all pages share. */
  readonly style: string;
  /** Markup; what came from outside must have gone through {@link escapeHtml}. */
  readonly body: string;
  /** What the script reads from the element `data`. */
  readonly data: unknown;
  /** An ES module without imports. */
  readonly script: string;
}

/** Text as it must stand in markup or in a quoted attribute; characters that XML has no place for are replaced. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A line of parts between dots, which stay at the ends of lines where it is broken. */
export function escapeDescription(text: string): string {
  return escapeHtml(text).replaceAll(' · ', '&nbsp;· ');
}

/** JSON that no text in it can end early: `<` is written as an escape. */
function jsonForScript(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/**
 * One HTML file with everything in it. Its content security policy lets only this style sheet and this script run, and
 * nothing be loaded from anywhere.
 */
export function htmlPage({ title, style, body, data, script }: PageParts): string {
  const styles = `${baseStyle}${style}`;
  const policy = `default-src 'none'; style-src ${hashOf(styles)}; script-src ${hashOf(script)}; img-src data:`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gemmule">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${styles}</style>
</head>
<body>
${body}
<script id="data" type="application/json">${jsonForScript(data)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

const ICONS = {
  plus: '<path d="M12 5v14M5 12h14"/>',
  minus: '<path d="M5 12h14"/>',
  fit: '<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>',
  theme: '<circle cx="12" cy="12" r="8"/><path d="M12 4v16M12 8h6.5M12 12h8M12 16h6.5"/>',
} as const;

/** A round button with a picture instead of words. */
export function iconButton(id: string, label: string, icon: keyof typeof ICONS): string {
  return `<button id="${id}" class="round" title="${label}" aria-label="${label}"><svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[icon]}</svg></button>`;
}
