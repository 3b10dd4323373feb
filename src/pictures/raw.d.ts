/** A file's text; `scripts/build.mjs` and vitest know this suffix. */
declare module '*?raw' {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: what the bundlers give
  export default text;
}
