/**
 * The headers that let a web page of an allowed origin read an answer; null for all others.
 *
 * @param allowed - origins, or `*`.
 * @param origin - the page's, as the browser says.
 */
export function corsHeaders(allowed: readonly string[], origin: string | undefined): Record<string, string> | null {
  if (origin === undefined || allowed.length === 0) return null;
  const isAny = allowed.includes('*');
  if (!isAny && !allowed.includes(origin)) return null;
  return {
    'access-control-allow-origin': isAny ? '*' : origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600',
    vary: 'Origin',
  };
}
